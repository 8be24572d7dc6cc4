"""The curvature of the loss: approximations M of the Hessian H whose inverse is cheap to multiply with.

    H = Σ_i w_i (diag(p_i) − p_i p_iᵀ) ⊗ z_i z_iᵀ + J       z = (x, 1), w_i = s_i Σ_k y_ik / Σs, J = diag(l2, …, 0)

`PrincipalCurvature` works in the principal components of the features. On the leading components it forms H itself, for
all classes. On the others it takes the Kronecker product A ⊗ diag(γ) of the second moments of classes and features
(Martens & Grosse, ICML 2015), which equals H at W = 0. `DiagonalCurvature`, the diagonal of H, needs no components.

Where outputs are independent, H has a block for each of them, Σ_i w_i C_ik z_i z_iᵀ + J: `OutputsCurvature`.
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from ..runtime.arrays import Float64Array, FloatArray
from ..runtime.override import override
from .basis import INTERCEPT_UNIT, Basis
from .hessian import DAMPING, RESOLUTION, class_directions, hessian_block
from .plan import Plan
from .products import gram, product
from .sample import Sample

# Rows used for the moments of trailing components.
MOMENT_ROWS = 1_000

# Increase a diagonal by this share, so that the matrix stays positive definite in spite of rounding.
RIDGE = 1e-5


class PrincipalCurvature:
    """H in principal components: the sample's own H on the leading ones, a Kronecker product on the others.

    Parameters
    ----------
    sample : Sample
    basis : Basis
    plan : Plan
        Its leading components are the last ones of the basis; may be none.
    num_threads : int
    """

    def __init__(self, sample: Sample, basis: Basis, plan: Plan, num_threads: int) -> None:
        n_leading = plan.n_leading
        self.price, self.is_exact, self.better_at = plan.price, plan.is_exact, plan.better_at
        self.basis = basis
        self.is_guess = sample.is_guess
        self.n_features = len(basis.mean)
        self.n_leading = n_leading
        self.num_threads = num_threads
        self.unit = basis.unit[: self.n_features]
        self.components, self.components_T = basis.components, np.ascontiguousarray(basis.components.T)
        spread, classes = self._directions(sample)
        self.n_classes = sample.probabilities.shape[1]
        self.dtype = sample.X.dtype
        self.classes_T: FloatArray | None = None
        if classes is not None:
            self.classes = classes.astype(self.dtype)
            self.classes_T = np.ascontiguousarray(self.classes.T)

        Z = basis.inputs(sample.X)
        few = slice(None, None, max(1, len(Z) // MOMENT_ROWS))
        rotated = product(Z[few], self.components_T, num_threads)
        moments = (sample.spread[few] / sample.spread[few].sum()).astype(self.dtype) @ rotated**2
        moments = moments.astype(np.float64) + self.components_T**2 @ basis.unseen
        penalty = self.components_T**2 @ basis.l2
        # A component without curvature gets the largest moment: its gradient is a rounding error, not to be magnified.
        curvature = moments * spread.max() + penalty
        flat = curvature <= np.finfo(sample.precision).eps * curvature.max()
        moments = np.where(flat, moments.max() or 1.0, np.maximum(moments, RESOLUTION * moments.max()))
        self.inverse = (1 / (moments[:, None] * spread + penalty[:, None])).astype(self.dtype)

        self.has_factors = False
        if n_leading:
            leading = self.components_T[-n_leading:]
            alone = (leading * basis.l2) @ leading.T
            alone[np.diag_indices(n_leading)] += flat[-n_leading:] * moments.max() * spread.max()
            unseen = (leading * basis.unseen) @ leading.T
            own = (alone + unseen * self.dtype.type(of_direction) for of_direction in spread)
            self.has_factors = self._factorize(sample, classes, product(Z, leading, num_threads), own)

    def _directions(self, sample: Sample) -> tuple[Float64Array, Float64Array | None]:
        """Return as `class_directions` does: the moments of directions of outputs, and these, None for the outputs."""
        return class_directions(sample)

    def _factorize(
        self, sample: Sample, classes: Float64Array | None, Y: FloatArray, own: Iterable[FloatArray]
    ) -> bool:
        """Factorise H on the leading components, in which the rows are Y; own is added for each direction of outputs.

        Returns false where that is not worth its cost, or not positive definite.
        """
        if classes is None:
            return False
        hessian = hessian_block(sample, classes, Y, self.num_threads)
        for c, of_direction in enumerate(own):
            hessian[c, :, c] += of_direction
        factor = Cholesky.of(hessian.reshape(len(hessian) * self.n_leading, -1))
        if factor is not None:
            self.factor = factor
        return factor is not None

    def _solve_leading(self, leading: FloatArray) -> FloatArray:
        """Solve with the factors, (n_directions, n_leading)."""
        return self.factor.solve(leading.reshape(-1)).reshape(leading.shape)

    def _add_shared(self, W_out: Float64Array, W: Float64Array) -> None:
        """Add what a shift of all outputs alike is solved to.

        It changes only the penalty, and is 0 at the optimum. Rounding gives the gradient such a part, which must not be
        divided by a small l2.
        """
        W_out += W.sum(axis=0) * (self.unit**2 / self.n_classes)

    def solve(self, v: Float64Array) -> Float64Array:
        """Multiply a vector of parameters, W in C order and then b, with M⁻¹."""
        split, unit, threads = self.n_classes * self.n_features, self.unit, self.num_threads
        W, b = v[:split].reshape(self.n_classes, -1), v[split:].reshape(self.n_classes, -1)
        inputs = np.empty((self.n_classes, len(self.basis.unit)), self.dtype)
        if b.size:
            # The inputs are centred, so b + W mean is their intercept.
            W = W - b * self.basis.mean
            np.multiply(b, INTERCEPT_UNIT, out=inputs[:, self.n_features :], casting="same_kind")
        np.multiply(W, unit, out=inputs[:, : self.n_features], casting="same_kind")
        rotated = product(self.components_T, inputs, threads)
        if self.classes_T is not None:
            rotated = product(rotated, self.classes_T, threads)
        solved: FloatArray = rotated * self.inverse
        if self.has_factors:
            solved[-self.n_leading :] = self._solve_leading(rotated[-self.n_leading :].T).T
        if self.classes_T is not None:
            solved = product(solved, self.classes, threads)
        out = np.empty_like(v)
        W_out, b_out = out[:split].reshape(W.shape), out[split:].reshape(b.shape)
        found = product(self.components, solved.T, threads).T
        np.multiply(found[:, : self.n_features], unit, out=W_out)
        self._add_shared(W_out, W)
        if b.size:
            np.multiply(found[:, self.n_features :], INTERCEPT_UNIT, out=b_out)
            b_out -= (W_out @ self.basis.mean)[:, None]
        return out


class OutputsCurvature(PrincipalCurvature):
    """The same where the outputs are independent: a matrix for each output, on all components or on none."""

    @override
    def _directions(self, sample: Sample) -> tuple[Float64Array, Float64Array | None]:
        moments = sample.weights @ sample.probabilities
        return np.maximum(moments, RESOLUTION * moments.max()), None

    @override
    def _factorize(
        self, sample: Sample, classes: Float64Array | None, Y: FloatArray, own: Iterable[FloatArray]
    ) -> bool:
        self.factors: list[Cholesky] = []
        weights = (sample.weights[:, None] * sample.probabilities).T
        # Rows that the sample lacks may have more curvature than those that it has.
        weights += DAMPING * sample.left_out * weights.mean(axis=1, keepdims=True)
        for of_output, alone in zip(weights, own, strict=True):
            hessian = gram(Y, of_output[None], self.num_threads)[0]
            factor = Cholesky.of(hessian + alone)
            if factor is None:
                return False
            self.factors.append(factor)
        return True

    @override
    def _solve_leading(self, leading: FloatArray) -> FloatArray:
        return np.stack([factor.solve(row) for factor, row in zip(self.factors, leading, strict=True)])

    @override
    def _add_shared(self, W_out: Float64Array, W: Float64Array) -> None:
        """Add nothing: a shift of all outputs is as any other."""


class DiagonalCurvature:
    """The diagonal of H.

    Parameters
    ----------
    diagonal : (n_params,)
        Its entries, finite; those not positive are replaced by the smallest positive one, or by 1 if there is none.
    is_guess : bool
        Whether it is that of probabilities of 1/K, in the place of a Hessian that is nearly zero.
    """

    def __init__(self, diagonal: Float64Array, is_guess: bool = False) -> None:
        self.is_guess = is_guess
        self.price, self.is_exact, self.better_at = 2.0, False, math.inf
        positive = diagonal > max(RESOLUTION**2 * diagonal.max(), np.finfo(np.float64).tiny)
        self.inverse = 1 / np.where(positive, diagonal, diagonal[positive].min() if positive.any() else 1.0)

    def solve(self, v: Float64Array) -> Float64Array:
        """Multiply a vector of parameters with M⁻¹."""
        return v * self.inverse


class Cholesky(NamedTuple):
    """The Cholesky factor R of a symmetric matrix RᵀR."""

    factor: FloatArray  # R in the upper triangle; the lower one is not used
    trsv: Callable[..., FloatArray]  # BLAS's triangular solve for this dtype

    @classmethod
    def of(cls, matrix: FloatArray) -> "Cholesky | None":
        """Factorise a matrix in place, from its lower triangle; None if it is not positive definite."""
        from scipy.linalg import get_blas_funcs, get_lapack_funcs

        diagonal = np.arange(len(matrix))
        matrix[diagonal, diagonal] *= 1 + RIDGE
        potrf, trsv = get_lapack_funcs("potrf", (matrix,)), get_blas_funcs("trsv", (matrix,))
        # LAPACK stores matrices by columns: its upper triangle is the lower one here.
        factor, failed = potrf(matrix.T, lower=False, overwrite_a=True, clean=False)
        return None if failed else cls(factor, trsv)

    def solve(self, v: FloatArray) -> FloatArray:
        """Multiply a vector with the inverse; LAPACK's potrs, made for many vectors, takes four times as long."""
        return self.trsv(self.factor, self.trsv(self.factor, v, trans=1))
