"""How passes and fits do beside processes that want every processor, or one of them."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median, quantiles
from time import perf_counter

import numpy as np

import fastsoftmax as fs

from .environment import all_threads
from .pinning import settle
from .problems import Problem, Shape, make_problem

COLUMNS = ("what", "busy processes", "threads", "median ms", "95 % ms", "× quiet", "× one thread")
BUSY = "while True: pass"
PASS = Shape(5620, 64, 10)  # images of digits: a third of a millisecond
FIT = Shape(20_000, 100, 10)
PASSES, FITS = 400, 9


def rows() -> Iterator[tuple[str, ...]]:
    """Yield a row in COLUMNS for passes and for fits, without other processes, with one, and with one a processor."""
    for what, shape, make, count in (("pass", PASS, _pass_of, PASSES), ("fit", FIT, _fit_of, FITS)):
        problem = make_problem(shape, "float32")
        calls = {threads: make(problem, threads) for threads in (1, None)}
        quiet: dict[int | None, float] = {}
        for n_busy in sorted({0, 1, all_threads()}):
            with _busy(n_busy):
                seconds = _turns(calls, count)
            for threads, times in seconds.items():
                middle, high = median(times), quantiles(times, n=20)[-1]
                quiet.setdefault(threads, middle)
                yield (
                    f"{what} {shape}",
                    str(n_busy),
                    "1" if threads == 1 else f"default, {all_threads()}",
                    f"{1e3 * middle:.3f}",
                    f"{1e3 * high:.3f}",
                    f"{middle / quiet[threads]:.2f}",
                    f"{middle / median(seconds[1]):.2f}",
                )


def _pass_of(problem: Problem, threads: int | None) -> Callable[[], object]:
    return lambda: fs.loss_grad(*problem, num_threads=threads)


def _fit_of(problem: Problem, threads: int | None) -> Callable[[], object]:
    y = (problem.X @ problem.W.T).argmax(axis=1).astype(np.intp)
    return lambda: fs.fit(problem.X, y, l2=1e-4, num_threads=threads)


def _turns(calls: dict[int | None, Callable[[], object]], count: int) -> dict[int | None, list[float]]:
    """Time each call so often, in turns of a tenth of all: both see the same load, and what the first calls tell."""
    seconds: dict[int | None, list[float]] = {threads: [] for threads in calls}
    for call in calls.values():
        call()
    for _ in range(10):
        for threads, call in calls.items():
            settle()
            for _ in range(max(1, count // 10)):
                start = perf_counter()
                call()
                seconds[threads].append(perf_counter() - start)
    return seconds


@contextmanager
def _busy(count: int) -> Iterator[None]:
    """Let so many processes run in a busy loop, of the same priority as this one."""
    processes: Sequence[subprocess.Popen[bytes]] = [
        subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
