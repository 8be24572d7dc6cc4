"""``python -m bench.workers``: what a pass would take on 1 to 1,000 workers of Dask, from its measured parts.

    T(w) = leaves/w · t_leaf + tasks · t_task + hops · (t_hop + bytes / bandwidth) + messages · bytes / bandwidth

The scheduler hands out tasks one after the other, two for each worker and one for each eight sums; sums go through a
tree of that many hops; the parameters go out with each task, or once to each worker if they are large. t_leaf and
t_task are what `bench.chunks` measures; the network is assumed.
"""

import argparse
import math

from .results import Report, add_results_options

WORKERS = (1, 2, 4, 8, 16, 32, 64, 125, 250, 500, 1000)
TASKS_PER_WORKER, FAN_IN, LARGE = 2, 8, 1 << 20
COLUMNS = ("workers", "leaves", "tasks", "tree", "parameters", "s a pass", "speed-up", "efficiency %")


def main() -> None:
    """Compute and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__)
    parser.add_argument("--rows", type=float, default=1e9, help="default: %(default)g")
    parser.add_argument("--leaf-rows", type=int, default=2048, help="default: %(default)s")
    parser.add_argument("--leaf-ms", type=float, required=True, help="milliseconds of a leaf on one thread")
    parser.add_argument("--task-ms", type=float, required=True, help="milliseconds of an empty task")
    parser.add_argument("--parameters", type=int, default=7850, help="float64; default: %(default)s")
    parser.add_argument("--gigabits", type=float, default=10.0, help="a second, of the network; default: %(default)s")
    parser.add_argument("--hop-ms", type=float, default=2.0, help="from worker to worker; default: %(default)s")
    parser.add_argument("--markdown", action="store_true", help="print a table for a page")
    add_results_options(parser)
    options = parser.parse_args()
    report = Report("workers", options)
    one = sum(_parts(1, options))
    rows = []
    for workers in WORKERS:
        parts = _parts(workers, options)
        seconds = sum(parts)
        cells = [f"{part:.3f}" for part in (*parts, seconds)]
        rows.append([f"{workers}", *cells, f"{one / seconds:.1f}", f"{100 * one / seconds / workers:.0f}"])
    report.add_table(COLUMNS, rows, "seconds of a simulated pass")
    report.save()


def _parts(workers: int, options: argparse.Namespace) -> tuple[float, float, float, float]:
    """Return the seconds of the leaves, of the scheduler, of the tree and of sending the parameters."""
    n_bytes = 8 * options.parameters
    transfer = n_bytes / (options.gigabits * 1e9 / 8)
    tasks, hops = TASKS_PER_WORKER * workers, 0
    trees = tasks
    while trees > FAN_IN:
        trees = math.ceil(trees / FAN_IN)
        tasks, hops = tasks + trees, hops + 1
    leaves = math.ceil(options.rows / options.leaf_rows / workers) * options.leaf_ms / 1e3
    # What is small goes through the scheduler with each task; what is large from worker to worker, which doubles them.
    messages = TASKS_PER_WORKER * workers if n_bytes <= LARGE else math.ceil(math.log2(workers + 1))
    tree = (hops + 1) * (options.hop_ms / 1e3 + FAN_IN * transfer)
    return leaves, tasks * options.task_ms / 1e3, tree, messages * transfer


if __name__ == "__main__":
    main()
