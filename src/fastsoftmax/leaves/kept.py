"""What a pass has found of every leaf, kept to be averaged again and again without another pass."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .tree import Tree

# Values of leaves are kept if they have at most so many bytes together: 32 MB.
MOST_KEPT = 1 << 25

T = TypeVar("T")


@dataclass(frozen=True)
class Kept(Generic[T]):
    """A value of each leaf, in the order of their numbers."""

    leaves: tuple[tuple[int, int, T], ...]  # its number, how many rows it has, and the value

    def __add__(self, other: "Kept[T]") -> "Kept[T]":
        return Kept(self.leaves + other.leaves)

    def average(self, of_value: Callable[[T], tuple[Any, ...]]) -> tuple[Any, ...]:
        """Return means over all rows, of a function that returns means over those of a leaf."""
        tree, n_rows = Tree(), 0
        for number, n_of_leaf, value in self.leaves:
            tree.add(number, tuple(n_of_leaf * mean for mean in of_value(value)))
            n_rows += n_of_leaf
        return tuple(total / n_rows for total in tree.total)
