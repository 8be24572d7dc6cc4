"""Sums over long vectors: as NumPy has them, and with the same bits on any number of threads."""

import numpy as np
import pytest
from tolerances import SAME, SCALED

from fastsoftmax import _kernels
from fastsoftmax.data.arguments import in_dtype
from fastsoftmax.runtime import vectors
from fastsoftmax.runtime.vectors import LONG

SIZES = [1, 7, 8, 4095, 4096, 4097, 20_000, LONG + 3]
THREADS = (1, 2, 3, 16)


def numbers(*size, seed=0):
    return np.random.default_rng(seed).standard_normal(size)


@pytest.mark.bits
@pytest.mark.parametrize("n_rows", [1, 31, 33])
@pytest.mark.parametrize("size", SIZES)
def test_projections_are_sums_in_one_order(size, n_rows):
    matrix, v = numbers(n_rows, size), numbers(size, seed=1)
    found = []
    for threads in THREADS:
        found.append(np.full(n_rows, np.nan))
        _kernels.project(found[-1], matrix, v, threads)
    np.testing.assert_allclose(found[0], matrix @ v, atol=SAME * np.sqrt(size))
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.bits
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", SIZES)
def test_combinations_are_sums_in_one_order(size, dtype):
    matrix, coefficients = numbers(5, size), numbers(5, seed=1)
    expected = coefficients[0] * matrix[0]
    for c in range(1, 5):
        expected += coefficients[c] * matrix[c]
    for threads in THREADS:
        out = np.full(size, np.nan, dtype)
        _kernels.combine(out, coefficients, list(matrix), threads)
        np.testing.assert_allclose(out, expected.astype(dtype), rtol=0, atol=0 if dtype == np.float32 else SAME)


@pytest.mark.parametrize("size", [10, LONG])
@pytest.mark.parametrize("num_threads", [None, 1, 2])
def test_short_and_long_vectors_are_served_alike(size, num_threads):
    u, v = numbers(size), numbers(size, seed=1)
    assert vectors.dot(u, v, num_threads) == pytest.approx(float(np.dot(u, v)), abs=SAME * size)
    np.testing.assert_allclose(vectors.along(u, 0.3, v, num_threads), u + 0.3 * v, atol=SAME)
    matrix = np.stack([u, v])
    np.testing.assert_allclose(vectors.products(matrix, v, num_threads), matrix @ v, atol=SAME * size)
    combined = vectors.combine(np.array([2.0, -1.0]), matrix, num_threads)
    np.testing.assert_allclose(combined, 2 * u - v, atol=SAME)
    out = np.empty(size)
    vectors.assign(out, u, num_threads)
    np.testing.assert_array_equal(out, u)
    vectors.add_scaled(out, -2.0, v, num_threads)
    np.testing.assert_allclose(out, u - 2 * v, atol=SAME)


@pytest.mark.parametrize(("stored", "written"), [(np.float64, np.float32), (np.float32, np.float64), (np.float64,) * 2])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("n_rows", [6, LONG // 7 + 1])
def test_matrices_are_scaled_and_shifted(stored, written, threads, n_rows):
    x, row, (column, scale, shift) = numbers(n_rows, 9).astype(stored), numbers(n_rows, seed=1), numbers(3, 7, seed=2)
    out = np.zeros((n_rows, 8), written)
    vectors.affine(out[:, :7], x[:, 1:8], scale, outer=(row, column), shift=shift, num_threads=threads)
    expected = (x[:, 1:8].astype(np.float64) + np.outer(row, column)) * scale + shift
    np.testing.assert_allclose(out[:, :7], expected, rtol=0, atol=SCALED[written])
    assert not out[:, 7].any()
    vectors.affine(out[:, :7], x[:, 1:8], scale, num_threads=threads)
    np.testing.assert_array_equal(out[:, :7], (x[:, 1:8] * scale).astype(written))


def test_vectors_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="vectors must have 3 entries, found 4"):
        _kernels.project(np.empty(1), [np.zeros(4)], np.zeros(3), 1)
    with pytest.raises(ValueError, match="must be contiguous"):
        _kernels.affine(np.empty((2, 3)), np.zeros((3, 2)).T, None, None, np.ones(3), None, 1)


@pytest.mark.parametrize("num_threads", [1, 3])
def test_parameters_are_converted_alike_on_threads(num_threads):
    """What is too large becomes infinite, without a warning."""
    theta = numbers(7, LONG)
    theta[0, :3] = 1e300, np.nan, -np.inf
    with np.errstate(over="ignore"):
        expected = theta.astype(np.float32)
    found = in_dtype(theta, np.float32, num_threads)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
