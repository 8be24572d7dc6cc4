"""A sample of the rows, for what looks at the curvature.

A row's importance is the trace of its part of the Hessian, w_i (1 − ‖p_i‖²) ‖z_i‖². Rows that a fitted model is sure of
tell nothing about the curvature; rows with rare features tell much. Where few rows carry nearly all of it, they are the
sample. Otherwise rows are drawn with probabilities proportional to their importance (Xu et al., NeurIPS 2016).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..families import Family
from ..runtime.arrays import Float64Array, FloatArray, IndexArray

if TYPE_CHECKING:
    from .loss import Loss

# Sample size: least, most.
FEWEST_ROWS, MOST_ROWS = 500, 5_000

# Importance costs a pass: use it for n > 5 × the rows needed.
CHOICE = 5

# Rows that were drawn by an importance which has changed since still serve while they tell as much as 3/4 of them did:
# a new importance costs a pass.
STILL_EFFECTIVE = 0.75

# The least important rows, which together carry at most this share of the importance, may be left out.
NEGLIGIBLE = 1e-3

# Draw by the first seed, and by the next one if fewer than half of the rows come that are expected: weights that a user
# drew by the same seed may be the very numbers that a draw compares them with.
SEEDS = (0, 1, 2, 3)

# If the mean of 1 − ‖p_i‖² is at most this, the model is sure of all samples, and H tells nothing about a step.
SATURATED = 1e-12


@dataclass(frozen=True)
class Sample:
    """Some of the rows, weighted so that their sums estimate those over all rows."""

    X: FloatArray  # (n_rows, n_features)
    probabilities: Float64Array  # (n_rows, n_outputs) p_ik; of a family that is not categorical, C_ik
    weights: Float64Array  # (n_rows,), w_i divided by the probability that row i is drawn
    spread: Float64Array  # (n_rows,), weighted traces of the rows' class matrices, scaled to sum one
    precision: np.dtype[np.floating]  # what the gradient is computed in, where X is more exact
    left_out: float  # share of the rows that are not in it
    is_categorical: bool = True  # whether C_i is that of categories; if not, the outputs are independent
    observed: Float64Array | None = None  # (n_rows, n_outputs), where C_ik is a mean over y, that of the y at hand
    is_guess: bool = False  # whether they are those of logits of zero, because the model is sure of all rows

    @property
    def effective_rows(self) -> float:
        """How many rows of equal importance would estimate as well."""
        return effective_rows(self.spread)


def effective_rows(importance: Float64Array) -> float:
    """Return how many rows of equal importance tell as much (Kish, Survey Sampling, 1965); all, if none has any."""
    squares = float(importance @ importance)
    return float(importance.sum()) ** 2 / squares if squares else float(len(importance))


def unsaturated(family: Family, means: NDArray[Any], mass: Float64Array) -> tuple[NDArray[Any], Float64Array]:
    """Return means and the weighted traces of their class matrices, (n_rows,); mass is w_i.

    If the model is sure of every sample it has no curvature: the means are then replaced by those at zero.
    """
    traces = mass * family.trace(means)
    if traces.sum() > SATURATED * mass.sum():
        return means, traces
    at_zero = np.full_like(means, family.mean_at_zero(means.shape[1]))
    return at_zero, mass * family.trace(at_zero)


def weights_of(loss: "Loss") -> Float64Array:
    """Return w_i = m_i / n_samples of all rows, (n_samples,)."""
    return np.full(len(loss), 1 / len(loss)) if loss.mass is None else loss.mass / len(loss)


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
            of_rows[rows] = loss.family.trace(probabilities)
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
    for seed in SEEDS:
        rows = np.flatnonzero(np.random.default_rng(seed).random(len(probability)) < probability)
        if 2 * len(rows) >= probability.sum():
            break
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


def curvatures(part: "Loss", means: Float64Array) -> tuple[Float64Array, Float64Array | None]:
    """Return the probabilities and observed curvatures of a `Sample` whose means are these."""
    family, y = part.family, part.samples.targets
    if family.is_categorical or y is None:
        return means, None
    observed = family.observed(means, y)
    return np.asarray(family.curvature(means)), None if observed is None else np.asarray(observed, np.float64)


def draw_sample(
    loss: "Loss", theta: Float64Array, importance: Importance | None, n_rows: int, dtype: np.dtype[Any]
) -> Sample:
    """Return the rows of `Loss.draw` with what the model thinks of them; dtype is what is computed in from here on."""
    return sample_of(loss, theta, *loss.draw(importance, n_rows), dtype)


def sample_of(loss: "Loss", theta: Float64Array, part: "Loss", mass: Float64Array, dtype: np.dtype[Any]) -> Sample:
    """Return rows that `Loss.draw` has drawn before, with what the model at theta thinks of them."""
    means = part.mean(theta).astype(np.float64)
    unsure, traces = unsaturated(loss.family, means, mass)
    of_outputs, observed = curvatures(part, unsure)
    X = np.ascontiguousarray(part.X.finite_values(), dtype)
    return Sample(
        X,
        of_outputs,
        mass,
        traces / traces.sum(),
        precision=loss.X.dtype,
        left_out=1 - len(part) / len(loss),
        is_categorical=loss.family.is_categorical,
        observed=observed,
        is_guess=unsure is not means,
    )
