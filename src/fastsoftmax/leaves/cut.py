"""Cut rows into leaves, however the rows were divided before."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .rows import Rows, join

# A dense leaf has 2^23 numbers at most, 32 MiB of float32: enough for the threads of a large machine, and few beside
# what memory holds.
LEAF_NUMBERS = 1 << 23

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


def leaf_rows(n_features: int, is_sparse: bool, n_rows: int | None = None) -> int:
    """Rows of a leaf, a power of two: by the shape alone. Without n_rows, which are not known yet, as of many."""
    most = SPARSE_ROWS if is_sparse else LEAF_NUMBERS // n_features
    if n_rows is not None:
        most = min(most, n_rows // FEWEST_LEAVES)
    size = max(FEWEST_ROWS, min(MOST_ROWS, most))
    return 1 << (size.bit_length() - 1)


def cut(parts: Iterable[tuple[int, Rows]], size: int) -> Iterator[Leaf]:
    """Yield the leaves of parts, each a start and its rows; the parts may come in any order.

    What is no whole leaf is copied until the rest of it comes. The last leaf, which may be shorter, comes last.
    """
    waiting: dict[int, list[tuple[int, Rows]]] = {}
    for start, rows in parts:
        end = start + rows.n_rows
        for index in range(start // size, (end - 1) // size + 1):
            first, last = max(start, index * size), min(end, (index + 1) * size)
            piece = rows.take(slice(first - start, last - start))
            if piece.n_rows == size:
                yield Leaf(index, first, piece)
                continue
            pieces = waiting.setdefault(index, [])
            pieces.append((first, piece.copy()))
            if sum(piece.n_rows for _, piece in pieces) == size:
                yield _joined(index, size, waiting.pop(index))
    for index in sorted(waiting):
        yield _joined(index, size, waiting[index])


def _joined(index: int, size: int, pieces: list[tuple[int, Rows]]) -> Leaf:
    pieces.sort(key=lambda piece: piece[0])
    return Leaf(index, index * size, join([rows for _, rows in pieces]))
