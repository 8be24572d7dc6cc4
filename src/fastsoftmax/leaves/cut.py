"""Cut rows into leaves, however the rows were divided before."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .rows import Rows, join

# A dense leaf has 2^21 numbers at most, 8 MiB of float32: of a chunk of 16 MiB, one leaf in two needs no copy. With
# many classes a number is more work, and 2^24 of them keep many threads busy.
LEAF_NUMBERS, MANY_CLASSES, MANY_CLASSES_NUMBERS = 1 << 21, 32, 1 << 24

# A leaf has 1024 rows at least, so that its work is more than to add its gradient; and 2^17 at most.
FEWEST_ROWS, MOST_ROWS = 1 << 10, 1 << 17

# How many numbers the rows of sparse data have is known late: leaves of 2^15 rows.
SPARSE_ROWS = 1 << 15

# There are 64 leaves at least, if they are not too small: so many workers may share them.
FEWEST_LEAVES = 64


class Leaf(NamedTuple):
    """The rows [start, start + n_rows) of all data, start being a multiple of a power of two."""

    number: int
    start: int
    rows: Rows


def leaf_rows(n_features: int, is_sparse: bool, n_rows: int | None = None, n_outputs: int = 0) -> int:
    """Rows of a leaf, a power of two: by the shape alone. Without n_rows, which are not known yet, as of many."""
    numbers = LEAF_NUMBERS if n_outputs < MANY_CLASSES else MANY_CLASSES_NUMBERS
    most = SPARSE_ROWS if is_sparse else numbers // n_features
    if n_rows is not None:
        most = min(most, n_rows // FEWEST_LEAVES)
    return power_of_two(max(FEWEST_ROWS, min(MOST_ROWS, most)))


def power_of_two(n_rows: int) -> int:
    """Return the greatest power of two up to n_rows, 1 at least."""
    return 1 << max(0, n_rows.bit_length() - 1)


def cut(parts: Iterable[tuple[int, Rows]], size: int) -> Iterator[Leaf]:
    """Yield the leaves of parts, each a start and its rows; the parts may come in any order.

    What is no whole leaf is copied until the rest of it comes. The last leaf, which may be shorter, comes last.
    """
    waiting: dict[int, Gathered] = {}
    for start, rows in parts:
        end = start + rows.n_rows
        for number in range(start // size, (end - 1) // size + 1):
            first, last = max(start, number * size), min(end, (number + 1) * size)
            piece = rows.take(slice(first - start, last - start))
            if piece.n_rows == size:
                yield Leaf(number, first, piece)
                continue
            gathered = waiting.setdefault(number, Gathered())
            gathered.add(piece, first - number * size, size)
            if gathered.n_rows == size:
                yield Leaf(number, number * size, waiting.pop(number).rows())
    for number in sorted(waiting):
        yield Leaf(number, number * size, waiting[number].rows())


class Gathered:
    """The rows of a leaf that have come so far."""

    def __init__(self) -> None:
        self.n_rows = 0
        self._pieces: list[tuple[int, Rows]] = []
        self._X: Any = None  # where dense rows go at once

    def add(self, piece: Rows, place: int, size: int) -> None:
        """Copy rows that belong at a place of a leaf of this size."""
        self.n_rows += piece.n_rows
        X = piece.X
        if isinstance(X, np.ndarray):
            if self._X is None:
                self._X = np.empty((size, X.shape[1]), X.dtype)
            self._X[place : place + len(X)] = X
            X = X[:0]
        self._pieces.append((place, Rows(X, *piece[1:]).copy()))

    def rows(self) -> Rows:
        """Return all rows in order."""
        self._pieces.sort(key=lambda piece: piece[0])
        rows = join([piece for _, piece in self._pieces])
        return rows if self._X is None else rows._replace(X=self._X[: self.n_rows])
