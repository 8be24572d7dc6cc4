"""Operations on parameter vectors, which may be larger than the data: no temporary copies, no threads."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Float64Array

# Entries of a block (256 kB of float64): it stays in the second-level cache.
BLOCK = 32_768


# Below this many entries BLAS stays on the calling thread and is faster than einsum.
SHORT = 4096


def dot(u: Float64Array, v: Float64Array) -> float:
    """Σ u · v over all entries, on this thread.

    For long vectors BLAS would wake its own threads. They then wait for more work in a busy loop, for a tenth of a
    second, on the processors that the next pass over the data needs.
    """
    u, v = u.ravel(), v.ravel()
    return float(u @ v if u.size < SHORT else np.einsum("i,i->", u, v))


def project(matrix: NDArray[Any], vector: NDArray[Any]) -> Float64Array:
    """Products ⟨row, vector⟩ for the rows of a matrix, on this thread: BLAS's bits depend on its number of threads."""
    products: Float64Array = np.einsum("kj,j->k", matrix, vector)
    return products


def largest(vector: Float64Array) -> float:
    """Largest absolute entry, or NaN if any entry is NaN; without a copy."""
    return max(float(vector.max()), -float(vector.min()))


def add_scaled(out: NDArray[Any], factor: float, vector: NDArray[Any]) -> None:
    """Out += factor · vector, entry by entry; both have the same size and are contiguous."""
    out, vector = out.reshape(-1), vector.reshape(-1)
    for start in range(0, out.size, BLOCK):
        block = slice(start, start + BLOCK)
        out[block] += factor * vector[block]
