"""Quadratic models with a penalty that has no gradient, and their minima: linear algebra that never reads X.

    Q(u) = ⟨g, d⟩ + ½ dᵀ B d + P(u)        d = u − w

`MatrixModel` has B as a matrix. `PairsModel` has the compact form of BFGS, B = D − P M⁻¹ Pᵀ (Byrd, Nocedal & Schnabel,
Mathematical Programming 63, 1994, theorem 2.3): D is diagonal, P = [D S, Y] has two columns per pair. A principal
submatrix of B has the same form: take the same rows of D and P.

Two kinds of steps alternate. Sweeps of coordinate descent, compiled, never raise Q and find which entries are zero. A
Newton step moves the other entries, within their signs and bounds, together: where B is ill-conditioned, sweeps alone
would need thousands (as in Byrd, Chin, Nocedal & Oztoprak, Mathematical Programming 159, 2016). With a matrix both are
compiled.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import _coordinates
from ..data.features import DenseFeatures
from ..penalties import EntryPenalty
from ..runtime.arrays import Float64Array, IndexArray
from ..runtime.override import override
from ..runtime.precision import Precision
from ..runtime.vectors import dot, largest

# Of pairs, 20 sweeps come before a Newton step, and 40 rounds of both suffice.
SWEEPS, ROUNDS = 20, 40

# Up to 100 Newton steps follow each other, as long as entries stop at their kinks: sweeps in between would crawl where
# columns are nearly alike.
STEPS = 100

# By rows, with no Newton step to follow, 100 sweeps suffice, as does one that gains 1 % of what all before have.
ROWS_SWEEPS, LEAST_GAIN = 100, 1e-2
STALLED = 1e-6  # end if a round or step lowers Q by no more than this share of what all have: what is left is rounding
MAX_HALVINGS = 8  # of a Newton step

# Nowhere does a Hessian of softmax tell of logits much farther than this.
MOST_LOGIT = 2.0


class Model(ABC):
    """What takes the place of the smooth part of F, plus the penalty, at a point u that moves from w to its minimum.

    Parameters
    ----------
    grad, start : (n,)
        The smooth part's gradient at w, and w.
    penalty : EntryPenalty
        P on these entries.
    """

    def __init__(self, grad: Float64Array, start: Float64Array, penalty: EntryPenalty) -> None:
        self.grad, self.start, self.penalty = grad, start, penalty
        self.u = start.copy()

    @abstractmethod
    def minimize(self, accuracy: float) -> Float64Array:
        """Return u whose subgradient is at most `accuracy` times that at w, or to rounding, and no higher than w."""

    @abstractmethod
    def fall(self) -> float:
        """How far it changes from w to u, which is not positive."""


class MatrixModel(Model):
    """Q with B, (n, n), symmetric.

    Parameters
    ----------
    B : (n, n) float64
    sets : (n_sets, size), optional
        Entries whose shift, all alike, has nearly no curvature: the weights of a feature.
    """

    def __init__(
        self,
        grad: Float64Array,
        start: Float64Array,
        penalty: EntryPenalty,
        B: Float64Array,
        sets: IndexArray | None = None,
    ) -> None:
        super().__init__(grad, start, penalty)
        self.B, self.sets, self.fallen = B, sets, 0.0

    @override
    def minimize(self, accuracy: float) -> Float64Array:
        p = self.penalty
        bounds = p.l1, p.lower, p.upper, p.blocks, self.sets
        self.fallen = _coordinates.minimize_matrix(self.u, self.grad, self.B, *bounds, accuracy)
        return self.u

    @override
    def fall(self) -> float:
        return -self.fallen


class RowsModel(Model):
    """Q with the Hessian of rows, which each sweep reads; it has sweeps alone.

    An entry moves no logit by more than trust · MOST_LOGIT. Where all samples of a rare feature are sure of their
    classes, its slope and curvature are both near zero, and their ratio is far beyond what either tells of.

    Parameters
    ----------
    hessian : tuple
        What `block` of the objective returns.
    sets : (n_sets, size), optional
        As in `MatrixModel`.
    """

    def __init__(
        self,
        grad: Float64Array,
        start: Float64Array,
        penalty: EntryPenalty,
        hessian: Any,
        sets: IndexArray | None,
        trust: float = 1.0,
    ) -> None:
        super().__init__(grad, start, penalty)
        self.hessian, self.sets, self.trust = hessian, sets, trust
        self.v = np.zeros_like(hessian.p)
        self.t = np.zeros(hessian.p.shape[1])

    @override
    def minimize(self, accuracy: float) -> Float64Array:
        p, far = self.penalty, self.trust * MOST_LOGIT / np.maximum(self.hessian.largest, np.finfo(np.float64).tiny)
        enough = accuracy * largest(p.least(self.grad, self.u))
        lower, upper = self.start - far, self.start + far
        if p.lower is not None and p.upper is not None:
            lower, upper = np.maximum(lower, p.lower), np.minimum(upper, p.upper)
        at = self.u, self.v, self.t, self.grad, self.start
        penalty = p.l1, lower, upper, p.blocks, self.sets
        hessian, stored = self.hessian, self.hessian.stored
        curvature = hessian.diagonal, hessian.l2, hessian.p, hessian.mass
        columns = stored.values, stored.rows, stored.indptr, hessian.outputs, hessian.columns
        descend: Callable[..., int] = _coordinates.descend_samples
        descend(*at, *curvature, *columns, *penalty, enough, LEAST_GAIN, ROWS_SWEEPS)
        return self.u

    @override
    def fall(self) -> float:
        d = self.u - self.start
        curved = float(np.einsum("ki,ki,ki->", self.hessian.mass, self.v - self.t, self.v))
        return dot(self.grad + 0.5 * self.hessian.l2 * d, d) + 0.5 * curved + self.penalty.change(self.start, self.u)


class PairsModel(Model):
    """Q with B = D − P M⁻¹ Pᵀ.

    Parameters
    ----------
    diagonal : (n,)
        D up to a factor, which the newest pair gives.
    pairs : sequence of (s, y)
        Changes of w and of the gradient, (n,) each, oldest first.
    """

    def __init__(
        self,
        grad: Float64Array,
        start: Float64Array,
        penalty: EntryPenalty,
        diagonal: Float64Array,
        pairs: list[tuple[Float64Array, Float64Array]],
    ) -> None:
        super().__init__(grad, start, penalty)
        self.diagonal = diagonal
        self.P, self.M = self._compact(pairs)
        # Z = P M⁻¹; the sizes of pairs differ by orders of magnitude, so M was scaled to ±1 on its diagonal.
        self.Z = np.ascontiguousarray(np.linalg.solve(self.M, self.P.T).T)
        self.t = np.zeros(self.P.shape[1])

    def _compact(self, pairs: list[tuple[Float64Array, Float64Array]]) -> tuple[Float64Array, Float64Array]:
        """Return P and M, and scale the diagonal."""
        m, n = len(pairs), len(self.diagonal)
        if not m:
            return np.empty((n, 0)), np.empty((0, 0))
        P = np.empty((n, 2 * m))
        for c, (s, y) in enumerate(pairs):
            np.multiply(s, self.diagonal, out=P[:, c])
            P[:, m + c] = y
        products = _gram(P, 1 / self.diagonal)  # SᵀDS, SᵀY and YᵀD⁻¹Y
        curvature = np.diag(products[:m, m:])
        ratios = np.diag(products[m:, m:]) / curvature
        if not (ratios > 0).all():
            # The changes are so small that their squares underflow to 0: use no pairs.
            return P[:, :0], np.empty((0, 0))
        factor = ratios[-1]
        lower = np.tril(products[:m, m:], -1)
        M = np.block([[factor * products[:m, :m], lower], [lower.T, -np.diag(curvature)]])
        P[:, :m] *= factor
        self.diagonal = factor * self.diagonal
        size = 1 / np.sqrt(np.abs(np.diag(M)))
        M *= size[:, None] * size
        P *= size
        return P, M

    def change(self, d: Float64Array) -> Float64Array:
        """Return B d."""
        change: Float64Array = self.diagonal * d - self.Z @ (d @ self.P)
        return change

    def _descend(self, enough: float) -> int:
        """Sweep until no slope changes by more than `enough`; negative if it needs more than SWEEPS."""
        p, model = self.penalty, (self.grad, self.start, self.diagonal, self.P, self.Z)
        return _coordinates.descend_pairs(self.u, self.t, *model, p.l1, p.lower, p.upper, p.blocks, enough, SWEEPS)

    def _slopes(self) -> Float64Array:
        """Gradient of the quadratic part at u."""
        return self.grad + self.change(self.u - self.start)

    def _move(self, u: Float64Array) -> None:
        """Go to u."""
        self.u, self.t = u, (u - self.start) @ self.P

    def _solve(self, free: IndexArray, slopes: Float64Array) -> Float64Array:
        """Return the solution of B x = slopes in the free entries alone."""
        diagonal, P = self.diagonal[free], self.P[free]
        solution = slopes / diagonal
        if P.size:
            # The inverse of D − P M⁻¹ Pᵀ by the Sherman–Morrison–Woodbury formula.
            inner = np.linalg.solve(self.M - _gram(P, 1 / diagonal), solution @ P)
            solution += P @ inner / diagonal
        return solution

    @override
    def minimize(self, accuracy: float) -> Float64Array:
        enough, fallen = accuracy * largest(self.penalty.least(self.grad, self.u)), 0.0
        for _ in range(ROUNDS):
            if self._descend(enough) >= 0:
                break
            self._newton()
            before, fallen = fallen, self.fall()
            if not fallen < before * (1 + STALLED):
                break
        return self.u

    @override
    def fall(self) -> float:
        d = self.u - self.start
        return dot(self.grad, d) + 0.5 * dot(self.change(d), d) + self.penalty.change(self.start, self.u)

    def _newton(self) -> None:
        """Minimise over the entries near which P has a gradient, and again without those that stop at their kinks."""
        total = 0.0
        for _ in range(STEPS):
            gain, is_whole = self._newton_step()
            total += gain
            if is_whole or gain <= STALLED * total:
                break

    def _newton_step(self) -> tuple[float, bool]:
        """Take one step to that minimum, or as far as no entry changes its sign; return how far Q falls, and which."""
        slopes, u, penalty = self._slopes(), self.u, self.penalty
        if penalty.blocks is not None:
            return 0.0, True  # with the Hessian of norms, B has no form that is quick to invert
        least = penalty.least(slopes, u)
        free = penalty.smooth_at(u, least)
        if not len(free):
            return 0.0, True
        whole = np.zeros_like(u)
        whole[free] = -self._solve(free, least[free])
        for moved in self._trials(whole):
            d = moved - u
            change = self.change(d)
            gain = -(dot(slopes, d) + 0.5 * dot(change, d) + penalty.change(u, moved))
            if gain > 0:
                self._move(moved)
                return gain, bool((moved == u + whole).all())
        return 0.0, True

    def _trials(self, step: Float64Array) -> Iterator[Float64Array]:
        """Yield points to try: u + t · step with t from 1 down, where entries stop at their kinks, then the first kink.

        A direction without curvature gives a step so long that all entries stop. As far as the first one does, Q falls.
        """
        for halvings in range(0, MAX_HALVINGS, 2):
            yield self.penalty.toward(self.u, self.u + 0.5**halvings * step)
        t = self.penalty.first_kink(self.u, step)
        if t < 1:
            yield self.penalty.toward(self.u, self.u + t * (1 + np.finfo(np.float64).eps) * step)


def _gram(P: Float64Array, weights: Float64Array) -> Float64Array:
    """Pᵀ diag(weights) P; BLAS would compute both triangles of this symmetric matrix."""
    (products,) = DenseFeatures(P).gram(weights[None], Precision.EXACT, 1)
    return np.asarray(products, dtype=np.float64)
