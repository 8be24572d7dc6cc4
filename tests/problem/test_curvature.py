"""What is known of the Hessian: a bound, an approximation, and the samples that both are estimated from."""

import numpy as np
import pytest
from problems import make_objective, make_problem
from scipy.sparse import csr_matrix

import fastsoftmax as fs
from fastsoftmax.data.features import bind_features
from fastsoftmax.problem.sample import draw


@pytest.mark.parametrize("n_features", [1, 2, 22, 23, 24, 60])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_curvature_bound_is_a_bound_and_near(n_features, fit_intercept):
    p = make_problem(150, n_features, 3)
    weights = p.s / p.s.mean()
    objective = make_objective(p.X, p.Y, sample_weight=weights, l2=0.2, fit_intercept=fit_intercept)
    Z = np.hstack([p.X, np.ones((150, 1))]) if fit_intercept else p.X
    mass = weights * p.Y.sum(axis=1)
    exact = 0.5 * np.linalg.eigvalsh(Z.T * mass @ Z)[-1] / 150 + 0.2
    assert exact <= objective.curvature_bound() <= 1.02 * exact


@pytest.mark.parametrize("n_classes", [3, 25])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_curvature_of_few_samples_and_inputs_is_the_hessian(n_classes, fit_intercept):
    p = make_problem(400, 11, n_classes, dtype=np.float64)
    objective = make_objective(p.X, p.y, l2=0.01, sample_weight=p.s, fit_intercept=fit_intercept)
    theta, direction = 0.3 * np.random.default_rng(8).standard_normal((2, objective.n_params))
    for part in objective.split(direction):
        part -= part.mean(axis=0)

    solved = objective.curvature(theta, objective.loss_grad(theta)[1]).solve(objective.hess_vec(theta, direction))

    np.testing.assert_allclose(solved, direction, atol=1e-3 * np.abs(direction).max())


@pytest.mark.parametrize("n_classes", [2, 3, 6])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_the_curvature_of_a_small_problem_is_the_hessian_of_all_rows(n_classes, fit_intercept, weighted):
    p = make_problem(300, 5, n_classes, dtype=np.float64)
    X = p.X + np.array([0, 0, 0, 50, 1e4]) if fit_intercept else p.X
    objective = make_objective(X, p.y, l2=1e-3, sample_weight=p.s if weighted else None, fit_intercept=fit_intercept)
    theta, direction = 0.5 * np.random.default_rng(3).standard_normal((2, objective.n_params))
    for vector in theta, direction:
        W, b = objective.split(vector)
        if fit_intercept:
            b -= W @ X.mean(axis=0)
        for part in W, b:
            part -= part.mean(axis=0)
    for at in np.zeros_like(theta), theta:
        curvature = objective.curvature(at, objective.loss_grad(at)[1])
        assert curvature.is_exact
        assert not curvature.is_guess
        solved = objective.split(curvature.solve(objective.hess_vec(at, direction))).W
        W = objective.split(direction).W
        np.testing.assert_allclose(solved, W, rtol=1e-6, atol=1e-6 * np.abs(W).max())


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_model_that_is_sure_of_all_rows_of_a_small_problem_has_the_curvature_of_zero(n_classes):
    p = make_problem(60, 4, n_classes, dtype=np.float64)
    objective = make_objective(p.X, np.zeros(60, int), l2=0.1, n_classes=n_classes)
    zero, sure = np.zeros((2, objective.n_params))
    objective.split(sure).b[0] = 200
    v = np.random.default_rng(0).standard_normal(objective.n_params)
    curvature = objective.curvature(zero, v)
    assert not curvature.is_guess
    guess = objective.curvature(sure, v)
    assert guess.is_guess
    np.testing.assert_allclose(guess.solve(v), curvature.solve(v), rtol=1e-9)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [8, 200])
def test_the_curvature_at_zero_is_the_hessian(n_classes, fit_intercept):
    p = make_problem(700, 60, n_classes, dtype=np.float64)
    objective = make_objective(p.X, p.y, l2=0.01, sample_weight=p.s, fit_intercept=fit_intercept)
    theta, direction = np.zeros(objective.n_params), np.random.default_rng(8).standard_normal(objective.n_params)
    for part in objective.split(direction):
        part -= part.mean(axis=0)

    solved = objective.curvature(theta, objective.loss_grad(theta)[1]).solve(objective.hess_vec(theta, direction))

    np.testing.assert_allclose(solved, direction, atol=1e-3 * np.abs(direction).max())


@pytest.mark.parametrize("offset", [False, True])
def test_the_diagonal_is_that_of_the_hessian(offset):
    p = make_problem(80, 5, 4, dtype=np.float64)
    loss = make_objective(p.X, p.y, l2=0.01, sample_weight=p.s, offset=p.offset if offset else None)
    for theta in np.zeros(loss.n_params), np.random.default_rng(3).standard_normal(loss.n_params):
        hessian = np.stack([loss.hess_vec(theta, column) for column in np.eye(loss.n_params)])
        np.testing.assert_allclose(loss.diagonal(theta), hessian.diagonal(), rtol=1e-9)


def test_a_line_of_some_samples_estimates_that_of_all(monkeypatch):
    X = np.random.default_rng(0).standard_normal((30_000, 5))
    y = X[:, :3].argmax(axis=1)
    objective = make_objective(X, y, l2=0.1)
    theta = np.zeros(objective.n_params)
    direction = -objective.loss_grad(theta)[1]
    assert objective.sample_line(theta, direction) is None  # a pass is as short
    monkeypatch.setattr("fastsoftmax.problem.objective.LINE_WORK", 0)
    passes = objective.n_passes
    phi, estimate = objective.line(theta, direction), objective.sample_line(theta, direction)
    assert objective.n_passes == passes + 2  # one and a part of one
    for t in (0.0, 1.0, 3.0):
        np.testing.assert_allclose(estimate(t), phi(t), rtol=0.1, atol=0.01)
    assert make_objective(X[:1000], y[:1000]).sample_line(theta, direction) is None


@pytest.mark.parametrize(
    "importance",
    [np.ones(30_000), np.r_[np.full(3000, 1e12), np.linspace(0, 1, 27_000)].astype(np.float32)],
    ids=["equal", "unequal"],
)
def test_rows_are_drawn_by_their_importance(importance):
    rows, probability = draw(importance, 5_000)
    assert len(rows) == pytest.approx(5_000, rel=0.05)
    assert (np.diff(rows) > 0).all()
    assert ((probability > 0) & (probability <= 1)).all()
    # Sums over the rows, each over its probability, are unbiased.
    assert (1 / probability).sum() == pytest.approx(len(importance), rel=0.1)
    if importance[0] == 1e12:
        np.testing.assert_array_equal(rows[:3000], np.arange(3000))


@pytest.mark.parametrize("stored", ["dense", "csr"])
@pytest.mark.parametrize("scaled", [False, True])
def test_second_moments_are_those_of_x(stored, scaled):
    p = make_problem(200, 6, 3)
    X = csr_matrix(np.where(p.X > 0.5, p.X, 0)) if stored == "csr" else p.X
    scaling = {"scale": np.linspace(0.5, 2, 6), "shift": np.linspace(-1, 1, 6)} if scaled else {}
    features = bind_features(X, **scaling)
    center, weight = np.linspace(-0.3, 0.4, 6), p.s / p.s.mean()
    expected = weight @ (features.values() - center) ** 2 / 200
    np.testing.assert_allclose(features.second_moments(center, weight, 1), expected, rtol=1e-12)
    np.testing.assert_allclose(
        features.second_moments(center, None, 2), ((features.values() - center) ** 2).mean(axis=0), rtol=1e-12
    )


def rare_features(n_samples=4000, n_features=40, seed=0):
    """Half of the features are one in two to twelve rows and zero elsewhere: most are constant in a sample of rows."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features))
    for j in range(n_features // 2):
        X[:, j] = 0
        X[rng.choice(n_samples, rng.integers(2, 13), replace=False), j] = 1
    logits = X @ rng.standard_normal((n_features, 5))
    return X.astype(np.float32), (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


@pytest.mark.parametrize(("C", "most"), [(1.0, 40), (1e4, 200)])
def test_features_that_the_sample_never_sees_cost_few_passes(C, most):
    X, y = rare_features()
    result = fs.fit(X, y, l2=1 / (C * len(y)), tol=1e-4)
    best = fs.fit(X.astype(np.float64), y, l2=1 / (C * len(y)), tol=1e-8, max_iter=3000)
    assert result.status == "converged"
    assert result.loss <= best.loss * (1 + 1e-3)
    assert result.n_passes <= most


def test_rare_features_of_rows_of_many_observations():
    X, y = rare_features()
    result = fs.fit(X, 64.0 * np.eye(5)[y], l2=64e-6)
    best = fs.fit(X.astype(np.float64), y, l2=1e-6, tol=1e-8, max_iter=3000)
    assert result.status == "converged"
    assert result.loss <= 64 * best.loss * (1 + 1e-3)
    assert result.n_passes <= 200


def test_weights_that_a_user_drew_by_the_same_seed_are_drawn_from():
    weight = np.random.default_rng(0).random(6000)
    rows, probability = draw(weight, 2000)
    assert 1800 < len(rows) < 2200
    assert (probability > 0).all()
