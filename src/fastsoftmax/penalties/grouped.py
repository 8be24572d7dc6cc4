"""The elastic net whose L1 part takes the weights of a feature, one for each class, as a group.

    P(W) = Σ_j f_j (½ · l2 · ‖W_:j‖₂² + l1 · ‖W_:j‖₂)

A feature has weights for all classes or for none (Yuan & Lin, Journal of the Royal Statistical Society B 68, 2006).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..runtime.arrays import Float64Array, IndexArray
from ..runtime.override import override
from .elastic_net import ElasticNet
from .entries import BlockPenalty, least_of_norms


@dataclass(frozen=True)
class Grouped(ElasticNet):
    """An elastic net with the norms ‖W_:j‖₂ in the place of Σ_k |W_kj|."""

    @property
    @override
    def is_uniform(self) -> bool:
        return False

    @override
    def slopes(self, grad_W: Float64Array) -> Float64Array:
        return _norms(grad_W)

    @override
    def near(self, grad_W: Float64Array, share: float) -> NDArray[np.bool_]:
        return np.broadcast_to(_norms(grad_W) >= share * self.l1_of_features, grad_W.shape)

    @override
    def least_subgradient(
        self, grad_W: Float64Array, W: Float64Array, support: IndexArray | None = None
    ) -> Float64Array:
        return least_of_norms(grad_W, W, _norms(grad_W), _norms(W), self.l1_of_features)

    @override
    def on_entries(self, entries: IndexArray, shape: tuple[int, int]) -> BlockPenalty:
        n_outputs, n_features = shape
        n_weights = n_outputs * n_features
        features = np.unique(entries[: np.searchsorted(entries, n_weights)] % n_features)
        whole = (features[:, None] + n_features * np.arange(n_outputs)).ravel()
        others = entries[np.searchsorted(entries, n_weights) :]
        l1 = np.zeros(len(whole) + len(others))
        l1[: len(whole)] = np.repeat(np.broadcast_to(self.l1_of_features, n_features)[features], n_outputs)
        ends = np.arange(len(features) + 1) * n_outputs
        blocks = np.append(ends, len(whole) + 1 + np.arange(len(others)))
        return BlockPenalty(np.append(whole, others), l1, blocks=blocks)

    @override
    def absolute(self, W: Float64Array) -> float:
        return float((self.l1_of_features * _norms(W)).sum())

    @override
    def conjugate(self, V: Float64Array) -> float:
        if not self.l2:
            return 0.0
        excess = np.maximum(_norms(V) - self.l1_of_features, 0) ** 2
        return float((excess / (2 * self.l2_of_features)).sum())

    @override
    def shrinkage(self, V: Float64Array) -> float:
        return super().shrinkage(_norms(V)[None])


def _norms(matrix: Float64Array) -> Float64Array:
    """Norms of the columns."""
    norms: Float64Array = np.sqrt(np.einsum("kj,kj->j", matrix, matrix))
    return norms
