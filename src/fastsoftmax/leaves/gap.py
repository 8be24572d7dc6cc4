"""The duality gap of `families.duality` over rows that are read in passes.

All that it needs of the samples are sums over them: for Newton's method on b those of q and of its covariance, then V,
then the dual value. V alone needs X: if the logits of all rows are few, one pass keeps them, and another finds V. If
they are many, each step of Newton's method is a pass, and so is the dual value where V had to be shrunk.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.arguments import overflow_shows
from ..data.features import Parameters
from ..data.samples import Samples
from ..families.duality import (
    distribution,
    dual_mean,
    logits_in_columns,
    mean_loss,
    ruled_out,
    targets_in_columns,
)
from ..penalties import ElasticNet
from ..problem.loss import Loss
from ..runtime.arrays import Float64Array
from .kept import MOST_KEPT
from .loss import LeavesLoss

# Newton steps for b at most, a pass each if logits are not kept; stop once so small a share of another distribution
# balances q.
MAX_NEWTON, BALANCED = 6, 1e-7


class Logits(NamedTuple):
    """Some samples, and their logits without an intercept, in float64."""

    samples: Samples
    fixed: Float64Array  # (n_classes, n)

    @classmethod
    def of(cls, part: Loss, W: Float64Array) -> "Logits":
        """Compute those of a part."""
        return cls(part.samples, logits_in_columns(part.X, part.samples, W))

    @property
    def targets(self) -> tuple[Float64Array, Float64Array]:
        """ȳ (n_classes, n) and ω (n,)."""
        return targets_in_columns(self.samples, self.fixed.shape[1])

    @property
    def ruled(self) -> NDArray[np.bool_]:
        """Whether a class is ruled out, (n,)."""
        return ruled_out(self.samples, self.fixed.shape[1])


OfLogits = Callable[[Logits], tuple[Any, ...]]
Average = Callable[[OfLogits], tuple[Any, ...]]


class Dual(NamedTuple):
    """A distribution for every sample: the softmax at b, mixed with a constant one, and shrunk towards the target."""

    b: Float64Array
    share: float = 0.0  # of the constant distribution
    constant: Float64Array | None = None
    shrinkage: float = 1.0

    def of(self, logits: Logits, Y: Float64Array) -> Float64Array:
        """Q of some samples, (n_classes, n)."""
        q = distribution(logits.fixed + self.b[:, None])
        if self.constant is not None:
            q = (1 - self.share) * q + self.share * np.where(logits.ruled, Y, self.constant[:, None])
        return q if self.shrinkage == 1 else Y + self.shrinkage * (q - Y)


@overflow_shows
def duality_gap(loss: LeavesLoss, at: Parameters, penalty: ElasticNet) -> float:
    """F − D(q) at (W, b), computed in float64; infinite if no q was found that meets the conditions."""
    W, b = at.W.copy(), at.b.copy()
    average: Average
    if len(loss) * loss.n_outputs * W.itemsize <= MOST_KEPT:
        average = loss.keep(partial(_kept_logits, W=W)).average
    else:

        def average(of_logits: OfLogits) -> tuple[Any, ...]:
            return loss.means_of_leaves(partial(_of_part, of_logits=of_logits, W=W))

    dual = _balanced(average, b) if loss.fit_intercept else Dual(b)
    if dual is None:
        return np.inf
    primal, value, V = loss.means_of_leaves(partial(_values, W=W, b=b, dual=dual))
    shrinkage = penalty.shrinkage(-V)
    if shrinkage < 1:
        dual, V = dual._replace(shrinkage=shrinkage), shrinkage * V
        (value,) = average(partial(_dual_value, dual=dual))
    return float(primal + penalty.absolute(W) + penalty.square(W) - value + penalty.conjugate(-V))


def _balanced(average: Average, b: Float64Array) -> Dual | None:
    """Return q whose mean is that of the targets, by Newton's method on b, and a constant distribution for the rest."""
    best = None
    for _ in range(MAX_NEWTON):
        mean, class_mass, hessian, of_ruled, free = average(partial(_moments, b=b))
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


def _kept_logits(part: Loss, W: Float64Array) -> Logits:
    logits = Logits.of(part, W)
    return logits._replace(samples=logits.samples.copy())


def _of_part(part: Loss, of_logits: OfLogits, W: Float64Array) -> tuple[Any, ...]:
    return of_logits(Logits.of(part, W))


def _moments(logits: Logits, b: Float64Array) -> tuple[Any, ...]:
    """Means of q, of ȳ, of the covariance of q, of ȳ of samples that lack a class, and of the mass of all others."""
    (Y, mass), ruled = logits.targets, logits.ruled
    q = distribution(logits.fixed + b[:, None])
    mean = q @ mass
    return mean, Y @ mass, np.diag(mean) - (q * mass) @ q.T, Y @ (mass * ruled), float(mass @ ~ruled)


def _values(part: Loss, W: Float64Array, b: Float64Array, dual: Dual) -> tuple[Any, ...]:
    """Means of the loss, of the dual's terms, and V."""
    logits = Logits.of(part, W)
    Y, mass = logits.targets
    q = dual.of(logits, Y)
    V = part.X.exact_sums((mass * (q - Y)).T)
    return mean_loss(logits.fixed + b[:, None], Y, mass), dual_mean(q, Y, mass, logits.samples.offset), V


def _dual_value(logits: Logits, dual: Dual) -> tuple[float]:
    Y, mass = logits.targets
    return (dual_mean(dual.of(logits, Y), Y, mass, logits.samples.offset),)
