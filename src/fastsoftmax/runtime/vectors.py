"""Vectors of parameters, which may be larger than the data: no temporary copies, no threads of their own."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Entries that stay in a second-level cache while they are worked on.
BLOCK = 32_768


# Entries whose product BLAS does on the calling thread, sooner than einsum has begun.
SHORT = 4096


def dot(u: NDArray[np.float64], v: NDArray[np.float64]) -> float:
    """Σ u · v over all entries, on this thread.

    BLAS would wake its own threads for long vectors; they then wait for more in a busy loop, for a tenth of a second,
    on the processors that the next pass over the data needs.
    """
    u, v = u.ravel(), v.ravel()
    return float(u @ v if u.size < SHORT else np.einsum("i,i->", u, v))


def project(matrix: NDArray[Any], vector: NDArray[Any]) -> NDArray[np.float64]:
    """Products ⟨row, vector⟩ of a matrix's rows, on this thread: BLAS's bits depend on how many it has."""
    products: NDArray[np.float64] = np.einsum("kj,j->k", matrix, vector)
    return products


def largest(vector: NDArray[np.float64]) -> float:
    """Largest absolute entry, NaN if there is one; without a copy."""
    return max(float(vector.max()), -float(vector.min()))


def add_scaled(out: NDArray[Any], factor: float, vector: NDArray[Any]) -> None:
    """Out += factor · vector, entry by entry; both of one shape and contiguous."""
    out, vector = out.reshape(-1), vector.reshape(-1)
    for start in range(0, out.size, BLOCK):
        block = slice(start, start + BLOCK)
        out[block] += factor * vector[block]
