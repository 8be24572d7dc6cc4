"""Features far from zero, seen from their means.

There, a weight and the intercept are nearly one coordinate, and coordinate descent and Newton steps crawl. With
b' = b + W c, the loss is that of x − c, and a penalty of W is what it was.
"""

import math

import numpy as np

from ..data.features import DenseFeatures
from ..runtime.arrays import Float64Array
from .loss import Loss

# A feature is far from zero if its mean is more than so many standard deviations, by at most 1,000 rows.
FAR, FEW_ROWS = 5.0, 1_000


def center_of(loss: Loss) -> Float64Array | None:
    """Return the means c of features that are far from zero, and zero for others; None if none is, or may be moved."""
    X = loss.X
    if not (loss.fit_intercept and loss.rows_at_hand and isinstance(X, DenseFeatures)):
        return None
    if X.scale is not None or X.shift is not None:
        return None
    # By features: NumPy adds up few long columns much faster than many short rows.
    some = X.rows(np.arange(0, len(X), math.ceil(len(X) / FEW_ROWS))).values().astype(np.float64, order="F")
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = some.mean(axis=0), some.std(axis=0)
    far = np.isfinite(mean) & (np.abs(mean) > FAR * deviation)
    # As the kernels will round it: what b' is made by must be what they subtract.
    return np.where(far, mean, 0).astype(X.dtype).astype(np.float64) if far.any() else None
