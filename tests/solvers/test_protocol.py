"""Solvers know the protocol alone: any function that follows it is minimised, whatever the sign of its values."""

import numpy as np
import pytest

from fastsoftmax.solvers import LBFGS, AcceleratedGradient, GradientDescent, check_needs, minimize
from fastsoftmax.solvers.loop import State


class Curvature:
    is_guess = is_exact = False
    price, better_at, better_below = 1.0, np.inf, None

    def __init__(self, matrix):
        self.matrix = matrix

    def solve(self, v):
        return np.linalg.solve(self.matrix, v)


class Quadratic:
    """½ ⟨x, A x⟩ − ⟨g, x⟩ + height: nothing of softmax, nothing of data."""

    def __init__(self, height=0.0, floor=-np.inf, lacks=()):
        rng = np.random.default_rng(0)
        root = rng.standard_normal((12, 6))
        self.A, self.g = root.T @ root + np.eye(6), rng.standard_normal(6)
        self.height, self.floor = height, floor
        self.n_params = self.n_weights = 6
        self.asked_threads = 1
        self.n_samples, self.n_passes, self.n_curvatures = 1, 0, 0
        self.l1 = self.l1_of_features = 0.0
        self.lacks = dict.fromkeys(lacks, "a quadratic has no such thing")

    def loss_grad(self, theta):
        self.n_passes += 1
        return 0.5 * theta @ self.A @ theta - self.g @ theta + self.height, self.A @ theta - self.g

    def hess_vec(self, theta, v):
        return self.A @ v

    def line(self, theta, direction):
        def phi(t):
            loss, grad = self.loss_grad(theta + t * direction)
            return loss, grad @ direction

        return phi

    def no_optimum(self, loss):
        return ""

    def sample_line(self, theta, direction):
        return None

    def rough(self, theta):
        return None

    def ascend(self, theta):
        return iter(())

    def curvature(self, theta, grad):
        self.n_curvatures += 1
        return Curvature(np.diag(np.diag(self.A)))

    def curvature_bound(self):
        return float(np.linalg.eigvalsh(self.A)[-1])


METHODS = {
    "gd": GradientDescent,
    "agd": AcceleratedGradient,
    "lbfgs": LBFGS,
    "preconditioned-lbfgs": lambda: LBFGS(preconditioned=True),
}


@pytest.mark.parametrize("height", [0.0, -3.0, -1e4, 1e4])
@pytest.mark.parametrize("name", METHODS)
def test_a_loss_of_any_sign_is_minimised(name, height):
    problem = Quadratic(height)
    start = 100 * np.ones(6)
    found = minimize(problem, METHODS[name](), start, tol=1e-6, max_iter=5000)
    assert found.status == "converged"
    np.testing.assert_allclose(found.theta, np.linalg.solve(problem.A, problem.g), atol=1e-5)


def test_what_rises_far_above_a_negative_start_has_diverged():
    problem = Quadratic(-50.0)
    found = minimize(problem, GradientDescent(1.0), np.ones(6), tol=1e-9, max_iter=1000)
    assert found.status == "diverged"
    assert found.loss == found.history["loss"].min()


def test_the_curvature_is_renewed_by_the_distance_to_the_floor():
    """A loss of −1000 that falls by a twentieth of its distance to the floor has fallen, one without a floor always."""
    counts = {}
    for floor in (-np.inf, -1e9):
        problem = Quadratic(-1e3, floor)
        method = LBFGS(memory=1, preconditioned=True)
        minimize(problem, method, 100 * np.ones(6), tol=1e-10, max_iter=100)
        counts[floor] = problem.n_curvatures
    assert counts[-np.inf] > counts[-1e9] >= 1


class Renewable(Quadratic):
    """A quadratic whose curvature may be made anew after every pass, once the loss has fallen to a share of itself."""

    def __init__(self, better_below):
        super().__init__(height=1e3, floor=0.0)
        self.better_below = better_below

    def curvature(self, theta, grad):
        made = super().curvature(theta, grad)
        made.better_at, made.better_below = self.n_passes + 1, self.better_below
        return made


def test_a_curvature_is_made_anew_only_once_the_loss_has_fallen():
    counts = []
    for better_below in (None, 0.9, 1e-9):
        problem = Renewable(better_below)
        found = minimize(problem, LBFGS(preconditioned=True), 100 * np.ones(6), tol=1e-8, max_iter=100)
        assert found.status == "converged"
        counts.append(problem.n_curvatures)
    always, fallen, never = counts
    assert always > fallen > never


def test_a_method_says_what_it_needs_and_a_problem_what_it_lacks():
    without = Quadratic(lacks=("curvature_bound",))
    with pytest.raises(ValueError, match="solver='gd' needs curvature_bound: a quadratic has no such thing"):
        check_needs("gd", GradientDescent(), without)
    check_needs("gd", GradientDescent(0.01), without)
    check_needs("gd", GradientDescent(), Quadratic())
    check_needs("lbfgs", LBFGS(), without)


def test_an_estimate_that_overflows_is_no_warning(monkeypatch):
    monkeypatch.setattr(State, "distance", lambda self: float((np.array([1e308]) * 1e308)[0]))
    found = minimize(Quadratic(floor=-1e3), GradientDescent(), np.ones(6), tol=1e6, max_iter=3)
    assert found.status == "max_iter"
    assert found.distance == np.inf
