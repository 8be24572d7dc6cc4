"""Some of the rows of chunks, drawn by the place that each has among all rows."""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..leaves.draw import uniform
from ..leaves.protocol import Chunks, name_of

# Seeds are so many rows apart in the sequence of random numbers; and the first of them from the numbers of the rows
# themselves, by which rows are drawn for the curvature.
APART = 1 << 40


@dataclass(frozen=True)
class DrawnChunks:
    """The rows of chunks whose random number is in [low, high), or all others.

    A row's number depends on its place and the seed alone: neither on chunks nor on the order in which they are read.

    Parameters
    ----------
    chunks : Chunks
    of_chunks : tuple of int
        Rows of each of these.
    low, high : float
    inside : bool
    seed : int
        Not negative.
    """

    chunks: Chunks
    of_chunks: tuple[int, ...]
    low: float
    high: float
    inside: bool
    seed: int = 0

    def __len__(self) -> int:
        return len(self.chunks)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        chosen = self._chosen(index)
        return tuple(None if part is None else part[chosen] for part in self.chunks[index])

    @property
    def n_features(self) -> int:
        """Columns of every X."""
        return self.chunks.n_features

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the columns of X, if it has any."""
        return getattr(self.chunks, "feature_names", None)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Drawn rows of each chunk."""
        return tuple(int(np.count_nonzero(self._chosen(index))) for index in range(len(self)))

    @property
    def n_samples(self) -> int:
        """Drawn rows of all chunks."""
        return sum(self.sizes)

    def name_of(self, index: int) -> str:
        """Return what messages call a chunk."""
        return name_of(self.chunks, index)

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        return tuple(itertools.accumulate(self.of_chunks, initial=0))

    def _chosen(self, index: int) -> NDArray[np.bool_]:
        number = uniform((self.seed + 1) * APART + self._starts[index], self.of_chunks[index])
        chosen: NDArray[np.bool_] = ((number >= self.low) & (number < self.high)) == self.inside
        return chosen


def split_chunks(
    chunks: Chunks, sizes: tuple[int, ...], low: float, high: float, seed: int
) -> tuple[DrawnChunks, DrawnChunks]:
    """Return the rows whose number is not in [low, high), and those whose number is."""
    return DrawnChunks(chunks, sizes, low, high, False, seed), DrawnChunks(chunks, sizes, low, high, True, seed)
