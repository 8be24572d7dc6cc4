"""The elastic net with bounds of the weights: lower_kj ≤ W_kj ≤ upper_kj."""

from dataclasses import dataclass, field, replace

import numpy as np

from ..runtime.arrays import Float64Array, IndexArray
from ..runtime.override import override
from .elastic_net import ElasticNet
from .entries import EntryPenalty, bounded


@dataclass(frozen=True)
class Bounded(ElasticNet):
    """An elastic net whose W is held within bounds, (n_outputs, n_features) each; they may be infinite."""

    lower: Float64Array = field(kw_only=True)
    upper: Float64Array = field(kw_only=True)

    @override
    def __bool__(self) -> bool:
        return True

    @property
    @override
    def is_smooth(self) -> bool:
        return False

    @property
    @override
    def is_uniform(self) -> bool:
        return False

    @override
    def of_columns(self, columns: IndexArray) -> "Bounded":
        return replace(
            self,
            factors=None if self.factors is None else self.factors[columns],
            lower=self.lower[:, columns],
            upper=self.upper[:, columns],
        )

    @override
    def nearest(self, W: Float64Array) -> Float64Array:
        return np.clip(W, self.lower, self.upper)

    @override
    def slopes(self, grad_W: Float64Array) -> Float64Array:
        # A slope counts if it leads away from zero within the bounds.
        down, up = np.where(self.lower < 0, grad_W, 0.0), np.where(self.upper > 0, -grad_W, 0.0)
        outside = ((self.lower > 0) | (self.upper < 0)).any(axis=0)
        return np.where(outside, np.inf, np.maximum(np.maximum(down, up).max(axis=0), 0))

    @override
    def least_subgradient(
        self, grad_W: Float64Array, W: Float64Array, support: IndexArray | None = None
    ) -> Float64Array:
        return bounded(super().least_subgradient(grad_W, W, support), W, self.lower, self.upper)

    @override
    def on_entries(self, entries: IndexArray, shape: tuple[int, int]) -> EntryPenalty:
        plain = super().on_entries(entries, shape)
        bounds = np.full((2, len(entries)), np.inf)
        n_weights = shape[0] * shape[1]
        of_W = entries[: np.searchsorted(entries, n_weights)]
        bounds[0, : len(of_W)], bounds[1, : len(of_W)] = -self.lower.ravel()[of_W], self.upper.ravel()[of_W]
        return replace(plain, lower=-bounds[0], upper=bounds[1])

    @override
    def conjugate(self, V: Float64Array) -> float:
        l1, l2 = self.l1_of_features, self.l2_of_features
        excess = V - np.clip(V, -l1, l1)
        if self.l2:
            best = excess / l2
        else:
            # Where nothing bounds a slope beyond l1, `shrinkage` has left a rounding of it.
            best = np.where(excess > 0, self.upper, np.where(excess < 0, self.lower, 0.0))
            best = np.where(np.isfinite(best), best, 0.0)
        best = np.clip(best, self.lower, self.upper)
        return float((V * best - l1 * np.abs(best) - 0.5 * l2 * best**2).sum())

    @override
    def shrinkage(self, V: Float64Array) -> float:
        if self.l2:
            return 1.0
        unbounded = np.where(V > 0, np.isposinf(self.upper), np.isneginf(self.lower))
        return super().shrinkage(np.where(unbounded, V, 0.0))
