"""The loss itself as a model on sparse rows: it ends where F has no descent direction, and tells how far F falls."""

import numpy as np
import pytest
from problems import make_problem
from scipy.sparse import csr_matrix
from tolerances import SAME

import fastsoftmax as fs
from fastsoftmax.data.features import bind_features
from fastsoftmax.families import SOFTMAX
from fastsoftmax.penalties.arguments import as_penalty
from fastsoftmax.problem.block import BlockPlan
from fastsoftmax.problem.loss import Loss
from fastsoftmax.problem.objective import Objective
from fastsoftmax.solvers.proximal import least_subgradient
from fastsoftmax.solvers.sparse import SparseModel

PLAN = BlockPlan(False, False, True, is_sparse=True)
N_FEATURES = 8
PENALTIES = {
    "l1": {},
    "elastic net": {"l2": 0.05},
    "free feature": {"penalty_factor": np.r_[0.0, np.ones(N_FEATURES - 1)]},
    "bounds": {"bounds": (-0.1, np.inf)},
    "groups": {"group": "classes"},
    "groups and l2": {"group": "classes", "l2": 0.05},
}
SAMPLES = ["labels", "weights", "counts", "offset", "no intercept", "dense"]


def make(penalty, samples, n_classes):
    p = make_problem(120, N_FEATURES, n_classes)
    X = p.X if samples == "dense" else csr_matrix(np.where(np.abs(p.X) < 0.8, 0, p.X))
    y = p.Y if samples == "counts" else p.y
    offset = np.random.default_rng(5).standard_normal((120, n_classes)) if samples == "offset" else None
    if offset is not None:
        offset[np.arange(120), (p.y + 1) % n_classes] = -np.inf
    weight = p.s if samples == "weights" else None
    features = bind_features(X, None, None)
    bound = SOFTMAX.samples(y, 120, features.dtype, n_outputs=n_classes, sample_weight=weight, offset=offset)
    options = {"l1": 0.02, "l2": 0.0} | PENALTIES[penalty]
    penalty = as_penalty(options.pop("l2"), options.pop("l1"), (n_classes, N_FEATURES), **options)
    return Objective(Loss(features, bound, SOFTMAX, fit_intercept=samples != "no intercept"), penalty)


def model_of(objective, theta):
    entries = objective.penalty.on_entries(np.arange(objective.n_params), objective.shape)
    grad = objective.loss_grad(theta)[1]
    rows = objective.block(theta, entries.entries, PLAN)
    return SparseModel(grad[entries.entries], theta[entries.entries], entries, rows)


def F(objective, theta):
    return objective.loss_grad(theta)[0] + objective.penalty.absolute(objective.split(theta)[0])


@pytest.mark.parametrize("n_classes", [2, 3, 9])
@pytest.mark.parametrize("samples", SAMPLES)
@pytest.mark.parametrize("penalty", PENALTIES)
def test_it_ends_at_the_minimum(penalty, samples, n_classes):
    objective = make(penalty, samples, n_classes)
    start = 0.3 * np.random.default_rng(1).standard_normal(objective.n_params)
    W = objective.split(start)[0]
    W[np.abs(W) < 0.2] = 0
    W[:] = objective.penalty.nearest(W)
    theta, fallen = start.copy(), 0.0
    for _ in range(5):
        model = model_of(objective, theta)
        theta[model.penalty.entries] = model.minimize(1e-9)
        fallen += model.fall()
        assert model.fall() <= 0
    grad = objective.loss_grad(theta)[1]
    least = least_subgradient(objective, grad, theta, np.flatnonzero(theta))
    assert np.abs(least).max() < 1e-8
    assert fallen == pytest.approx(F(objective, theta) - F(objective, start), abs=SAME)
    np.testing.assert_array_equal(objective.split(theta)[0], objective.penalty.nearest(objective.split(theta)[0]))


def test_a_loose_accuracy_is_enough_and_lowers_the_loss():
    objective = make("l1", "labels", 3)
    start = np.zeros(objective.n_params)
    model = model_of(objective, start)
    theta = start.copy()
    theta[model.penalty.entries] = model.minimize(0.1)
    before, after = (
        np.abs(least_subgradient(objective, objective.loss_grad(at)[1], at, np.flatnonzero(at))).max()
        for at in (start, theta)
    )
    assert after <= 0.1 * before
    assert model.fall() < 0


@pytest.mark.parametrize("group", [None, "classes"])
def test_constant_and_empty_features_get_no_weights(group):
    p = make_problem(200, 3, 3)
    constant, empty = np.ones((200, 1)), np.zeros((200, 1))
    X = csr_matrix(np.hstack([constant, np.where(p.X > 0, p.X, 0), empty]))
    result = fs.fit(X, p.y, l1=1e-3, group=group, tol=1e-8)
    dense = fs.fit(X.toarray(), p.y, l1=1e-3, group=group, tol=1e-8)
    assert result.status == dense.status == "converged"
    assert not result.W[:, [0, 4]].any()
    np.testing.assert_allclose(result.W, dense.W, atol=1e-6)
    np.testing.assert_allclose(result.loss, dense.loss, atol=1e-10)


def test_dense_features_that_are_mostly_zero_are_fitted_as_sparse_ones():
    p = make_problem(400, 30, 4)
    X = np.where(p.X > 1, p.X, 0)
    sparse, dense, full = (fs.fit(x, p.y, l1=1e-3, tol=1e-8) for x in (csr_matrix(X), X, X + 0.5))
    assert dense.n_passes == sparse.n_passes
    np.testing.assert_allclose(dense.W, sparse.W, atol=1e-6)
    np.testing.assert_allclose(full.loss, sparse.loss, atol=1e-10)  # a shift moves the intercepts alone


@pytest.mark.bits
def test_the_bits_are_those_of_any_number_of_threads():
    p = make_problem(3000, 60, 5)
    X = csr_matrix(np.where(p.X > 1.2, p.X, 0))
    one, two = (fs.fit(X, p.y, l1=1e-4, l2=1e-5, num_threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.W, two.W)
    np.testing.assert_array_equal(one.b, two.b)


@pytest.mark.parametrize("group", [None, "classes"])
def test_what_new_memory_holds_changes_nothing(monkeypatch, group):
    rng, fresh = np.random.default_rng(0), np.empty
    X, y = csr_matrix(rng.random((111, 108)) * (rng.random((111, 108)) < 0.1)), rng.integers(0, 3, 111)

    def fit_with(value):
        def filled(*args, **kwargs):
            array = fresh(*args, **kwargs)
            if array.dtype.kind == "f":
                array.fill(value)
            return array

        monkeypatch.setattr(np, "empty", filled)
        return fs.fit(X, y, l1=0.003, group=group, max_iter=30)

    np.testing.assert_array_equal(fit_with(0.0).W, fit_with(np.nan).W)
