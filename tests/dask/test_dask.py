import os
import signal
import time

import numpy as np
import pytest
from chunked import N, assert_same_bits, in_chunks
from clusters import FailingPart, KillOnce
from problems import noisy

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression

distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

import dask  # noqa: E402
from dask.delayed import delayed  # noqa: E402

import fastsoftmax.dask as fd  # noqa: E402
from fastsoftmax.cluster import passes as passes_room  # noqa: E402

# Dask warns of its own doings, such as ports, memory and workers that are killed here.
pytestmark = pytest.mark.filterwarnings("ignore")

X, Y = noisy(N)
WEIGHT = np.random.default_rng(0).random(N)
NAMES = np.array(["a", "b", "c", "d"], dtype=object)[Y]
OPTIONS = {"l2": 1e-3}


@pytest.fixture(scope="module")
def cluster():
    settings = {"distributed.comm.timeouts.connect": "10s", "distributed.worker.memory.terminate": False}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=4, threads_per_worker=1, dashboard_address=None, memory_limit=0, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield cluster, client


@pytest.fixture
def client(cluster):
    scaled(cluster, 2)
    return cluster[1]


def scaled(cluster, n_workers):
    """Have this many workers."""
    of_workers, client = cluster
    of_workers.scale(n_workers)
    until = time.monotonic() + 30
    while len(client.scheduler_info(n_workers=-1)["workers"]) != n_workers:
        assert time.monotonic() < until
        time.sleep(0.05)


def collections(rows=1100):
    return tuple(da.from_array(part, chunks=(rows, *part.shape[1:])) for part in (X, Y, WEIGHT))


@pytest.mark.bits
def test_the_bits_depend_on_no_number_of_workers_or_partitions(cluster):
    expected = fs.fit(in_chunks(X, Y, WEIGHT), **OPTIONS)
    for n_workers, rows in ((4, 1100), (1, 2500), (2, 700)):
        scaled(cluster, n_workers)
        dX, dy, weight = collections(rows)
        assert_same_bits(fd.fit(cluster[1], dX, dy, sample_weight=weight, **OPTIONS), expected)
    assert_same_bits(fd.fit(cluster[1], in_chunks(X, Y, WEIGHT), num_threads=2, **OPTIONS), expected)


@pytest.mark.bits
@pytest.mark.parametrize("penalty", [{"l2": 1e-3}, {"l1": 1e-3}])
def test_a_worker_that_is_killed_in_the_third_pass_changes_no_bit(client, tmp_path, monkeypatch, penalty):
    n_passes = []
    total = passes_room.ClusterPasses.total

    def killing(self, of_leaf, size):
        n_passes.append(size)
        return total(self, KillOnce(of_leaf, tmp_path / "killed") if len(n_passes) == 3 else of_leaf, size)

    expected = fs.fit(in_chunks(X, Y), tol=1e-6, **penalty)
    monkeypatch.setattr(passes_room.ClusterPasses, "total", killing)
    found = fd.fit(client, *collections()[:2], tol=1e-6, **penalty)
    assert (tmp_path / "killed").exists()
    assert_same_bits(found, expected)
    assert found.duality_gap == expected.duality_gap or "l2" in penalty


def test_a_cluster_that_fails_ends_the_fit_with_the_best_parameters_and_its_words(client, tmp_path):
    flag = tmp_path / "gone"
    parts = [delayed(FailingPart((X[a : a + 2000], Y[a : a + 2000]), flag), pure=False)() for a in (0, 2000, 4000)]

    def lose(state):
        if state.iteration == 2:
            flag.touch()
            for pid in client.run(os.getpid).values():  # what the workers had must be made anew
                os.kill(pid, signal.SIGKILL)

    result = fd.fit(client, parts, l1=1e-3, l2=1e-4, tol=1e-8, callback=lose)
    assert result.status == "interrupted"
    assert "the disk is gone" in result.message
    assert np.isfinite(result.loss)
    assert result.loss < result.history["loss"][0]
    with pytest.raises(RuntimeError, match="failed before anything was fitted: OSError: the disk is gone"):
        fd.fit(client, parts, l2=1e-3)


def test_without_workers_a_fit_does_not_wait_for_ever(cluster, client):
    parts = [delayed((X, Y))]
    cluster[0].scale(0)
    with pytest.raises(RuntimeError, match="there was no worker for 0.5 s"):
        fd.fit(client, parts, l2=1e-3, patience=0.5)


def part_of(*arrays):
    return delayed(tuple(arrays))


FAULTS = {
    "columns": ((X[:9, :4], Y[:9]), "partition 1: must have 10 features .* found 4"),
    "dtype": (
        (X[:9].astype("f4"), Y[:9]),
        "partition 1: must have .* of float64.* found .* of float32",
    ),
    "NaN": ((X[:9] * np.nan, Y[:9]), "partition 1: Input X contains NaN at row 0, column 0"),
    "label": ((X[:9], Y[:9] - 9), "partition 1: y must hold class indices .* at row 0"),
    "rows": ((X[:9], Y[:8]), "partition 1: y must have one row for each of the 9 samples"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_partition_that_is_not_right_is_named(client, fault):
    chunk, message = fault
    with pytest.raises(ValueError, match=message):
        fd.fit(client, [part_of(X[:3000], Y[:3000]), part_of(*chunk), part_of(X[3000:], Y[3000:])], l2=1e-3)


def test_empty_partitions_are_skipped_and_all_empty_are_refused(client):
    empty = part_of(X[:0], Y[:0])
    expected = fs.fit(in_chunks(X, Y), **OPTIONS)
    assert_same_bits(fd.fit(client, [empty, part_of(X, Y), empty], **OPTIONS), expected)
    with pytest.raises(ValueError, match="must hold samples, found 2 partitions, all of them empty"):
        fd.fit(client, [empty, empty], l2=1e-3)
    with pytest.raises(ValueError, match="family must be 'softmax' where rows come in chunks, found 'gaussian'"):
        fd.fit(client, [part_of(X, Y)], family="gaussian", link="log")
    with pytest.raises(ValueError, match="y must have a partition for each of the 2 of X, found 1"):
        fd.fit(client, [delayed(X), delayed(X)], [delayed(Y)], l2=1e-3)


def test_a_worker_of_another_version_is_named(client, monkeypatch):
    from fastsoftmax.cluster.work import Identity

    monkeypatch.setattr(Identity, "own", classmethod(lambda cls: cls("0.0.1", "baseline", "")))
    with pytest.raises(RuntimeError, match=r"worker tcp://\S+ has fastsoftmax .* FASTSOFTMAX_ISA"):
        fd.fit(client, [part_of(X, Y)], l2=1e-3)


def test_the_classifier_on_frames(client):
    import pandas as pd

    frame = pd.DataFrame(X, columns=[f"f{j}" for j in range(10)])
    dX = dd.from_pandas(frame, npartitions=3)
    dy = dd.from_pandas(pd.Series(NAMES), npartitions=3)
    estimator = fd.DaskSoftmaxRegression(client=client, standardize=True, class_weight="balanced").fit(dX, dy)
    expected = SoftmaxRegression(standardize=True, class_weight="balanced").fit(in_chunks(X, NAMES))
    assert np.array_equal(estimator.coef_, expected.coef_)
    assert estimator.feature_names_in_.tolist() == list(frame.columns)
    local = estimator.to_local()
    assert type(local) is SoftmaxRegression
    lazy = estimator.predict(dX), estimator.predict_proba(dX)
    assert all(hasattr(part, "dask") for part in lazy)
    assert np.array_equal(lazy[0].compute(), local.predict(frame))
    assert np.array_equal(lazy[1].compute(), local.predict_proba(frame))
    assert np.array_equal(estimator.predict(da.from_array(X, chunks=(1000, 3))).compute(), local.predict(frame))


def test_an_offset_comes_in_the_partitions_of_X(client):
    offset = np.random.default_rng(1).normal(size=(N, 4))
    dX, dy, weight = collections()
    estimator = fd.DaskSoftmaxRegression(client=client)
    estimator.fit(dX, dy, weight, offset=da.from_array(offset, chunks=(1100, 4)))
    expected = SoftmaxRegression().fit(in_chunks(X, Y, WEIGHT, offset))
    assert np.array_equal(estimator.coef_, expected.coef_)
    assert np.array_equal(estimator.predict(X, offset), expected.predict(X, offset))
    with pytest.raises(ValueError, match="offset must be None where X is a collection"):
        estimator.predict(dX, offset)
    with pytest.raises(TypeError, match="DaskSoftmaxRegression has no parameter 'penalty'"):
        fd.DaskSoftmaxRegression(penalty="l2")


def test_classes_that_are_declared(client):
    dX, dy = collections()[0], da.from_array(NAMES.astype(str), chunks=1100)
    classes = ["a", "aa", "b", "c", "d"]
    estimator = fd.DaskSoftmaxRegression(client=client).fit(dX, dy, classes=classes)
    assert estimator.classes_.tolist() == classes
    assert estimator.intercept_[1] == -np.inf
    probabilities = estimator.to_local().predict_proba(X)
    assert (probabilities[:, 1] == 0).all()
    expected = SoftmaxRegression().fit(in_chunks(X, NAMES))
    np.testing.assert_allclose(probabilities[:, [0, 2, 3, 4]], expected.predict_proba(X), atol=1e-12)
    with pytest.raises(ValueError, match=r"partition 0: y must hold the classes \['a', 'b'\], found 'd' at row"):
        fd.DaskSoftmaxRegression(client=client).fit(dX, dy, classes=["a", "b"])
