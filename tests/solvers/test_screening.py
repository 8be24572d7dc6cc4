"""L1 fits with screening reach the optimum of all features, whatever was left out at first, with one history."""

import signal

import numpy as np
import pytest
from problems import make_objective, make_problem
from scipy.sparse import csr_matrix

import fastsoftmax as fs
from fastsoftmax.problem.objective import Objective
from fastsoftmax.solvers import screening

P = make_problem(120, 300, 3, seed=2)
X = np.where(np.abs(P.X) < 0.4, 0, P.X)
SCALE, SHIFT = np.geomspace(0.5, 2, 300), np.linspace(-0.1, 0.1, 300)
L1S = np.geomspace(0.2, 0.04, 5)

SETTINGS = {
    "plain": {},
    "elastic net": {"l2s": 0.02},
    "weights": {"sample_weight": P.s},
    "offset": {"offset": P.offset},
    "no intercept": {"fit_intercept": False},
    "scale and shift": {"scale": SCALE, "shift": SHIFT},
}


@pytest.fixture
def unscreened(monkeypatch):
    """Return a function that calls another one with screening switched off."""

    def call(function, *arguments, **options):
        with monkeypatch.context() as patch:
            patch.setattr(screening, "MOST", -1.0)
            return function(*arguments, **options)

    return call


def features_let_in(result):
    words = result.message.split()
    return int(words[words.index("of") - 1]) if "features" in words else None


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("sparse", [False, True])
def test_the_optima_are_those_of_all_features(setting, sparse, unscreened):
    matrix = csr_matrix(X) if sparse else X
    expected = unscreened(fs.path, X, P.y, l1s=L1S, tol=1e-9, **setting)

    path = fs.path(matrix, P.y, l1s=L1S, tol=1e-9, **setting)

    assert path.status == ["converged"] * len(L1S)
    assert any(0 < (features_let_in(result) or 0) < 90 for result in path)
    np.testing.assert_allclose(path.loss, expected.loss, rtol=1e-12)
    np.testing.assert_allclose(path.W, expected.W, atol=1e-6)
    np.testing.assert_array_equal(path.W != 0, expected.W != 0)
    assert (path.grad_norm <= 1e-9).all()
    assert all(abs(result.duality_gap) <= 1e-7 for result in path)


def test_what_was_left_out_wrongly_is_let_in(monkeypatch, unscreened):
    expected = unscreened(fs.fit, X, P.y, l1=0.05, tol=1e-9)
    calls, part, near = [], screening.Part, screening.NEAR
    monkeypatch.setattr(screening, "Part", lambda whole, kept: calls.append(kept.sum()) or part(whole, kept))
    # With this NEAR no feature is let in at first but the steepest.
    monkeypatch.setattr(screening, "NEAR", 100.0)

    def relax(state):
        monkeypatch.setattr(screening, "NEAR", near)

    result = fs.fit(X, P.y, l1=0.05, tol=1e-9, callback=relax)

    assert calls[0] == 1
    assert 2 <= len(calls) <= 10
    assert np.all(np.diff(calls) > 0)
    assert result.status == "converged"
    assert result.loss == pytest.approx(expected.loss, rel=1e-12)
    np.testing.assert_array_equal(result.history["iteration"], np.arange(result.n_iter + 1))
    assert np.all(np.diff(result.history["n_passes"]) >= 0)
    assert np.all(np.diff(result.history["loss"]) <= 1e-15)


@pytest.fixture
def warm():
    """An L1 fit that starts at the result of another one."""
    first = fs.fit(X, P.y, l1=0.08, tol=1e-9)

    def fit(**options):
        return fs.fit(X, P.y, **{"l1": 0.07, "tol": 0.0, "init": (first.W, first.b), **options})

    return fit


def test_the_callback_sees_all_of_W(warm):
    states = []
    result = warm(max_iter=5, callback=states.append)
    assert features_let_in(result) < 90
    assert [state.iteration for state in states] == list(range(6))
    assert states[-1].W.shape == (3, 300)
    np.testing.assert_array_equal(states[-1].W, result.W)
    assert result.status == "max_iter"
    assert result.n_iter == 5


def test_the_result_is_judged_on_all_features(warm):
    result = warm(callback=lambda state: state.iteration == 3)
    assert result.status == "callback"
    loss, grad_W, grad_b = fs.loss_grad(X, P.y, result.W, result.b)
    least = np.where(result.W, grad_W + 0.07 * np.sign(result.W), np.maximum(np.abs(grad_W) - 0.07, 0))
    assert result.loss == pytest.approx(loss + 0.07 * np.abs(result.W).sum(), rel=1e-14)
    assert result.grad_norm == pytest.approx(max(np.abs(least).max(), np.abs(grad_b).max()), rel=1e-9)
    assert result.history["loss"][-1] == result.loss
    assert result.n_passes == result.history["n_passes"][-1] + 2


@pytest.mark.parametrize("evaluations", range(3))
def test_ctrl_c_before_the_first_loss_is_raised(warm, monkeypatch, evaluations):
    """The first evaluation looks at all features; the second is the start of the fit on those let in."""
    loss_grad, count = Objective.loss_grad, iter(range(100))

    def interrupt(self, theta):
        if next(count) == evaluations:
            raise KeyboardInterrupt
        return loss_grad(self, theta)

    monkeypatch.setattr(Objective, "loss_grad", interrupt)
    if evaluations < 2:
        with pytest.raises(KeyboardInterrupt):
            warm()
    else:
        assert warm().status == "interrupted"


def test_ctrl_c_keeps_the_best(warm):
    def callback(state):
        if state.iteration == 3:
            signal.raise_signal(signal.SIGINT)

    result = warm(callback=callback)
    assert result.status == "interrupted"
    assert len(result.history) == 4
    assert result.loss == result.history["loss"].min()
    loss, *_ = fs.loss_grad(X, P.y, result.W, result.b)
    assert result.loss == pytest.approx(loss + 0.07 * np.abs(result.W).sum(), rel=1e-14)


def test_a_pass_counts_by_its_share(warm, unscreened):
    assert warm(tol=1e-8).n_passes < 0.7 * unscreened(warm, tol=1e-8).n_passes
    whole = make_objective(X, P.y, l1=0.1)
    part = whole.columns(np.arange(75))
    for _ in range(5):
        part.loss_grad(np.zeros(part.n_params))
    assert whole.n_passes == 2  # half of the features, and the begun pass counts


def test_a_feature_without_entries_may_have_had_a_weight():
    W = np.zeros((3, 300))
    W[0, 5] = 1.0
    empty = X.copy()
    empty[:, 5] = 0
    for matrix in (empty, csr_matrix(empty)):
        result = fs.fit(matrix, P.y, l1=0.3, tol=1e-9, init=(W, np.zeros(3)))
        assert result.status == "converged"
        np.testing.assert_array_equal(result.W, 0)


@pytest.mark.bits
@pytest.mark.parametrize("sparse", [False, True])
def test_threads_change_no_bit(sparse):
    p = make_problem(3000, 300, 3, seed=4)
    matrix = csr_matrix(np.where(np.abs(p.X) < 1, 0, p.X)) if sparse else p.X
    one, three = (fs.fit(matrix, p.y, l1=0.02, tol=1e-6, num_threads=threads) for threads in (1, 3))
    assert features_let_in(one) < 300
    np.testing.assert_array_equal(one.W, three.W)
    np.testing.assert_array_equal(one.history["loss"], three.history["loss"])


def test_nan_is_named():
    bad = X.copy()
    bad[7, 2] = np.nan
    with pytest.raises(ValueError, match="X contains NaN at row 7, column 2"):
        fs.fit(bad, P.y, l1=0.1)
