"""A random sample of the rows, for what looks at the curvature.

Row i is drawn with a probability proportional to w_i (1 − ‖p_i‖²), the trace of its part of the Hessian: rows that a
fitted model is sure of tell nothing about it (Xu et al., NeurIPS 2016).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.arrays import Float64Array, FloatArray, IndexArray
from .loss import Loss

# Sample size: least, most.
FEWEST_ROWS, MOST_ROWS = 500, 5_000

# Importance sampling costs a pass: use it only if n > 5 × the rows needed.
CHOICE = 5

# If the mean of 1 − ‖p_i‖² is at most this, the model is sure of all samples, and H tells nothing about a step.
SATURATED = 1e-12


@dataclass(frozen=True)
class Sample:
    """A random sample of the rows, weighted so that its sums estimate those over all rows."""

    X: FloatArray  # (n_rows, n_features)
    probabilities: Float64Array  # (n_rows, n_classes)
    weights: Float64Array  # (n_rows,), w_i divided by the probability that row i is drawn
    spread: Float64Array  # (n_rows,), weighted traces of the rows' class matrices, scaled to sum one
    is_guess: bool = False  # whether the probabilities are 1/K, because the model is sure of all rows


def trace(probabilities: NDArray[np.floating]) -> NDArray[np.floating]:
    """1 − ‖p_i‖² for every row, the trace of diag(p_i) − p_i p_iᵀ, without cancellation."""
    trace: NDArray[np.floating] = np.einsum("ik,ik->i", probabilities, 1 - probabilities)
    return trace


def unsaturated(probabilities: NDArray[Any], mass: Float64Array) -> tuple[NDArray[Any], Float64Array]:
    """Return probabilities and the weighted traces of their class matrices, (n_rows,); mass is w_i.

    If the model is sure of every sample it has no curvature: the probabilities are then replaced by 1/K.
    """
    traces = mass * trace(probabilities)
    if traces.sum() > SATURATED * mass.sum():
        return probabilities, traces
    n_classes = probabilities.shape[1]
    return np.full_like(probabilities, 1 / n_classes), mass * (1 - 1 / n_classes)


def sample_rows(n_samples: int) -> int:
    """Return the sample size: a third of the rows, at least FEWEST_ROWS or all, at most MOST_ROWS."""
    return min(n_samples, MOST_ROWS, max(FEWEST_ROWS, n_samples // 3))


def draw(importance: Float64Array) -> tuple[IndexArray, Float64Array]:
    """Draw about `sample_rows` rows with probabilities proportional to importance; return rows and probabilities."""
    n_rows = sample_rows(len(importance))
    if not importance.any():
        importance = np.ones(len(importance))  # the model is sure of all samples: no row matters more
    probability = importance * (n_rows / importance.sum(dtype=np.float64))
    # Cut probabilities off at 1 and give the excess to the other rows.
    for _ in range(3):
        if probability.max() <= 1:
            break
        certain = probability >= 1
        rest = probability[~certain].sum()
        probability *= max(1.0, (n_rows - certain.sum()) / rest) if rest > 0 else 1.0
        np.minimum(probability, 1, out=probability)
    rows = np.flatnonzero(np.random.default_rng(0).random(len(probability)) < probability)
    return rows, probability[rows].astype(np.float64)


def draw_part(loss: Loss, theta: Float64Array) -> tuple[Loss, Float64Array]:
    """Return the rows that the curvature at theta depends on most, all if they are few, and the mass of each; one pass.

    The mass, (n_rows,), is divided by the probability that a row is drawn, and by the number of all rows.
    """
    n_samples = len(loss)
    part, factor = loss, np.ones(1)
    if n_samples > sample_rows(n_samples):
        importance = np.ones(n_samples) if loss.mass is None else loss.mass
        if theta.any() and n_samples > CHOICE * sample_rows(n_samples):
            importance = importance * _traces(loss, theta)
        rows, probability = draw(importance)
        part, factor = loss.part(rows), 1 / probability
    return part, np.broadcast_to(factor if part.mass is None else part.mass * factor, len(part)) / n_samples


def draw_sample(loss: Loss, theta: Float64Array) -> Sample:
    """Return the rows of `draw_part` with what the model thinks of them; two passes over X at most."""
    part, mass = draw_part(loss, theta)
    means = part.mean(theta).astype(np.float64)
    probabilities, traces = unsaturated(means, mass)
    X = np.ascontiguousarray(part.X.finite_values())
    return Sample(X, probabilities, mass, traces / traces.sum(), probabilities is not means)


def _traces(loss: Loss, theta: Float64Array) -> FloatArray:
    """`trace` of every row."""
    traces = np.empty(len(loss), dtype=loss.X.dtype)
    for rows, probabilities in loss.means(theta):
        traces[rows] = trace(probabilities)
    return traces
