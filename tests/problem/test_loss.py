"""The data term: a sum over the samples, in any blocks, with bounded memory."""

import numpy as np
import pytest
from problems import make_objective, make_problem
from scipy.sparse import csr_matrix

import fastsoftmax as fs

P = make_problem(300, 7, 4)
STORED = {"dense": P.X, "csr": csr_matrix(P.X), "float32": P.X.astype(np.float32)}
THETA, DIRECTION = np.random.default_rng(0).standard_normal((2, 32))


@pytest.fixture(params=STORED)
def objective(request):
    return make_objective(STORED[request.param], P.Y, sample_weight=P.s, offset=P.offset, l2=0.1)


def tolerance(objective):
    return 1e-12 if objective.X.dtype == np.float64 else 1e-5


@pytest.fixture
def in_blocks(monkeypatch):
    """Return a function after which no more than this many logits are kept."""
    return lambda count: monkeypatch.setattr("fastsoftmax.problem.loss.KEPT_LOGITS", count)


def test_a_line_that_keeps_no_logits_is_the_same_line(objective, in_blocks):
    kept = objective.line(THETA, DIRECTION)
    in_blocks(200)  # 25 rows
    not_kept = objective.line(THETA, DIRECTION)
    passes = objective.n_passes
    for n_calls, t in enumerate((0.0, 0.3, 2.0), start=1):
        np.testing.assert_allclose(not_kept(t), kept(t), rtol=tolerance(objective))
        assert objective.n_passes == passes + n_calls


def test_means_and_diagonals_in_blocks_are_the_same(objective, in_blocks):
    whole, diagonal = objective.loss.mean(THETA), objective.diagonal(THETA)
    in_blocks(100)
    blocks = list(objective.loss.means(THETA))
    assert len(blocks) == 12
    np.testing.assert_allclose(np.concatenate([mean for _, mean in blocks]), whole, rtol=tolerance(objective))
    np.testing.assert_allclose(objective.diagonal(THETA), diagonal, rtol=10 * tolerance(objective))


def test_a_model_that_is_sure_has_the_diagonal_of_a_guess(in_blocks):
    sure = make_objective(P.X, P.y, 4, l2=0.1)
    theta = 1e6 * THETA
    expected = sure.diagonal(np.zeros(32))
    np.testing.assert_allclose(sure.diagonal(theta), expected, rtol=1e-12)
    in_blocks(100)
    np.testing.assert_allclose(sure.diagonal(theta), expected, rtol=1e-12)


def test_a_fit_in_blocks_has_the_same_optimum(in_blocks):
    X, y = csr_matrix(P.X), P.y
    expected = {l1: fs.fit(X, y, l2=0.01, l1=l1, tol=1e-9).W for l1 in (0.0, 0.01)}
    in_blocks(100)
    for l1, W in expected.items():
        np.testing.assert_allclose(fs.fit(X, y, l2=0.01, l1=l1, tol=1e-9).W, W, atol=1e-7)
    plain = fs.fit(X, y, l2=0.01, solver="lbfgs", tol=1e-9)
    np.testing.assert_allclose(plain.W, expected[0.0], atol=1e-6)


def test_losses_of_parts_add_up(objective):
    loss = objective.loss
    cuts = np.array_split(np.arange(len(loss)), 7)
    parts = [loss.part(slice(rows[0], rows[-1] + 1)) for rows in cuts]
    shares = [len(part) / len(loss) for part in parts]
    at, grad = loss.split(THETA), loss.split(np.empty(32))
    value = loss.write_loss_grad(grad, at)
    of_parts, sums = 0.0, np.zeros((4, 7))
    for part, share in zip(parts, shares, strict=True):
        grad_of_part = part.split(np.empty(32))
        of_parts += share * part.write_loss_grad(grad_of_part, at)
        sums += share * grad_of_part.W
    assert of_parts == pytest.approx(value, rel=tolerance(objective))
    np.testing.assert_allclose(sums, grad.W, atol=10 * tolerance(objective))
    assert loss.ledger.rows_read == 2 * len(loss)
