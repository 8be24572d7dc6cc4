"""SQL: what SQLite selects is what the classifier predicts."""

import sqlite3

import numpy as np
import pytest
from exported import AWKWARD, CASES, bytes_of_digits, digits, far_from_zero, stored
from tolerances import EXPORT

import fastsoftmax as fs


@pytest.mark.parametrize("make", CASES)
def test_predicts_as_the_classifier(make, database):
    case = make(np.float64)
    stored(database, "samples", [f"x{j}" for j in range(case.X.shape[1])], case.X)
    cursor = database.execute(case.classifier.to_sql("samples"))
    names = [entry[0] for entry in cursor.description]
    assert names == ["prediction", *(f"probability_{label}" for label in case.classifier.classes_)]
    rows = cursor.fetchall()
    probabilities = np.array([row[1:] for row in rows])
    np.testing.assert_allclose(probabilities, case.probabilities, atol=EXPORT, rtol=0)
    assert [row[0] for row in rows] == case.labels.tolist()


def test_wide_tables_and_schemas(database):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 1990)), np.arange(40) % 3
    classifier = fs.SoftmaxRegression(C=0.01).fit(X, y)
    stored(database, "wide", [f"x{j}" for j in range(1990)], X)
    rows = database.execute(classifier.to_sql(("main", "wide"))).fetchall()
    probabilities = np.array([row[1:] for row in rows])
    np.testing.assert_allclose(probabilities, classifier.predict_proba(X), atol=EXPORT, rtol=0)


def test_names_are_quoted_and_columns_are_kept(database):
    pandas = pytest.importorskip("pandas")
    names = ['a "b"', "it's; --", "select", "fastsoftmax_model"]
    case = far_from_zero(np.float64)
    frame = pandas.DataFrame(case.X, columns=names)
    classifier = fs.SoftmaxRegression(standardize=True).fit(frame, case.y)
    numbered = np.column_stack([case.X, np.arange(len(case.X)) * 7])
    stored(database, 'my "table"', [*names, "key"], numbered)
    rows = database.execute(classifier.to_sql('my "table"', columns=["key", "select"])).fetchall()
    assert [row[0] for row in rows] == numbered[:, -1].tolist()
    assert [row[1] for row in rows] == case.X[:, 2].tolist()
    assert [row[2] for row in rows] == classifier.predict(frame).tolist()
    assert {row[2] for row in rows} <= set(AWKWARD)
    # A table may have the name of a part of the statement.
    database.execute('ALTER TABLE "my ""table""" RENAME TO model')
    assert database.execute(classifier.to_sql("model", columns="key")).fetchall()[0][0] == 0


def test_null_gives_null(database):
    case = digits()
    stored(database, "t", [f"x{j}" for j in range(64)], case.X[:3])
    database.execute("UPDATE t SET x5 = NULL WHERE rowid = 2")
    rows = database.execute(case.classifier.to_sql("t")).fetchall()
    assert rows[1] == (None,) * 11
    assert [rows[0][0], rows[2][0]] == case.labels[[0, 2]].tolist()
    assert None not in rows[0] + rows[2]


def test_large_logits_and_equal_ones(database):
    classifier = fs.SoftmaxRegression().fit(np.eye(3), ["a", "b", "c"])
    classifier.coef_[:], classifier.intercept_[:] = 1e5 * np.eye(3), 0
    stored(database, "t", ["x0", "x1", "x2"], np.array([[1.0, 0, 0], [0, 0, 2], [0, 0, 0]]))
    rows = database.execute(classifier.to_sql("t")).fetchall()
    assert rows == [("a", 1.0, 0.0, 0.0), ("c", 0.0, 0.0, 1.0), ("a", 1 / 3, 1 / 3, 1 / 3)]


def test_booleans_and_whole_numbers(database):
    case = bytes_of_digits()
    database.execute(f"CREATE TABLE t ({', '.join(f'x{j} INTEGER' for j in range(64))})")
    database.executemany(f"INSERT INTO t VALUES ({', '.join('?' * 64)})", case.X.tolist())
    rows = database.execute(case.classifier.to_sql("t")).fetchall()
    assert [bool(row[0]) for row in rows] == case.labels.tolist()
    # The database computes in float64; the classifier does so for a float64 X, in float32 for bytes.
    probabilities = case.classifier.predict_proba(case.X.astype(np.float64))
    np.testing.assert_allclose([row[1:] for row in rows], probabilities, atol=1e-3 * EXPORT, rtol=0)


def test_a_missing_column_is_an_error(database):
    case = digits()
    stored(database, "t", [f"x{j}" for j in range(63)], case.X[:, :63])
    with pytest.raises(sqlite3.OperationalError, match=r"no such column: t\.x63"):
        database.execute(case.classifier.to_sql("t"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("",), "table must be names, strings that are not empty and hold no NUL, found ''"),
        (((),), r"table must be a name, .*found \(\)"),
        ((("main", 3),), "table must be names, .*found 3"),
        (("t\0",), "table must be names, .*found 't"),
        (("t", [None]), "columns must be names, .*found None"),
        (("t", ["prediction"]), "columns must not have the name of another column .*found 'prediction'"),
        (("t", ["id", "id"]), "columns must not have the name of another column .*found 'id'"),
    ],
)
def test_wrong_arguments(arguments, message):
    table, *columns = arguments
    with pytest.raises(ValueError, match=message):
        digits().classifier.to_sql(table, **({"columns": columns[0]} if columns else {}))
