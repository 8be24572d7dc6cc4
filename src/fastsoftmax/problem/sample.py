"""A sample of the rows, for what looks at the curvature.

A row's importance is the trace of its part of the Hessian, w_i (1 − ‖p_i‖²) ‖z_i‖². Rows that a fitted model is sure of
tell nothing about the curvature; rows with rare features tell much. Where few rows carry nearly all of it, they are the
sample. Otherwise rows are drawn with probabilities proportional to their importance (Xu et al., NeurIPS 2016).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..runtime.arrays import Float64Array, FloatArray, IndexArray

if TYPE_CHECKING:
    from .loss import Loss

# Sample size: least, most.
FEWEST_ROWS, MOST_ROWS = 500, 5_000

# Importance costs a pass: use it for n > 5 × the rows needed.
CHOICE = 5

# The least important rows, which together carry at most this share of the importance, may be left out.
NEGLIGIBLE = 1e-3

# If the mean of 1 − ‖p_i‖² is at most this, the model is sure of all samples, and H tells nothing about a step.
SATURATED = 1e-12


@dataclass(frozen=True)
class Sample:
    """Some of the rows, weighted so that their sums estimate those over all rows."""

    X: FloatArray  # (n_rows, n_features)
    probabilities: Float64Array  # (n_rows, n_classes)
    weights: Float64Array  # (n_rows,), w_i divided by the probability that row i is drawn
    spread: Float64Array  # (n_rows,), weighted traces of the rows' class matrices, scaled to sum one
    precision: np.dtype[np.floating]  # what the gradient is computed in, where X is more exact
    left_out: float  # share of the rows that are not in it
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


class Importance(NamedTuple):
    """Of the rows for the Hessian."""

    of_rows: Float64Array  # (n_samples,), not negative; empty where a pass has to find them
    n_weighty: int  # rows that carry all of it but NEGLIGIBLE
    theta: Float64Array  # where it is that

    @classmethod
    def at(cls, loss: "Loss", theta: Float64Array, spans: Float64Array | None) -> "Importance":
        """Return w_i (1 − ‖p_i‖²) spans_i for every row, where it is positive for any, else w_i; one pass over X.

        Without spans, all are 1, and all rows count as weighty.
        """
        mass = np.ones(len(loss)) if loss.mass is None else loss.mass
        of_rows = np.empty(len(loss))
        for rows, probabilities in loss.means(theta):
            of_rows[rows] = trace(probabilities)
        of_rows *= mass
        if not of_rows.any():
            of_rows[:] = mass  # the model is sure of all samples: no row matters more
        if spans is None:
            return cls(of_rows, len(loss), theta)
        of_rows *= spans
        carried = np.cumsum(np.sort(of_rows))
        return cls(of_rows, len(loss) - int(np.searchsorted(carried, NEGLIGIBLE * carried[-1])), theta)


def draw(importance: Float64Array, n_rows: int) -> tuple[IndexArray, Float64Array]:
    """Draw about n_rows rows with probabilities proportional to importance; return rows and probabilities."""
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


def draw_part(loss: "Loss", importance: Importance | None, n_rows: int) -> tuple["Loss", Float64Array]:
    """Return about n_rows rows, and the mass of each, so that their sums estimate those over all rows.

    The mass, (n_rows,), is divided by the probability that a row is drawn, and by the number of all rows.

    Parameters
    ----------
    importance : Importance or None
        If n_rows rows carry nearly all of it, these are taken. None to draw by w_i.
    """
    rows: IndexArray | slice = slice(None)
    factor: Float64Array = np.ones(1)
    if n_rows < len(loss):
        if importance is not None and n_rows >= importance.n_weighty:
            rows = np.sort(np.argpartition(importance.of_rows, len(loss) - n_rows)[len(loss) - n_rows :])
        else:
            mass = np.ones(len(loss)) if loss.mass is None else loss.mass
            rows, probability = draw(mass if importance is None else importance.of_rows, n_rows)
            factor = 1 / probability
    part = loss.part(rows)
    return part, np.broadcast_to(factor if part.mass is None else part.mass * factor, len(part)) / len(loss)


def draw_sample(
    loss: "Loss", theta: Float64Array, importance: Importance | None, n_rows: int, dtype: np.dtype[Any]
) -> Sample:
    """Return the rows of `Loss.draw` with what the model thinks of them; dtype is what is computed in from here on."""
    part, mass = loss.draw(importance, n_rows)
    means = part.mean(theta).astype(np.float64)
    probabilities, traces = unsaturated(means, mass)
    X = np.ascontiguousarray(part.X.finite_values(), dtype)
    return Sample(
        X,
        probabilities,
        mass,
        traces / traces.sum(),
        precision=loss.X.dtype,
        left_out=1 - len(part) / len(loss),
        is_guess=probabilities is not means,
    )
