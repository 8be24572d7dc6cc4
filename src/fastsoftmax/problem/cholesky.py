"""Factors of the Hessian's blocks."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..runtime.arrays import FloatArray

# Increase a diagonal by this share, so that the matrix stays positive definite and the rounding of a gradient is not
# magnified where there is no other curvature; by the dtype of the gradient. More would hide a weak penalty: few rows
# have all of the other curvature where classes are nearly separated.
RIDGE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-11}


class Cholesky(NamedTuple):
    """The Cholesky factor R of a symmetric matrix RᵀR."""

    factor: FloatArray  # R in the upper triangle; the lower one is not used
    trsv: Callable[..., FloatArray]  # BLAS's triangular solve for this dtype, of a vector
    trsm: Callable[..., FloatArray]  # of columns

    @classmethod
    def of(cls, matrix: FloatArray, precision: np.dtype[np.floating]) -> "Cholesky | None":
        """Factorise a matrix in place, from its lower triangle; None if it is not positive definite.

        What it will be solved for is as precise as this dtype.
        """
        diagonal = np.arange(len(matrix))
        matrix[diagonal, diagonal] *= 1 + RIDGE[precision]
        potrf, trsv, trsm = _functions(matrix.dtype)
        # LAPACK stores matrices by columns: its upper triangle is the lower one here.
        factor, failed = potrf(matrix.T, lower=False, overwrite_a=True, clean=False)
        return None if failed else cls(factor, trsv, trsm)

    @classmethod
    def of_factor(cls, factor: FloatArray) -> "Cholesky":
        """Take a factor that is at hand, in the lower triangle."""
        _, trsv, trsm = _functions(factor.dtype)
        return cls(factor.T, trsv, trsm)

    def solve(self, v: FloatArray) -> FloatArray:
        """Multiply a vector with the inverse; LAPACK's potrs, made for many vectors, takes four times as long."""
        return self.trsv(self.factor, self.trsv(self.factor, v, trans=1))

    def solve_columns(self, V: FloatArray) -> FloatArray:
        """Multiply columns with the inverse."""
        return self.trsm(1.0, self.factor, self.trsm(1.0, self.factor, V, trans_a=1))


@cache
def _functions(
    dtype: np.dtype[np.floating],
) -> tuple[Callable[..., Any], Callable[..., FloatArray], Callable[..., FloatArray]]:
    """Return potrf, trsv and trsm for a dtype; finding them takes longer than to factorise a small matrix."""
    from scipy.linalg import get_blas_funcs, get_lapack_funcs

    return get_lapack_funcs("potrf", dtype=dtype), *get_blas_funcs(("trsv", "trsm"), dtype=dtype)


class Factors(NamedTuple):
    """Those of blocks that do not touch each other; one alone is that of as many equal blocks as are asked for."""

    of_blocks: list[Cholesky]

    @classmethod
    def of(cls, blocks: FloatArray, precision: np.dtype[np.floating]) -> "Factors | None":
        """Factorise blocks in place, (n_blocks, m, n, m, n); None if one is not positive definite."""
        size = blocks.shape[1] * blocks.shape[2]
        found = [Cholesky.of(block, precision) for block in blocks.reshape(-1, size, size)]
        of_blocks = [factor for factor in found if factor is not None]
        return cls(of_blocks) if len(of_blocks) == len(found) else None

    def solve(self, v: FloatArray) -> FloatArray:
        """Multiply (n_blocks · m, n) with the inverse."""
        if len(self.of_blocks) == 1 and v.size > len(self.of_blocks[0].factor):
            return self.of_blocks[0].solve_columns(v.T).T
        parts = v.reshape(len(self.of_blocks), -1)
        solved = [factor.solve(part) for factor, part in zip(self.of_blocks, parts, strict=True)]
        return np.concatenate(solved).reshape(v.shape)
