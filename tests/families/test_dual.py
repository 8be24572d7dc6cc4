"""Coordinate ascent on the dual, with which a fit to sparse samples begins."""

import numpy as np
import pytest
import scipy.sparse
from problems import make_objective
from tolerances import ASCENT

import fastsoftmax as fs
from fastsoftmax.problem.objective import EPOCHS


def sparse_problem(dtype=np.float64, n=400, n_features=1500, n_classes=5):
    rng = np.random.default_rng(0)
    X = scipy.sparse.random_array((n, n_features), density=0.01, format="csr", rng=rng, dtype=dtype)
    logits = X @ rng.standard_normal((n_features, n_classes)) * 6
    return X, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_the_first_step_is_near_the_optimum(dtype, fit_intercept, weighted):
    X, y = sparse_problem(dtype)
    settings = dict(l2=1e-3, fit_intercept=fit_intercept, tol=1e-7)
    if weighted:
        settings["sample_weight"] = np.random.default_rng(1).integers(0, 4, len(y))
    best = fs.fit(X.toarray().astype(np.float64), y, **settings).loss
    result = fs.fit(X, y, **settings)
    assert result.status == "converged"
    assert result.loss == pytest.approx(best, rel=1e-6)
    loss = result.history["loss"]
    assert loss[1] - best <= 1e-2 * (loss[0] - best)


@pytest.mark.parametrize("n_classes", [2, 3, 5, 17, 70])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_ascent_leads_to_the_optimum(dtype, n_classes):
    X, y = sparse_problem(dtype, n_classes=n_classes)
    y[:n_classes], y[n_classes:300] = range(n_classes), 0  # one frequent class makes the intercepts large
    objective = make_objective(X, y, l2=1e-3)
    best = fs.fit(X.toarray().astype(np.float64), y, l2=1e-3, tol=1e-12).loss
    points = objective.ascend(np.zeros(objective.n_params))
    losses = [objective.loss_grad(next(points))[0] for _ in range(20)]
    assert losses[-1] == pytest.approx(best, rel=ASCENT[dtype])
    assert objective.n_passes == 1 + 20 * (EPOCHS + 1)  # from some rows it knows that the ascent pays


def test_soft_targets_and_scaled_features():
    X, y = sparse_problem()
    rng = np.random.default_rng(2)
    Y, scale = rng.random((len(y), 4)) + 3 * np.eye(4)[y % 4], rng.random(X.shape[1]) + 0.5
    result = fs.fit(X, Y, scale=scale, l2=1e-2, tol=1e-8)
    best = fs.fit(X.toarray() * scale, Y, l2=1e-2, tol=1e-8).loss
    assert result.loss == pytest.approx(best, rel=1e-10)
    loss = result.history["loss"]
    assert loss[2] - best <= 1e-2 * (loss[0] - best)


@pytest.mark.bits
def test_the_bits_do_not_depend_on_threads():
    X, y = sparse_problem(np.float32)
    one, two = (fs.fit(X, y, l2=1e-3, num_threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.W, two.W)


@pytest.mark.parametrize("l2", [1e-7, 1e3])
def test_penalties_that_ascent_is_slow_or_trivial_for(l2):
    X, y = sparse_problem()
    dense = fs.fit(X.toarray(), y, l2=l2, tol=1e-9)
    assert fs.fit(X, y, l2=l2, tol=1e-9).loss == pytest.approx(dense.loss, rel=1e-4)
