"""Levels that are stored as codes: every result is that of the same rows as CSR."""

import numpy as np
import pytest
from problems import make_objective
from tolerances import SAME

import fastsoftmax as fs
from fastsoftmax.data import coded_matrix
from fastsoftmax.data.coded_matrix import CodedMatrix
from fastsoftmax.data.features import bind_features, coded

N_SAMPLES, WIDTHS = 700, np.array([3, 1, 20, 9])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    for module in (coded_matrix, coded):
        monkeypatch.setattr(module, "BLOCK_ENTRIES", 600)


def matrix(dtype=np.float64, kind=np.uint8):
    """Numbers and codes, of which some are no level."""
    rng = np.random.default_rng(4)
    codes = np.column_stack([rng.integers(0, width + 1, N_SAMPLES) for width in WIDTHS]).astype(kind)
    codes[rng.random(N_SAMPLES) < 0.1, 0] = np.iinfo(kind).max
    return CodedMatrix(rng.standard_normal((N_SAMPLES, 2)).astype(dtype), codes, WIDTHS)


def dense_of(X):
    """One-hot columns, one by one."""
    parts = [X.numbers]
    for column, width in zip(X.codes.T, X.widths, strict=True):
        parts.append(column[:, None] == np.arange(width))
    return np.hstack(parts)


Y = np.random.default_rng(1).integers(0, 3, N_SAMPLES)
WEIGHT = np.random.default_rng(2).uniform(0, 2, N_SAMPLES)
SCALINGS = ({}, {"scale": np.linspace(0.5, 2, 35)}, {"scale": 2.0, "shift": np.linspace(-1, 1, 35)})


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_as_csr(kind):
    X = matrix(kind=kind)
    np.testing.assert_array_equal(X.tocsr().toarray(), dense_of(X))
    assert X.tocsr().has_canonical_format
    assert X.n_entries == X.tocsr().nnz
    rows = np.array([5, 1, 600])
    np.testing.assert_array_equal(X[rows].tocsr().toarray(), dense_of(X)[rows])
    np.testing.assert_array_equal(X.tocsr(slice(10, 20)).toarray(), dense_of(X)[10:20])


@pytest.mark.parametrize("scaling", SCALINGS)
def test_what_solvers_ask_of_X(scaling):
    X = matrix()
    ours, csr = bind_features(X, **scaling), bind_features(X.tocsr(), **scaling)
    weights, W = np.column_stack([WEIGHT, WEIGHT**2]), np.random.default_rng(0).standard_normal((3, 35))
    columns, rows = np.array([0, 1, 5, 30]), np.arange(3, 500, 2)

    def close(actual, wanted):
        np.testing.assert_allclose(actual, wanted, rtol=SAME, atol=SAME * np.abs(wanted).max())

    assert (ours.shape, ours.n_entries, ours.n_stored) == (csr.shape, csr.n_entries, csr.n_stored)
    close(ours.squares(weights), csr.squares(weights))
    close(ours.exact_products(W), csr.exact_products(W))
    close(ours.exact_sums(weights), csr.exact_sums(weights))
    close(ours.moments(WEIGHT / WEIGHT.mean(), 1), csr.moments(WEIGHT / WEIGHT.mean(), 1))
    close(ours.second_moments(np.ones(35), None, 1), csr.second_moments(np.ones(35), None, 1))
    close(ours.columns(columns).values(), csr.columns(columns).values())
    close(ours.rows(rows).values(), csr.rows(rows).values())
    close(ours.rows(slice(2, 9)).values(), csr.rows(slice(2, 9)).values())
    for part, wanted in zip(ours.stored_columns(), csr.stored_columns(), strict=True):
        np.testing.assert_array_equal(part, wanted)
    with pytest.raises(ValueError, match="X must be dense"):
        fs.gram(X, WEIGHT)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_pass(scaling):
    X, rng = matrix(), np.random.default_rng(0)
    W, b, offset = rng.standard_normal((3, 35)), rng.standard_normal(3), rng.standard_normal((N_SAMPLES, 3))
    V, of_samples = rng.standard_normal(W.size + 3), {"sample_weight": WEIGHT, "offset": offset, **scaling}
    ours, csr = (make_objective(data, Y, 3, l2=0.1, **of_samples) for data in (X, X.tocsr()))
    theta = np.concatenate([W.ravel(), b])
    pairs = zip(ours.loss_grad(theta), csr.loss_grad(theta), strict=True)
    for part, wanted in (*pairs, (ours.hess_vec(theta, V), csr.hess_vec(theta, V))):
        np.testing.assert_allclose(part, wanted, rtol=SAME, atol=SAME)
    np.testing.assert_allclose(
        fs.predict_proba(X, W, b, **scaling), fs.predict_proba(X.tocsr(), W, b, **scaling), rtol=SAME
    )


def test_infinity_is_named():
    X = matrix()
    X.numbers[7, 1] = np.inf
    with pytest.raises(ValueError, match="infinity at row 7, column 1"):
        fs.fit(X, Y)


@pytest.mark.parametrize(
    "estimator",
    [
        fs.SoftmaxRegression(tol=1e-8),
        fs.SoftmaxRegression(tol=1e-8, standardize=True),
        fs.SoftmaxRegression(tol=1e-8, C=0.1, l1_ratio=0.5),
        fs.SoftmaxRegressionCV(tol=1e-8, Cs=3, cv=3),
        fs.PoissonRegression(tol=1e-8),
    ],
)
def test_estimators(estimator):
    X, rows = matrix(), slice(0, 300)
    coef, scores = estimator.fit(X, Y).coef_, estimator.predict(X[rows])
    again = estimator.fit(X.tocsr(), Y)
    np.testing.assert_allclose(coef, again.coef_, atol=1e-6)
    np.testing.assert_allclose(scores, again.predict(X.tocsr()[rows]), atol=1e-6)


@pytest.mark.bits
def test_threads_change_no_bit():
    X = matrix(np.float32)
    fits = [fs.fit(X, Y, l2=0.1, num_threads=n) for n in (1, 2, 3)]
    for other in fits[1:]:
        np.testing.assert_array_equal(other.W, fits[0].W)
