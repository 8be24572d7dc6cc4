"""Passes over chunks on this machine: a thread reads the next chunk while this one is computed with."""

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Protocol, TypeVar

from ..runtime.threads import one_blas_thread, spared_threads
from .cut import Leaf, cut
from .facts import Facts, sum_of
from .protocol import Chunks, blamed_on, name_of
from .room import Room
from .rows import Rows, as_rows
from .tree import Summands, Tree

T = TypeVar("T")

# Chunks that are read while one is computed with: with two, the thread that reads need not wait until one is taken.
AHEAD = 2

# Backward means that the last 16 chunks come first, but these in their order, and so on. The system reads a file ahead;
# a start at a new place costs a millisecond or two, in which the disk has nothing to do.
RUN = 16

OfLeaf = Callable[[Leaf], Summands]
Judge = Callable[[Rows], object]


class Passes(Protocol):
    """Whoever reads all rows, leaf by leaf."""

    def look(self, judge: Judge) -> Facts:
        """Say what rows there are, in all chunks or in one; `judge` raises ValueError for rows that are not right."""

    @property
    def n_rows(self) -> int | None:
        """Number of all rows, None before it is known."""

    @property
    def failure(self) -> str:
        """Why no pass is possible any more; empty while passes are."""

    @property
    def facts(self) -> Facts:
        """What is known of all rows, once there was a pass."""

    def total(self, of_leaf: OfLeaf, size: int) -> Summands:
        """Return the sum of a function over leaves of this size, added in a tree; one pass."""

    @property
    def walk(self) -> Callable[[int], Iterator[Leaf]] | None:
        """A function that yields the leaves of this size in order, one pass; None if nobody has them all in turn."""


class LocalPasses:
    """Passes on this machine, forward and backward in turns: of what was read last, a part is still in memory.

    Parameters
    ----------
    chunks : Chunks

    Raises
    ------
    ValueError
        In a pass, if a chunk is not right, or not what it was in the pass before; the message names it.
    """

    def __init__(self, chunks: Chunks) -> None:
        self.chunks = chunks
        self._judge: Judge = _trust
        self._seen: list[Facts | None] = []  # of each chunk, None if it is empty
        self._backward = False
        # One for the chunk that is computed with, and for each that is read ahead.
        self._rooms = [Room() for _ in range(AHEAD + 1)]

    def look(self, judge: Judge) -> Facts:
        """Say what the rows of the first chunk are that is not empty. The first pass judges all of them."""
        self._judge = judge
        for index in range(len(self.chunks)):
            rows = self._read(index, self._rooms[0])
            if rows is not None:
                return Facts.of(rows)
        raise ValueError(f"X must hold samples, found {len(self.chunks)} chunks, all of them empty")

    @property
    def n_rows(self) -> int | None:
        """Number of all rows, None before the first pass."""
        return self.facts.n_rows if self._seen else None

    @property
    def failure(self) -> str:
        """Nothing: what fails here raises."""
        return ""

    @property
    def facts(self) -> Facts:
        """What is known of all rows."""
        return sum_of(facts for facts in self._seen if facts is not None)

    def total(self, of_leaf: OfLeaf, size: int) -> Summands:
        """Return the sum of a function over leaves of this size, added in a tree; one pass."""
        tree = Tree()
        with one_blas_thread, closing(read_ahead(self._parts())) as parts:
            for leaf in cut(parts, size):
                tree.add(leaf.number, of_leaf(leaf))
        return tree.total

    def walk(self, size: int) -> Iterator[Leaf]:
        """Yield the leaves of this size in the order of their numbers; one pass."""
        self._backward = False
        with one_blas_thread, closing(read_ahead(self._parts())) as parts:
            yield from cut(parts, size)

    def _parts(self) -> Iterator[tuple[int, Rows]]:
        """Yield the chunks with the number of their first row."""
        order, starts = self._order(), self._starts()
        seen: dict[int, Facts | None] = {}
        n_read = 0
        for turn, index in enumerate(order):
            rows = self._read(index, self._rooms[turn % len(self._rooms)])
            seen[index] = self._look_at(index, rows, seen)
            if rows is not None:
                yield starts[index] if starts else n_read, rows
                n_read += rows.n_rows
        self._seen = [seen[index] for index in range(len(seen))]
        self._backward = not self._backward

    def _order(self) -> list[int]:
        """Return the chunks forward, or run after run backward: the system reads ahead within a run."""
        n_chunks = len(self.chunks)
        if not self._backward:
            return list(range(n_chunks))
        run = max(1, min(RUN, n_chunks // 4))
        return [index for start in reversed(range(0, n_chunks, run)) for index in range(n_chunks)[start : start + run]]

    def _starts(self) -> list[int]:
        """Return the number of the first row of each chunk; nothing before the first pass, which is a forward one."""
        sizes = (0 if facts is None else facts.n_rows for facts in self._seen)
        return list(itertools.accumulate(sizes, initial=0))[: len(self._seen)]

    def _read(self, index: int, room: Room) -> Rows | None:
        with blamed_on(name_of(self.chunks, index)):
            read = getattr(self.chunks, "read", None)
            chunk = self.chunks[index] if read is None else read(index, room.clear().empty)
            return as_rows(chunk, self.chunks.n_features, known=bool(self._seen))

    def _look_at(self, index: int, rows: Rows | None, before: dict[int, Facts | None]) -> Facts | None:
        """Judge a chunk that is read for the first time, or compare it with what it was."""
        facts, name = None if rows is None else Facts.of(rows), name_of(self.chunks, index)
        if self._seen:
            if facts != self._seen[index]:
                raise ValueError(f"{name} has changed since the pass before")
            return facts
        if rows is not None and facts is not None:
            with blamed_on(name):
                self._judge(rows)
                for first in filter(None, before.values()):
                    facts.check_like(first)
        return facts


def read_ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """Yield the items of an iterator; a thread gets the next ones while this one is used, AHEAD of them at most.

    If an item had to be waited for, reading is what takes time: a processor is spared for it until the next item.
    """
    end = object()
    with ThreadPoolExecutor(1, "fastsoftmax-reader") as reader:
        following = deque(reader.submit(next, items, end) for _ in range(AHEAD))
        while True:
            first = following.popleft()
            is_late = not first.done()
            if (item := first.result()) is end:
                return
            following.append(reader.submit(next, items, end))
            with spared_threads(int(is_late)):
                yield item  # type: ignore[misc]


def _trust(rows: Rows) -> None:
    """Judge no rows."""
