"""penalty_factor: a factor of a feature's penalty is the same as another scale of the feature."""

import numpy as np
import pytest
from problems import noisy
from scipy.sparse import csr_matrix

import fastsoftmax as fs

# Of an odd number of classes no L1 penalty has two minima that differ by a shift of all classes.
X, Y = noisy(600, n_classes=3)
FACTORS = np.random.default_rng(1).uniform(0.2, 5, X.shape[1])
# With x' = x / √f, W' = W √f has the penalty ½ l2 f W²; with x' = x / f, W' = W f has l1 f |W|.
CASES = {"l2": ({"l2": 0.02}, 1 / np.sqrt(FACTORS)), "l1": ({"l1": 0.01}, 1 / FACTORS)}
STORED = {"dense": np.asarray, "csr": csr_matrix}


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("case", CASES)
def test_a_factor_is_a_scale_of_the_feature(stored, case):
    penalty, scale = CASES[case]
    options = {"tol": 1e-12, "max_iter": 5000, **penalty}
    with_factors = fs.fit(STORED[stored](X), Y, penalty_factor=FACTORS, **options)
    rescaled = fs.fit(STORED[stored](X * scale), Y, **options)
    assert with_factors.status == rescaled.status == "converged"
    np.testing.assert_allclose(with_factors.W, rescaled.W * scale, atol=1e-10)
    np.testing.assert_allclose(with_factors.b, rescaled.b, atol=1e-10)
    assert with_factors.loss == pytest.approx(rescaled.loss, rel=1e-12)
    np.testing.assert_array_equal(with_factors.W == 0, rescaled.W == 0)


def test_the_gap_of_factors_is_that_of_the_rescaled_problem():
    penalty, scale = CASES["l1"]
    with_factors = fs.fit(X, Y, penalty_factor=FACTORS, tol=1e-4, **penalty)
    rescaled = fs.fit(X * scale, Y, tol=1e-4, **penalty)
    best = fs.fit(X, Y, penalty_factor=FACTORS, tol=1e-12, **penalty)
    assert with_factors.duality_gap >= with_factors.loss - best.loss
    assert 0 <= best.duality_gap < 1e-10
    assert 0 <= rescaled.duality_gap < 1e-3


@pytest.mark.parametrize("solver", ["gd", "agd", "sgd", "lbfgs", "preconditioned-lbfgs"])
def test_every_solver_minimises_the_same(solver):
    options = {"penalty_factor": FACTORS, "l2": 0.02}
    best = fs.fit(X, Y, tol=1e-10, **options)
    found = fs.fit(X, Y, solver=solver, tol=1e-3, max_iter=20_000, random_state=0, **options)
    assert best.loss <= found.loss <= best.loss + 1e-3


@pytest.mark.parametrize("penalty", [{"l2": 0.5}, {"l1": 0.05}, {"l2": 0.1, "l1": 0.05}], ids=str)
def test_a_factor_of_zero_leaves_a_feature_free(penalty):
    factors = FACTORS.copy()
    factors[[0, 5]] = 0
    result = fs.fit(X, Y, penalty_factor=factors, tol=1e-9, max_iter=5000, **penalty)
    assert result.status == "converged"
    _, grad_W, _ = fs.loss_grad(X, Y, result.W, result.b)
    np.testing.assert_allclose(grad_W[:, [0, 5]], 0, atol=1e-9)
    assert np.isnan(result.duality_gap)
    assert "nan" not in result.message


def test_a_wide_sparse_fit_with_factors():
    """The diagonal's and the ascent's way, for features that are too many to have components."""
    rng = np.random.default_rng(0)
    wide = csr_matrix((rng.random((200, 3000)) < 0.01) * rng.standard_normal((200, 3000)))
    factors = rng.uniform(0.5, 2, 3000)
    y = rng.integers(0, 3, 200)
    with_factors = fs.fit(wide, y, l2=0.1, penalty_factor=factors, tol=1e-11)
    rescaled = fs.fit(csr_matrix(wide.toarray() / np.sqrt(factors)), y, l2=0.1, tol=1e-11)
    np.testing.assert_allclose(with_factors.W, rescaled.W / np.sqrt(factors), atol=1e-9)


@pytest.mark.parametrize("weights", [{"l2s": [0.1, 0.01]}, {"l1s": [0.05, 0.01]}], ids=str)
def test_a_path_has_the_same_fits(weights):
    path = fs.path(X, Y, penalty_factor=FACTORS, tol=1e-10, **weights)
    for result, l2, l1 in zip(path, path.l2s, path.l1s, strict=True):
        alone = fs.fit(X, Y, l2=l2, l1=l1, penalty_factor=FACTORS, tol=1e-10)
        np.testing.assert_allclose(result.W, alone.W, atol=1e-7)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_the_estimators_hand_it_on(l1_ratio):
    C, n = 0.5, len(Y)
    model = fs.SoftmaxRegression(C=C, l1_ratio=l1_ratio, penalty_factor=FACTORS, tol=1e-9, max_iter=5000).fit(X, Y)
    strength = 1 / (C * n)
    direct = fs.fit(X, Y, l2=(1 - l1_ratio) * strength, l1=l1_ratio * strength, penalty_factor=FACTORS, tol=1e-9)
    np.testing.assert_allclose(model.coef_, direct.W, atol=1e-6)
    cv = fs.SoftmaxRegressionCV(Cs=[C], l1_ratios=(l1_ratio,), penalty_factor=FACTORS, tol=1e-9, max_iter=5000)
    np.testing.assert_allclose(cv.fit(X, Y).coef_, direct.W, atol=1e-6)


BAD = {
    "shape": (np.ones(3), r"penalty_factor must have shape \(10,\), one entry a feature, found \(3,\)"),
    "scalar": (2.0, r"penalty_factor must have shape \(10,\)"),
    "negative": (np.r_[np.ones(9), -1], "penalty_factor must be finite and not negative, found -1.0 at feature 9"),
    "nan": (np.r_[np.nan, np.ones(9)], "penalty_factor must be finite and not negative, found nan at feature 0"),
    "text": (["a"] * 10, "penalty_factor must hold real numbers"),
}


@pytest.mark.parametrize(("factors", "message"), BAD.values(), ids=BAD)
def test_what_is_refused(factors, message):
    for call in (
        lambda: fs.fit(X, Y, penalty_factor=factors),
        lambda: fs.path(X, Y, l2s=0.1, penalty_factor=factors),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"family": "poison"}, ValueError, "family must be one of 'softmax', .*, found 'poison'"),
        ({"family": 3}, ValueError, "family must be one of 'softmax', .*, found 3"),
        ({"tolerance": 1}, TypeError, r"path\(\) got an unexpected keyword argument 'tolerance'"),
    ],
)
def test_a_path_names_what_is_unknown(options, error, message):
    with pytest.raises(error, match=message):
        fs.path(X, Y, l2s=0.1, **options)
