"""A limited-memory quadratic model with an L1 penalty, and its minimum: linear algebra that never reads X.

    Q(u) = ⟨g, d⟩ + ½ dᵀ B d + Σ_j l1_j |u_j|        d = u − w, B = D − P M⁻¹ Pᵀ

B is the compact form of BFGS (Byrd, Nocedal & Schnabel, Mathematical Programming 63, 1994, theorem 2.3): D is diagonal,
P = [D S, Y] has two columns per pair. A principal submatrix of B has the same form: take the same rows of D and P.
"""

import numpy as np

from ..data.features import DenseFeatures
from ..penalties import soft_threshold, subgradient
from ..runtime.arrays import Float64Array
from ..runtime.precision import Precision
from ..runtime.vectors import dot, largest

# Stop minimising the model once its subgradient is 3 % of that at the start, or after 30 iterations.
ACCURACY, MAX_ITER = 0.03, 30
MAX_HALVINGS = 10  # of a Newton step


class L1Model:
    """Q and its minimiser.

    Parameters
    ----------
    grad, start, l1, diagonal : (n,)
        g, w, the penalties (0 for an entry without one), and D up to a factor, which the newest pair gives.
    pairs : sequence of (s, y)
        Changes of w and of the gradient, (n,) each, oldest first.
    """

    def __init__(
        self,
        grad: Float64Array,
        start: Float64Array,
        l1: Float64Array,
        diagonal: Float64Array,
        pairs: list[tuple[Float64Array, Float64Array]],
    ) -> None:
        self.grad, self.start, self.l1, self.diagonal = grad, start, l1, diagonal
        self.P = np.empty((len(grad), 2 * len(pairs)))
        self.M = np.empty((2 * len(pairs), 2 * len(pairs)))
        self.bound = 1.0  # B ⪯ bound · D
        if pairs:
            m = len(pairs)
            for c, (s, y) in enumerate(pairs):
                np.multiply(s, diagonal, out=self.P[:, c])
                self.P[:, m + c] = y
            products = _gram(self.P, 1 / diagonal)  # SᵀDS, SᵀY and YᵀD⁻¹Y
            curvature = np.diag(products[:m, m:])
            ratios = np.diag(products[m:, m:]) / curvature
            if not (ratios > 0).all():
                # The changes are so small that their squares underflow to 0: use no pairs.
                self.P, self.M = self.P[:, :0], self.M[:0, :0]
                return
            factor = ratios[-1]
            # A pair adds at most y yᵀ/⟨s, y⟩ to B.
            self.bound += ratios.sum() / factor
            lower = np.tril(products[:m, m:], -1)
            self.M = np.block([[factor * products[:m, :m], lower], [lower.T, -np.diag(curvature)]])
            self.P[:, :m] *= factor
            self.diagonal = factor * diagonal
            # The sizes of pairs differ by orders of magnitude: scale M to ±1 on its diagonal.
            size = 1 / np.sqrt(np.abs(np.diag(self.M)))
            self.M *= size[:, None] * size
            self.P *= size

    def minimize(self) -> Float64Array:
        """Return u near the minimum, with Q(u) ≤ Q(w).

        Two kinds of steps alternate. A proximal step never raises Q and finds which entries are zero. A Newton step
        changes the other entries within their signs: if the signs are right, it ends at the minimum (Byrd, Chin,
        Nocedal & Oztoprak, Mathematical Programming 159, 2016). An entry that would change its sign stops at zero.
        """
        u, grad = self.start, self.grad
        enough = ACCURACY * largest(subgradient(grad, u, self.l1))
        for _ in range(MAX_ITER):
            steepness = self.bound * self.diagonal
            u = soft_threshold(u - grad / steepness, self.l1 / steepness)
            value, grad = self._evaluate(u)
            least = subgradient(grad, u, self.l1)
            if largest(least) <= enough:
                break
            u, grad = self._newton(u, value, grad, least)
        return u

    def _newton(
        self, u: Float64Array, value: float, grad: Float64Array, least: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Minimise over the free entries without changing a sign; return u and the gradient of Q's smooth part."""
        free = np.flatnonzero(least)
        at, diagonal, P = u[free], self.diagonal[free], self.P[free]
        step = -least[free] / diagonal
        if P.size:
            # The inverse of D − P M⁻¹ Pᵀ by the Sherman–Morrison–Woodbury formula.
            inner = np.linalg.solve(self.M - _gram(P, 1 / diagonal), step @ P)
            step += P @ inner / diagonal
        sign = np.where(at != 0, np.sign(at), -np.sign(grad[free]))
        penalised = self.l1[free] > 0
        for _ in range(MAX_HALVINGS):
            moved = at + step
            moved[penalised & (moved * sign < 0)] = 0
            trial = u.copy()
            trial[free] = moved
            trial_value, trial_grad = self._evaluate(trial)
            if trial_value < value:
                return trial, trial_grad
            step *= 0.5
        return u, grad

    def _evaluate(self, u: Float64Array) -> tuple[float, Float64Array]:
        """Q at u, and the gradient of its smooth part."""
        d = u - self.start
        change = self.diagonal * d
        if self.P.size:
            change -= self.P @ np.linalg.solve(self.M, d @ self.P)
        return dot(self.grad, d) + 0.5 * dot(change, d) + dot(self.l1, np.abs(u)), self.grad + change


def _gram(P: Float64Array, weights: Float64Array) -> Float64Array:
    """Pᵀ diag(weights) P; BLAS would compute both triangles of this symmetric matrix."""
    (products,) = DenseFeatures(P).gram(weights[None], Precision.EXACT, 1)
    return np.asarray(products, dtype=np.float64)
