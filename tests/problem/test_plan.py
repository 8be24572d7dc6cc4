"""How much of the Hessian is computed, and from which rows."""

import numpy as np
import pytest
import scipy.sparse as sp
from problems import make_objective
from sklearn.datasets import load_breast_cancer, load_digits

import fastsoftmax as fs
from fastsoftmax.data.features import bind_features
from fastsoftmax.families import as_family
from fastsoftmax.penalties import ElasticNet
from fastsoftmax.problem.loss import Loss
from fastsoftmax.problem.objective import Objective
from fastsoftmax.problem.plan import BLOCK_PASSES, MAX_WHOLE, SMALL_BLOCK, plan
from fastsoftmax.problem.sample import NEGLIGIBLE, Importance, draw, draw_sample


def test_a_longer_fit_is_worth_the_whole_hessian():
    sizes = {"n_samples": 6000, "n_inputs": 65, "n_classes": 10, "pass_work": 1e7}
    early = plan(6000, **sizes, n_passes=1)
    assert 0 < early.n_leading < 65
    assert not early.is_exact
    assert early.price <= BLOCK_PASSES < early.better_at < 1000
    before, after = (plan(6000, **sizes, n_passes=int(early.better_at) + more) for more in (0, 1))
    assert before == early
    assert after.n_leading == 65
    assert after.better_at == np.inf


def test_rows_that_do_not_matter_make_it_cheaper():
    sizes = {"n_samples": 6000, "n_inputs": 65, "n_classes": 10, "pass_work": 1e7}
    few, all_rows = plan(300, **sizes, n_passes=1), plan(6000, **sizes, n_passes=1)
    assert few.better_at < all_rows.better_at / 2
    assert plan(300, **sizes, n_passes=100).n_rows == 300
    assert plan(300, **sizes, n_passes=100).is_exact


@pytest.mark.parametrize("n_classes", [2, 7, 30])
def test_a_small_hessian_is_always_whole_and_a_large_one_never(n_classes):
    small, large = SMALL_BLOCK // (n_classes - 1), MAX_WHOLE // (n_classes - 1) + 1
    assert plan(10**6, 10**6, small, n_classes, 5e6, 1).n_leading == small
    endless = plan(10**6, 10**6, large, n_classes, 5e6, 10**9)
    assert endless.n_leading < large
    assert endless.better_at == np.inf


def test_the_weighty_rows_carry_nearly_everything():
    X = np.random.default_rng(1).standard_normal((4000, 3)).astype(np.float32)
    objective = make_objective(X, (X[:, 0] > 0).astype(int), l2=1e-6)
    theta = np.r_[-40.0, 0, 0, 40, 0, 0, 0, 0]
    spans = 1 + (X.astype(float) ** 2).sum(axis=1)
    importance = Importance.at(objective.loss, theta, spans)
    p = 1 / (1 + np.exp(-80 * X[:, 0].astype(float)))
    unsure = np.minimum(p, 1 - p) > 1e-3
    np.testing.assert_allclose(importance.of_rows[unsure], (2 * p * (1 - p) * spans)[unsure], rtol=1e-3)
    assert importance.n_weighty < 400
    sample = draw_sample(objective.loss, theta, importance, importance.n_weighty, np.dtype(float))
    assert len(sample.X) == importance.n_weighty
    assert sample.left_out == pytest.approx(1 - len(sample.X) / 4000)
    weightiest = np.sort(importance.of_rows)[::-1]
    assert weightiest[: len(sample.X)].sum() >= (1 - NEGLIGIBLE) * weightiest.sum()
    assert weightiest[: len(sample.X) - 1].sum() < (1 - NEGLIGIBLE) * weightiest.sum()
    assert np.abs(sample.X[:, 0]).max() < np.abs(X[:, 0]).max() / 2


def test_rows_of_an_importance_serve_while_they_tell_enough():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((30_000, 4))
    y = rng.poisson(np.exp(X[:, 0]))
    features = bind_features(X)
    family = as_family("poisson")
    objective = Objective(Loss(features, family.samples(y, len(X), X.dtype), family), ElasticNet(1e-3, 0.0))
    grad = np.ones(objective.n_params)
    theta = np.r_[1.0, 0.1, 0.0, 0.0, 0.0]
    passes = []
    for at in (theta, 1.05 * theta, -theta, theta):
        before = objective.n_passes
        curvature = objective.curvature(at, grad)
        passes.append(objective.n_passes - before)
        v = rng.standard_normal(objective.n_params)
        np.testing.assert_allclose(curvature.solve(objective.hess_vec(at, v)), v, atol=0.2 * np.abs(v).max())
    # An importance is a pass, and the means of the drawn rows are a sixth of one, of which the first begins another.
    assert passes == [2, 0, 1, 1]


def test_where_the_model_is_sure_of_all_rows_their_weights_decide():
    X = np.array([[-1.0], [1.0]] * 600)
    s = np.arange(1.0, 1201)
    objective = make_objective(X, (X[:, 0] > 0).astype(int), sample_weight=s)
    importance = Importance.at(objective.loss, np.array([-1e5, 1e5, 0, 0]), None)
    np.testing.assert_allclose(importance.of_rows, s / s.mean())
    rows, _ = draw(importance.of_rows, 300)
    assert (rows >= 600).mean() > 0.6


def rare_features():
    """Digits, each jittered, whose dead pixels are non-zero in a few rows each: z-scores of up to 50."""
    rng = np.random.default_rng(5)
    digits, labels = load_digits(return_X_y=True)
    rows = rng.integers(len(digits), size=4000)
    X = np.clip(digits[rows] + rng.integers(-2, 3, (4000, 64)) * (digits[rows] > 0), 0, 16)
    for j in np.flatnonzero((digits > 0).mean(axis=0) < 0.05):
        X[:, j] = 0
        X[rng.choice(4000, rng.integers(2, 15), replace=False), j] = rng.integers(1, 9)
    spread = X.std(axis=0)
    return ((X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype(np.float32), labels[rows]


@pytest.mark.parametrize(("C", "most"), [(1, 60), (100, 150), (10_000, 400)])
def test_nearly_separated_classes_and_rare_features_take_few_passes(C, most):
    X, y = rare_features()
    l2 = 1 / (C * len(y))
    best = fs.fit(X, y, l2=l2, tol=1e-6, max_iter=3000).loss
    result = fs.fit(X, y, l2=l2, tol=0, callback=lambda state: state.loss <= best * (1 + 1e-4))
    assert result.status == "callback"
    assert result.n_passes <= most


def test_float32_reaches_the_minimum_of_nearly_separated_classes():
    X, y = load_breast_cancer(return_X_y=True)
    X, l2 = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32), 1e-4 / len(y)
    best = fs.fit(X.astype(np.float64), y, l2=l2, tol=1e-9, max_iter=5000)
    result = fs.fit(X, y, l2=l2, tol=1e-7, max_iter=5000)
    assert result.loss == pytest.approx(best.loss, rel=1e-5)


@pytest.mark.parametrize(("l2", "most"), [(1e-7, 180), (1e-9, 300)])
@pytest.mark.parametrize("offset", [0.0, 1e5], ids=["centred", "far from zero"])
def test_weak_penalties_on_nearly_separated_classes_take_few_passes(l2, most, offset):
    rng = np.random.default_rng(7)
    X = rng.normal(size=(60, 12))
    y = (3 * X @ rng.normal(size=(12, 8)) / 12**0.5 + rng.gumbel(size=(60, 8))).argmax(axis=1)
    y[:8] = np.arange(8)  # labels that no weak penalty would choose
    best = fs.fit(X, y, l2=l2, tol=1e-12, max_iter=3000).loss
    X += offset * rng.random(12)
    result = fs.fit(X, y, l2=l2, tol=0, max_iter=1000, callback=lambda state: state.loss <= best * (1 + 1e-8))
    assert result.status == "callback"
    assert result.n_passes <= most


@pytest.mark.parametrize("seed", [0, 2])
def test_where_labels_are_noise_the_curvature_is_renewed_though_the_loss_hardly_falls(seed):
    rng = np.random.default_rng(seed)
    X = 20 + np.exp(0.7 * rng.normal(size=(3000, 60))) @ (np.eye(60) + 0.2 * rng.normal(size=(60, 60)))
    y = ((X - X.mean(axis=0)) @ rng.normal(size=(60, 8)) / 50 + 3 * rng.gumbel(size=(3000, 8))).argmax(axis=1)
    result = fs.fit(X, y, l2=1e-7, tol=1e-8)
    assert result.status == "converged"
    assert result.loss > 0.9 * np.log(8)
    assert result.n_passes <= 50


def test_a_longer_fit_of_words_is_worth_their_components():
    rng = np.random.default_rng(1)
    lengths = rng.poisson(12, 2000) + 1
    words = (np.minimum(rng.zipf(1.3, lengths.sum()), 1e8) - 1).astype(np.intp) % 300
    X = sp.csr_array((np.ones(len(words)), words, np.r_[0, lengths.cumsum()]), shape=(2000, 300))
    X.sum_duplicates()
    y = (0.4 * X @ rng.normal(size=(300, 4)) + rng.gumbel(size=(2000, 4))).argmax(axis=1)
    result = fs.fit(X, y, l2=1e-5, tol=1e-9)
    assert result.status == "converged"
    assert result.n_passes <= 350
