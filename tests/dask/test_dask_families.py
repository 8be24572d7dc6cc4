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


def test_stochastic_gradient_descent_of_more_rows_than_are_held_says_why_not(client, monkeypatch):
    parts = [delayed((X[a:b], TARGETS["gaussian"][a:b])) for a, b in ((0, 2500), (2500, N))]
    options = {"family": "gaussian", "solver": "sgd", "max_iter": 2}
    assert np.isfinite(fd.fit(client, parts, **options).loss)
    set_way("kept", monkeypatch)
    with pytest.raises(ValueError, match="'sgd' needs batches: the rows of a cluster are not walked through"):
        fd.fit(client, parts, **options)


@pytest.mark.bits
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("penalty", [{"l2": 1e-3}, {"l1": 2e-3}, {"l1": 1e-4}])
def test_the_bits_of_wide_sparse_rows_are_those_of_chunks(client, penalty, way, monkeypatch):
    from scipy.sparse import random

    set_way(way, monkeypatch)
    S = random(N, 2000, 0.005, format="csr", random_state=0)
    y = (S @ RNG.standard_normal((2000, 3)) * 4 + RNG.gumbel(size=(N, 3))).argmax(axis=1)
    expected = fs.fit(in_chunks(S, y), max_iter=20, **penalty)
    parts = [delayed((S[a:b], y[a:b])) for a, b in ((0, 2500), (2500, N))]
    assert_same_bits(fd.fit(client, parts, max_iter=20, **penalty), expected)
