"""The part of a penalty that has no gradient, on some entries of theta: what the model of a proximal step needs.

l1 · |u|                  each entry by itself, within bounds if there are any
Σ_blocks l1 · ‖u_block‖₂  blocks of entries, the weights of a feature
"""

from dataclasses import dataclass, field

import numpy as np

from ..runtime.arrays import Float64Array, IndexArray
from ..runtime.override import override
from ..runtime.vectors import dot


@dataclass(frozen=True)
class EntryPenalty:
    """Absolute values, and bounds.

    Parameters
    ----------
    entries : (n,) intp
        Which entries of theta, in the order of all else.
    l1 : (n,) float64
        Zero for an entry without a penalty.
    lower, upper : (n,) float64, optional
    """

    entries: IndexArray
    l1: Float64Array
    lower: Float64Array | None = None
    upper: Float64Array | None = None

    blocks: IndexArray | None = field(default=None, init=False)  # None: all are single entries

    def value(self, u: Float64Array) -> float:
        """Return the penalty at u, which is within the bounds."""
        return dot(self.l1, np.abs(u))

    def change(self, u: Float64Array, v: Float64Array) -> float:
        """Return the penalty at v less that at u, without the rounding of either."""
        return dot(self.l1, np.abs(v) - np.abs(u))

    def least(self, grad: Float64Array, u: Float64Array) -> Float64Array:
        """Subgradient of least norm of a function of this gradient plus the penalty."""
        return bounded(subgradient(grad, u, self.l1), u, self.lower, self.upper)

    def smooth_at(self, u: Float64Array, least: Float64Array) -> IndexArray:
        """Return the entries near which the penalty has a gradient, and no bound is in the way of −least."""
        smooth = (u != 0) | (self.l1 == 0)
        if self.lower is not None and self.upper is not None:
            smooth &= (u > self.lower) & (u < self.upper) | (least != 0)
        return np.flatnonzero(smooth)

    def toward(self, u: Float64Array, moved: Float64Array) -> Float64Array:
        """Return what is reached from u in the direction of moved: an entry stops where it changes its sign."""
        moved = np.where((self.l1 > 0) & (moved * u < 0), 0.0, moved)
        return moved if self.lower is None else np.clip(moved, self.lower, self.upper)

    def first_kink(self, u: Float64Array, step: Float64Array) -> float:
        """Return the smallest t > 0 at which an entry of u + t · step stops; infinity if none does."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ways = [-u[self.l1 > 0] / step[self.l1 > 0]]
            if self.lower is not None and self.upper is not None:
                ways += [(self.lower - u) / step, (self.upper - u) / step]
        return min(float(way[way > 0].min(initial=np.inf)) for way in ways)


@dataclass(frozen=True)
class BlockPenalty(EntryPenalty):
    """Norms of blocks: entry blocks[c] to blocks[c + 1] make one, with one l1."""

    blocks: IndexArray | None = field(kw_only=True)

    @property
    def _starts(self) -> IndexArray:
        assert self.blocks is not None
        return self.blocks[:-1]

    def _norms(self, v: Float64Array) -> Float64Array:
        """Norm of the block of each entry, (n,)."""
        assert self.blocks is not None
        return np.repeat(np.sqrt(np.add.reduceat(v * v, self._starts)), np.diff(self.blocks))

    @override
    def value(self, u: Float64Array) -> float:
        return dot(self.l1[self._starts], np.sqrt(np.add.reduceat(u * u, self._starts)))

    @override
    def change(self, u: Float64Array, v: Float64Array) -> float:
        sums = np.sqrt(np.add.reduceat(u * u, self._starts)) + np.sqrt(np.add.reduceat(v * v, self._starts))
        squares = np.add.reduceat((v - u) * (v + u), self._starts)
        return dot(self.l1[self._starts], squares / np.where(sums > 0, sums, 1.0))

    @override
    def least(self, grad: Float64Array, u: Float64Array) -> Float64Array:
        return least_of_norms(grad, u, self._norms(grad), self._norms(u), self.l1)


def soft_threshold(u: Float64Array, threshold: Float64Array | float) -> Float64Array:
    """sign(u) · max(|u| − threshold, 0): the argmin over v of ½ (v − u)² + threshold · |v|."""
    clipped = np.clip(u, -threshold, threshold)
    return np.subtract(u, clipped, out=clipped)


def subgradient(
    grad: Float64Array,
    theta: Float64Array,
    l1: Float64Array | float,
    support: IndexArray | None = None,
) -> Float64Array:
    """Subgradient of least norm of a function of this gradient plus Σ_j l1_j |theta_j|.

    l1 has the shape of theta, or is broadcast to it. support names the entries of theta, in C order, that are not zero,
    where that is known.
    """
    least = soft_threshold(grad, l1)
    if support is None:
        support = np.flatnonzero(theta)
    at = np.unravel_index(support, theta.shape)
    least[at] = grad[at] + np.broadcast_to(l1, grad.shape)[at] * np.sign(theta[at])
    return least


def bounded(
    least: Float64Array, theta: Float64Array, lower: Float64Array | None, upper: Float64Array | None
) -> Float64Array:
    """Set to zero, in place, what points out of the bounds that theta is at."""
    if lower is not None and upper is not None:
        least[(theta <= lower) & (least > 0) | (theta >= upper) & (least < 0)] = 0
    return least


def least_of_norms(
    grad: Float64Array,
    u: Float64Array,
    grad_norm: Float64Array,
    norm: Float64Array,
    l1: Float64Array | float,
) -> Float64Array:
    """Subgradient of least norm of a function of this gradient plus norms of blocks; the norms are those of blocks."""
    zero = norm == 0
    excess = np.maximum(grad_norm - l1, 0) / np.where(grad_norm > 0, grad_norm, 1.0)
    return np.where(zero, grad * excess, grad + u * (l1 / np.where(zero, 1.0, norm)))
