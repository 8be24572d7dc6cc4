"""Regressions leave Python: ONNX, C, SQL and scikit-learn's classes give the means that the estimators predict."""

import ctypes
import shutil

import numpy as np
import pytest
from exported import COMPILERS, compiled, stored
from sklearn.multiclass import OneVsRestClassifier
from tolerances import EXPORT, EXPORT_ROUNDED

import fastsoftmax as fs

RNG = np.random.default_rng(0)
X = RNG.standard_normal((200, 7))
Z = 0.4 * X @ RNG.standard_normal(7) - 0.3
COUNTS, POSITIVE = RNG.poisson(np.exp(Z)).astype(float), RNG.gamma(2, np.exp(Z) / 2)
REGRESSIONS = {
    "poisson": (fs.PoissonRegression(alpha=0.01), COUNTS),
    "gamma": (fs.GammaRegression(alpha=0.01), POSITIVE),
    "tweedie": (fs.TweedieRegression(alpha=0.01, power=1.3), COUNTS),
    "gaussian": (fs.GaussianRegression(alpha=0.01, l1_ratio=0.5), Z),
    "gaussian, log": (fs.GaussianRegression(alpha=0.01, link="log"), POSITIVE),
    "negative binomial": (fs.NegativeBinomialRegression(alpha=0.01), COUNTS),
    "two outputs": (fs.PoissonRegression(alpha=0.01), np.column_stack([COUNTS, COUNTS[::-1]])),
    "two gaussians": (fs.GaussianRegression(alpha=0.01), np.column_stack([Z, -Z])),
    "labels": (fs.MultilabelRegression(alpha=0.01), (np.column_stack([Z, -Z, X[:, 0]]) > 0).astype(int)),
}


def fitted(kind):
    model, y = REGRESSIONS[kind]
    return model.fit(X, y)


def means_of(model, inputs=X):
    means = model.predict_proba(inputs) if hasattr(model, "predict_proba") else model.predict(inputs)
    return means.reshape(len(inputs), -1)


@pytest.mark.parametrize("kind", REGRESSIONS)
def test_onnx(kind, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model = fitted(kind)
    for dtype, tolerance in ((None, EXPORT), ("float32", EXPORT_ROUNDED)):
        model.to_onnx(tmp_path / "m.onnx", dtype=dtype)
        session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
        (means,) = session.run(["mean"], {"X": X.astype(dtype or "float64")})
        assert means.dtype == np.dtype(dtype or "float64")
        np.testing.assert_allclose(means, means_of(model), rtol=tolerance, atol=tolerance)


@pytest.mark.skipif(not all(map(shutil.which, ("gcc", "g++"))), reason="needs gcc and g++")
@pytest.mark.parametrize("kind", REGRESSIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_c(kind, dtype, tmp_path):
    model = fitted(kind)
    model.to_c(tmp_path / "m.c", dtype=dtype, name="rate")
    expected = means_of(model)
    for language in COMPILERS:
        library = compiled(tmp_path / "m.c", language)
        samples, means = X.astype(dtype), np.full(expected.shape, np.nan, dtype)
        for x, row in zip(samples, means, strict=True):
            library.rate_predict(ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(row.ctypes.data))
        tolerance = EXPORT if dtype == "float64" else EXPORT_ROUNDED
        np.testing.assert_allclose(means, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", REGRESSIONS)
def test_sql(kind, database):
    model = fitted(kind)
    stored(database, "samples", ["id", *(f"x{j}" for j in range(7))], np.column_stack([np.arange(200), X]))
    cursor = database.execute(model.to_sql("samples", columns="id"))
    expected = means_of(model)
    names = ["mean"] if expected.shape[1] == 1 else [f"mean_{k}" for k in range(expected.shape[1])]
    assert [entry[0] for entry in cursor.description] == ["id", *names]
    rows = np.array(cursor.fetchall())
    np.testing.assert_array_equal(rows[:, 0], np.arange(200))
    np.testing.assert_allclose(rows[:, 1:], expected, rtol=EXPORT, atol=EXPORT)


def test_logits_far_from_zero(tmp_path, database):
    model = fitted("labels")
    far = 1e4 * X[:5]
    stored(database, "samples", [f"x{j}" for j in range(7)], far)
    rows = np.array(database.execute(model.to_sql("samples")).fetchall())
    np.testing.assert_allclose(rows, means_of(model, far), atol=EXPORT)
    with pytest.raises(
        ValueError, match="columns must not have the name of another column of the result, found 'mean_0'"
    ):
        model.to_sql("samples", columns="mean_0")


@pytest.mark.parametrize("kind", [kind for kind in REGRESSIONS if kind not in ("negative binomial", "labels")])
def test_sklearn(kind):
    model = fitted(kind)
    theirs = model.to_sklearn()
    assert type(theirs).__module__.startswith("sklearn.")
    np.testing.assert_allclose(theirs.predict(X).reshape(len(X), -1), means_of(model), rtol=EXPORT, atol=EXPORT)
    assert theirs.score(X, REGRESSIONS[kind][1]) == pytest.approx(model.score(X, REGRESSIONS[kind][1]), abs=0.1)


@pytest.mark.parametrize("kind", ["indicators", "two classes", "three classes"])
def test_sklearn_one_versus_rest(kind):
    scores = X[:, :3]
    y = {
        "indicators": (scores > 0).astype(int),
        "two classes": np.array(["no", "yes"])[(scores[:, 0] > 0).astype(int)],
        "three classes": np.array(["a", "b", "c"])[scores.argmax(axis=1)],
    }[kind]
    model = fs.MultilabelRegression(alpha=0.01, tol=1e-8).fit(X, y)
    theirs = model.to_sklearn()
    assert isinstance(theirs, OneVsRestClassifier)
    np.testing.assert_array_equal(theirs.predict(X), model.predict(X))
    np.testing.assert_allclose(theirs.predict_proba(X), model.predict_proba(X), rtol=EXPORT, atol=EXPORT)
    again = theirs.set_params(estimator__tol=1e-8).fit(X, y)
    np.testing.assert_allclose(np.vstack([one.coef_ for one in again.estimators_]), model.coef_, atol=1e-3)


def test_what_has_no_export(tmp_path):
    with pytest.raises(ValueError, match="scikit-learn has no regression for family='negative-binomial'"):
        fitted("negative binomial").to_sklearn()
    labels = fs.MultilabelRegression().fit(X, COUNTS > 0)
    with pytest.raises(ValueError, match="labels of classes leave Python by to_sklearn"):
        labels.to_c(tmp_path / "m.c")
    with pytest.raises(ValueError, match="dtype must be one of float32, float64, found 'int8'"):
        fitted("poisson").to_c(tmp_path / "m.c", dtype="int8")
    with pytest.raises(ValueError, match="name must be a name in C"):
        fitted("poisson").to_c(tmp_path / "m.c", name="1")
