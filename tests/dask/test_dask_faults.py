"""Every fault of a cluster, of its partitions and of their files has an answer, and none is to wait for ever."""

import re

import numpy as np
import pytest
from chunked import N, assert_same_bits, in_chunks
from clusters import FailingPart, kill_in_pass, kill_workers, started
from problems import noisy

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression
from fastsoftmax.chunks import from_npy

pytest.importorskip("distributed")
pd = pytest.importorskip("pandas")

from dask.delayed import delayed  # noqa: E402

import fastsoftmax.dask as fd  # noqa: E402
from fastsoftmax.cluster.work import Identity  # noqa: E402

# Dask warns of its own doings, such as ports, memory and workers that are killed here.
pytestmark = pytest.mark.filterwarnings("ignore")

X, Y = noisy(N)
LABELS = np.array(["a", "b", "c", "d"])
OPTIONS = {"l2": 1e-3}


def part_of(*arrays):
    return delayed(tuple(arrays))


def failing_parts(flag, other=None):
    """Return three partitions that cannot be made anew, or not as they were, once the flag stands."""
    thirds = [(X[a : a + 2000], Y[a : a + 2000]) for a in (0, 2000, 4000)]
    return [delayed(FailingPart(part, flag, other), pure=False)() for part in thirds]


def losing(client, flag):
    """Return a callback that sets the flag and kills all workers in iteration 2."""

    def lose(state):
        if state.iteration == 2:
            flag.touch()
            kill_workers(client)

    return lose


def test_a_cluster_that_fails_ends_the_fit_with_the_best_parameters_and_its_words(client, tmp_path):
    flag = tmp_path / "gone"
    parts = failing_parts(flag)
    result = fd.fit(client, parts, l1=1e-3, l2=1e-4, tol=1e-8, callback=losing(client, flag))
    assert result.status == "interrupted"
    assert "the disk is gone" in result.message
    assert np.isfinite(result.loss)
    assert result.loss < result.history["loss"][0]
    with pytest.raises(RuntimeError, match="failed before anything was fitted: OSError: the disk is gone"):
        fd.fit(client, parts, l2=1e-3)


def test_workers_that_keep_dying_end_the_fit_with_the_best_parameters(cluster, client, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster[0].scheduler, "allowed_failures", 1)
    whole = fs.fit(in_chunks(X, Y), **OPTIONS)
    kill_in_pass(monkeypatch, 4, tmp_path / "killed", always=True)
    result = fd.fit(client, in_chunks(X, Y), **OPTIONS)
    assert result.status == "interrupted"
    assert "KilledWorker: Attempted to run task 'fastsoftmax-pass-" in result.message
    n_iterations = len(result.history["loss"])
    assert 0 < n_iterations < len(whole.history["loss"])
    assert np.array_equal(result.history["loss"], whole.history["loss"][:n_iterations])
    assert result.loss == result.history["loss"].min()


def test_workers_that_die_before_anything_is_fitted_raise_what_the_cluster_says(cluster, client, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster[0].scheduler, "allowed_failures", 0)
    kill_in_pass(monkeypatch, 1, tmp_path / "killed", always=True)
    with pytest.raises(RuntimeError, match="failed before anything was fitted: KilledWorker: Attempted to run task"):
        fd.fit(client, in_chunks(X, Y), **OPTIONS)


def test_a_partition_that_is_another_one_when_it_is_made_anew_is_noticed(client, tmp_path):
    flag = tmp_path / "changed"
    parts = failing_parts(flag, (X[:2000], (Y[:2000] + 1) % 4))
    with pytest.raises(ValueError, match="partition [012] has changed since it was first read"):
        fd.fit(client, parts, tol=1e-8, callback=losing(client, flag), **OPTIONS)


def test_a_file_that_is_cut_short_or_changes_is_named(client, tmp_path):
    names = [tmp_path / "X.npy", tmp_path / "y.npy"]
    for name, values in zip(names, (X, Y), strict=True):
        np.save(name, values)
    chunks = from_npy(*names, chunk_bytes=100_000)

    def change(state):
        if state.iteration == 2:
            np.save(names[0], X[::-1])
            kill_workers(client)

    with pytest.raises(ValueError, match=r"X.npy, rows \d+ to \d+: .*X.npy has changed since it was opened"):
        fd.fit(client, chunks, tol=1e-8, callback=change, **OPTIONS)
    chunks = from_npy(*names, chunk_bytes=100_000)
    with open(names[1], "r+b") as stream:
        stream.truncate(1000)
    with pytest.raises(ValueError, match=r"X.npy, rows 0 to \d+: .*y.npy has changed since it was opened"):
        fd.fit(client, chunks, **OPTIONS)


def test_without_workers_a_fit_does_not_wait_for_ever(cluster, client):
    parts = [delayed((X, Y))]
    cluster[0].scale(0)
    with pytest.raises(RuntimeError, match="there was no worker for 0.5 s"):
        fd.fit(client, parts, l2=1e-3, patience=0.5)


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


FRAME = pd.DataFrame(X[:9], columns=[f"f{j}" for j in range(10)])
OTHER_FRAMES = {
    "name": (FRAME.rename(columns={"f1": "g"}), r"found \['f0', 'g', 'f2'"),
    "order": (FRAME[FRAME.columns[::-1]], r"found \['f9', 'f8', 'f7'"),
    "array": (X[:9], "found an array without names"),
}


@pytest.mark.parametrize("fault", OTHER_FRAMES.values(), ids=OTHER_FRAMES.keys())
def test_a_frame_of_other_columns_is_named(client, fault):
    frame, found = fault
    message = rf"partition 1: must have the columns \['f0', .*'f9'\], in this order, {found}"
    with pytest.raises(ValueError, match=message):
        fd.fit(client, [delayed(FRAME), delayed(frame)], [delayed(Y[:9])] * 2, l2=1e-3)
    with pytest.raises(ValueError, match=message):
        fd.fit(client, [part_of(FRAME, Y[:9]), part_of(frame, Y[:9])], l2=1e-3)


def test_frames_in_tuples_and_futures_are_served(client):
    expected = fs.fit(in_chunks(X[:9], Y[:9], cuts=(0, 9)), **OPTIONS)
    for part in (part_of(FRAME, pd.Series(Y[:9])), client.submit(tuple, (X[:9], Y[:9]))):
        assert_same_bits(fd.fit(client, [part], **OPTIONS), expected)


def test_empty_partitions_are_skipped_and_all_empty_are_refused(client):
    empty = part_of(X[:0], Y[:0])
    expected = fs.fit(in_chunks(X, Y), **OPTIONS)
    assert_same_bits(fd.fit(client, [empty, part_of(X, Y), empty], **OPTIONS), expected)
    with pytest.raises(ValueError, match="must hold samples, found 2 partitions, all of them empty"):
        fd.fit(client, [empty, empty], l2=1e-3)
    with pytest.raises(ValueError, match="y must have a partition for each of the 2 of X, found 1"):
        fd.fit(client, [delayed(X), delayed(X)], [delayed(Y)], l2=1e-3)


def test_a_family_is_served_as_chunks_serve_it(client):
    options = {"family": "poisson", **OPTIONS}
    try:
        expected = fs.fit(in_chunks(X, Y), **options)
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            fd.fit(client, in_chunks(X, Y), **options)
    else:
        found = fd.fit(client, in_chunks(X, Y), **options)
        assert np.array_equal(found.W, expected.W)
        assert np.array_equal(found.history["loss"], expected.history["loss"])


def test_a_class_of_one_partition_alone_is_known_everywhere(client):
    y = np.where(np.arange(N) < 4000, Y % 2, 2 + Y % 2)
    parts = [part_of(X[a : a + 1000], y[a : a + 1000]) for a in range(0, N, 1000)]
    assert_same_bits(fd.fit(client, parts, **OPTIONS), fs.fit(in_chunks(X, y), **OPTIONS))
    parts = [part_of(X[a : a + 1000], LABELS[y[a : a + 1000]]) for a in range(0, N, 1000)]
    estimator = fd.DaskSoftmaxRegression(client=client).fit(parts)
    assert estimator.classes_.tolist() == LABELS.tolist()
    assert np.array_equal(estimator.coef_, SoftmaxRegression().fit(in_chunks(X, LABELS[y])).coef_)


def test_a_worker_of_another_version_is_named(client, monkeypatch):
    monkeypatch.setattr(Identity, "own", classmethod(lambda cls: cls("0.0.1", "baseline", "")))
    with pytest.raises(RuntimeError, match=r"worker tcp://\S+ has fastsoftmax .* FASTSOFTMAX_ISA"):
        fd.fit(client, [part_of(X, Y)], l2=1e-3)


@pytest.mark.skipif(Identity.own().instruction_set == "baseline", reason="all workers have the baseline")
def test_a_worker_of_another_instruction_set_is_named():
    with (
        started(1, n_workers=1, env={"FASTSOFTMAX_ISA": "baseline"}) as (_, client),
        pytest.raises(
            RuntimeError,
            match=r"worker tcp://\S+ has .* the instruction set 'baseline'.*, and the client .*FASTSOFTMAX_ISA",
        ),
    ):
        fd.fit(client, [part_of(X, Y)], l2=1e-3)
