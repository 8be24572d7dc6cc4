"""``python -m bench.scaling``: what passes and fits would take on 2 to 128 threads, from their parts' times on one.

All tasks of a pass run on one thread, each timed alone, cut as for that many threads. What the threads would need
follows: each takes the next task when it is free, and waits at the end of a phase for the last. Beside it stands what
this machine measures. Memory that many threads share is not simulated: the numbers say what the cut into tasks allows.

``--fits`` does it for whole fits. ``--under-load`` measures passes and fits while other processes want the processors.
"""

import argparse
from statistics import median
from time import perf_counter

import numpy as np

import fastsoftmax as fs
from fastsoftmax import _kernels
from fastsoftmax.data.samples import Samples
from fastsoftmax.families import SOFTMAX
from fastsoftmax.runtime.precision import Precision

from . import fit_shares, load
from .environment import all_threads, describe
from .memory import peak_memory
from .options import positive
from .problems import SHAPES, Problem, Shape, make_problem
from .results import Report, add_results_options
from .simulation import Phases, least, on_threads

THREADS = (1, 2, 4, 8, 16, 32, 64, 128)
COLUMNS = ("n×N×K", "tasks", "threads", "largest %", "simulated ms", "speed-up", "measured ms", "peak MB")


def main() -> None:
    """Measure, compute and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("--shapes", type=Shape.parse, nargs="+", default=SHAPES, metavar="n×N×K")
    parser.add_argument("--repeats", type=positive, default=5, help="of which each task's best counts; default: 5")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--fits", action="store_true", help="simulate fits, not passes")
    what.add_argument("--under-load", action="store_true", help="measure beside busy processes, which it starts")
    parser.add_argument("--markdown", action="store_true", help="print a table for a page")
    add_results_options(parser)
    options = parser.parse_args()
    report = Report("scaling", options)
    report.add_facts(describe())
    if options.under_load:
        report.add_table(load.COLUMNS, list(load.rows()), "Beside busy processes")
    for make in fit_shares.PROBLEMS if options.fits else ():
        problem = make()
        report.add_table(
            fit_shares.COLUMNS, list(fit_shares.rows(problem, THREADS)), f"Simulated: {problem.describe()}"
        )
    for shape in () if options.fits or options.under_load else options.shapes:
        report.add_table(
            COLUMNS, _rows(make_problem(shape, "float32"), options.repeats), f"A pass over {shape}, float32"
        )
    report.save()


def _rows(problem: Problem, repeats: int) -> list[tuple[str, ...]]:
    one = on_threads(_phases(problem, 1, repeats), 1)
    return [_row(problem, threads, repeats, one) for threads in THREADS]


def _row(problem: Problem, threads: int, repeats: int, one: float) -> tuple[str, ...]:
    """Return a row in COLUMNS; one is the seconds of one thread."""
    phases = _phases(problem, threads, repeats)
    tasks, simulated = max(phases, key=len), on_threads(phases, threads)
    measured = f"{1e3 * _measured(problem, threads, repeats):.3f}" if threads <= all_threads() else ""
    peak = peak_memory(lambda: _loss_grad(problem, threads))
    return (
        str(problem.shape),
        str(len(tasks)),
        str(threads),
        f"{100 * max(tasks) / sum(tasks):.1f}",
        f"{1e3 * simulated:.3f}",
        f"{one / simulated:.1f}",
        measured,
        "" if peak is None else f"{peak / 1e6:.0f}",
    )


def _phases(problem: Problem, threads: int, repeats: int) -> Phases:
    """Time the tasks of a pass that is cut for so many threads."""
    X, y, W, b = problem
    grad_W, grad_b, samples = np.empty(W.shape), np.empty(b.shape), Samples(y, None, len(b))
    return least([
        _kernels.gradient_seconds(
            grad_W, grad_b, X.data, None, W, b, samples, SOFTMAX.number, Precision.EXACT, threads
        )
        for _ in range(repeats)
    ])  # fmt: skip


def _measured(problem: Problem, threads: int, repeats: int) -> float:
    seconds = []
    for _ in range(repeats + 1):  # the first makes threads, and finds nothing in the caches
        start = perf_counter()
        _loss_grad(problem, threads)
        seconds.append(perf_counter() - start)
    return median(seconds[1:])


def _loss_grad(problem: Problem, threads: int) -> None:
    fs.loss_grad(*problem, num_threads=threads)


if __name__ == "__main__":
    main()
