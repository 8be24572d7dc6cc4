"""The Hessian on some entries, as a matrix and by rows, against products of the Hessian with unit vectors."""

import numpy as np
import pytest
from problems import make_objective, make_problem
from scipy.sparse import csr_matrix

from fastsoftmax.problem.block import BlockPlan

FORMS = {"matrix": BlockPlan(True, True, True), "rows": BlockPlan(False, True, True)}


@pytest.mark.parametrize("n_classes", [3, 25])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sparse", [False, True])
def test_it_is_that_of_hess_vec(sparse, form, n_classes):
    p = make_problem(80, 6, n_classes)
    X = np.where(np.abs(p.X) < 0.5, 0, p.X)
    objective = make_objective(csr_matrix(X) if sparse else X, p.y, l2=0.03)
    theta = np.random.default_rng(0).standard_normal(objective.n_params)
    entries = np.sort(np.random.default_rng(1).permutation(objective.n_params)[:20])
    entries[-1] = objective.n_params - 1
    expected = np.stack([objective.hess_vec(theta, unit)[entries] for unit in np.eye(objective.n_params)[entries]])
    found = objective.block(theta, entries, FORMS[form])
    if form == "rows":
        stored = found.stored
        columns = stored.values.reshape(7, -1) if stored.rows is None else None
        if columns is None:
            columns = np.zeros((7, 80))
            column_of = np.repeat(np.arange(7), np.diff(stored.indptr))
            columns[column_of, stored.rows] = stored.values
        x = columns[found.columns]
        np.testing.assert_allclose(found.largest, np.abs(x).max(axis=1), rtol=1e-15)
        p_of = found.p[found.outputs]
        same = found.outputs[:, None] == found.outputs
        weight = np.einsum("ji,jk->jki", found.mass[found.outputs], same) - found.mass[found.outputs][:, None] * p_of
        matrix = np.einsum("jki,ji,ki->jk", weight, x, x) + np.diag(found.l2)
        np.testing.assert_allclose(matrix, expected, atol=1e-12)
        np.testing.assert_allclose(found.diagonal, np.diag(expected), atol=1e-12)
    else:
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_damping_is_a_share_of_the_second_moments():
    p = make_problem(80, 6, 3)
    objective = make_objective(p.X, p.y)
    entries = np.arange(objective.n_params)
    plain, damped = (objective.block(np.zeros(21), entries, FORMS["matrix"], damping) for damping in (0.0, 0.5))
    moments = np.append(np.tile((p.X.astype(float) ** 2).mean(axis=0), 3), np.ones(3))
    np.testing.assert_allclose(damped - plain, 0.5 * np.diag(moments), atol=1e-12)


def test_sizes_decide_the_form():
    few = make_objective(*make_problem(300, 8, 3)[:2])
    assert few.plan_block(27, 8) == BlockPlan(True, True, True)
    wide = make_objective(np.ones((50, 3000)), np.arange(50) % 5)
    assert wide.plan_block(4000, 1500) == BlockPlan(False, True, True)
    together = BlockPlan(False, False, True, is_sparse=True)
    for X in (csr_matrix(np.eye(4000, 3000)), np.eye(4000, 3000)):
        assert make_objective(X, np.arange(4000) % 5).plan_block(4000, 1500) == together
        assert make_objective(X, np.arange(4000) % 20).plan_block(4000, 1500) == BlockPlan(False, True, True)
    long = make_objective(np.ones((20_000, 300)), np.arange(20_000) % 10)
    assert long.plan_block(3005, 300) is None
