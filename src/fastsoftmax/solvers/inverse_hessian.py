"""BFGS's approximation of the inverse Hessian in compact form: it multiplies with all pairs at once."""

from collections import deque

import numpy as np

from ..runtime.arrays import Float64Array
from ..runtime.vectors import add_scaled, along, assign, combine, dot, products
from .protocol import Preconditioner

# When M is replaced, keep this many of the newest pairs: a pair does not depend on M.
LATEST = 2


class InverseHessian:
    """The matrix γ M⁻¹, corrected by the latest steps.

    The columns of S are the steps, those of Y the changes of the gradient, and Z = M⁻¹ Y. R is the upper triangle of
    SᵀY and D its diagonal. γ is sᵀy / yᵀz of the newest pair. Then (Byrd, Nocedal & Schnabel, Mathematical Programming
    63, 1994, theorem 2.2)

        H g = γ M⁻¹ g + S R⁻ᵀ ((D + γ YᵀZ) R⁻¹ Sᵀg − γ Zᵀg) − γ Z R⁻¹ Sᵀg

    A new point costs one product with M⁻¹. S and Z are read twice, however many pairs there are. A step is made into a
    pair when something asks for it: where M is renewed in every iteration, nothing does.

    Parameters
    ----------
    matrix : Preconditioner or None
        M; None for the identity.
    grad : (n_params,)
        Gradient at the first point.
    capacity : int
        Pairs kept.
    num_threads : int, optional
        For long vectors.
    """

    def __init__(
        self, matrix: Preconditioner | None, grad: Float64Array, capacity: int, num_threads: int | None = 1
    ) -> None:
        self.matrix = matrix
        self.capacity = capacity
        self.num_threads = num_threads
        self.grad, self.solved = grad, self._solve(grad)
        self.ahead: tuple[Float64Array, Float64Array] | None = None  # a step, and the gradient where it leads
        self.slots: list[int] = []  # slot of each pair, oldest pair first
        self.latest: deque[tuple[Float64Array, Float64Array]] = deque(maxlen=LATEST)  # columns of S and Y
        # A slot holds a row of Sᵀ and one of Zᵀ: zeros if it has no pair. Slots are not in order of age; R⁻¹ is
        # permuted alike, so products agree.
        self.vectors = np.zeros((capacity, 2, grad.size))
        self.n_used = 0  # only slots before this one were ever written
        self.products = np.zeros((capacity, 2))  # Sᵀg and Zᵀg
        self.R_inverse, self.ZY = np.zeros((2, capacity, capacity))
        self.D = np.zeros(capacity)

    @property
    def has_pairs(self) -> bool:
        """Whether steps have corrected M."""
        self._arrive()
        return bool(self.slots)

    def direction(self) -> Float64Array:
        """−H g, where g is the gradient at the current point."""
        self._arrive()
        if not self.slots:
            return -self.solved
        newest = self.slots[-1]
        scale = self.D[newest] / self.ZY[newest, newest]
        Sg, Zg = self.products.T
        u = self.R_inverse @ Sg
        coefficients = np.empty((self.capacity, 2))
        coefficients[:, 0] = (scale * (Zg - self.ZY @ u) - self.D * u) @ self.R_inverse
        coefficients[:, 1] = scale * u
        used = self.vectors[: self.n_used].reshape(-1, self.grad.size)
        direction = combine(coefficients[: self.n_used].reshape(-1), used, self.num_threads)
        add_scaled(direction, -scale, self.solved, self.num_threads)
        return direction

    def distance(self) -> float:
        """Estimate ½ ⟨grad, H⁻¹ grad⟩, how far the function is above its minimum: half of the squared Newton decrement.

        The larger of two: the pairs know less than M of directions in which no step went, and more of the others.
        """
        threads = self.num_threads
        self._arrive()
        of_pairs, of_matrix = -dot(self.direction(), self.grad, threads), dot(self.solved, self.grad, threads)
        return 0.5 * max(of_pairs, of_matrix)

    def move(self, step: Float64Array, grad: Float64Array) -> None:
        """Move by a step to a point with gradient grad."""
        self._arrive()
        self.ahead = step, grad

    def _arrive(self) -> None:
        """Store the pair of the latest step."""
        if self.ahead is None:
            return
        (step, grad), self.ahead = self.ahead, None
        solved = self._solve(grad)
        slot = self._write(step, along(solved, -1.0, self.solved, self.num_threads))
        before = self.products
        before[slot] = products(self.vectors[slot], self.grad, self.num_threads)
        change = along(grad, -1.0, self.grad, self.num_threads)
        self.grad, self.solved, self.products = grad, solved, self._project(grad)
        self._accept(slot, step, change, self.products - before)

    def look(self, grad: Float64Array) -> None:
        """Replace the gradient at the current point by grad."""
        self._arrive()
        self.grad, self.solved, self.products = grad, self._solve(grad), self._project(grad)

    def renewed(self, matrix: Preconditioner | None) -> "InverseHessian":
        """Return the approximation at the same point from another M and the newest LATEST pairs only."""
        self._arrive()
        new = InverseHessian(matrix, self.grad, self.capacity, self.num_threads)
        for step, change in self.latest:
            slot = new._write(step, new._solve(change))
            new._accept(slot, step, change, new._project(change))
        new.products = new._project(self.grad)
        return new

    def _solve(self, v: Float64Array) -> Float64Array:
        return v if self.matrix is None else self.matrix.solve(v)

    def _project(self, v: Float64Array) -> Float64Array:
        """Sᵀv and Zᵀv, (capacity, 2)."""
        found = np.zeros((self.capacity, 2))
        used = self.vectors[: self.n_used].reshape(-1, v.size)
        found[: self.n_used] = products(used, v, self.num_threads).reshape(-1, 2)
        return found

    def _write(self, step: Float64Array, z: Float64Array) -> int:
        """Write a pair into a free slot, or if there is none into that of the oldest pair; return the slot."""
        full = len(self.slots) == self.capacity
        slot = self.slots.pop(0) if full else min(set(range(self.capacity)).difference(self.slots))
        self.n_used = max(self.n_used, slot + 1)
        self.R_inverse[slot] = 0
        self.R_inverse[:, slot] = 0
        for row, vector in zip(self.vectors[slot], (step, z), strict=True):
            assign(row, vector, self.num_threads)
        return slot

    def _accept(self, slot: int, step: Float64Array, change: Float64Array, products: Float64Array) -> None:
        """Count the pair that was written into a slot, or erase it if rounding has made its curvature useless.

        products is Sᵀ change and Zᵀ change, (capacity, 2).
        """
        own, curvature = products[slot]
        if not (own > 0 and curvature > 0):
            self.vectors[slot] = self.products[slot] = 0
            return
        # R gains a column: the new column of R⁻¹ follows from the old ones.
        self.R_inverse[:, slot] = -(self.R_inverse @ products[:, 0]) / own
        self.R_inverse[slot, slot] = 1 / own
        self.D[slot] = own
        self.ZY[:, slot] = self.ZY[slot] = products[:, 1]
        self.slots.append(slot)
        self.latest.append((step, change))
