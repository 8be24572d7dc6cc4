"""The inverse Hessian that L-BFGS remembers: BFGS written out, whatever stands for the Hessian at first."""

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax.runtime.vectors import LONG
from fastsoftmax.solvers.inverse_hessian import InverseHessian


class Scaling:
    """A preconditioner."""

    def __init__(self, matrix):
        self.matrix = matrix

    def solve(self, v):
        return np.linalg.solve(self.matrix, v)


@pytest.mark.parametrize("matrix", [None, Scaling(np.diag(np.arange(1.0, 9)) + 0.3)])
def test_inverse_hessian_is_bfgs(matrix):
    rng = np.random.default_rng(0)
    hessian = (lambda A: A @ A.T + np.eye(8))(rng.standard_normal((8, 8)))
    M_inverse = np.eye(8) if matrix is None else np.linalg.inv(matrix.matrix)
    grad, capacity, pairs = rng.standard_normal(8), 3, []
    inverse = InverseHessian(matrix, grad, capacity)
    for count in range(6):
        steps = pairs[-capacity:] if count < 5 else pairs[-2:]
        H = M_inverse
        if steps:
            s, y = steps[-1]
            H = M_inverse * (s @ y) / (y @ M_inverse @ y)
        for s, y in steps:
            V = np.eye(8) - np.outer(y, s) / (s @ y)
            H = V.T @ H @ V + np.outer(s, s) / (s @ y)
        direction = inverse.direction()
        np.testing.assert_allclose(direction, -H @ grad, rtol=1e-9)
        step = rng.standard_normal(8)
        pairs.append((step, hessian @ step))
        grad = grad + hessian @ step
        inverse.move(step, grad)
        if count == 4:
            inverse = inverse.renewed(matrix)


def test_a_step_of_negative_curvature_is_no_pair():
    rng = np.random.default_rng(0)
    grad, step = rng.standard_normal((2, 8))
    inverse = InverseHessian(None, grad, 3)
    inverse.move(step, grad - step)
    np.testing.assert_array_equal(inverse.direction(), step - grad)


def test_a_step_is_a_pair_when_something_asks_for_it():
    rng = np.random.default_rng(0)
    solved = []
    matrix = Scaling(np.diag(np.arange(1.0, 9)))
    solve, matrix.solve = matrix.solve, lambda v: solved.append(v) or solve(v)
    grads, steps = rng.standard_normal((3, 8)), rng.standard_normal((2, 8))
    inverse = InverseHessian(matrix, grads[0], 3)
    inverse.move(steps[0], grads[1])
    assert len(solved) == 1  # the first gradient
    assert inverse.has_pairs == ((grads[1] - grads[0]) @ steps[0] > 0)
    assert len(solved) == 2
    inverse.move(steps[1], grads[2])
    assert inverse.distance() >= 0.5 * grads[2] @ solve(grads[2])
    assert len(solved) == 3


@pytest.mark.bits
def test_long_vectors_give_the_same_bits_on_any_number_of_threads():
    """More than LONG parameters, so that vectors, curvature and a large W are shared by threads."""
    rng = np.random.default_rng(0)
    n_features, n_classes = 260, 400
    X = rng.standard_normal((1500, n_features), dtype=np.float32)
    y = rng.integers(0, n_classes, 1500)
    assert n_features * n_classes >= LONG
    one, *others = (fs.fit(X, y, l2=1e-2, max_iter=6, num_threads=threads) for threads in (1, 2, 5))
    assert one.n_iter >= 3
    for other in others:
        np.testing.assert_array_equal(other.W, one.W)
        np.testing.assert_array_equal(other.b, one.b)
