"""Coordinate descent on quadratic models: each form of B reaches the minimum that its matrix has."""

import numpy as np
import pytest
from scipy.sparse import csc_matrix
from tolerances import SAME

from fastsoftmax import _coordinates
from fastsoftmax.penalties.entries import BlockPenalty, EntryPenalty
from fastsoftmax.solvers.quadratic import MatrixModel, PairsModel

N = 12
RNG = np.random.default_rng(0)
ROOT = RNG.standard_normal((30, N))
B = ROOT.T @ ROOT / 30 + 0.01 * np.eye(N)
GRAD, START = RNG.standard_normal((2, N))
L1 = np.where(np.arange(N) % 4 == 3, 0.0, 0.3)
PENALTIES = {
    "l1": EntryPenalty(np.arange(N), L1),
    "bounds": EntryPenalty(np.arange(N), L1, np.minimum(START, -0.2), np.maximum(START, 0.5)),
    "bounds alone": EntryPenalty(np.arange(N), np.zeros(N), np.minimum(START, -0.2), np.maximum(START, 0.5)),
    "blocks": BlockPenalty(np.arange(N), np.r_[np.full(9, 0.4), 0, 0, 0], blocks=np.array([0, 3, 6, 9, 10, 11, 12])),
}


@pytest.fixture(params=PENALTIES)
def penalty(request):
    return PENALTIES[request.param]


def value(penalty, u):
    d = u - START
    return GRAD @ d + 0.5 * d @ B @ d + penalty.value(u)


def test_the_minimum_has_no_descent_direction(penalty):
    model = MatrixModel(GRAD, START, penalty, B)
    u = model.minimize(1e-10)
    assert np.abs(penalty.least(GRAD + B @ (u - START), u)).max() < 1e-8
    assert model.fall() == pytest.approx(value(penalty, u) - value(penalty, START), rel=SAME)
    if penalty.lower is not None:
        assert ((penalty.lower <= u) & (u <= penalty.upper)).all()
    rng = np.random.default_rng(1)
    for _ in range(200):
        near = u + 1e-3 * rng.standard_normal(N)
        near = near if penalty.lower is None else np.clip(near, penalty.lower, penalty.upper)
        assert value(penalty, near) >= value(penalty, u)


def sweep(penalty, u, enough, sweeps):
    """Descend from u in place, B being 2 I − I (2 I − B); return what `descend_pairs` does."""
    model = GRAD, START, np.full(N, 2.0), np.eye(N), 2 * np.eye(N) - B
    bounds = penalty.l1, penalty.lower, penalty.upper, penalty.blocks
    return _coordinates.descend_pairs(u, u - START, *model, *bounds, enough, sweeps)


def test_sweeps_alone_get_there_too(penalty):
    u = START.copy()
    assert sweep(penalty, u, 1e-13, 10_000) >= 0
    np.testing.assert_allclose(u, MatrixModel(GRAD, START, penalty, B).minimize(1e-12), atol=1e-9)


def test_too_few_sweeps_are_told(penalty):
    u = START.copy()
    assert sweep(penalty, u, 0.0, 1) == -1
    assert value(penalty, u) < value(penalty, START)


def test_pairs_have_the_minimum_of_their_matrix(penalty):
    diagonal = np.linspace(0.5, 2, N)
    steps = RNG.standard_normal((3, N))
    pairs = [(s, B @ s) for s in steps]
    model = PairsModel(GRAD, START, penalty, diagonal, pairs)
    matrix = np.stack([model.change(e) for e in np.eye(N)])
    for s, y in pairs[-1:]:
        np.testing.assert_allclose(matrix @ s, y, atol=1e-10)  # the secant equation of the newest pair
    expected = MatrixModel(GRAD, START, penalty, np.ascontiguousarray(0.5 * (matrix + matrix.T))).minimize(1e-12)
    np.testing.assert_allclose(model.minimize(1e-12), expected, atol=1e-8)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", ["l1", "bounds", "blocks"])
def test_rows_have_the_minimum_of_their_matrix(name, sparse):
    n_rows, n_columns, n_outputs = 40, 4, 3
    X = RNG.standard_normal((n_rows, n_columns))
    X[np.abs(X) < 0.5] = 0
    p = RNG.dirichlet(np.ones(n_outputs), n_rows)
    m = RNG.uniform(0.5, 1.5, n_rows) / n_rows
    columns, outputs = np.repeat(np.arange(n_columns), n_outputs), np.tile(np.arange(n_outputs), n_columns)
    l2 = np.full(N, 0.02)
    matrix = np.diag(l2)
    for i in range(n_rows):
        x = X[i, columns]
        matrix += m[i] * np.outer(x, x) * (np.diag(p[i]) - np.outer(p[i], p[i]))[np.ix_(outputs, outputs)]
    penalty = PENALTIES[name]
    expected = MatrixModel(GRAD, START, penalty, matrix).minimize(1e-12)

    stored = csc_matrix(X)
    values, rows, indptr = (
        (stored.data, stored.indices.astype(np.intp), stored.indptr.astype(np.intp))
        if sparse
        else (np.ascontiguousarray(X.T).ravel(), None, None)
    )
    u, v, t = START.copy(), np.zeros((n_outputs, n_rows)), np.zeros(n_rows)
    p_T = np.ascontiguousarray(p.T)
    hessian = np.diag(matrix).copy(), l2, p_T, p_T * m, values, rows, indptr, outputs, columns
    sets = np.arange(N).reshape(n_columns, n_outputs) if name == "l1" else None
    bounds = penalty.l1, penalty.lower, penalty.upper, penalty.blocks, sets
    assert _coordinates.descend_samples(u, v, t, GRAD, START, *hessian, *bounds, 1e-13, 0.0, 100_000) >= 0
    np.testing.assert_allclose(u, expected, atol=1e-8)
    D = np.zeros((n_outputs, n_columns))
    D[outputs, columns] = u - START
    np.testing.assert_allclose(v, D @ X.T, atol=1e-12)
    np.testing.assert_allclose(t, np.einsum("ik,ki->i", p, v), atol=1e-12)


def test_shifts_go_where_the_absolute_values_are_least():
    # Without curvature along the ones, the best shift makes the median zero.
    penalty, start = EntryPenalty(np.arange(3), np.full(3, 1e-3)), np.array([1.0, 2.0, 4.0])
    model = np.zeros(3), start, penalty, np.eye(3) - 1 / 3
    u = MatrixModel(*model, np.arange(3)[None]).minimize(1e-9)
    assert np.sum(u == 0) == 1
    assert np.sign(u).tolist() == [-1, 0, 1]


def test_an_entry_without_curvature_goes_to_zero_if_its_penalty_is_the_stronger():
    penalty = EntryPenalty(np.arange(2), np.full(2, 0.1))
    u = MatrixModel(np.array([0.05, 0.2]), np.array([1.0, -2.0]), penalty, np.zeros((2, 2))).minimize(1e-12)
    np.testing.assert_array_equal(u, [0, -2])
