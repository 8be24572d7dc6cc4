"""Data at the limits of the floating-point range: the optimum is found, or the error names the argument."""

import numpy as np
import pytest
import reference
import scipy.sparse as sp
from problems import make_problem, one_hot
from scipy.optimize import minimize
from tolerances import SAME

import fastsoftmax as fs

P = make_problem(90, 4, 3, seed=4)
TWO = P.y % 2

SOLVERS = ("agd", "lbfgs", "preconditioned-lbfgs", "proximal")


def optimum(X, Y, l2, offset=0.0):
    """The least loss, by SciPy on the reference."""
    shape = (Y.shape[1], X.shape[1])
    split = np.prod(shape)

    def value(theta):
        loss, *grads = reference.loss_grad(X, Y, theta[:split].reshape(shape), theta[split:], offset=offset, l2=l2)
        return loss, np.concatenate([grad.ravel() for grad in grads])

    found = minimize(
        value, np.zeros(split + len(Y[0])), jac=True, method="L-BFGS-B", options=dict(gtol=1e-7, ftol=0, maxiter=5000)
    )
    return found.fun


SATURATED = {
    "two classes": (TWO, [100.0, -100.0]),
    "three classes": (P.y, [700.0, -700.0, 3.0]),
    "three classes, nearly": (P.y, [30.0, 0.0, -5.0]),
}


@pytest.mark.parametrize("kind", ["dense", "float32", "wide"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("case", SATURATED)
def test_a_start_that_is_sure_of_all_samples_leads_to_the_optimum(case, solver, kind):
    y, b = SATURATED[case]
    X, n_classes = P.X.astype(np.float32) if kind == "float32" else P.X, len(b)
    if kind == "wide":  # too many features for principal components
        X = sp.hstack([sp.csr_matrix(X), sp.csr_matrix((len(X), 3000))], format="csr")
    start = np.zeros((n_classes, X.shape[1])), b
    result = fs.fit(X, y, solver=solver, l2=1e-3, init=start, tol=1e-5, max_iter=3000)
    assert result.status == "converged", result.message
    assert result.loss == pytest.approx(optimum(P.X, one_hot(y, n_classes), 1e-3), rel=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("size", [30.0, 700.0])
def test_an_offset_that_is_sure_of_all_samples_leads_to_the_optimum(solver, size):
    offset = np.tile([size, -size], (len(TWO), 1))
    result = fs.fit(P.X, TWO, solver=solver, l2=1e-3, offset=offset, tol=1e-5, max_iter=5000)
    assert result.status == "converged", result.message
    assert result.loss == pytest.approx(optimum(P.X, one_hot(TWO, 2), 1e-3), rel=1e-6)


@pytest.mark.parametrize("size", [50.0, 700.0])
def test_offsets_that_are_wrong_for_half_of_the_samples_are_corrected_as_far_as_features_can(size):
    offset = np.random.default_rng(0).choice([size, -size], (len(TWO), 2))
    expected = optimum(P.X, one_hot(TWO, 2), 1.0, offset)
    result = fs.fit(P.X, TWO, l2=1.0, offset=offset, tol=1e-5, max_iter=5000)
    assert result.loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("solver", "penalty"),
    [
        *((solver, penalty) for solver in ("auto", "gd", "agd", "sgd", "lbfgs") for penalty in ({}, {"l2": 0.1})),
        ("auto", {"l1": 0.1}),
    ],
    ids=str,
)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", ["dense", "float32", "uint8", "csr", "wide csr"])
def test_features_that_are_all_zero(solver, kind, fit_intercept, penalty):
    X = np.zeros((90, 30), "u1" if kind == "uint8" else "f4" if kind == "float32" else "f8")
    if "csr" in kind:
        X = sp.csr_matrix((90, 3000 if kind == "wide csr" else 30))
    result = fs.fit(X, np.arange(90) % 3, solver=solver, fit_intercept=fit_intercept, **penalty)
    assert result.status == "converged", result.message
    assert not result.W.any()
    assert result.loss == pytest.approx(np.log(3), rel=1e-6)


@pytest.mark.parametrize("l2", [0.0, 1e-3])
@pytest.mark.parametrize(
    ("dtype", "size"), [("f8", 1e-155), ("f8", 1e-160), ("f8", 5e-324), ("f4", 1e-23), ("f4", 1e-45)]
)
@pytest.mark.parametrize("solver", ["gd", "sgd", "lbfgs", "preconditioned-lbfgs", "proximal"])
def test_a_column_whose_squares_underflow_changes_nothing(solver, dtype, size, l2):
    X = np.c_[P.X, size * P.X[:, 0]].astype(dtype)
    tol = 2e-3 if solver == "sgd" else 1e-4
    with_column = fs.fit(X, P.y, solver=solver, l2=l2, tol=tol, random_state=0)
    without = fs.fit(X[:, :4], P.y, solver=solver, l2=l2, tol=tol, random_state=0)
    assert with_column.status == without.status == "converged"
    assert with_column.loss == pytest.approx(without.loss, rel=1e-4)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("solver", ["auto", "proximal"])
def test_float32_features_whose_squares_overflow_are_fitted(solver, kind):
    X = (1e20 * P.X).astype(np.float32)
    penalty = {"l1": 0.1} if solver == "auto" else {}  # negligible, since W is about 1e-20
    result = fs.fit(sp.csr_matrix(X) if kind == "csr" else X, P.y, solver=solver, fit_intercept=False, **penalty)
    assert result.loss == pytest.approx(fs.fit(P.X, P.y, fit_intercept=False, tol=1e-6).loss, rel=1e-5)


@pytest.mark.parametrize(
    ("solver", "message"),
    [
        ("gd", "X is so large that XᵀX overflows float64; scale its features"),
        ("sgd", "X is so large that XᵀX overflows float64; scale its features"),
        ("proximal", "X is so large that the squares of its features overflow float64; scale its features"),
    ],
)
def test_features_whose_squares_overflow_float64_are_named(solver, message):
    with pytest.raises(ValueError, match=message) as caught:
        fs.fit(1e200 * P.X, P.y, solver=solver)
    assert caught.type is ValueError


@pytest.mark.parametrize("num_threads", [64, 65, 3000, 2**31 - 1, 2**31, 2**70])
def test_more_threads_than_the_machine_has_cost_nothing(num_threads):
    X = sp.csr_matrix(P.X)
    calls = {
        "gram": lambda n: fs.gram(P.X, num_threads=n),
        "loss_grad": lambda n: fs.loss_grad(P.X, P.y, P.W, P.b, num_threads=n)[1],
        "sparse loss_grad": lambda n: fs.loss_grad(X, P.y, P.W, P.b, num_threads=n)[1],
        "sparse predict_proba": lambda n: fs.predict_proba(X, P.W, P.b, num_threads=n),
        "standardization": lambda n: fs.standardization(P.X, num_threads=n)[0],
        "fit": lambda n: fs.fit(P.X, P.y, l2=0.1, num_threads=n).W,
        "estimator": lambda n: fs.SoftmaxRegression(n_jobs=n).fit(P.X, P.y).coef_,
    }
    for name, call in calls.items():
        np.testing.assert_array_equal(call(num_threads), call(1), err_msg=name)


def test_large_and_small_penalties_of_a_path():
    results = fs.path(P.X, P.y, l2s=[1e300, 1.0, 1e-300, 0.0], max_iter=50)
    assert np.isfinite(results.loss).all()
    assert results.loss[0] == pytest.approx(fs.fit(np.zeros((90, 1)), P.y).loss, rel=1e-6)
    np.testing.assert_allclose(results.loss[2], results.loss[3], rtol=SAME)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_a_scale_that_overflows_the_precision_of_the_data_is_named(kind):
    X = P.X.astype(np.float32)
    with pytest.raises(ValueError, match="scale or shift is so large that X overflows float32 with them") as caught:
        fs.fit(sp.csr_matrix(X) if kind == "csr" else X, P.y, scale=1e60)
    assert caught.type is ValueError
    # "lbfgs" never forms scaled rows of X, only W · scale, which a small W keeps finite.
    assert fs.fit(X, P.y, scale=1e60, solver="lbfgs", l2=0.1, max_iter=1).status in ("rounding", "max_iter")


@pytest.mark.parametrize("size", [1e200, 1e308])
def test_a_penalty_that_overflows_in_a_screened_fit_is_no_warning(size):
    start = size * np.ones((3, 4)), np.zeros(3)
    result = fs.fit(P.X, P.y, l1=0.1, l2=1e300, init=start)
    assert result.status == "diverged"
    assert np.isfinite(result.W).all()


def test_features_whose_differences_overflow_are_left_alone():
    """Finite float32 numbers may be infinitely far from their mean: a fit still ends with a status."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((16, 16)).astype(np.float32)
    X[:, 2] = np.where(np.arange(16) < 3, 3.3e38, -3.3e38)
    X[:, 3] *= np.float32(1e37)
    result = fs.fit(X, np.arange(16) % 3, l2=1e-3, max_iter=5)
    assert result.status in ("max_iter", "rounding", "diverged", "converged", "separated")
