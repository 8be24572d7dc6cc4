"""The duality gap of `families.duality` over rows that are read in passes: three passes, or four without l2.

All that it needs of the samples are sums over them: for Newton's method on b those of q and of its covariance, then V,
then the dual value.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..data.arguments import overflow_shows
from ..data.features import Parameters
from ..families.duality import distribution, dual_mean, in_columns, mean_loss, ruled_out
from ..penalties import ElasticNet
from ..problem.loss import Loss
from ..runtime.arrays import Float64Array

Average = Callable[[Callable[[Loss], tuple[Any, ...]]], tuple[Any, ...]]

# Newton steps for b at most, a pass each; stop once so small a share of another distribution balances q.
MAX_NEWTON, BALANCED = 6, 1e-7


class Dual(NamedTuple):
    """A distribution for every sample: the softmax at b, mixed with a constant one, and shrunk towards the target."""

    b: Float64Array
    share: float = 0.0  # of the constant distribution
    constant: Float64Array | None = None
    shrinkage: float = 1.0

    def of(self, part: Loss, Y: Float64Array, fixed: Float64Array) -> Float64Array:
        """Q of the samples of a part, (n_classes, n)."""
        q = distribution(fixed + self.b[:, None])
        if self.constant is not None:
            ruled = ruled_out(part.samples, len(part))
            q = (1 - self.share) * q + self.share * np.where(ruled, Y, self.constant[:, None])
        return q if self.shrinkage == 1 else Y + self.shrinkage * (q - Y)


@overflow_shows
def duality_gap(average: Average, at: Parameters, penalty: ElasticNet, fit_intercept: bool) -> float:
    """F − D(q) at (W, b), computed in float64; infinite if no q was found that meets the conditions.

    Parameters
    ----------
    average : callable
        That of the loss.
    """
    W, b = at.W.copy(), at.b.copy()
    dual = _balanced(average, W, b) if fit_intercept else Dual(b)
    if dual is None:
        return np.inf
    primal, value, V = average(partial(_values, W=W, b=b, dual=dual))
    shrinkage = penalty.shrinkage(-V)
    if shrinkage < 1:
        dual, V = dual._replace(shrinkage=shrinkage), shrinkage * V
        (value,) = average(partial(_dual_value, W=W, dual=dual))
    return float(primal + penalty.absolute(W) + penalty.square(W) - value + penalty.conjugate(-V))


def _balanced(average: Average, W: Float64Array, b: Float64Array) -> Dual | None:
    """Return q whose mean is that of the targets, by Newton's method on b, and a constant distribution for the rest."""
    best = None
    for _ in range(MAX_NEWTON):
        mean, class_mass, hessian, of_ruled, free = average(partial(_moments, W=W, b=b))
        # The optimal intercept of a class without samples is −∞.
        b = np.where(class_mass > 0, b, -np.inf)
        excess, room = mean - class_mass, class_mass - of_ruled
        share = float(np.max(excess / np.where(excess > 0, excess + room, 1.0)))
        if share < (1.0 if best is None else best.share) and not mean[class_mass == 0].any():
            best = Dual(b, max(share, 0.0))
            if share > 0:
                best = best._replace(constant=np.maximum(room - (1 - share) / share * excess, 0) / free)
        if best is not None and best.share <= BALANCED:
            break
        present = np.flatnonzero(class_mass)
        step = -np.linalg.lstsq(hessian[np.ix_(present, present)], excess[present], rcond=1e-12)[0]
        b = b.copy()
        b[present] += step
    return best


def _moments(part: Loss, W: Float64Array, b: Float64Array) -> tuple[Any, ...]:
    """Means of q, of ȳ, of the covariance of q, of ȳ of samples that lack a class, and of the mass of all others."""
    Y, mass, fixed = in_columns(part.X, part.samples, W)
    q, ruled = distribution(fixed + b[:, None]), ruled_out(part.samples, len(part))
    mean = q @ mass
    return mean, Y @ mass, np.diag(mean) - (q * mass) @ q.T, Y @ (mass * ruled), float(mass @ ~ruled)


def _values(part: Loss, W: Float64Array, b: Float64Array, dual: Dual) -> tuple[Any, ...]:
    """Means of the loss, of the dual's terms, and V."""
    Y, mass, fixed = in_columns(part.X, part.samples, W)
    q = dual.of(part, Y, fixed)
    V = part.X.exact_sums((mass * (q - Y)).T)
    return mean_loss(fixed + b[:, None], Y, mass), dual_mean(q, Y, mass, part.samples.offset), V


def _dual_value(part: Loss, W: Float64Array, dual: Dual) -> tuple[float]:
    Y, mass, fixed = in_columns(part.X, part.samples, W)
    return (dual_mean(dual.of(part, Y, fixed), Y, mass, part.samples.offset),)
