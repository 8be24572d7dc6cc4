"""What is known of the Hessian: a bound, an approximation, and the samples that both are estimated from."""

import numpy as np
import pytest
from problems import make_objective, make_problem

from fastsoftmax.problem.sample import draw, sample_rows


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

    solved = objective.curvature(theta).solve(objective.hess_vec(theta, direction))

    np.testing.assert_allclose(solved, direction, atol=1e-3 * np.abs(direction).max())


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
    [np.zeros(30_000), np.ones(30_000), np.r_[np.full(3000, 1e12), np.linspace(0, 1, 27_000)].astype(np.float32)],
    ids=["none", "equal", "unequal"],
)
def test_rows_are_drawn_by_their_importance(importance):
    rows, probability = draw(importance)
    assert len(rows) == pytest.approx(sample_rows(len(importance)), rel=0.05)
    assert (np.diff(rows) > 0).all()
    assert ((probability > 0) & (probability <= 1)).all()
    # Sums over the rows, each over its probability, are unbiased.
    assert (1 / probability).sum() == pytest.approx(len(importance), rel=0.1)
    if importance[0] == 1e12:
        np.testing.assert_array_equal(rows[:3000], np.arange(3000))
