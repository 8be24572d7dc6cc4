"""Batches: the objective of some samples, whose work counts as passes of the whole objective."""

import ml_dtypes
import numpy as np
import pytest
import reference
import scipy.sparse as sp
from problems import make_objective, make_problem
from tolerances import assert_gradient_close, assert_loss_close

from fastsoftmax.data.features import bind_features
from fastsoftmax.penalties import ElasticNet
from fastsoftmax.problem.objective import Objective

STORED = {
    "float64": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "bfloat16": lambda X: X.astype(ml_dtypes.bfloat16),
    "by columns": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "csr": sp.csr_matrix,
}
ROWS = {"array": np.array([5, 2, 99, 2, 0, 41]), "slice": slice(17, 80)}
P = make_problem(100, 9, 4)
X = np.round(8 * P.X)  # exact in every type


def bind(stored, y=P.y, **options):
    scaling = {"scale": np.linspace(0.5, 2, 9), "shift": np.linspace(-1, 1, 9)}
    return make_objective(STORED[stored](X), y, 4, sample_weight=P.s, l2=0.3, **scaling, **options)


def batch_of(whole, rows, factor=None):
    return Objective(whole.loss.part(rows, factor), whole.penalty)


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("soft", [False, True])
def test_a_batch_is_the_mean_of_its_rows(stored, rows, soft):
    rows = ROWS[rows]
    features = bind_features(STORED[stored](X))
    Y = P.Y.astype(features.dtype)
    offset = P.offset.astype(features.dtype)
    whole = bind(stored, Y if soft else P.y, offset=offset)
    theta = np.concatenate([P.W.ravel(), P.b])
    factor = np.random.default_rng(0).uniform(0.5, 2, len(P.y[rows]))
    batch = batch_of(whole, rows, factor)
    loss, grad = batch.loss_grad(theta)
    s = (P.s / P.s.mean())[rows] * factor
    x = X[rows] * np.linspace(0.5, 2, 9) + np.linspace(-1, 1, 9)
    expected = reference.loss_grad(x, (Y if soft else np.eye(4)[P.y])[rows], P.W, P.b, s=s, offset=offset[rows])
    # The reference divides by the weight of the rows, a batch by their number.
    expected_loss = expected[0] * s.mean() + 0.15 * (P.W**2).sum()
    expected_W = expected[1] * s.mean() + 0.3 * P.W
    assert_loss_close(loss, expected_loss, whole.X.dtype.type, scale=100)
    assert_gradient_close(batch.split(grad)[0], expected_W, x.astype(whole.X.dtype), sample_mass=30)
    assert_gradient_close(batch.split(grad)[1], expected[2] * s.mean(), x.astype(whole.X.dtype), sample_mass=30)


@pytest.mark.parametrize("stored", ["float64", "csr"])
def test_disjoint_batches_add_up_to_the_whole(stored):
    whole = bind(stored)
    theta = np.concatenate([P.W.ravel(), P.b])
    order = np.random.default_rng(0).permutation(100)
    of_batches = [batch_of(whole, rows).loss_grad(theta) for rows in order.reshape(4, 25)]
    loss, grad = whole.loss_grad(theta)
    assert np.mean([part for part, _ in of_batches]) == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(np.mean([part for _, part in of_batches], axis=0), grad, rtol=1e-12, atol=1e-12)


def test_rows_read_are_counted_in_the_whole():
    whole = bind("float64")
    theta = np.zeros(whole.n_params)
    ledger = whole.loss.ledger
    batch = batch_of(whole, slice(0, 30))
    batch.loss_grad(theta)
    assert (ledger.rows_read, whole.n_passes) == (30, 1)
    batch.hess_vec(theta, theta)
    whole.loss_grad(theta)
    batch_of(batch, np.arange(10)).loss_grad(theta)
    assert (ledger.rows_read, whole.n_passes) == (170, 2)
    batch.curvature_bound()
    assert ledger.rows_read > 170
    assert (ledger.rows_read - 170) % 30 == 0


def test_a_variant_counts_its_own_passes_and_those_of_the_whole():
    whole = bind("float64")
    variants = [whole.variant(ElasticNet(l2), None) for l2 in (0.1, 0.2)]
    for n_passes, variant in enumerate(variants, start=1):
        for _ in range(n_passes):
            variant.loss_grad(np.zeros(whole.n_params))
    assert [variant.n_passes for variant in variants] == [1, 2]
    assert whole.n_passes == 3
