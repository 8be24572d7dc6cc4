"""path: the optima of separate fits, in fewer passes."""

import numpy as np
import pytest
import scipy.sparse as sp
from problems import make_problem
from tolerances import SAME

import fastsoftmax as fs
from fastsoftmax.problem.objective import Objective

L2S = np.geomspace(1e-1, 1e-5, 9)
P = make_problem(500, 8, 4, seed=1)


@pytest.mark.parametrize("solver", ["auto", "lbfgs", "gd"])
@pytest.mark.parametrize("soft", [False, True])
def test_every_optimum_is_that_of_a_fit_of_its_own(solver, soft):
    arguments = dict(
        solver=solver,
        tol=1e-7,
        max_iter=20_000,
        sample_weight=P.s,
        offset=P.offset,
        scale=np.linspace(0.5, 2, 8),
        shift=0.1,
    )
    y = P.Y if soft else P.y
    l2s = L2S[:5]
    path = fs.path(P.X, y, l2s=l2s, **arguments)
    assert path.W.shape == (5, 4, 8)
    assert path.b.shape == (5, 4)
    for result, l2 in zip(path, l2s, strict=True):
        alone = fs.fit(P.X, y, l2=l2, **arguments)
        assert result.status == "converged"
        assert result.loss == pytest.approx(alone.loss, rel=1e-9)
        np.testing.assert_allclose(result.W, alone.W, atol=1e-4)


@pytest.mark.parametrize("sparse", [False, True])
def test_warm_starts_save_passes(digits, sparse):
    X, y = digits
    X = sp.csr_matrix(X) if sparse else X
    path = fs.path(X, y, l2s=L2S, tol=1e-4)
    alone = [fs.fit(X, y, l2=l2, tol=1e-4).n_passes for l2 in L2S]
    assert path.n_passes.sum() < 0.8 * sum(alone)


def test_results_are_in_the_order_of_the_penalties():
    shuffled = np.random.default_rng(0).permutation(L2S)
    path = fs.path(P.X, P.y, l2s=shuffled)
    ordered = fs.path(P.X, P.y, l2s=L2S)
    np.testing.assert_array_equal(path.l2s, shuffled)
    np.testing.assert_array_equal(path.l1s, 0)
    position = np.argsort(-shuffled)
    np.testing.assert_array_equal(path.W[position], ordered.W)
    np.testing.assert_array_equal(path.loss[position], ordered.loss)
    assert len(path) == len(list(path)) == len(path.status) == len(path.n_iter) == len(path.grad_norm)
    assert path[-1] is list(path)[-1]
    assert path[:2] == [path[0], path[1]]


def test_a_warm_start_that_is_the_optimum_is_one_pass_and_a_curvature():
    exact = fs.fit(P.X, P.y, l2=0.1, tol=1e-8)
    path = fs.path(P.X, P.y, l2s=0.1, init=(exact.W, exact.b), tol=1e-6)
    assert path.n_iter.tolist() == [0]
    assert path.n_passes.tolist() == [3]
    assert path[0].distance <= 1e-6


def test_no_fit_of_a_path_stays_where_the_one_before_ended():
    # The classes are separated: from some penalty on, the gradient at the minimum of the one before is below tol.
    X = np.random.default_rng(0).normal(size=(300, 4))
    y = (X @ [[1, -1, 0], [0, 1, -1], [2, 0, 1], [1, 1, 1]]).argmax(axis=1)
    l2s = np.geomspace(1e-2, 1e-9, 8)
    for result, l2 in zip(fs.path(X, y, l2s=l2s), l2s, strict=True):
        assert result.loss <= (1 + 1e-3) * fs.fit(X, y, l2=l2, tol=1e-10, max_iter=3000).loss


def test_one_penalty_is_fit():
    alone = fs.fit(P.X, P.y, l2=0.01)
    path = fs.path(P.X, P.y, l2s=[0.01])
    np.testing.assert_allclose(path[0].W, alone.W, rtol=SAME, atol=SAME)
    assert path.n_passes[0] == alone.n_passes


def test_without_an_intercept():
    path = fs.path(P.X, P.y, l2s=[0.1, 0.01], fit_intercept=False)
    np.testing.assert_array_equal(path.b, 0)


def test_components_of_a_similar_penalty_are_shared(monkeypatch, digits):
    from fastsoftmax.problem.basis import Basis

    found = []
    of = Basis.of.__func__
    monkeypatch.setattr(Basis, "of", classmethod(lambda cls, *rest: found.append(rest[1].penalty.l2) or of(cls, *rest)))
    X, y = np.tile(digits[0], (5, 1)), np.tile(digits[1], 5)
    path = fs.path(X, y, l2s=[1e-2, 0.9e-2, 0.6e-2, 1e-4], tol=1e-6)
    assert path.status == ["converged"] * 4
    assert found == [1e-2, 1e-4]


def test_callback_sees_every_fit_and_ends_one():
    starts = []

    def callback(state):
        starts.append(state.iteration)
        return state.iteration == 2

    path = fs.path(P.X, P.y, l2s=[0.1, 0.01], tol=0, callback=callback)
    assert starts == [0, 1, 2] * 2
    assert path.status == ["callback"] * 2


def test_ctrl_c_ends_the_path():
    starts = []

    def callback(state):
        starts.append(state.iteration == 0)
        if sum(starts) == 2:
            raise KeyboardInterrupt

    path = fs.path(P.X, P.y, l2s=[0.001, 0.01, 0.1], tol=1e-3, callback=callback)
    assert path.status == ["interrupted", "converged"]
    np.testing.assert_array_equal(path.l2s, [0.01, 0.1])


@pytest.mark.bits
@pytest.mark.parametrize("penalties", [{"l2s": L2S[:4]}, {"l1s": [0.1, 0.03, 0.01]}], ids=["l2", "l1"])
@pytest.mark.parametrize("sparse", [False, True])
def test_threads_change_no_bit(penalties, sparse):
    p = make_problem(4000, 40, 5, dtype=np.float32)
    X = sp.csr_matrix(np.where(np.abs(p.X) < 1, 0, p.X)) if sparse else p.X
    one, three = (fs.path(X, p.y, **penalties, num_threads=threads) for threads in (1, 3))
    np.testing.assert_array_equal(one.W, three.W)
    np.testing.assert_array_equal(one.b, three.b)
    np.testing.assert_array_equal(one.loss, three.loss)


@pytest.mark.parametrize("finished", [0, 1])
def test_ctrl_c_between_two_fits_keeps_those_that_are_done(monkeypatch, finished):
    loss_grad, ended = Objective.loss_grad, []

    def interrupt(self, theta):
        if len(ended) == finished:
            raise KeyboardInterrupt
        return loss_grad(self, theta)

    monkeypatch.setattr(Objective, "loss_grad", interrupt)

    def callback(state):
        if state.iteration == 3:
            ended.append(True)
            return True

    if not finished:
        with pytest.raises(KeyboardInterrupt):
            fs.path(P.X, P.y, l2s=[0.01, 0.1], callback=callback)
        return
    path = fs.path(P.X, P.y, l2s=[0.01, 0.1], tol=0, callback=callback)
    assert path.status == ["callback"]
    np.testing.assert_array_equal(path.l2s, [0.1])


BAD = {
    "none": ({}, r"l2s or l1s must be given"),
    "negative": ({"l2s": [1.0, -2.0]}, r"l2s\[1\] must be a non-negative finite number, found -2.0"),
    "nan": ({"l1s": [np.nan]}, r"l1s\[0\] must be .* found nan"),
    "text": ({"l2s": ["strong"]}, r"l2s\[0\] must be a non-negative number, found 'strong'"),
    "empty": ({"l2s": []}, r"l2s must be .* found shape \(0,\)"),
    "matrix": ({"l2s": [[1.0]]}, r"l2s must be .* found shape \(1, 1\)"),
    "lengths": ({"l2s": [1.0, 2.0], "l1s": [1.0, 2.0, 3.0]}, "same length, found 2 and 3"),
    "solver": ({"l2s": [1.0], "solver": "magic"}, "found 'magic'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    arguments, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        fs.path(P.X, P.y, **arguments)


def test_nan_in_the_data_is_named():
    X = P.X.copy()
    X[7, 2] = np.nan
    with pytest.raises(ValueError, match="X contains NaN at row 7, column 2"):
        fs.path(X, P.y, l2s=[1.0])
