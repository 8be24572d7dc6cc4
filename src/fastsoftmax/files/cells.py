"""The cells of a table as numbers: a matrix of the columns of numbers, and one of the levels of the columns of text."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Cells:
    """The cells of n rows. A cell of text takes one byte, or two where a column has more than 253 levels.

    Parameters
    ----------
    n_rows : int
    is_text : sequence of bool
        Of each column, whether it has levels; else it has numbers.
    dtype : dtype
        Of the numbers.

    Attributes
    ----------
    numbers : ndarray of shape (n_rows, n_numbers)
        NaN where a cell is missing.
    codes : ndarray of shape (n_rows, n_texts), uint8 or uint16
        The number of a cell's level.
    """

    def __init__(self, n_rows: int, is_text: Sequence[bool] | NDArray[np.bool_], dtype: Any) -> None:
        self.is_text = np.array(is_text, np.bool_)
        # The place of each column among those of its kind.
        self.places = np.where(self.is_text, np.cumsum(self.is_text), np.cumsum(~self.is_text)) - 1
        self.numbers: NDArray[Any] = np.empty((n_rows, np.count_nonzero(~self.is_text)), dtype)
        self.codes: NDArray[Any] = np.empty((n_rows, np.count_nonzero(self.is_text)), np.uint8)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def missing(self) -> int:
        """The code of a missing cell: the largest number of the codes' dtype."""
        return int(np.iinfo(self.codes.dtype).max)

    @property
    def no_level(self) -> int:
        """The code of text that is none of the given levels."""
        return self.missing - 1

    def put(self, start: int, j: int, values: NDArray[Any]) -> None:
        """Write cells of column j from row `start` on: numbers, or codes with −1 for no level and NaN for missing."""
        rows, place = slice(start, start + len(values)), self.places[j]
        if not self.is_text[j]:
            self.numbers[rows, place] = values
            return
        self.make_room(int(np.nanmax(values, initial=-1)) + 1)
        codes = np.where(np.isnan(values), self.missing, np.where(values < 0, self.no_level, values))
        self.codes[rows, place] = codes.astype(self.codes.dtype)

    def make_room(self, n_levels: int) -> None:
        """Give codes two bytes, if one has no room for so many levels and for one of missing cells."""
        if n_levels < self.no_level:
            return
        marks = self.codes >= self.no_level
        shift = np.iinfo(np.uint16).max - self.missing
        self.codes = self.codes.astype(np.uint16)
        np.add(self.codes, shift, out=self.codes, where=marks)

    def is_missing(self, j: int) -> NDArray[np.bool_]:
        """Where the cells of column j are missing."""
        column = self.column(j)
        return column == self.missing if self.is_text[j] else np.isnan(column)

    def column(self, j: int) -> NDArray[Any]:
        """Return the numbers or the codes of column j, not a copy."""
        column: NDArray[Any] = (self.codes if self.is_text[j] else self.numbers)[:, self.places[j]]
        return column

    def renumber(self, j: int, order: NDArray[Any]) -> None:
        """Give the levels of column j new numbers, (n_levels,)."""
        numbers = np.arange(self.missing + 1)
        numbers[: len(order)] = order
        self.column(j)[...] = numbers.astype(self.codes.dtype)[self.column(j)]

    def chosen(self, columns: Sequence[int]) -> "Cells":
        """Return some of the columns; these cells, if all are chosen."""
        if len(columns) == len(self.is_text):
            return self
        part = Cells(0, self.is_text[columns], self.numbers.dtype)
        for name in ("numbers", "codes"):
            of_kind = [self.places[j] for j in columns if self.is_text[j] == (name == "codes")]
            setattr(part, name, getattr(self, name)[:, of_kind])
        return part

    def matrix(self, rows: slice, dtype: Any) -> NDArray[Any]:
        """Return rows as one matrix, the columns in their order: −1 where there is no level, NaN for missing cells."""
        numbers, codes = self.numbers[rows], self.codes[rows]
        if not codes.shape[1]:
            return numbers.astype(dtype, copy=False)
        out = np.empty((len(numbers), len(self.is_text)), dtype)
        out[:, ~self.is_text] = numbers
        levels = codes.astype(dtype)
        levels[codes == self.missing] = np.nan
        levels[codes == self.no_level] = -1
        out[:, self.is_text] = levels
        return out
