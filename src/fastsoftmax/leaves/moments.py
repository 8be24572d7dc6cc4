"""Means and deviations of features over leaves."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..data.features import bind_features, factors_of, moments
from ..runtime.arrays import Float64Array
from ..runtime.threads import resolve_num_threads
from .binding import Binding
from .cut import Leaf

if TYPE_CHECKING:
    from .loss import LeavesLoss


@dataclass(frozen=True)
class Moments:
    """Of some rows; sums are by Chan, Golub & LeVeque (The American Statistician 37, 1983)."""

    weight: float
    mean: Float64Array  # (n_features,)
    squares: Float64Array  # (n_features,), Σ_i s_i (x_ij − mean_j)²

    def __add__(self, other: "Moments") -> "Moments":
        weight = self.weight + other.weight
        if not weight:
            return self
        share, apart = other.weight / weight, other.mean - self.mean
        squares = self.squares + other.squares + apart**2 * (self.weight * share)
        return Moments(weight, self.mean + share * apart, squares)


def standardization_of(loss: "LeavesLoss", center: bool) -> tuple[Float64Array, Float64Array]:
    """Find scale and shift as `standardization` does, for what is stored; one pass."""
    (found,) = loss.total(partial(_of_leaf, loss.binding))
    with np.errstate(over="ignore", invalid="ignore"):
        deviation = np.sqrt(found.squares / found.weight)
    return factors_of(found.mean, deviation, loss.X.dtype, center)


def _of_leaf(binding: Binding, leaf: Leaf) -> tuple[Moments]:
    features = bind_features(leaf.rows.X)
    weight = binding.samples(leaf.rows, features.dtype).weight
    total = float(len(features) if weight is None else weight.sum())
    if not total:
        return (Moments(0.0, np.zeros(features.shape[1]), np.zeros(features.shape[1])),)
    threads = resolve_num_threads(binding.num_threads, features.n_entries)
    relative = None if weight is None else weight * (len(features) / total)
    mean, deviation = moments(features, relative, threads)
    return (Moments(total, mean, total * deviation**2),)
