"""Fits that begin with rough products: when they do, and that no result comes from rough products."""

import numpy as np
import pytest
from problems import make_objective, make_problem
from tolerances import LOSS, SAME

import fastsoftmax as fs
from fastsoftmax import _kernels
from fastsoftmax.data.features import DenseFeatures
from fastsoftmax.penalties import ElasticNet
from fastsoftmax.problem.objective import Objective
from fastsoftmax.runtime.precision import Precision

MANY = make_problem(1500, 24, 40, dtype=np.float32)
L2 = 1e-3

ENDINGS = {
    "max_iter": dict(max_iter=2),
    "converged": dict(tol=1e-2),
    "callback": dict(callback=lambda state: state.iteration == 1),
}


@pytest.fixture
def served(monkeypatch):
    """Ask for rough products on every instruction set; one without such products computes exactly."""
    monkeypatch.setattr(DenseFeatures, "serves_rough_products", lambda self, n_classes: True)


@pytest.fixture
def wrong(monkeypatch):
    """Make the rough objective plainly wrong: it has 50 times the penalty."""

    def rough(self, theta):
        return None if theta.any() else Objective(self.loss, ElasticNet(50 * self.penalty.l2))

    monkeypatch.setattr(Objective, "rough", rough)


@pytest.mark.parametrize(("status", "options"), ENDINGS.items(), ids=ENDINGS)
def test_nothing_ends_by_rough_numbers(status, options, wrong):
    result = fs.fit(MANY.X, MANY.y, l2=L2, **options)

    assert result.status == status
    loss, grad_W, grad_b = fs.loss_grad(MANY.X, MANY.y, result.W, result.b, l2=L2)
    assert result.loss == pytest.approx(loss, rel=SAME)
    assert result.grad_norm == pytest.approx(max(np.abs(grad_W).max(), np.abs(grad_b).max()), rel=SAME)
    assert result.history["loss"][-1] == result.loss
    assert result.history["n_passes"][-1] == result.n_passes
    assert len(result.history) == result.n_iter + 1


def test_the_way_goes_on_to_the_optimum_of_all(wrong):
    X = MANY.X.astype(float)
    best = fs.fit(X, MANY.y, l2=L2, tol=1e-9, solver="lbfgs")

    result = fs.fit(X, MANY.y, l2=L2, tol=1e-9)

    assert result.status == "converged"
    assert result.loss == pytest.approx(best.loss, rel=LOSS[np.float64])


@pytest.mark.bits
def test_rough_products_lead_to_the_same_optimum(served):
    exact = fs.fit(MANY.X.astype(float), MANY.y, l2=L2, tol=1e-9)
    one = fs.fit(MANY.X, MANY.y, l2=L2, tol=1e-6, num_threads=1)

    assert one.status == "converged"
    assert one.loss == pytest.approx(exact.loss, rel=LOSS[np.float32])
    np.testing.assert_array_equal(fs.fit(MANY.X, MANY.y, l2=L2, tol=1e-6, num_threads=2).W, one.W)


def test_a_warm_start_is_exact_from_the_start(served):
    result = fs.fit(MANY.X, MANY.y, l2=L2, tol=1e-5)
    again = fs.fit(MANY.X, MANY.y, l2=L2, tol=1e-5, init=(result.W, result.b))
    assert (again.n_iter, again.n_passes) == (0, 3)  # two of them for the curvature


def test_passes_by_rough_products_count(served):
    objective = make_objective(MANY.X, MANY.y)
    rough = objective.rough(np.zeros(objective.n_params))
    assert rough.loss.options.precision is Precision.ROUGH
    rough.loss_grad(np.zeros(objective.n_params))
    objective.loss_grad(np.zeros(objective.n_params))
    assert objective.n_passes == 2


@pytest.mark.skipif(not _kernels.has_rounded(Precision.ROUGH, 40), reason="rough products do not pay here")
@pytest.mark.parametrize(
    ("X", "n_classes", "served"),
    [
        (MANY.X, 40, True),
        (MANY.X, 31, False),
        (MANY.X.astype(float), 40, False),
        (MANY.X + 1, 40, True),
        (MANY.X + 100, 40, False),
        (np.hstack([MANY.X, np.zeros((len(MANY.X), 1), np.float32)]), 40, True),
        (np.hstack([MANY.X, np.ones((len(MANY.X), 1), np.float32)]), 40, False),
    ],
)
def test_rough_products_are_for_what_bfloat16_tells_apart(X, n_classes, served):
    objective = make_objective(X, np.arange(len(X)) % n_classes)
    theta = np.zeros(objective.n_params)
    assert (objective.rough(theta) is not None) == served
    theta[0] = 1
    assert objective.rough(theta) is None
