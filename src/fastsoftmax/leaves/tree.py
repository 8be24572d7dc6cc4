"""Sums over leaves, added in a binary tree over the leaves' numbers."""

from collections.abc import Iterable
from typing import Any

import numpy as np

# What a leaf contributes: numbers, arrays of one shape, or anything else that has a sum.
Summands = tuple[Any, ...]


class Tree:
    """The sums that are known so far, of aligned subtrees as large as possible.

    Leaves 2i and 2i + 1 make node i of level 1, and so on. Leaves may come in any order, and from several trees. What
    has no right sibling, as the last leaf of an odd number, is added to what lies left of it in the end.
    """

    def __init__(self) -> None:
        self.nodes: dict[tuple[int, int], Summands] = {}  # by level and number

    def add(self, index: int, summands: Summands, level: int = 0) -> None:
        """Take over a leaf, or a node of a level; its arrays may be changed."""
        while (other := self.nodes.pop((level, index ^ 1), None)) is not None:
            summands = _sum(summands, other) if index % 2 == 0 else _sum(other, summands)
            level, index = level + 1, index // 2
        self.nodes[level, index] = summands

    def merge(self, trees: "Iterable[Tree]") -> "Tree":
        """Add the nodes of other trees, which stay as they are."""
        for tree in trees:
            for (level, index), summands in tree.nodes.items():
                copies = tuple(part.copy() if isinstance(part, np.ndarray) else part for part in summands)
                self.add(index, copies, level)
        return self

    @property
    def total(self) -> Summands:
        """The sum of all leaves; there must be one at least."""
        # A level has one node at most, and the lower one lies right of the higher one.
        first, *others = (self.nodes[place] for place in sorted(self.nodes))
        for left in others:
            first = _sum(left, first)
        return first


@np.errstate(over="ignore", invalid="ignore")  # an overflow shows in the sums, which others judge
def _sum(left: Summands, right: Summands) -> Summands:
    return tuple(_add(a, b) for a, b in zip(left, right, strict=True))


def _add(a: Any, b: Any) -> Any:
    return np.add(a, b, out=a) if isinstance(a, np.ndarray) else a + b
