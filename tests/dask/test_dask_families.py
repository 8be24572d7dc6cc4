"""Families other than softmax on a cluster: the bits of chunks on one machine."""

import numpy as np
import pytest
from chunked import WAYS, N, assert_same_bits, in_chunks, set_way

import fastsoftmax as fs

distributed = pytest.importorskip("distributed")

from dask.delayed import delayed  # noqa: E402

import fastsoftmax.dask as fd  # noqa: E402

# Dask warns of its own doings, such as ports and memory.
pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(5)
X = RNG.standard_normal((N, 8)) / 3
ETA = X @ RNG.standard_normal((8, 2)) + 0.3
WEIGHT, OFFSET = RNG.integers(0, 4, N).astype(float), RNG.standard_normal((N, 2)) / 4
TARGETS = {
    "poisson": RNG.poisson(np.exp(ETA)).astype(float),
    "gaussian": ETA + RNG.standard_normal((N, 2)),
    "tweedie(1.5)": RNG.poisson(np.exp(ETA)) * RNG.gamma(2.0, 0.5, (N, 2)),
}


@pytest.fixture(scope="module")
def client():
    # Workers of this process see what a test has set.
    options = {"processes": False, "n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.Client(**options, silence_logs=50) as client:
        yield client


@pytest.mark.bits
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("penalty", [{"l2": 1e-3}, {"l1": 1e-2}])
@pytest.mark.parametrize("family", TARGETS)
def test_the_bits_are_those_of_chunks(client, family, penalty, way, monkeypatch):
    set_way(way, monkeypatch)
    data = X, TARGETS[family], WEIGHT, OFFSET
    expected = fs.fit(in_chunks(*data), family=family, **penalty)
    parts = [delayed(tuple(part[a:b] for part in data)) for a, b in ((0, 2500), (2500, N))]
    found = fd.fit(client, parts, family=family, **penalty)
    assert_same_bits(found, expected, family)
    if expected.dispersion is not None:
        assert np.array_equal(found.dispersion, expected.dispersion)
