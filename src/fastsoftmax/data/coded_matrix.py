"""Rows of numbers and of one-hot levels, of which the numbers of the levels alone are stored."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.arrays import FloatArray, IndexArray

# Entries that are written out at a time.
BLOCK_ENTRIES = 1 << 20


class CodedMatrix:
    """A matrix whose columns are numbers first, and then a column of zeros and ones for each level of each text.

    As CSR a cell of text takes 8 bytes; here it takes one, or two. Passes over it write some rows out at a time.

    Parameters
    ----------
    numbers : ndarray of shape (n_samples, n_numbers), float32 or float64
    codes : ndarray of shape (n_samples, n_texts), uint8 or uint16
        The level of each cell, from 0; a code that is not below the column's width is none of its levels.
    widths : ndarray of shape (n_texts,)
        The number of levels of each column, at most the largest number of the codes' dtype.
    """

    def __init__(self, numbers: FloatArray, codes: NDArray[Any], widths: IndexArray) -> None:
        self.numbers, self.codes, self.widths = numbers, codes, widths
        self.dtype = numbers.dtype
        self.shape = len(codes), numbers.shape[1] + int(widths.sum())
        self.starts = (numbers.shape[1] + np.cumsum(widths) - widths).astype(np.int32)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: IndexArray | slice) -> "CodedMatrix":
        return CodedMatrix(self.numbers[rows], self.codes[rows], self.widths)

    @cached_property
    def n_entries(self) -> int:
        """Numbers, and cells of text that have a level."""
        return self.numbers.size + sum(int(np.count_nonzero(self._present(rows))) for rows in self.blocks())

    def blocks(self) -> Iterator[slice]:
        """Yield the rows that are written out at a time: by the shape alone."""
        step = max(1, BLOCK_ENTRIES // self.most)
        return (slice(start, min(start + step, len(self))) for start in range(0, len(self), step))

    @property
    def most(self) -> int:
        """The most entries of a row."""
        return int(self.numbers.shape[1] + self.codes.shape[1])

    def _present(self, rows: slice) -> NDArray[np.bool_]:
        return self.codes[rows] < self.widths.astype(self.codes.dtype)

    def tocsr(self, rows: slice = slice(None)) -> Any:
        """Return some rows as a CSR matrix, (n_rows, n_features)."""
        from scipy.sparse import csr_matrix

        numbers, codes = self.numbers[rows], self.codes[rows]
        n_numbers = numbers.shape[1]
        # Rows whose cells all have a level are as long as each other: most often that is a whole block.
        index = np.dtype(np.int32 if len(codes) * self.most < 2**31 else np.int64)
        indices = np.empty((len(codes), self.most), index)
        data: NDArray[Any] = np.ones(indices.shape, self.dtype)
        indices[:, :n_numbers], data[:, :n_numbers] = np.arange(n_numbers), numbers
        np.add(codes, self.starts, out=indices[:, n_numbers:])
        matrix = csr_matrix((len(codes), self.shape[1]), dtype=self.dtype)
        present = self._present(rows)
        if present.all():
            matrix.data, matrix.indices = data.ravel(), indices.ravel()
            matrix.indptr = self.most * np.arange(len(codes) + 1, dtype=index)
        else:
            kept = np.ones(indices.shape, np.bool_)
            kept[:, n_numbers:] = present
            matrix.data, matrix.indices = data[kept], indices[kept]
            matrix.indptr = np.concatenate([[0], np.cumsum(np.count_nonzero(kept, axis=1))]).astype(index)
        return matrix
