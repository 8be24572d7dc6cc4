"""Data in chunks for the tests."""

import itertools

import numpy as np

from fastsoftmax.chunks import from_arrays
from fastsoftmax.leaves import gap, streamed, survey

# Chunks of one row, of none, of less than a leaf and of more; the leaves of so few rows have 1024.
N = 6000
CUTS = (0, 1, 1, 700, 3400, 5000, N)


# What is in memory after the first pass: all rows, what is gathered where it is few, or nothing.
WAYS = ("held", "kept", "streamed")


def set_way(way, monkeypatch):
    """Let rows be treated as those of much more data are."""
    if way != "held":
        monkeypatch.setattr(survey, "MOST_HELD", 0)
    if way == "streamed":
        monkeypatch.setattr(streamed, "MOST_GATHERED", 0)
        for module in (gap, streamed):
            monkeypatch.setattr(module, "MOST_KEPT", 0)


def in_chunks(*arrays, cuts=CUTS):
    """Return arrays, cut into chunks; None for what there is not."""
    pairs = itertools.pairwise(cuts)
    return from_arrays([tuple(None if part is None else part[a:b] for part in arrays) for a, b in pairs])


def assert_same_bits(a, b, family="softmax"):
    """Compare all that two fits have in common but the time."""
    assert np.array_equal(a.W, b.W)
    assert np.array_equal(a.b, b.b)
    assert (a.loss, a.n_passes, a.status) == (b.loss, b.n_passes, b.status)
    assert str(a.family) == str(b.family) == family
    for name in ("n_passes", "loss", "grad_norm"):
        assert np.array_equal(a.history[name], b.history[name])
