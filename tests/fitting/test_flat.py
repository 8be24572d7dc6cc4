"""Directions without curvature are left alone: dependent columns, constants, a model that is sure of all samples."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from tolerances import LOSS

import fastsoftmax as fs

RNG = np.random.default_rng(3)
Z = RNG.normal(size=(300, 5))
LABELS = {2: (RNG.random(300) < 0.5).astype(int), 3: RNG.integers(0, 3, 300)}
LEVELS = np.eye(4)[RNG.integers(0, 4, 300)]

# Independent columns, and the same with further columns that depend on them: the best loss is the same.
DEPENDENT = {
    "duplicated": (Z, np.hstack([Z, Z])),
    "many times": (Z, np.hstack([Z] * 30)),
    "sums": (Z, np.hstack([Z, Z @ RNG.normal(size=(5, 3))])),
    "one": (Z, np.c_[Z, np.ones(300)]),
    "small constant": (Z, np.c_[Z, np.full(300, 1e-6)]),
    "zeros": (Z, np.c_[Z, np.zeros(300)]),
    "vanishing": (Z, np.c_[Z, 1e-155 * RNG.normal(size=300)]),
    "dummies of every level": (np.c_[Z, LEVELS[:, 1:]], np.c_[Z, LEVELS]),
}


@pytest.mark.parametrize("name", DEPENDENT)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("l2", [0.0, 1e-13])
@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_columns_that_depend_on_others(name, n_classes, dtype, l2, form):
    X, wider = (part.astype(dtype) for part in DEPENDENT[name])
    y, tol = LABELS[n_classes], 1e-5 if dtype == np.float32 else 1e-8
    best = fs.fit(X.astype(float), y, l2=l2, solver="lbfgs", tol=1e-8)

    result = fs.fit(form(wider), y, l2=l2, tol=tol)

    assert result.status == "converged"
    assert result.loss == pytest.approx(best.loss, rel=LOSS[np.float32])
    # Many W reach the optimum: the fit returns one near zero, as gradient descent does.
    assert np.abs(result.W).max() < 2 * np.abs(best.W).max()


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("value", [1e-6, 0.1, 1.0, -7.0, 1e6])
def test_a_constant_has_no_coefficient(standardize, value):
    X, y = np.c_[Z[:, :2], np.full(300, value)], LABELS[2]
    without = fs.SoftmaxRegression(C=np.inf, tol=1e-8).fit(X[:, :2], y)

    model = fs.SoftmaxRegression(C=np.inf, tol=1e-8, standardize=standardize).fit(X, y)

    assert abs(model.coef_[0, 2] * value) < 1e-6
    np.testing.assert_allclose(model.predict_proba(X), without.predict_proba(X[:, :2]), atol=1e-6)


@pytest.mark.parametrize("weight", [None, np.r_[0.0, 1.0 + np.arange(299) % 3]])
@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_a_standardized_constant_is_zero(weight, form):
    X = np.c_[Z, np.full(300, 0.1)]
    scale, shift = fs.standardization(form(X), sample_weight=weight)
    assert scale[5] == 1
    assert shift[5] == -0.1


def test_without_a_penalty_cross_validation_serves_dependent_columns():
    model = fs.SoftmaxRegressionCV(Cs=[np.inf], cv=3).fit(np.hstack([Z, Z]), LABELS[3])
    assert np.abs(model.coefs_paths_).max() < 1


@pytest.mark.parametrize("size", [100.0, 1000.0])
@pytest.mark.parametrize("solver", ["auto", "lbfgs", "preconditioned-lbfgs"])
def test_a_start_that_is_sure_of_all(size, solver):
    y = LABELS[2]
    best = fs.fit(Z, y, l2=1e-3, tol=1e-8)

    result = fs.fit(Z, y, l2=1e-3, tol=1e-8, solver=solver, init=(np.zeros((2, 5)), [size, -size]))

    assert result.status == "converged"
    assert result.loss == pytest.approx(best.loss, rel=LOSS[np.float64])


@pytest.mark.parametrize("size", [700.0, -700.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_offsets_that_leave_no_doubt(size, dtype):
    X, y = Z.astype(dtype), LABELS[3]
    for offset in (np.where(np.arange(3) == 0, size, 0) * np.ones((300, 1)), size * np.sign(RNG.normal(size=(300, 3)))):
        best = fs.fit(Z, y, l2=1e-3, offset=offset, solver="lbfgs", tol=1e-6)
        result = fs.fit(X, y, l2=1e-3, offset=offset, tol=1e-4)
        assert result.loss == pytest.approx(best.loss, rel=LOSS[np.float32])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_beside_columns_of_all_sizes(dtype):
    """The mean of thousands of ones differs from 1 by more roundings than the mean of hundreds."""
    rng = np.random.default_rng(11)
    sizes = np.c_[rng.lognormal(3, 2, (4000, 8)), rng.integers(0, 2, (4000, 6))]
    X = np.c_[sizes, np.ones(4000)].astype(dtype)
    y = (np.log(sizes[:, :4]) @ rng.normal(size=(4, 3)) + rng.gumbel(size=(4000, 3))).argmax(axis=1)
    for rows in (slice(None), slice(0, 1501), slice(0, 997)):
        result = fs.fit(X[rows], y[rows], tol=1e-3)
        assert np.abs(result.W[:, 14]).max() < 0.1
