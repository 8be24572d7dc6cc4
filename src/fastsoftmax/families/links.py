"""Links: which function of the mean of y a logit is."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..runtime.arrays import Float64Array


class Link(NamedTuple):
    """A monotone function g with z = g(E[y]); the kernels have its inverse."""

    at_zero: float  # the mean where the logit is zero
    of_mean: Callable[[Float64Array], Float64Array]
    # What an offset multiplies the mean with where that has such a factor, else None: the offset is added to the mean's
    # logit.
    factor: Callable[[Float64Array], Float64Array] | None = None


def _logit(mean: Float64Array) -> Float64Array:
    return np.log(mean) - np.log1p(-mean)


LINKS = {
    "identity": Link(0.0, np.asarray),
    "log": Link(1.0, np.log, np.exp),
    "logit": Link(0.5, _logit),
}
