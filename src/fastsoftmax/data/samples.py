"""What is known of the samples beside X: targets, weights and offset, checked once and carried as one value."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..runtime.arrays import Float64Array, FloatArray, IndexArray
from .arguments import as_matrix, as_numbers


class Samples(NamedTuple):
    """Targets, weights and offset of the samples; exactly one of the first two is not None.

    Attributes
    ----------
    labels : (n_samples,) of intp, or None
        Class indices in [0, n_outputs).
    targets : (n_samples, n_outputs) of the data's dtype, or None
        What the outputs should be: for the softmax probabilities or counts of the classes.
    n_outputs : int
    trials : (n_samples,) float64, or None for ones
        Σ_k y_ik where a family counts it, as the softmax does: how many observations a row of counts stands for.
    weight : (n_samples,) float64 with mean one over all samples, or None for ones
    offset : (n_samples, n_outputs) of the data's dtype, or None for zeros
        Added to the logits.
    parameter : float
        The family's, such as the power of a Tweedie family; of no effect on a family without one.
    """

    labels: IndexArray | None
    targets: FloatArray | None
    n_outputs: int
    trials: Float64Array | None = None
    weight: Float64Array | None = None
    offset: FloatArray | None = None
    parameter: float = 0.0

    @property
    def mass(self) -> Float64Array | None:
        """s_i Σ_k y_ik, the factor of a sample in the Hessian, or None where all are one."""
        if self.trials is None:
            return self.weight
        return self.trials if self.weight is None else self.trials * self.weight

    def rows(self, rows: IndexArray | slice, weight_factor: Float64Array | None = None) -> "Samples":
        """Return some of the samples, their weights multiplied with a factor of each, (len(rows),)."""
        labels, targets, n_outputs, trials, weight, offset, parameter = self
        weight = None if weight is None else weight[rows]
        if weight_factor is not None:
            weight = weight_factor if weight is None else weight * weight_factor
        return Samples(
            None if labels is None else labels[rows],
            None if targets is None else targets[rows],
            n_outputs,
            None if trials is None else trials[rows],
            weight,
            None if offset is None else offset[rows],
            parameter,
        )

    def copy(self) -> "Samples":
        """Return the same samples in memory of their own."""
        return Samples._make(part.copy() if isinstance(part, np.ndarray) else part for part in self)

    def weighted(self, weight: Float64Array | None) -> "Samples":
        """Return the same samples with other weights."""
        return self._replace(weight=weight)


def as_sample_weight(sample_weight: ArrayLike | None, n_samples: int) -> Float64Array | None:
    """Return weights (n_samples,) scaled to mean one, or None; the scale changes no result but avoids overflow."""
    if sample_weight is None:
        return None
    weights = as_weights(sample_weight, n_samples)
    relative = weights / weights.max()
    return np.ascontiguousarray(relative / relative.mean())


def as_weights(sample_weight: ArrayLike, n_samples: int) -> Float64Array:
    """Return weights (n_samples,) as they are, not all of them zero."""
    weights = as_numbers("sample_weight", sample_weight, ndim=1, dtype=np.float64)
    if weights.shape != (n_samples,):
        raise ValueError(f"sample_weight must have shape ({n_samples},), found {weights.shape}")
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise ValueError(f"sample_weight must be finite and not negative, found {weights[bad[0]]} at row {bad[0]}")
    if not weights.any():
        raise ValueError("sample_weight must not be zero for all samples")
    return np.ascontiguousarray(weights)


def as_offset(offset: ArrayLike | None, shape: tuple[int, int], dtype: DTypeLike) -> FloatArray | None:
    """Return an offset (n_samples, n_outputs) of the data's dtype, or None; its entries are finite or −∞."""
    if offset is None:
        return None
    matrix = as_matrix("offset", offset, dtype=dtype)
    if matrix.shape != shape:
        raise ValueError(f"offset must have shape {shape}, found {matrix.shape}")
    bad = np.argwhere(np.isnan(matrix) | (matrix == np.inf))
    if len(bad):
        row, column = bad[0]
        raise ValueError(f"offset must be finite or -inf, found {matrix[row, column]} at row {row}, column {column}")
    return matrix
