"""``python -m bench.ways``: a pass over the same rows in memory, in a memory map, in chunks and on two workers of Dask.

The files are in the system's page cache, so that no disk is timed; `bench.chunks` reads from one, too.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fastsoftmax as fs
from fastsoftmax.chunks import from_npy
from fastsoftmax.families import SOFTMAX
from fastsoftmax.leaves import LeavesLoss, LocalPasses, bind_passes

from .environment import OtherLoad, all_threads, describe
from .results import Report, add_results_options
from .timing import time_once

MIB = 1 << 20
N_CLASSES, REPEATS = 10, 60
COLUMNS = ("rows in", "data MB", "s a pass", "GB/s")


def main() -> None:
    """Measure, print and keep it."""
    parser = argparse.ArgumentParser(prog="python -m bench.ways", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500, help="of X, float32; default: %(default)s")
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2, help="of one thread each; default: %(default)s")
    parser.add_argument("--folder", type=Path, help="where the files go; a temporary folder by default")
    add_results_options(parser)
    options = parser.parse_args()
    report, facts, load = Report("ways", options), describe(), OtherLoad()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        seconds = _measured(Path(folder), options)
    report.add_facts(facts | {"meanwhile": load.describe(), "times": f"the least of {REPEATS}, in turns"})
    n_bytes = options.megabytes * MIB
    rows = [[way, f"{options.megabytes}", f"{least:.3f}", f"{n_bytes / least / 1e9:.1f}"] for way, least in seconds]
    report.add_table(COLUMNS, rows, "a pass over the same rows")
    report.save()


def _measured(folder: Path, options: argparse.Namespace) -> list[tuple[str, float]]:
    """Return the least time of a pass by each way."""
    from distributed import Client, LocalCluster

    from fastsoftmax.dask.fit import passes_of

    rng = np.random.default_rng(0)
    X = rng.standard_normal((options.megabytes * MIB // (4 * options.features), options.features), dtype=np.float32)
    y = rng.integers(0, N_CLASSES, len(X))
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)
    chunks = from_npy(folder / "X.npy", folder / "y.npy")
    mapped = np.load(folder / "X.npy", mmap_mode="r")
    settings = {"n_workers": options.workers, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**settings) as cluster, Client(cluster) as client:
        calls = {
            "memory": _pass_of_arrays(X, y),
            "a memory map": _pass_of_arrays(mapped, y),
            "chunks": _pass_of(bind_passes(LocalPasses(chunks), SOFTMAX, num_threads=all_threads())),
            f"Dask, {options.workers} workers": _pass_of(
                bind_passes(passes_of(client, chunks, None), SOFTMAX, num_threads=1)
            ),
        }
        times = [[time_once(call)[0] for call in calls.values()] for _ in range(REPEATS)]
    return list(zip(calls, map(min, zip(*times, strict=True)), strict=True))


def _pass_of_arrays(X: np.ndarray, y: np.ndarray) -> Callable[[], object]:
    W, b = np.zeros((N_CLASSES, X.shape[1])), np.zeros(N_CLASSES)
    return lambda: fs.loss_grad(X, y, W, b, num_threads=all_threads())


def _pass_of(loss: LeavesLoss) -> Callable[[], object]:
    theta, grad = np.zeros(loss.n_params), np.empty(loss.n_params)

    def whole_pass() -> None:
        theta[0] += 1
        loss.write_loss_grad(loss.split(grad), loss.split(theta))

    return whole_pass


if __name__ == "__main__":
    main()
