"""Rows drawn in one pass, each with a probability that follows its weight: priority sampling.

Row i has the priority w_i / u_i, u_i being uniform on (0, 1) and a function of i alone. The k rows of the greatest
priorities are drawn; τ is the greatest priority of all others. Weighted by max(1, τ / w_i), the rows have unbiased sums
(Duffield, Lund & Thorup, Journal of the ACM 54, 2007). The k greatest of two sets are among the k greatest of each: the
draws of leaves add up to that of all rows, in any order.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..runtime.arrays import Float64Array, IndexArray
from .rows import Rows, join


@dataclass(frozen=True)
class Drawn:
    """Rows that have been drawn from some leaves, in the order of the leaves; one more than wanted, which tells τ."""

    n_wanted: int
    rows: Rows
    weight: Float64Array  # (n,), w_i
    priority: Float64Array  # (n,)
    floor: float = 0.0  # τ where there are fewer rows than wanted: only priorities above it were looked at

    @classmethod
    def of(cls, rows: Rows, start: int, weight: Float64Array, n_wanted: int, floor: float = 0.0) -> "Drawn":
        """Draw from rows of which the first is row number `start` of all data."""
        priority = weight / uniform(start, rows.n_rows)
        kept = _greatest(priority, n_wanted + 1, floor)
        return cls(n_wanted, rows.take(kept), weight[kept], priority[kept], floor)

    def __add__(self, other: "Drawn") -> "Drawn":
        priority = np.concatenate([self.priority, other.priority])
        weight = np.concatenate([self.weight, other.weight])
        drawn = Drawn(self.n_wanted, join([self.rows, other.rows]), weight, priority, self.floor)
        return drawn._of(_greatest(priority, self.n_wanted + 1, self.floor))

    def __len__(self) -> int:
        return len(self.priority)

    def top(self, n_wanted: int) -> "Drawn":
        """Return the draw of fewer rows."""
        return replace(self, n_wanted=n_wanted)._of(_greatest(self.priority, n_wanted + 1, self.floor))

    def settled(self) -> tuple[Rows, Float64Array]:
        """Return the rows, without the one that tells τ, and the factor of each in a sum over all rows."""
        drawn, threshold = self, self.floor
        if len(self) > self.n_wanted:
            last = int(np.argmin(self.priority))
            threshold = float(self.priority[last])
            drawn = self._of(np.delete(np.arange(len(self)), last))
        return drawn.rows, np.maximum(1.0, threshold / drawn.weight)

    def _of(self, kept: IndexArray) -> "Drawn":
        if len(kept) == len(self):
            return self
        return replace(self, rows=self.rows.take(kept), weight=self.weight[kept], priority=self.priority[kept])


def _greatest(priority: Float64Array, n: int, floor: float) -> IndexArray:
    """Return where the n greatest priorities above the floor are, ascending."""
    above = np.flatnonzero(priority > floor)
    if len(above) <= n:
        return above
    return np.sort(above[np.argpartition(priority[above], len(above) - n)[len(above) - n :]])


def uniform(start: int, n: int) -> Float64Array:
    """Return a number of (0, 1) for each row from start on, by its number alone.

    SplitMix64 (Steele, Lea & Flood, OOPSLA 2014), whose n-th output is a function of n.
    """
    z = np.arange(start + 1, start + n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (np.asarray(z >> np.uint64(11), np.float64) + 0.5) * 2.0**-53
