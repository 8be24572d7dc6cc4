"""The elastic net, with a factor for each feature.

    P(W) = Σ_j f_j (½ · l2 · Σ_k W_kj² + l1 · Σ_k |W_kj|)

f_j = 0 leaves a feature free of both; without factors all are one. The intercepts are never penalised.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..runtime.arrays import Float64Array, FloatArray, IndexArray
from ..runtime.vectors import add_scaled, dot
from .entries import EntryPenalty, subgradient


@dataclass(frozen=True)
class ElasticNet:
    """Weights of ½‖W‖² and ‖W‖₁, and the factors of the features.

    Parameters
    ----------
    l2, l1 : float
        Finite, not negative.
    factors : (n_features,) float64, optional
        f, finite, not negative; ones by default.
    """

    l2: float = 0.0
    l1: float = 0.0
    factors: Float64Array | None = None

    def __bool__(self) -> bool:
        """Whether there may be an optimum where the loss alone has none."""
        return bool(self.l2 or self.l1)

    @property
    def penalizes_all(self) -> bool:
        """Whether every weight is penalised."""
        return bool(self.l2 or self.l1) and (self.factors is None or bool(self.factors.all()))

    @property
    def is_uniform(self) -> bool:
        """Whether all features are penalised alike."""
        return self.factors is None

    @property
    def l2_of_features(self) -> float | Float64Array:
        """Weights of ½ W_kj², a number or (n_features,)."""
        return self.l2 if self.factors is None else self.l2 * self.factors

    @property
    def l1_of_features(self) -> float | Float64Array:
        """Weights of |W_kj|, a number or (n_features,)."""
        return self.l1 if self.factors is None else self.l1 * self.factors

    @property
    def least_l1(self) -> float:
        """The smallest weight of |W_kj| that is not zero; 0 without any."""
        if self.factors is None or not self.l1:
            return self.l1
        positive = self.factors[self.factors > 0]
        return self.l1 * float(positive.min()) if len(positive) else 0.0

    @property
    def is_smooth(self) -> bool:
        """Whether all of it has a gradient, so that every solver serves it."""
        return not self.l1

    def of_strength(self, other: "ElasticNet") -> Self:
        """Return this penalty with the l2 and l1 of another."""
        return replace(self, l2=other.l2, l1=other.l1)

    def of_columns(self, columns: IndexArray) -> "ElasticNet":
        """Return the penalty of some features."""
        return self if self.factors is None else replace(self, factors=self.factors[columns])

    def nearest(self, W: Float64Array) -> Float64Array:
        """Return the weights nearest to W that are allowed."""
        return W

    def slopes(self, grad_W: Float64Array) -> Float64Array:
        """Largest slope of each feature, (n_features,): its weights stay zero if it is at most l1 f_j."""
        largest: Float64Array = np.abs(grad_W).max(axis=0)
        return largest

    def near(self, grad_W: Float64Array, share: float) -> NDArray[np.bool_]:
        """Whether the slope of each weight is at least this share of what keeps it zero, (n_outputs, n_features)."""
        return np.asarray(np.abs(grad_W) >= share * self.l1_of_features)

    def least_subgradient(
        self, grad_W: Float64Array, W: Float64Array, support: IndexArray | None = None
    ) -> Float64Array:
        """Return F's subgradient of least norm, of its smooth part's gradient; support is where W is not zero."""
        return subgradient(grad_W, W, self.l1_of_features, support)

    def on_entries(self, entries: IndexArray, shape: tuple[int, int]) -> EntryPenalty:
        """Return the part without a gradient on some entries of theta, ascending, W having this shape.

        It may want more entries, or another order: it says which.
        """
        l1 = np.zeros(len(entries))
        of_W = entries[: np.searchsorted(entries, shape[0] * shape[1])]
        l1[: len(of_W)] = self.l1 if self.factors is None else self.l1 * self.factors[of_W % shape[1]]
        return EntryPenalty(entries, l1)

    def add_smooth(self, W: FloatArray, grad_W_inout: FloatArray, num_threads: int | None = 1) -> float:
        """Add the gradient of the L2 part to a gradient, and return the part's value; W may be float32."""
        if not self.l2:
            return 0.0
        weights = W.astype(np.float64, copy=False)
        scaled = weights if self.factors is None else weights * self.factors
        add_scaled(grad_W_inout, self.l2, scaled, num_threads)
        return 0.5 * self.l2 * dot(weights, scaled, num_threads)

    def add_smooth_hess_vec(self, V: Float64Array, product_W_inout: Float64Array) -> None:
        """Add the Hessian of the L2 part times V to a product."""
        if self.l2:
            add_scaled(product_W_inout, self.l2, V if self.factors is None else V * self.factors)

    def smooth_line(
        self, W: Float64Array, W_step: Float64Array, num_threads: int | None = 1
    ) -> tuple[float, float, float]:
        """Return a, b, c with the L2 part at W + t · W_step = a + 2 b t + c t²."""
        step = W_step if self.factors is None else W_step * self.factors
        of_W = W if self.factors is None else W * self.factors
        pairs = (W, of_W), (W, step), (W_step, step)
        return tuple(0.5 * self.l2 * dot(u, v, num_threads) for u, v in pairs)  # type: ignore[return-value]

    def absolute(self, W: Float64Array) -> float:
        """Return the L1 part at W."""
        of_features = np.abs(W).sum() if self.factors is None else np.abs(W).sum(axis=0) @ self.factors
        return self.l1 * float(of_features)

    def square(self, W: Float64Array) -> float:
        """Return the L2 part at W."""
        of_features = (W**2).sum() if self.factors is None else (W**2).sum(axis=0) @ self.factors
        return 0.5 * self.l2 * float(of_features)

    def conjugate(self, V: Float64Array) -> float:
        """max_W ⟨V, W⟩ − P(W) = Σ_kj (|V_kj| − l1 f_j)₊² / (2 l2 f_j), for positive factors.

        Without l2 it is 0 for a V that `shrinkage` leaves as it is.
        """
        if not self.l2:
            return 0.0
        excess = np.maximum(np.abs(V) - self.l1_of_features, 0) ** 2
        if self.factors is None:
            return float(excess.sum()) / (2 * self.l2)
        return float((excess / self.factors).sum()) / (2 * self.l2)

    def shrinkage(self, V: Float64Array) -> float:
        """Return the largest c ≤ 1 for which P* of c V is finite: |c V_kj| ≤ l1 f_j for all entries, without l2."""
        if self.l2:
            return 1.0
        largest = np.abs(V).max(axis=0)
        limit = np.broadcast_to(self.l1_of_features, largest.shape)
        over = largest > limit
        return float((limit[over] / largest[over]).min()) if over.any() else 1.0
