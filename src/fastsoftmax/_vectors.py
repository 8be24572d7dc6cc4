"""Sums over vectors of parameters."""

import numpy as np
from numpy.typing import NDArray


def dot(u: NDArray[np.float64], v: NDArray[np.float64]) -> float:
    """Σ u · v over all entries, on this thread.

    BLAS would wake its own threads for long vectors; they then wait for more in a busy loop, for a tenth of a second,
    on the processors that the next pass over the data needs.
    """
    return float(np.einsum("i,i->", u.ravel(), v.ravel()))
