"""X of numbers and of levels that are stored as codes: some rows at a time are sparse features."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...runtime.arrays import Float64Array, FloatArray, IndexArray
from ...runtime.override import override
from ...runtime.precision import Precision
from ..arguments import check_finite, overflow_shows
from ..coded_matrix import BLOCK_ENTRIES, CodedMatrix
from ..samples import Samples
from .base import Features, Parameters, PassOptions
from .sparse import CsrFeatures, sparse_deviations


class CodedFeatures(Features):
    """A matrix of codes. A pass goes block by block: each is written out as CSR, and forgotten."""

    def __init__(
        self, matrix: CodedMatrix, scale: Float64Array | None = None, shift: Float64Array | None = None
    ) -> None:
        super().__init__(scale, shift)
        self.matrix = matrix
        self.shape = matrix.shape
        self.dtype = matrix.dtype
        self.n_entries = matrix.n_entries

    def _blocks(self) -> Iterator[tuple[slice, CsrFeatures]]:
        for rows in self.matrix.blocks():
            yield rows, CsrFeatures(self.matrix.tocsr(rows), self.scale, self.shift)

    def _whole(self) -> CsrFeatures:
        """All rows, for those few who need them at once."""
        return CsrFeatures(self.matrix.tocsr(), self.scale, self.shift)

    @override
    def rows(self, rows: IndexArray | slice) -> Features:
        part = CodedFeatures(self.matrix[rows], self.scale, self.shift)
        return part._whole() if len(part) * self.matrix.most <= BLOCK_ENTRIES else part

    @override
    def columns(self, columns: IndexArray) -> CsrFeatures:
        from scipy.sparse import vstack

        parts = [self.matrix.tocsr(rows)[:, columns] for rows in self.matrix.blocks()]
        return CsrFeatures(vstack(parts, format="csr"), *self._factors(columns))

    @property
    @override
    def n_stored(self) -> int:
        return self.n_entries if self.shift is None else super().n_stored

    @override
    def stored_columns(self) -> tuple[Float64Array, IndexArray | None, IndexArray | None]:
        return self._whole().stored_columns()

    @override
    def values(self) -> FloatArray:
        return self._whole().values()

    @override
    @overflow_shows
    def squares(self, sample_weight: FloatArray) -> FloatArray:
        sums = np.zeros((sample_weight.shape[1], self.shape[1]))
        for rows, block in self._blocks():
            sums += block.squares(sample_weight[rows])
        return sums

    @override
    def gram(self, sample_weight: FloatArray, precision: Precision, num_threads: int) -> FloatArray:
        return self._whole().gram(sample_weight, precision, num_threads)

    @override
    def _float64_blocks(self) -> Iterator[tuple[slice, Any]]:
        for rows in self.matrix.blocks():
            yield rows, self.matrix.tocsr(rows).astype(np.float64)

    @override
    def moments(self, sample_weight: Float64Array | None, num_threads: int) -> tuple[Float64Array, Float64Array]:
        weights = np.ones(len(self)) if sample_weight is None else sample_weight
        mean = np.zeros(self.shape[1])
        for rows in self.matrix.blocks():
            mean += weights[rows] @ self.matrix.tocsr(rows)
        mean /= len(self)
        blocks = ((rows, self.matrix.tocsr(rows)) for rows in self.matrix.blocks())
        return mean, sparse_deviations(mean, blocks, weights)

    @override
    def check_finite(self, name: str) -> None:
        check_finite(name, self.matrix.numbers)

    # A block folds and unfolds scale and shift itself.

    @override
    def _fold(self, at: Parameters) -> Parameters:
        return at

    @override
    def _unfold(self, grad: Parameters) -> None:
        pass

    @override
    @overflow_shows
    def _loss_grad(self, grad_out: Parameters, at: Parameters, samples: Samples, options: PassOptions) -> float:
        loss, sums, part = 0.0, _zeros_of(grad_out), _zeros_of(grad_out)
        for rows, block in self._blocks():
            share = len(block) / len(self)
            loss += share * block.loss_grad(part, at, samples.rows(rows), options)
            _add(sums, part, share)
        _write(grad_out, sums)
        return loss

    @override
    @overflow_shows
    def _hess_vec(
        self, product_out: Parameters, at: Parameters, direction: Parameters, samples: Samples, options: PassOptions
    ) -> None:
        sums, part = _zeros_of(product_out), _zeros_of(product_out)
        for rows, block in self._blocks():
            block.hess_vec(part, at, direction, samples.rows(rows), options)
            _add(sums, part, len(block) / len(self))
        _write(product_out, sums)

    @override
    @overflow_shows
    def _predict(self, out: FloatArray, at: Parameters, mean: bool, options: PassOptions) -> float:
        return sum(block.predict(out[rows], at, mean, options) for rows, block in self._blocks())


def _zeros_of(parameters: Parameters) -> Parameters:
    return Parameters(*(np.zeros(part.shape) for part in parameters))


def _add(sums: Parameters, part: Parameters, share: float) -> None:
    for total, added in zip(sums, part, strict=True):
        total += share * added


def _write(out: Parameters, sums: Parameters) -> None:
    for part, total in zip(out, sums, strict=True):
        part[...] = total
