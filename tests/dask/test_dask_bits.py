"""Theta, loss and history have the bits of chunks on one machine, whoever sums over which rows."""

from contextlib import nullcontext

import numpy as np
import pytest
from chunked import N, assert_same_bits, in_chunks
from clusters import kill_in_pass, scaled, started
from problems import noisy

import fastsoftmax as fs
from fastsoftmax.chunks import from_npy

pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")

import fastsoftmax.dask as fd  # noqa: E402

# Dask warns of its own doings, such as ports, memory and workers that are killed here.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]

X, Y = noisy(N)
WEIGHT = np.random.default_rng(0).random(N)
OPTIONS = {"l2": 1e-3}


def collections(rows=1100):
    return tuple(da.from_array(part, chunks=(rows, *part.shape[1:])) for part in (X, Y, WEIGHT))


@pytest.fixture
def files(tmp_path):
    """One file of all rows, and seven."""
    names = []
    for n_files in (1, 7):
        parts = np.array_split(np.arange(N), n_files)
        for name, values in (("X", X), ("y", Y), ("w", WEIGHT)):
            for number, rows in enumerate(parts):
                np.save(tmp_path / f"{name}-{n_files}-{number}.npy", values[rows])
        names.append([str(tmp_path / f"{name}-{n_files}-*.npy") for name in ("X", "y", "w")])
    return names


@pytest.mark.parametrize("threads", [1, 2])
def test_the_bits_depend_on_no_number_of_workers_threads_partitions_or_files(cluster, files, threads):
    expected = fs.fit(in_chunks(X, Y, WEIGHT), **OPTIONS)
    for names in files:
        assert_same_bits(fs.fit(from_npy(*names, chunk_bytes=50_000), **OPTIONS), expected)
    with started(threads) if threads > 1 else nullcontext(cluster) as (of_workers, client):
        for n_workers, rows in ((4, 1100), (2, 700), (1, 2500)):
            scaled(of_workers, client, n_workers)
            assert set(client.nthreads().values()) == {threads}
            dX, dy, weight = collections(rows)
            assert_same_bits(fd.fit(client, dX, dy, sample_weight=weight, **OPTIONS), expected)
            for names in files:
                assert_same_bits(fd.fit(client, from_npy(*names, chunk_bytes=50_000), **OPTIONS), expected)
        assert_same_bits(fd.fit(client, in_chunks(X, Y, WEIGHT), num_threads=2, **OPTIONS), expected)


@pytest.mark.bits
@pytest.mark.parametrize("penalty", [{"l2": 1e-3}, {"l1": 1e-3}])
def test_a_worker_that_is_killed_in_the_third_pass_changes_no_bit(client, tmp_path, monkeypatch, penalty):
    expected = fs.fit(in_chunks(X, Y), tol=1e-6, **penalty)
    kill_in_pass(monkeypatch, 3, tmp_path / "killed")
    found = fd.fit(client, *collections()[:2], tol=1e-6, **penalty)
    assert (tmp_path / "killed").exists()
    assert_same_bits(found, expected)
    assert found.duality_gap == expected.duality_gap or "l2" in penalty
