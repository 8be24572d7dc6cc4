"""Sparse X."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import _kernels
from ...runtime.precision import Precision
from ...runtime.vectors import add_scaled, project
from ..arguments import C_TYPE, FloatArray, in_dtype, overflow_shows
from .base import Features, Vector

# Entries that are looked at to cut the features into stripes.
SAMPLED_ENTRIES = 4096

SOFTMAX = _kernels.FAMILIES.index("softmax")


class CsrFeatures(Features):
    """A sparse matrix: entries of a sample lie together, their features ascend, and none comes twice."""

    def __init__(self, matrix: Any, scale: Vector | None = None, shift: Vector | None = None) -> None:
        super().__init__(scale, shift)
        self.matrix = matrix
        self.shape = matrix.shape
        self.n_entries = int(matrix.indptr[-1])
        self.dtype = matrix.data.dtype
        self.indices = matrix.indices.data
        self.indptr = matrix.indptr.astype(np.intp, copy=False)

    @cached_property
    def bounds(self) -> NDArray[np.intp]:
        """Where the features are cut into stripes of about as many entries, none more than twice as wide as others."""
        n_features, n_parts = self.shape[1], _kernels.MAX_STRIPES
        step = 1 << max(0, n_features.bit_length() - (_kernels.MAX_STEPS.bit_length() - 1))
        entries = self.matrix.indices[: self.n_entries : max(1, self.n_entries // SAMPLED_ENTRIES)]
        even = np.linspace(0, n_features, len(entries) + 2)
        both = np.sort(np.concatenate([entries, even]))
        cuts = both[np.arange(n_parts + 1) * (len(both) - 1) // n_parts].astype(np.intp) // step * step
        cuts[0], cuts[-1] = 0, n_features
        return cuts

    @cached_property
    @overflow_shows
    def _scaled(self) -> Any:
        """The matrix with the scale, its own data if there is none."""
        if self.scale is None:
            return self.matrix
        return self.matrix.multiply(in_dtype(self.scale, self.dtype)).tocsr()

    @cached_property
    @overflow_shows
    def _row_squares(self) -> FloatArray:
        """‖x_i‖² of every row."""
        squares: FloatArray = np.asarray(self._scaled.multiply(self._scaled).sum(axis=1)).ravel()
        return squares

    def gradient_dtype(self, W: FloatArray) -> np.dtype[Any]:
        """Return W's own, where the kernel's sums are the gradient."""
        # The gradient is as large as W, which may be larger than X. What a shift adds to the sums may nearly cancel
        # them: they are rounded after that, and once.
        return W.dtype if W.dtype in C_TYPE and self.shift is None else np.dtype(np.float64)

    def rows(self, rows: NDArray[np.intp] | slice) -> "CsrFeatures":
        """As the base class says."""
        part = CsrFeatures(self.matrix[rows], self.scale, self.shift)
        # Any cut is right, and that of all samples is the better guess.
        part.bounds = self.bounds
        return part

    def columns(self, columns: NDArray[np.intp]) -> "CsrFeatures":
        """As the base class says."""
        return CsrFeatures(self.matrix[:, columns], *self._factors(columns))

    @overflow_shows
    def values(self) -> FloatArray:
        """As the base class says."""
        values = self.matrix.toarray()
        if self.scale is not None:
            values *= in_dtype(self.scale, self.dtype)
        return values if self.shift is None else values + in_dtype(self.shift, self.dtype)

    @overflow_shows
    def squares(self, sample_weight: FloatArray) -> FloatArray:
        """As the base class says."""
        sums = _weighted_squares(self._scaled, sample_weight)
        if not np.isfinite(sums.sum()):  # float64 has room for the squares of all that float32 has
            sums = _weighted_squares(self._scaled.astype(np.float64), sample_weight)
        if self.shift is not None:
            linear = np.asarray((self._scaled.T @ sample_weight).T, dtype=np.float64)
            sums += 2 * self.shift * linear + np.outer(sample_weight.sum(axis=0), self.shift**2)
        return sums

    @property
    def serves_dual_ascent(self) -> bool:
        """As the base class says."""
        return self.shift is None

    @overflow_shows
    def dual_ascent(self, W_inout: Vector, b_inout: Vector, *arguments: Any) -> None:
        """As the base class says."""
        probabilities_inout, step, order, intercept, num_threads = arguments
        squares = self._row_squares + intercept
        _kernels.csr_dual_ascent(
            *(W_inout, b_inout, probabilities_inout, self._scaled.data, self.indices, self.indptr),
            *(in_dtype(squares, self.dtype), in_dtype(step, self.dtype), order, intercept, num_threads),
        )

    def gram(self, sample_weight: FloatArray, precision: Precision, num_threads: int) -> FloatArray:
        """As the base class says."""
        raise ValueError(
            "X must be dense: a Gram matrix of sparse features, n_features × n_features, is not served; "
            "pass X.toarray() if it is small"
        )

    def _float64_blocks(self) -> Iterator[tuple[slice, Any]]:
        yield slice(None), self.matrix.astype(np.float64)

    def moments(self, sample_weight: Vector | None, num_threads: int) -> tuple[Vector, Vector]:
        """As the base class says."""
        n_samples, n_features = self.shape
        weights = np.ones(n_samples) if sample_weight is None else sample_weight
        mean = weights @ self.matrix / n_samples
        # Σ_i s_i (x_ij − m_j)² of the entries, and m_j² for what of the weight has none.
        squares, rest, present, counts = np.zeros((4, n_features))
        # Blocks of rows with as many entries as there are features: neither copies nor sums take longer than these.
        rows = max(1024, n_samples * n_features // max(1, self.n_entries))
        for start in range(0, n_samples, rows):
            block = self.matrix[start : start + rows]
            weight = np.repeat(weights[start : start + rows], np.diff(block.indptr))
            differences = block.data - mean[block.indices]
            squares += np.bincount(block.indices, weight * differences**2, n_features)
            rest += np.bincount(block.indices, weight * differences, n_features)
            present += np.bincount(block.indices, weight, n_features)
            counts += np.bincount(block.indices, weight > 0, n_features)
        # Where every sample that counts has an entry nothing is left, not even a rounding.
        absent = np.where(counts == np.count_nonzero(weights), 0, 1 - present / n_samples)
        # What the rounding of the mean has left.
        rest = rest / n_samples - absent * mean
        variance = squares / n_samples + absent * mean**2 - rest**2
        return mean, np.sqrt(np.maximum(variance, 0))

    def check_finite(self, name: str) -> None:
        """As the base class says."""
        bad = np.flatnonzero(~np.isfinite(self.matrix.data[: self.n_entries]))
        if len(bad):
            row = int(np.searchsorted(self.indptr, bad[0], side="right")) - 1
            value = "NaN" if np.isnan(self.matrix.data[bad[0]]) else "infinity"
            raise ValueError(f"Input {name} contains {value} at row {row}, column {self.matrix.indices[bad[0]]}")

    def _fold(self, W: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        # The scale is left to the kernels, which write all of W anew anyway: it may be larger than X.
        W = np.ascontiguousarray(W if W.dtype in C_TYPE else W.astype(np.float64))
        b = np.ascontiguousarray(b, dtype=np.float64)
        return W, b if self.shift is None else b + project(W, self.shift)

    def _unfold(self, grad_W: FloatArray, grad_b: FloatArray) -> None:
        super()._unfold(grad_W, grad_b)
        if self.shift is not None:
            for row, g in zip(grad_W, grad_b, strict=True):
                add_scaled(row, g, self.shift)

    def _loss_grad(self, *arguments: Any) -> float:
        grad_W_out, grad_b_out, W, b, samples, _precision, num_threads = arguments
        return _kernels.csr_loss_grad[C_TYPE[grad_W_out.dtype], C_TYPE[self.dtype]](
            *(grad_W_out, grad_b_out, self.matrix.data, self.indices, self.indptr, self.bounds, self.scale),
            *(in_dtype(W, grad_W_out.dtype), b, samples, SOFTMAX, num_threads),
        )

    def _hess_vec(self, *arguments: Any) -> None:
        product_W_out, product_b_out, *parameters, mass, offset, _precision, num_threads = arguments
        _kernels.csr_hess_vec[C_TYPE[self.dtype]](
            *(product_W_out, product_b_out, self.matrix.data, self.indices, self.indptr, self.bounds, self.scale),
            *(*parameters, mass, offset, SOFTMAX, num_threads),
        )

    def _predict(self, *arguments: Any) -> float:
        out, W, b, mean, _precision, num_threads = arguments
        return _kernels.csr_predict[C_TYPE[self.dtype], C_TYPE[W.dtype]](
            out, self.matrix.data, self.indices, self.indptr, self.scale, W, b, mean, SOFTMAX, num_threads
        )


def _weighted_squares(X: Any, sample_weight: FloatArray) -> FloatArray:
    """Σ_i w_ik x_ij² for every column of weights."""
    return np.asarray((X.multiply(X).T @ sample_weight).T, dtype=np.float64)
