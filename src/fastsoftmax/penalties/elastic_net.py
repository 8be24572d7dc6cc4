"""The elastic net, with a factor for each feature.

    P(W) = Σ_j f_j (½ · l2 · Σ_k W_kj² + l1 · Σ_k |W_kj|)

f_j = 0 leaves a feature free of both; without factors all are one. The intercepts are never penalised.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..data.arguments import as_array, as_number, check_real
from ..runtime.arrays import Float64Array, FloatArray, IndexArray
from ..runtime.vectors import add_scaled, dot


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

    @classmethod
    def of(cls, l2: object, l1: object, penalty_factor: ArrayLike | None, n_features: int) -> "ElasticNet":
        """Return the penalty of arguments as users pass them.

        Raises
        ------
        ValueError
            If a number is not finite or negative, or penalty_factor has the wrong shape.
        """
        return cls(as_number("l2", l2), as_number("l1", l1), as_factors(penalty_factor, n_features))

    def __bool__(self) -> bool:
        """Whether anything is penalised."""
        return bool(self.l2 or self.l1)

    @property
    def penalizes_all(self) -> bool:
        """Whether every weight is penalised."""
        return bool(self) and (self.factors is None or bool(self.factors.all()))

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

    def l1_of_weights(self, n_outputs: int) -> float | Float64Array:
        """Weights of |W_kj|: a number, or (n_outputs · n_features,) in W's order."""
        return self.l1 if self.factors is None else np.tile(self.l1 * self.factors, n_outputs)

    def of_strength(self, other: "ElasticNet") -> "ElasticNet":
        """Return another penalty's l2 and l1 with the factors of this one."""
        return ElasticNet(other.l2, other.l1, self.factors)

    def of_columns(self, columns: IndexArray) -> "ElasticNet":
        """Return the penalty of some features."""
        return self if self.factors is None else ElasticNet(self.l2, self.l1, self.factors[columns])

    def add_smooth(self, W: FloatArray, grad_W_inout: FloatArray) -> float:
        """Add the gradient of the L2 part to a gradient, and return the part's value; W may be float32."""
        if not self.l2:
            return 0.0
        weights = W.astype(np.float64, copy=False)
        scaled = weights if self.factors is None else weights * self.factors
        add_scaled(grad_W_inout, self.l2, scaled)
        return 0.5 * self.l2 * dot(weights, scaled)

    def add_smooth_hess_vec(self, V: Float64Array, product_W_inout: Float64Array) -> None:
        """Add the Hessian of the L2 part times V to a product."""
        if self.l2:
            add_scaled(product_W_inout, self.l2, V if self.factors is None else V * self.factors)

    def smooth_line(self, W: Float64Array, W_step: Float64Array) -> tuple[float, float, float]:
        """Return a, b, c with the L2 part at W + t · W_step = a + 2 b t + c t²."""
        step = W_step if self.factors is None else W_step * self.factors
        of_W = W if self.factors is None else W * self.factors
        return tuple(0.5 * self.l2 * dot(u, v) for u, v in ((W, of_W), (W, step), (W_step, step)))  # type: ignore[return-value]

    def absolute(self, W: Float64Array) -> float:
        """Return the L1 part at W."""
        of_features = np.abs(W).sum() if self.factors is None else np.abs(W).sum(axis=0) @ self.factors
        return self.l1 * float(of_features)

    def square(self, W: Float64Array) -> float:
        """Return the L2 part at W."""
        of_features = (W**2).sum() if self.factors is None else (W**2).sum(axis=0) @ self.factors
        return 0.5 * self.l2 * float(of_features)

    def conjugate(self, V: Float64Array) -> float:
        """max_W ⟨V, W⟩ − P(W) = Σ_kj (|V_kj| − l1 f_j)₊² / (2 l2 f_j), for a positive l2 and positive factors."""
        excess = np.maximum(np.abs(V) - self.l1_of_features, 0) ** 2
        if self.factors is None:
            return float(excess.sum()) / (2 * self.l2)
        return float((excess / self.factors).sum()) / (2 * self.l2)

    def shrinkage(self, V: Float64Array) -> float:
        """Return the largest c ≤ 1 with |c V_kj| ≤ l1 f_j for all entries, where P* of c V is zero without l2."""
        largest = np.abs(V).max(axis=0)
        limit = np.broadcast_to(self.l1_of_features, largest.shape)
        over = largest > limit
        return float((limit[over] / largest[over]).min()) if over.any() else 1.0


def as_factors(penalty_factor: ArrayLike | None, n_features: int) -> Float64Array | None:
    """Return factors (n_features,), or None; raise ValueError for what is none."""
    if penalty_factor is None:
        return None
    values = as_array("penalty_factor", penalty_factor)
    check_real("penalty_factor", values)
    if values.shape != (n_features,):
        raise ValueError(f"penalty_factor must have shape ({n_features},), one entry a feature, found {values.shape}")
    factors = values.astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(factors) & (factors >= 0)))
    if len(bad):
        raise ValueError(f"penalty_factor must be finite and not negative, found {factors[bad[0]]} at feature {bad[0]}")
    return factors


def soft_threshold(u: Float64Array, threshold: Float64Array | float) -> Float64Array:
    """sign(u) · max(|u| − threshold, 0): the argmin over v of ½ (v − u)² + threshold · |v|."""
    return u - np.clip(u, -threshold, threshold)


def subgradient(
    grad: Float64Array,
    theta: Float64Array,
    l1: Float64Array | float,
    support: IndexArray | None = None,
    out: Float64Array | None = None,
) -> Float64Array:
    """Subgradient of least norm of a function of this gradient plus Σ_j l1_j |theta_j|.

    support names the entries of theta that are not zero, where that is known.
    """
    least: Float64Array = np.clip(grad, -l1, l1, out=out)
    np.subtract(grad, least, out=least)
    if support is None:
        support = np.flatnonzero(theta)
    least[support] = grad[support] + np.broadcast_to(l1, grad.shape)[support] * np.sign(theta[support])
    return least
