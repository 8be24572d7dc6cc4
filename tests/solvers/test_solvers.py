"""The algorithms: trajectories, optima, work counted in passes, and every way to stop."""

import signal
import threading

import numpy as np
import pytest
import reference
import scipy.sparse
from problems import make_problem, one_hot
from scipy.optimize import minimize
from tolerances import SAME

import fastsoftmax as fs
from fastsoftmax.problem.objective import Objective

SOLVERS = ("gd", "agd", "sgd", "lbfgs", "preconditioned-lbfgs")
EXACT = ("gd", "agd", "lbfgs", "preconditioned-lbfgs")  # sgd comes near: tests/solvers/test_stochastic.py


def optimum(X, Y, l2, s=None):
    """The optimum by SciPy on the reference."""
    shape = (Y.shape[1], X.shape[1])
    split = np.prod(shape)

    def value(theta):
        loss, grad_W, grad_b = reference.loss_grad(X, Y, theta[:split].reshape(shape), theta[split:], s=s, l2=l2)
        return loss, np.concatenate([grad_W.ravel(), grad_b])

    found = minimize(
        value,
        np.zeros(split + shape[0]),
        jac=True,
        method="L-BFGS-B",
        options={"gtol": 1e-9, "ftol": 0},
    )
    return found.fun, found.x[:split].reshape(shape)


def test_a_first_step_that_goes_too_far_is_shortened():
    # Four samples a class, which the unit step separates by weights four times too large.
    random, y = np.random.default_rng(0), np.repeat(np.arange(500), 4)
    X = random.standard_normal((500, 64))[y] + random.standard_normal((2000, 64))
    least = fs.fit(X, y, l2=1e-5, tol=1e-7).loss
    near = fs.fit(X, y, l2=1e-5, tol=0, callback=lambda state: state.loss <= 1.5 * least)
    assert near.status == "callback"
    assert near.n_passes <= 12


@pytest.mark.parametrize("soft", [False, True])
def test_gradient_descent_is_the_textbook_step_by_step(soft):
    p = make_problem(300, 20, 5)
    Y = p.Y if soft else one_hot(p.y, 5)
    trajectory = []
    result = fs.fit(
        p.X,
        p.Y if soft else p.y,
        solver="gd",
        learning_rate=0.05,
        l2=0.1,
        tol=0,
        max_iter=50,
        callback=lambda state: trajectory.append((state.W.copy(), state.b.copy())),
    )
    assert result.status == "max_iter"
    assert result.n_iter == 50
    assert len(trajectory) == 51
    for step, (W, b) in enumerate(trajectory):
        expected_W, expected_b = reference.gradient_descent(p.X, Y, 0.05, step, l2=0.1)
        np.testing.assert_allclose(W, expected_W, rtol=SAME, atol=SAME)
        np.testing.assert_allclose(b, expected_b, rtol=SAME, atol=SAME)
    np.testing.assert_array_equal(result.W, trajectory[-1][0])


@pytest.mark.parametrize("solver", EXACT)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_optimum_is_that_of_the_reference(solver, dtype):
    p = make_problem(400, 7, 4, dtype=dtype)
    best, W = optimum(p.X, one_hot(p.y, 4), 0.05, s=p.s)
    result = fs.fit(p.X, p.y, solver=solver, l2=0.05, sample_weight=p.s, tol=1e-6, max_iter=5000)
    assert result.status == "converged"
    assert result.loss == pytest.approx(best, rel=1e-7)
    np.testing.assert_allclose(result.W, W, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_automatic_learning_rate_never_raises_the_loss(scale):
    p = make_problem(200, 30, 3)
    X = p.X * np.geomspace(1, scale, 30) + 5
    result = fs.fit(X, p.y, solver="gd", max_iter=200, l2=1e-3, sample_weight=p.s)
    assert np.all(np.diff(result.history["loss"]) <= 0)
    assert result.loss < result.history["loss"][0]


def test_passes_are_counted_and_few():
    p = make_problem(500, 30, 5)
    gd = fs.fit(p.X, p.y, solver="gd", learning_rate=0.01, max_iter=20, tol=0, l2=1e-3)
    assert gd.n_passes == 21
    np.testing.assert_array_equal(gd.history["n_passes"], np.arange(1, 22))
    lbfgs = fs.fit(p.X, p.y, solver="lbfgs", l2=1e-3, tol=1e-8)
    assert lbfgs.status == "converged"
    # One pass per accepted unit step; two more for each line search.
    assert lbfgs.n_passes <= 1.5 * lbfgs.n_iter + 3


def test_history_has_a_row_for_the_start_and_every_iteration():
    p = make_problem(100, 5, 3)
    result = fs.fit(p.X, p.y, l2=0.1)
    history = result.history
    assert history.dtype.names == ("iteration", "n_passes", "seconds", "loss", "grad_norm")
    np.testing.assert_array_equal(history["iteration"], np.arange(result.n_iter + 1))
    assert history["loss"][0] == pytest.approx(np.log(3))
    assert (history["loss"][-1], history["grad_norm"][-1]) == (result.loss, result.grad_norm)
    assert np.all(np.diff(history["seconds"]) > 0)


def test_lbfgs_goes_on_in_float32_to_the_optimum():
    p = make_problem(5000, 20, 4, dtype=np.float32)
    best = fs.fit(p.X.astype(float), p.y, l2=1e-4, tol=1e-9).loss
    result = fs.fit(p.X, p.y, l2=1e-4, tol=0)
    assert result.status == "rounding"
    assert "precision" in result.message
    assert result.loss <= best * (1 + 1e-7)


@pytest.mark.parametrize("solver", SOLVERS)
def test_callback_sees_the_state_and_stops(solver):
    p = make_problem(100, 5, 3)
    seen = []

    def callback(state):
        seen.append(state)
        return state.iteration == 4

    result = fs.fit(p.X, p.y, solver=solver, tol=0, callback=callback)
    assert result.status == "callback"
    assert result.n_iter == 4
    assert [state.iteration for state in seen] == [0, 1, 2, 3, 4]
    assert seen[-1].W.shape == (3, 5)
    assert seen[-1].b.shape == (3,)
    np.testing.assert_array_equal(seen[-1].W, result.W)
    assert seen[-1].loss == result.loss


@pytest.mark.parametrize("solver", SOLVERS)
def test_ctrl_c_keeps_the_best(solver):
    p = make_problem(100, 5, 3)

    def callback(state):
        if state.iteration == 6:
            signal.raise_signal(signal.SIGINT)

    result = fs.fit(p.X, p.y, solver=solver, tol=0, callback=callback)
    assert result.status == "interrupted"
    assert len(result.history) == 7
    assert result.loss == result.history["loss"].min()
    expected, *_ = fs.loss_grad(p.X, p.y, result.W, result.b)
    assert result.loss == expected


@pytest.mark.parametrize("solver", SOLVERS)
def test_ctrl_c_before_the_first_loss_is_raised(solver, monkeypatch):
    """There are no best parameters yet, and zeros would be taken for a fitted model."""
    p = make_problem(100, 5, 3)

    def interrupt(self, theta):
        raise KeyboardInterrupt

    monkeypatch.setattr(Objective, "loss_grad", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fs.fit(p.X, p.y, solver=solver)


def test_ctrl_c_from_outside_stops_within_an_iteration():
    p = make_problem(20000, 100, 10)
    timer = threading.Timer(0.05, signal.raise_signal, [signal.SIGINT])

    def callback(state):
        if state.iteration == 2:
            timer.start()

    result = fs.fit(p.X, p.y, solver="gd", tol=0, max_iter=10**9, callback=callback)
    timer.join()
    assert result.status == "interrupted"
    assert np.isfinite(result.loss)
    assert result.loss < result.history["loss"][0]


@pytest.mark.parametrize("learning_rate", [1e4, 1e300])
def test_divergence_keeps_the_last_good_parameters(learning_rate):
    p = make_problem(100, 5, 3)
    result = fs.fit(p.X, p.y, solver="gd", learning_rate=learning_rate, l2=0.1)
    assert result.status == "diverged"
    assert "learning_rate" in result.message
    assert np.isfinite(result.W).all()
    assert np.isfinite(result.b).all()
    assert result.loss == pytest.approx(np.log(3))


def test_features_too_large_for_the_precision_end_in_a_status():
    p = make_problem(20, 3, 3)
    for scale in (1e150, 1e305):
        result = fs.fit(scale * p.X, p.y)
        assert result.status in ("rounding", "diverged")
        assert np.isfinite(result.W).all()
        assert result.loss <= np.log(3) * (1 + SAME)


def test_max_iter_says_what_to_do():
    p = make_problem(100, 5, 3)
    result = fs.fit(p.X, p.y, max_iter=2, tol=1e-12)
    assert result.status == "max_iter"
    assert f"{result.grad_norm:.3g}" in result.message
    assert "raise max_iter or tol" in result.message


def test_max_iter_zero_evaluates_the_start():
    p = make_problem(100, 5, 3)
    result = fs.fit(p.X, p.y, max_iter=0, init=(p.W[:3], p.b[:3]))
    np.testing.assert_array_equal(result.W, p.W[:3])
    assert result.n_iter == 0


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_warm_start_at_the_optimum_stops_at_once(solver):
    p = make_problem(200, 5, 3)
    cold = fs.fit(p.X, p.y, l2=0.1, tol=1e-7)
    warm = fs.fit(p.X, p.y, l2=0.1, tol=1e-6, init=(cold.W, cold.b), solver=solver)
    assert warm.n_iter == 0
    assert warm.status == "converged"
    np.testing.assert_array_equal(warm.W, cold.W)


@pytest.mark.parametrize("solver", EXACT)
def test_without_an_intercept(solver):
    p = make_problem(200, 5, 3)
    result = fs.fit(p.X, p.y, l2=0.1, fit_intercept=False, solver=solver, tol=1e-6)
    np.testing.assert_array_equal(result.b, 0)
    _, grad_W, _ = fs.loss_grad(p.X, p.y, result.W, result.b, l2=0.1)
    assert np.abs(grad_W).max() <= 1e-6


def test_an_offset_stands_for_a_fitted_model():
    """If the offset is the logits at the optimum, there is nothing left to fit."""
    p = make_problem(200, 5, 3)
    first = fs.fit(p.X, p.y, tol=1e-8)
    second = fs.fit(p.X, p.y, offset=p.X @ first.W.T + first.b, tol=1e-6)
    assert second.n_iter == 0


def test_an_offset_of_minus_infinity_rules_a_class_out():
    p = make_problem(200, 5, 3)
    offset = np.zeros((200, 3))
    offset[p.y != 2, 2] = -np.inf
    result = fs.fit(p.X, p.y, l2=0.1, offset=offset)
    assert result.status == "converged"
    assert np.isfinite(result.loss)


def test_auto_says_what_it_is():
    p, larger = make_problem(60, 5, 3), make_problem(1000, 64, 10)
    largest = larger.X[:, :10].argmax(axis=1)
    wide = scipy.sparse.random_array((60, 5000), density=0.01, format="csr", rng=np.random.default_rng(0))
    for X, y, l2, l1, choice in (
        (p.X, p.y, 1e-3, 0, '"preconditioned-lbfgs" with the Hessian in the features themselves'),
        (larger.X, largest, 1e-6, 0, '"preconditioned-lbfgs" with the principal components of the features'),
        (wide, p.y, 1e-3, 0, '"preconditioned-lbfgs" with the Hessian\'s diagonal'),
        (p.X, p.y, 1e-3, 1e-3, '"proximal", for there is an L1 penalty'),
    ):
        assert f"auto is {choice}" in fs.fit(X, y, l2=l2, l1=l1).message
    assert "auto" not in fs.fit(p.X, p.y, solver="lbfgs").message


@pytest.mark.bits
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_fit_has_the_same_bits_on_any_number_of_threads(solver, dtype):
    p = make_problem(6000, 40, 4, dtype=dtype)
    one, three = (
        fs.fit(p.X, p.y, solver=solver, l2=1e-4, max_iter=12, tol=0, random_state=0, num_threads=threads)
        for threads in (1, 3)
    )
    np.testing.assert_array_equal(one.W, three.W)
    np.testing.assert_array_equal(one.history["loss"], three.history["loss"])


@pytest.mark.bits
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [4, 40])
def test_a_fit_has_the_same_bits_for_data_at_any_address(solver, dtype, n_classes):
    p = make_problem(2000, 40, n_classes, dtype=dtype)
    memory = np.empty(p.X.nbytes + 256, dtype=np.uint8)
    first = -memory.ctypes.data % 64
    results = []
    for shift in (0, p.X.itemsize, 32, 1):  # the last one is unaligned
        X = memory[first + shift : first + shift + p.X.nbytes].view(dtype).reshape(p.X.shape)
        X[:] = p.X
        results.append(fs.fit(X, p.y, solver=solver, l2=1e-4, max_iter=6, tol=0, random_state=0))
    for other in results[1:]:
        np.testing.assert_array_equal(other.W, results[0].W)
        np.testing.assert_array_equal(other.history["loss"], results[0].history["loss"])
