"""A point that is remembered costs no pass again, and is the same to the last bit."""

import numpy as np
import pytest
from problems import make_objective, make_problem

from fastsoftmax.penalties import ElasticNet

P = make_problem(200, 12, 3)
THETA = np.zeros(39)
THETA[[2, 5, 14, 36]] = 0.3, -0.2, 0.1, 0.4  # of features 2 and 5, and an intercept


@pytest.fixture
def objective():
    return make_objective(P.X, P.y, l2=0.1)


def passes_of(objective, theta):
    before = objective.n_passes
    found = objective.loss_grad(theta)
    return objective.n_passes - before, found


def test_it_costs_one_pass(objective):
    (_, (loss, grad)), (seen_loss, seen_grad) = passes_of(objective, THETA), objective.visit(THETA)
    assert objective.n_passes == 2
    seen_grad[:] = np.nan  # the caller's
    passes, (again, grad_again) = passes_of(objective, THETA)
    assert (passes, again, seen_loss) == (0, loss, loss)
    np.testing.assert_array_equal(grad_again, grad)
    assert passes_of(objective, THETA + 1e-9)[0] == 1


def test_other_penalties_know_it_but_not_other_weights(objective):
    objective.visit(THETA)
    other = ElasticNet(0.7)
    passes, (loss, grad) = passes_of(objective.variant(other, objective.loss.samples.weight), THETA)
    expected, grad_expected = make_objective(P.X, P.y, l2=0.7).loss_grad(THETA)
    assert (passes, loss) == (0, expected)
    np.testing.assert_array_equal(grad, grad_expected)
    assert passes_of(objective.variant(other, np.linspace(0.5, 1.5, 200)), THETA)[0] == 1


def test_some_features_know_it_where_the_others_have_no_weights(objective):
    objective.visit(THETA)
    kept, entries = np.array([1, 2, 5]), np.r_[1, 2, 5, 13, 14, 17, 25, 26, 29, 36:39]
    passes, (loss, grad) = passes_of(objective.columns(kept), THETA[entries])
    expected, grad_expected = objective.loss_grad(THETA)
    assert (passes, loss) == (0, expected)
    np.testing.assert_array_equal(grad, grad_expected[entries])
    without = objective.columns(np.array([1, 2]))
    part = THETA[np.r_[1, 2, 13, 14, 25, 26, 36:39]]
    assert without.visited.find(part, None) is None
