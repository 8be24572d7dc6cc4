"""Sums of numbers that are exact, and so the same in any order."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..runtime.arrays import Float64Array, IndexArray

# Every float64 is a multiple of 2^-1074; the significands that frexp returns have 53 bits behind the point.
BITS, UNIT = 53, 1074 + 53

# Half of a significand: sums of so many bits of up to 2^36 numbers fit an int64.
LOW = 26


def exact_sums(values: Float64Array | None, groups: IndexArray, n_groups: int) -> NDArray[np.object_]:
    """Return the sum of the values of each group, (n_groups,), as whole numbers of 2^-UNIT.

    They must be finite and not negative; None is for ones.
    """
    if values is None:
        return np.bincount(groups, minlength=n_groups).astype(object) * (1 << UNIT)
    significands, exponents = np.frexp(values)
    whole = np.ldexp(significands, BITS).astype(np.int64)
    sums = np.zeros(n_groups, dtype=object)
    for exponent in np.unique(exponents).tolist():
        chosen = exponents == exponent
        for part, shift in ((whole[chosen] >> LOW, LOW), (whole[chosen] & ((1 << LOW) - 1), 0)):
            of_groups = np.zeros(n_groups, np.int64)
            np.add.at(of_groups, groups[chosen], part)
            sums += of_groups.astype(object) * (1 << (exponent - BITS + UNIT + shift))
    return sums


def rounded(sums: NDArray[np.object_]) -> Float64Array:
    """Return exact sums as the nearest float64; infinity where they overflow."""
    return np.array([_rounded(number) for number in sums.tolist()], dtype=np.float64)


def _rounded(number: int) -> float:
    try:
        return float(Fraction(number, 1 << UNIT))
    except OverflowError:
        return np.inf
