"""The mean of y over leaves, for fits to start at the intercept that belongs to it."""

from dataclasses import dataclass

import numpy as np

from ..data.samples import Samples
from ..runtime.arrays import Float64Array
from .cut import FEWEST_ROWS
from .tree import Tree


@dataclass(frozen=True)
class Means:
    """Weighted means of y and of the offset, which is zero where there is none."""

    weight: float
    half: Float64Array  # (n_outputs,), half of the mean of y: sums of large y may overflow
    largest: Float64Array  # (n_outputs,), the largest offset where these are factors, else zeros
    offset: Float64Array  # (n_outputs,), mean of exp(offset − largest) where these are factors, else of the offset

    @classmethod
    def of(cls, samples: Samples, are_factors: bool) -> "Means":
        """Return those of some samples, the first of which is the first one of a leaf.

        They are added in the same order whatever the size of a leaf, which is not yet known in the first pass.
        """
        assert samples.targets is not None
        tree = Tree()
        for number, start in enumerate(range(0, len(samples.targets), FEWEST_ROWS)):
            tree.add(number, (cls._of_few(samples.rows(slice(start, start + FEWEST_ROWS)), are_factors),))
        (means,) = tree.total
        assert isinstance(means, cls)
        return means

    @classmethod
    def _of_few(cls, samples: Samples, are_factors: bool) -> "Means":
        assert samples.targets is not None
        halves = np.ascontiguousarray(samples.targets, np.float64) / 2
        offset, largest = np.zeros_like(halves), np.zeros(halves.shape[1])
        if samples.offset is not None:
            offset = np.ascontiguousarray(samples.offset, np.float64)
            if are_factors:
                largest = offset.max(axis=0)
                offset = np.exp(offset - largest)
        weight = np.ones(len(halves)) if samples.weight is None else samples.weight
        total = float(weight.sum())
        shares = (weight / total if total else weight)[:, None]
        # The mean of equal numbers is that number, if it is that of differences.
        mean, mean_offset = (part[0] + (shares * (part - part[0])).sum(axis=0) for part in (halves, offset))
        return cls(total, mean, largest, mean_offset)

    def __add__(self, other: "Means") -> "Means":
        weight = self.weight + other.weight
        if not (self.weight and other.weight):
            return self if self.weight else other
        share, largest = other.weight / weight, np.maximum(self.largest, other.largest)
        a, b = (part.offset * np.exp(part.largest - largest) for part in (self, other))
        return Means(weight, self.half + share * (other.half - self.half), largest, a + share * (b - a))
