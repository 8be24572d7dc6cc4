"""Operations on parameter vectors, which may be larger than the data: no temporary copies, and the same bits always.

Long vectors are multiplied by our kernels, on our threads; sizes alone decide between them and NumPy.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _kernels
from .arrays import Float64Array, FloatArray
from .contention import contention
from .threads import SMALL_WORK, resolve_num_threads

# Entries of a block (256 kB of float64): it stays in the second-level cache.
BLOCK = 32_768

# Below this many entries BLAS stays on the calling thread and is faster than einsum.
SHORT = 4096

# From this many entries on, all vectors together, our kernels are used, and all threads are if they may.
LONG = 100_000


def dot(u: Float64Array, v: Float64Array, num_threads: int | None = 1) -> float:
    """Σ u · v over all entries, on so many threads at most.

    For long vectors BLAS would wake its own threads. They then wait for more work in a busy loop, for a tenth of a
    second, on the processors that the next pass over the data needs.
    """
    if u.size < SHORT:
        return float(np.vdot(u, v))
    u, v = u.ravel(), v.ravel()
    if u.size < LONG:
        return float(np.einsum("i,i->", u, v))
    return float(project(u[None], v, num_threads)[0])


def project(matrix: NDArray[Any], vector: NDArray[Any], num_threads: int | None = 1) -> Float64Array:
    """Products ⟨row, vector⟩ for the rows of a matrix, on so many threads at most."""
    products: Float64Array = np.empty(len(matrix))
    if matrix.size < LONG or not _served(matrix, vector):
        return np.asarray(np.einsum("kj,j->k", matrix, vector))
    threads = _threads(num_threads, matrix.size)
    with contention.watched(threads):
        _kernels.project(products, matrix, vector, threads)
    return products


def products(matrix: Float64Array, vector: Float64Array, num_threads: int | None = 1) -> Float64Array:
    """`project` during a fit, when BLAS has one thread."""
    return np.asarray(matrix @ vector) if matrix.size < LONG else project(matrix, vector, num_threads)


def combine(coefficients: Float64Array, matrix: Float64Array, num_threads: int | None = 1) -> Float64Array:
    """Σ_c coefficients_c · row_c of a contiguous matrix, on so many threads at most."""
    if matrix.size < LONG:
        return np.asarray(coefficients @ matrix)
    out: Float64Array = np.empty(matrix.shape[1])
    _combine(out, coefficients, matrix, num_threads)
    return out


def along(start: Float64Array, size: float, direction: Float64Array, num_threads: int | None = 1) -> Float64Array:
    """Start + size · direction, on so many threads at most; all are contiguous."""
    if start.size < LONG:
        return start + (direction if size == 1 else size * direction)
    out: Float64Array = np.empty(start.size)
    _combine(out, np.array([1.0, size]), (start, direction), num_threads)
    return out


def assign(out: FloatArray, vector: Float64Array, num_threads: int | None = 1) -> None:
    """Write a vector to memory that may never have been touched, on so many threads at most; out may be float32."""
    if out.size < LONG:
        out[:] = vector
    else:
        _combine(out, np.ones(1), (vector,), num_threads)


def affine(
    out: FloatArray,
    x: FloatArray,
    scale: Float64Array,
    *,
    outer: tuple[Float64Array, Float64Array] | None = None,
    shift: Float64Array | None = None,
    num_threads: int | None = 1,
) -> None:
    """Out = (x + row columnᵀ) scale + shift, for matrices with contiguous rows, on so many threads at most.

    Ours for small ones too: NumPy takes three passes, and a while for each row.

    outer is the row, (n_rows,), and the column, (n_columns,), or None for zeros; scale and shift are (n_columns,).
    """
    row, column = outer or (None, None)
    threads = _threads(num_threads, x.size)
    with contention.watched(threads):
        _kernels.affine(out, x, row, column, scale, shift, threads)


def largest(vector: Float64Array) -> float:
    """Largest absolute entry, or NaN if any entry is NaN; without a copy."""
    return max(float(np.maximum.reduce(vector)), -float(np.minimum.reduce(vector)))


def add_scaled(out: NDArray[Any], factor: float, vector: NDArray[Any], num_threads: int | None = 1) -> None:
    """Out += factor · vector, entry by entry; both have the same size and are contiguous."""
    if out.size <= BLOCK and out.shape == vector.shape:
        out += factor * vector
        return
    out, vector = out.reshape(-1), vector.reshape(-1)
    if out.size >= LONG and _served(out, vector):
        _combine(out, np.array([1.0, factor]), (out, vector), num_threads)
        return
    for start in range(0, out.size, BLOCK):
        block = slice(start, start + BLOCK)
        out[block] += factor * vector[block]


def _combine(
    out: FloatArray,
    coefficients: Float64Array,
    vectors: Sequence[Float64Array] | Float64Array,
    num_threads: int | None,
) -> None:
    """Write Σ_c coefficients_c · vector_c; out may be one of the vectors."""
    threads = _threads(num_threads, out.size * len(vectors))
    with contention.watched(threads):
        _kernels.combine(out, np.ascontiguousarray(coefficients), vectors, threads)


def _served(*arrays: NDArray[Any]) -> bool:
    """Whether our kernels take them."""
    return all(array.dtype == np.float64 and array.flags.c_contiguous for array in arrays)


def _threads(num_threads: int | None, n_entries: int) -> int:
    """Threads for so many entries: an entry that comes from memory takes the time of many multiply-adds."""
    return resolve_num_threads(num_threads, SMALL_WORK) if n_entries >= LONG else 1
