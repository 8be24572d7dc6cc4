"""The classifier takes X as it is stored, can scale it by itself, and predicts in the precision of its coefficients."""

import ml_dtypes
import numpy as np
import pytest
import scipy.sparse as sp
from problems import make_problem
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastsoftmax import SoftmaxRegression


@pytest.mark.parametrize("n_classes", [2, 3])
def test_float32_stays_float32(n_classes):
    p = make_problem(100, 5, n_classes, dtype=np.float32)
    model = SoftmaxRegression().fit(p.X, p.y)
    assert model.coef_.dtype == model.intercept_.dtype == np.float32
    assert model.predict_proba(p.X).dtype == np.float32


class TestStorage:
    @pytest.mark.parametrize("stored", ["float64", "float32", "float16", "bfloat16", "uint8", "int8", "csr", "csc"])
    def test_every_type_is_trained_on(self, digits, stored):
        X, y = digits
        pixels = np.round(16 * X)
        if stored in ("csr", "csc"):
            X = sp.csr_matrix(pixels).asformat(stored)
        else:
            X = pixels.astype(ml_dtypes.bfloat16 if stored == "bfloat16" else stored)
        expected = SoftmaxRegression(C=1e-4, tol=1e-6, max_iter=2000).fit(pixels, y)
        actual = SoftmaxRegression(C=1e-4, tol=1e-6, max_iter=2000).fit(X, y)
        assert actual.coef_.dtype == (np.float64 if stored in ("float64", "csr", "csc") else np.float32)
        np.testing.assert_allclose(actual.coef_, expected.coef_, atol=1e-4)
        np.testing.assert_allclose(actual.predict_proba(X), expected.predict_proba(pixels), atol=1e-4)
        np.testing.assert_array_equal(actual.predict(X), expected.predict(pixels))

    @pytest.mark.parametrize("n_classes", [2, 10])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_standardize_is_a_pipeline(self, digits, n_classes, weighted):
        X, y = digits[0][digits[1] < n_classes], digits[1][digits[1] < n_classes]
        weights = np.random.default_rng(0).integers(0, 3, len(y)).astype(float) if weighted else None
        pipeline = make_pipeline(StandardScaler(), SoftmaxRegression(C=0.01, tol=1e-8, max_iter=1000))
        pipeline.fit(X, y, standardscaler__sample_weight=weights, softmaxregression__sample_weight=weights)
        for stored in (X, sp.csr_matrix(X), (16 * X).astype(np.uint8)):
            estimator = SoftmaxRegression(C=0.01, tol=1e-8, max_iter=1000, standardize=True).fit(stored, y, weights)
            tolerance = 1e-4 if stored.dtype == np.uint8 else 1e-5
            np.testing.assert_allclose(estimator.predict_proba(stored), pipeline.predict_proba(X), atol=tolerance)
            scale = 16 if stored.dtype == np.uint8 else 1
            coef = pipeline[-1].coef_ / pipeline[0].scale_
            np.testing.assert_allclose(estimator.coef_ * scale, coef, atol=100 * tolerance)
            np.testing.assert_allclose(
                estimator.result_.W * scale if n_classes > 2 else coef, coef, atol=100 * tolerance
            )

    def test_without_an_intercept_only_the_scale_is_changed(self, digits):
        X, y = digits
        estimator = SoftmaxRegression(C=0.01, standardize=True, fit_intercept=False, tol=1e-6, max_iter=1000).fit(X, y)
        pipeline = make_pipeline(
            StandardScaler(with_mean=False), SoftmaxRegression(C=0.01, fit_intercept=False, tol=1e-6, max_iter=1000)
        ).fit(X, y)
        np.testing.assert_allclose(estimator.predict_proba(X), pipeline.predict_proba(X), atol=1e-4)
        np.testing.assert_array_equal(estimator.intercept_, 0)

    @pytest.mark.parametrize("n_classes", [2, 10])
    def test_a_warm_start_is_where_the_last_fit_ended(self, digits, n_classes):
        X, y = digits[0][digits[1] < n_classes], digits[1][digits[1] < n_classes]
        estimator = SoftmaxRegression(standardize=True, warm_start=True, tol=1e-5, max_iter=1000).fit(X, y)
        assert estimator.fit(X, y).n_iter_[0] == 0


FAR = 1e6 + np.round(4 * np.random.default_rng(3).normal(size=(300, 5))) / 4


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("warm_start", [False, True])
def test_float32_far_from_zero_predicts_as_near_it(n_classes, warm_start):
    y = np.random.default_rng(5).integers(0, n_classes, len(FAR))
    near = SoftmaxRegression(standardize=True, tol=1e-6).fit(FAR - 1e6, y)

    model = SoftmaxRegression(standardize=True, tol=1e-5, warm_start=warm_start)
    for _ in range(1 + warm_start):
        model.fit(FAR.astype(np.float32), y)
    by_hand = FAR @ model.coef_.T.astype(float) + model.intercept_

    assert model.coef_.dtype == np.float32
    np.testing.assert_allclose(model.predict_proba(FAR.astype(np.float32)), near.predict_proba(FAR - 1e6), atol=1e-5)
    np.testing.assert_allclose(model.decision_function(FAR), by_hand.squeeze(), atol=1e-5)
    if warm_start:
        assert model.n_iter_[0] <= 1


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8, np.int8])
@pytest.mark.parametrize("form", [np.ascontiguousarray, np.asfortranarray, sp.csr_array])
def test_a_float64_model_predicts_in_float64(dtype, form):
    if form is sp.csr_array and dtype == np.float16:
        pytest.skip("SciPy has no sparse matrices of float16")
    rows = np.round(100 * np.abs(np.random.default_rng(0).normal(size=(50, 21)))).clip(0, 127).astype(dtype)
    X = np.random.default_rng(1).normal(size=(60, 21))
    model = SoftmaxRegression(C=100).fit(X, np.arange(60) % 3)

    logits = model.decision_function(form(rows))

    assert logits.dtype == np.float64
    np.testing.assert_allclose(logits, model.decision_function(rows.astype(float)), rtol=1e-12)
