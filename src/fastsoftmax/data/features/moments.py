"""Means and deviations of features, and what standardises them."""

import numpy as np

from ...runtime.arrays import Float64Array, FloatArray
from ..arguments import overflow_shows
from .base import Features

# Roundings of its mean that a feature's deviation may be made of, beyond which it is what it says; and numbers of such
# features that are looked at together.
NEARLY_CONSTANT, MOST_NUMBERS = 1e4, 1_000_000


@overflow_shows
def moments(features: Features, weights: Float64Array | None, num_threads: int) -> tuple[Float64Array, Float64Array]:
    """Weighted means and standard deviations of what is stored, (n_features,) each; weights have mean one.

    Features that hardly vary are looked at once more. What overflows is infinite.
    """
    mean, deviation = features.moments(weights, num_threads)
    suspects = np.flatnonzero(
        (mean != 0) & (deviation <= NEARLY_CONSTANT * np.finfo(features.dtype).eps * np.abs(mean))
    )
    step = max(1, MOST_NUMBERS // len(features))
    for first in range(0, len(suspects), step):
        columns = suspects[first : first + step]
        mean[columns], deviation[columns] = _nearly_constant(features.columns(columns).values(), weights)
    return mean, deviation


def factors_of(
    mean: Float64Array, deviation: Float64Array, dtype: np.dtype[np.floating], center: bool
) -> tuple[Float64Array, Float64Array]:
    """Scale and shift that give features of these moments a deviation of one and, with `center`, a mean of zero.

    Raises
    ------
    ValueError
        If one is not finite.
    """
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
        raise ValueError(f"X is so large that its variance overflows {dtype}; scale its features")
    # The mean as X's dtype has it: the kernels subtract that.
    mean = mean.astype(dtype).astype(np.float64)
    scale = 1 / np.where(deviation > 0, deviation, 1.0)
    return scale, -mean * scale if center else np.zeros_like(scale)


def _nearly_constant(columns: FloatArray, weights: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Means and deviations of features that hardly differ from their first value: a constant is that, and has none."""
    if weights is not None:
        columns, weights = columns[weights > 0], weights[weights > 0]
    differences = columns.astype(np.float64) - columns[0]
    mean = np.average(differences, axis=0, weights=weights)
    variance = np.average((differences - mean) ** 2, axis=0, weights=weights)
    return columns[0] + mean, np.sqrt(variance)
