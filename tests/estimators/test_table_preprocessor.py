"""Tables of every library become the same features, by scikit-learn's own transformers, rebuilt from plain data."""

import datetime
import json

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import fastsoftmax as fs
from fastsoftmax.files.preprocessing import Number, Preprocessing, Text

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")
pytest.importorskip("narwhals")

FRAME = pd.DataFrame(
    {
        "n": [1.0, 2.0, None, 4.0, 7.0],
        "t": ["a", None, "b", "a", "c"],
        "c": pd.Categorical(["u", "v", "u", "u", "v"]),
        "b": [True, False, True, True, False],
        "i": [1, 2, 3, 4, 6],
    },
    index=[5, 6, 7, 8, 9],
)
NAMES = ["n", "b", "i", "n is missing", "t=a", "t=b", "t=c", "t is missing", "c=u", "c=v"]
FEATURES = np.array(
    [
        [1.0, 1, 1, 0, 1, 0, 0, 0, 1, 0],
        [2.0, 0, 2, 0, 0, 0, 0, 1, 0, 1],
        [3.0, 1, 3, 1, 0, 1, 0, 0, 1, 0],
        [4.0, 1, 4, 0, 1, 0, 0, 0, 1, 0],
        [7.0, 0, 6, 0, 0, 0, 1, 0, 0, 1],
    ]
)


def duckdb_relation(frame):
    return pytest.importorskip("duckdb").from_df(frame)


FORMS = {
    "pandas": lambda frame: frame,
    "pandas with Arrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "polars": pl.from_pandas,
    "lazy polars": lambda frame: pl.from_pandas(frame).lazy(),
    "Arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "batch of Arrow": lambda frame: pa.RecordBatch.from_pandas(frame, preserve_index=False),
    "DuckDB": duckdb_relation,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_library_gives_the_same(form):
    table = FORMS[form](FRAME)
    preprocessor = fs.TablePreprocessor()
    np.testing.assert_array_equal(preprocessor.fit_transform(table), FEATURES)
    np.testing.assert_array_equal(preprocessor.fit(table).transform(FRAME), FEATURES)
    np.testing.assert_array_equal(fs.TablePreprocessor().fit(FRAME).transform(table), FEATURES)
    assert preprocessor.get_feature_names_out().tolist() == NAMES
    assert preprocessor.feature_names_in_.tolist() == list(FRAME.columns)


def test_matrices():
    preprocessor = fs.TablePreprocessor()
    np.testing.assert_array_equal(preprocessor.fit_transform(FRAME.to_numpy()), FEATURES)
    assert preprocessor.get_feature_names_out()[0] == "x0"
    assert not hasattr(preprocessor, "feature_names_in_")
    numbers = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(preprocessor.fit_transform(numbers), numbers)


@pytest.mark.parametrize("standardize", [False, True])
def test_equals_scikit_learns_transformers_fitted_to_the_table(standardize):
    rng = np.random.default_rng(0)
    n = rng.normal(5, 3, (200, 3))
    n[rng.random(n.shape) < 0.2] = np.nan
    n[:, 2] = rng.normal(size=200)
    frame = pd.DataFrame(n, columns=["p", "q", "r"]).assign(t=rng.choice(["x", "y", "z"], 200))
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler() if standardize else "passthrough")
    expected = make_column_transformer(
        (numbers, ["p", "q", "r"]), (MissingIndicator(), ["p", "q"]), (OneHotEncoder(sparse_output=False), ["t"])
    )
    found = fs.TablePreprocessor(standardize=standardize).fit_transform(frame)
    np.testing.assert_allclose(found, expected.fit_transform(frame), rtol=1e-13)


def test_is_made_of_scikit_learns_classes():
    fitted = fs.TablePreprocessor().fit(FRAME)
    parts = fitted.transformer_.named_transformers_
    assert isinstance(parts["levels"], OneHotEncoder)
    assert isinstance(parts["missing"], MissingIndicator)
    assert [type(step) for step in parts["numbers"]] == [SimpleImputer, StandardScaler]


def test_is_rebuilt_from_text():
    fitted = fs.TablePreprocessor(standardize=True).fit(FRAME)
    text = fitted.preprocessing_.to_json()
    again = fs.TablePreprocessor.from_preprocessing(Preprocessing.from_json(json.loads(text)))
    np.testing.assert_array_equal(again.transform(FRAME), fitted.transform(FRAME))
    assert again.preprocessing_ == fitted.preprocessing_
    assert again.get_feature_names_out().tolist() == NAMES
    assert again.standardize


def test_in_a_pipeline_and_a_search():
    from sklearn.model_selection import cross_val_score

    frame = pd.concat([FRAME] * 8, ignore_index=True)
    y = (frame["n"].fillna(0) > 2).map({True: "high", False: "low"})
    model = make_pipeline(fs.TablePreprocessor(standardize=True), fs.SoftmaxRegression())
    assert cross_val_score(model, frame, y, cv=4).mean() == 1
    assert clone(model).fit(frame, y)[:-1].get_feature_names_out().tolist() == NAMES


def test_columns_are_found_by_name():
    fitted = fs.TablePreprocessor().fit(FRAME)
    turned = FRAME[["c", "i", "t", "b", "n"]].assign(more="x")
    np.testing.assert_array_equal(fitted.transform(turned), FEATURES)
    with pytest.raises(ValueError, match="X lacks 'c' of the columns that were fitted; it has 'n', 't', 'b', 'i'"):
        fitted.transform(FRAME.drop(columns="c"))


def test_levels_that_were_not_seen_are_counted_zeros():
    fitted = fs.TablePreprocessor().fit(FRAME)
    new = FRAME.assign(t=["new", "a", "newer", None, "b"], c="w")
    X = fitted.transform(new)
    assert fitted.unseen_ == {"t": 2, "c": 5}
    assert X[0, 4:8].tolist() == [0, 0, 0, 0]
    assert X[3, 4:8].tolist() == [0, 0, 0, 1]
    assert not X[:, 8:].any()


def test_cells_that_are_missing_only_later():
    fitted = fs.TablePreprocessor().fit(FRAME)
    X = fitted.transform(FRAME.assign(i=[1, None, 3, 4, 6], c=[None, "v", "u", "u", "v"]))
    assert X[1, 2] == 3, "the median of the fitted table"
    assert X[0, 8:].tolist() == [0, 0], "no level"


def test_missing_cells_can_be_refused():
    refusing = fs.TablePreprocessor(missing="refuse")
    with pytest.raises(ValueError, match="feature column 'n' of X has 1 missing value, in row 3 of 5"):
        refusing.fit(FRAME)
    refusing.fit(FRAME.fillna({"n": 0, "t": "a"}))
    with pytest.raises(ValueError, match="feature column 'n' of X has 1 missing value, in row 3 of 5"):
        refusing.transform(FRAME.fillna({"t": "a"}))


def test_columns_that_tell_nothing_are_left_out_by_name():
    frame = FRAME.assign(
        empty=None, one=1, text="same", gap=[1, None, 1, 1, None], flag=[True, None, True, False, None]
    )
    fitted = fs.TablePreprocessor().fit(frame)
    assert fitted.preprocessing_.left_out == ("empty", "one", "text")
    names = fitted.get_feature_names_out().tolist()
    assert {"gap", "gap is missing", "flag=False", "flag=True", "flag is missing"} < set(names)
    assert fitted.transform(frame).shape == (5, len(names))
    with pytest.raises(ValueError, match=r"X has no feature that tells anything \(n_samples = 5\): .*'empty', 'one'"):
        fs.TablePreprocessor().fit(frame[["empty", "one"]])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.date_range("2020-01-01", periods=5), "feature column 'x' of X holds dates or times, such as '2020-01-01"),
        ([datetime.date(2020, 1, 1)] * 5, "feature column 'x' of X holds dates or times, such as '2020-01-01'"),
        (["1", "2", "?", "4", "5"], r"'\?' in row 3 of feature column 'x' of X is no number"),
        ([1, "a", None, 2, 3], "X must have columns of one type each: .*column x"),
        ([np.inf, 1, 2, 3, 4], "feature column 'x' of X has an infinite value in row 1 of 5"),
        ([{"a": 1}] * 5, "feature column 'x' of X must hold numbers, found struct"),
        ([[1, 2], [3], [4], [5], [6]], "column 'x' of X must hold lists of one length, found one of 2 in row 1"),
    ],
    ids=str,
)
def test_refused_columns(column, message):
    with pytest.raises(ValueError, match=message):
        fs.TablePreprocessor().fit(FRAME.assign(x=column))


def test_text_that_looks_like_numbers_is_taken_if_said():
    frame = FRAME.assign(x=["1", "2", "?", "1", "2"])
    names = fs.TablePreprocessor(texts=["x"]).fit(frame).get_feature_names_out().tolist()
    assert names[-3:] == ["x=1", "x=2", "x=?"]
    with pytest.raises(ValueError, match="texts must name columns of X, found 'y'"):
        fs.TablePreprocessor(texts=["y"]).fit(frame)


def test_many_numbers_that_are_stored_as_text():
    table = pa.table({"x": [str(i) for i in range(20_000)]})
    with pytest.raises(ValueError, match="'x' of X holds more than 10000 different numbers that are stored as text"):
        fs.TablePreprocessor().fit(table)


def test_sparse_features_are_the_same():
    X = fs.TablePreprocessor(sparse=True).fit_transform(FRAME)
    assert sp.issparse(X)
    np.testing.assert_array_equal(X.toarray(), FEATURES)


def test_names_that_two_features_would_have():
    frame = pd.DataFrame({"a": ["x", "y"], "a=x": [1, 2]})
    with pytest.raises(ValueError, match="two features would have the name 'a=x'"):
        fs.TablePreprocessor().fit(frame)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": []}, "no column tells anything"),
        ({"columns": 3}, "must be lists"),
        ({"left_out": [1]}, "left_out must hold names"),
        ({"more": []}, "must have columns and left_out"),
        ({"columns": [{"kind": "code"}]}, "must be of kind number or text"),
        ({"columns": [{"kind": "text", "name": "a", "levels": ["x", "x"], "missing": False}]}, "has a level twice"),
        ({"columns": [{"kind": "text", "name": "a", "levels": [1], "missing": False}]}, "all of them text"),
        ({"columns": [{"kind": "text", "name": "a", "levels": "xy", "missing": False}]}, "levels must be a list"),
        ({"columns": [{"kind": "text", "name": "a", "levels": ["x"], "missing": 0}]}, "must have a name and whether"),
        ({"columns": [{"kind": "text", "name": "a"}]}, "must have levels, missing, name"),
        (
            {"columns": [{"kind": "number", "name": "a", "median": 1.0, "missing": False, "mean": 0.0, "scale": 0.0}]},
            "finite median, mean and scale",
        ),
        (
            {"columns": [{"kind": "number", "name": "a", "median": "1", "missing": False, "mean": 0.0, "scale": 1.0}]},
            "finite median, mean and scale",
        ),
    ],
)
def test_damaged_data(change, message):
    whole = json.loads(Preprocessing((Number("n", 1.5, True), Text("t", ("a", "b")))).to_json())
    assert Preprocessing.from_json(whole).feature_names == ("n", "n is missing", "t=a", "t=b")
    with pytest.raises(ValueError, match=message):
        Preprocessing.from_json(whole | change)


def test_scikit_learns_own_checks():
    check_estimator(fs.TablePreprocessor(), on_skip=None)
