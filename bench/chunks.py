"""``python -m bench.chunks``: data larger than the memory that a process may have, in files; and a pass of Dask.

A child process fits files of several times its memory limit. It tells its peak memory, and times a pass beside reading
alone and computing alone; and both at once, by threads that exchange nothing: what the machine's memory allows. Then
32 blocks of a small problem are summed by two workers of Dask: what a pass takes beyond the work of the leaves is
overhead.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import fastsoftmax as fs
from fastsoftmax.chunks import from_npy, from_parquet
from fastsoftmax.families import SOFTMAX
from fastsoftmax.leaves import LeavesLoss, LocalPasses, bind_passes
from fastsoftmax.leaves.cut import cut
from fastsoftmax.leaves.reading import AHEAD
from fastsoftmax.leaves.room import Room
from fastsoftmax.leaves.rows import as_rows
from fastsoftmax.runtime.threads import spared_threads

from .environment import OtherLoad, describe
from .results import Report, add_results_options

MIB = 1 << 20
FILES, N_CLASSES, REPEATS = 12, 10, 7
OF_COMPUTING = 12  # chunks that are computed with alone
SIZES = ("format", "files", "data MB", "limit MB", "chunk MB", "peak MB", "passes")
COLUMNS = (*SIZES, "s a pass", "reading", "computing", "both", "ratio")
OVERHEAD = ("blocks", "K·N", "workers", "ms a pass", "of these in leaves", "overhead", "32 empty tasks")


def main() -> None:
    """Measure, print and keep it."""
    parser = argparse.ArgumentParser(prog="python -m bench.chunks", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=3000, help="of X, float32; default: %(default)s")
    parser.add_argument("--limit", type=int, default=800, help="MB of address space; default: %(default)s")
    parser.add_argument("--chunk", type=int, default=16, help="MB of a chunk; default: %(default)s")
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where the files go; a temporary folder by default")
    parser.add_argument(
        "--format", choices=("npy", "parquet"), default="npy", help="of the files; default: %(default)s"
    )
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    add_results_options(parser)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(_measured(options)))
        return
    report, facts, load = Report("chunks", options), describe(), OtherLoad()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        _write(Path(folder), options)
        command = [sys.executable, "-m", "bench.chunks", "--measure", "--folder", folder]
        command += ["--chunk", str(options.chunk), "--format", options.format]
        limit = options.limit * MIB
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        )
    if done.returncode:
        sys.exit(f"bench.chunks: the fit failed: {done.stderr}")
    found = json.loads(done.stdout)
    report.add_facts(
        facts | {"meanwhile": load.describe(), "times": f"the least of {REPEATS} in turns; of Dask the least of 30"}
    )
    sizes = [f"{options.megabytes}", f"{options.limit}", f"{options.chunk}", f"{found['peak'] / MIB:.0f}"]
    rows = []
    for where in ("disk", "cache"):
        names = (f"pass, {where}", f"reading, {where}", "computing", f"both, {where}")
        least = [min(found["times"][name]) for name in names]
        ratio = least[0] / max(least[1:3])
        seconds = (f"{value:.3f}" for value in least)
        rows.append([options.format, where, *sizes, f"{found['n_passes']}", *seconds, f"{ratio:.2f}"])
    report.add_table(COLUMNS, rows, "files beyond memory")
    report.add_table(OVERHEAD, [_overhead()], "a pass of Dask")
    report.save(details=found)


def _write(folder: Path, options: argparse.Namespace) -> None:
    """Write files of random rows."""
    rng = np.random.default_rng(0)
    n_rows = options.megabytes * MIB // (4 * options.features * FILES)
    W = rng.standard_normal((options.features, N_CLASSES), dtype=np.float32) / np.sqrt(options.features)
    for file in range(FILES):
        X = rng.standard_normal((n_rows, options.features), dtype=np.float32)
        y = (2 * X @ W + rng.gumbel(size=(n_rows, N_CLASSES))).argmax(axis=1)
        if options.format == "npy":
            np.save(folder / f"X{file:02}.npy", X)
            np.save(folder / f"y{file:02}.npy", y)
        else:
            columns = {f"x{j}": X[:, j] for j in range(options.features)} | {"y": y}
            group = options.chunk * MIB // (4 * options.features)
            parquet.write_table(pa.table(columns), folder / f"{file:02}.parquet", row_group_size=group)
    os.sync()


def _evict(folder: Path) -> None:
    """Let the system forget what it has read of the files, as it does with more than its memory holds."""
    for path in folder.iterdir():
        with path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    """Return what a fit takes, in this process."""
    chunks: Any = (
        from_npy(f"{options.folder}/X*.npy", f"{options.folder}/y*.npy", chunk_bytes=options.chunk * MIB)
        if options.format == "npy"
        else from_parquet(f"{options.folder}/*.parquet", "y", chunk_bytes=options.chunk * MIB)
    )
    result = fs.fit(chunks, l2=1e-4)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    loss = bind_passes(LocalPasses(chunks), SOFTMAX)
    theta, grad = np.zeros(loss.n_params), np.empty(loss.n_params)

    def whole_pass() -> None:
        theta[0] += 1
        loss.write_loss_grad(loss.split(grad), loss.split(theta))

    rooms = [Room() for _ in range(AHEAD + 1)]

    def reading() -> None:
        for index in range(len(chunks)):
            chunks.read(index, rooms[index % len(rooms)].clear().empty)

    def forget() -> None:
        _evict(options.folder)

    # Rows of many chunks: those of one would stay in the processor's cache.
    some = [as_rows(chunks[index], chunks.n_features) for index in range(min(len(chunks), OF_COMPUTING))]
    leaves = [leaf for rows in some if rows is not None for leaf in cut([(0, rows)], loss.size)]

    def computing() -> None:
        for leaf in leaves:
            _leaf(loss, leaf.rows, theta, grad)

    share = len(loss) / sum(leaf.rows.n_rows for leaf in leaves)

    def both() -> None:
        """Read all, and compute with as many other rows, neither of which waits for the other."""
        reader = Thread(target=reading)
        reader.start()
        with spared_threads(1):
            for _ in range(round(share)):
                computing()
        reader.join()

    times: dict[str, list[float]] = {"computing": []}
    for where, before in (("disk", forget), ("cache", reading)):
        times |= {f"{name}, {where}": [] for name in ("pass", "reading", "both")}
        for _ in range(REPEATS):  # in turns, since other processes come and go
            for name, call in (("pass", whole_pass), ("reading", reading), ("both", both)):
                before()
                times[f"{name}, {where}"].append(_seconds(call))
            times["computing"].append(share * _seconds(computing))
    return {"peak": peak, "n_passes": result.n_passes, "loss": result.loss, "times": times}


def _leaf(loss: LeavesLoss, rows: Any, theta: np.ndarray, grad: np.ndarray) -> None:
    part = loss.binding.loss(rows)
    part.write_loss_grad(part.split(grad), part.split(theta))


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _least(call: Callable[[], object], repeats: int = 30) -> float:
    return min(_seconds(call) for _ in range(repeats))


def _overhead() -> list[str]:
    """Return what a pass over 32 blocks of a small problem takes with two workers."""
    import dask.array as da
    from distributed import Client, LocalCluster

    from fastsoftmax.dask.fit import passes_of

    n_blocks, n_rows, n_features = 32, 1024, 784
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_blocks * n_rows, n_features), dtype=np.float32)
    y = rng.integers(0, N_CLASSES, len(X))
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        collections = [client.persist(da.from_array(part, chunks=(n_rows, *part.shape[1:]))) for part in (X, y)]
        loss = bind_passes(passes_of(client, *collections), SOFTMAX, num_threads=1)
        theta, grad = np.zeros(loss.n_params), np.empty(loss.n_params)

        def whole_pass() -> None:
            theta[0] += 1
            loss.write_loss_grad(loss.split(grad), loss.split(theta))

        def empty() -> None:
            client.gather([client.submit(abs, number, pure=False) for number in range(n_blocks)])

        seconds, of_empty = _least(whole_pass), _least(empty)
        rows = as_rows((X[:n_rows], y[:n_rows]))
        assert rows is not None
        in_leaves = n_blocks / 2 * _least(lambda: _leaf(loss, rows, theta, grad))
    milliseconds = [f"{1e3 * value:.1f}" for value in (seconds, in_leaves, seconds - in_leaves, of_empty)]
    return [f"{n_blocks}", f"{theta.size}", "2", *milliseconds]


if __name__ == "__main__":
    # For the child: an arena for each thread would take the address space, and threads that wait in a busy loop for the
    # next leaf the processor that reads it.
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    main()
