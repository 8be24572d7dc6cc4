"""Ownership of memory: the user's arrays are never written to, and a solver never works on the user's memory."""

import numpy as np
import pytest
import scipy.sparse as sp
from problems import make_problem

import fastsoftmax as fs

P = make_problem(120, 5, 3, seed=1)
FITS = [(solver, {}) for solver in ("auto", "gd", "agd", "sgd", "lbfgs", "preconditioned-lbfgs")]
FITS += [("auto", {"l1": 0.3}), ("proximal", {"l1": 0.01})]  # with features left out, and with all


def frozen(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def frozen_csr(X):
    X = sp.csr_matrix(X)
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    return X


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("solver", "penalty"), FITS)
def test_a_callback_cannot_write_to_the_solvers_memory(solver, penalty, fit_intercept):
    def fit(callback):
        return fs.fit(
            P.X, P.y, solver=solver, fit_intercept=fit_intercept, callback=callback, random_state=0, **penalty
        )

    seen = []

    def meddle(state):
        seen.append((state, state.W.copy(), state.b.copy()))
        for array in (state.W, state.b):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 7

    meddled = fit(meddle)
    np.testing.assert_array_equal(meddled.W, fit(None).W)
    np.testing.assert_array_equal(meddled.b, fit(None).b)
    assert seen
    for state, W, b in seen:  # a state that the callback keeps does not change
        np.testing.assert_array_equal(state.W, W)
        np.testing.assert_array_equal(state.b, b)
    meddled.W[:], meddled.b[:] = 1, 1  # the result is the user's


def test_a_callback_of_a_path_cannot_write_either():
    def meddle(state):
        with pytest.raises(ValueError, match="read-only"):
            state.W[...] = 7

    penalties = {"l2s": [1.0, 0.1], "l1s": 0.01}
    expected = fs.path(P.X, P.y, **penalties)
    np.testing.assert_array_equal(fs.path(P.X, P.y, callback=meddle, **penalties).W, expected.W)


@pytest.mark.parametrize("make", [frozen, frozen_csr], ids=["dense", "csr"])
@pytest.mark.parametrize("soft", [False, True])
def test_arguments_are_never_written_to(make, soft):
    X, y, W, b, s, offset = make(P.X), frozen(P.Y if soft else P.y), *map(frozen, (P.W, P.b, P.s, P.offset))
    scale, shift = frozen(P.W[0] + 5), frozen(P.W[1])
    fs.loss_grad(X, y, W, b, sample_weight=s, scale=scale, shift=shift, l2=0.1)
    fs.predict_proba(X, W, b, scale=scale, shift=shift)
    fs.standardization(X, sample_weight=s)
    fs.softmax(offset), fs.log_softmax(offset), fs.cross_entropy_grad(offset, y, sample_weight=s)
    if make is frozen:
        fs.gram(X, s, scale=scale, shift=shift)
    for solver, penalty in FITS:
        settings = dict(solver=solver, init=(W, b), sample_weight=s, offset=offset, max_iter=3, **penalty)
        result = fs.fit(X, y, scale=scale, shift=shift, **settings)
        assert not np.shares_memory(result.W, W)
    l2s = frozen(np.array([1.0, 0.1]))
    fs.path(X, y, l2s=l2s, init=(W, b))
    # With max_iter=0 the result is the start, but not its memory.
    still = fs.fit(X, y, init=(W, b), max_iter=0)
    assert not np.shares_memory(still.W, W)
    assert not np.shares_memory(still.b, b)


def test_what_a_stream_goes_on_from_is_not_its_coefficients():
    halves = (P.X[:60], P.y[:60]), (P.X[60:], P.y[60:])

    def stream(meddle):
        model = fs.SoftmaxRegression(solver="sgd", random_state=0).partial_fit(*halves[0], classes=[0, 1, 2])
        if meddle:
            model.coef_[:], model.intercept_[:] = 7, 7
        return model.partial_fit(*halves[1]).coef_

    np.testing.assert_array_equal(stream(True), stream(False))
