"""What a fit would take on many threads, from the times of its parts on one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from time import thread_time
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

import fastsoftmax as fs
from fastsoftmax import _kernels

from .fit_problems import FitProblem, draw_embeddings, make_embeddings
from .problems import Shape
from .simulation import on_threads

COLUMNS = ("problem", "threads", "s", "speed-up", "passes %", "other kernels %", "one thread %", "outside passes %")

# The kernels whose tasks many threads share, beside that of a pass; by the C type of what they compute in, or not.
SHARED = ("predict", "gram", "mean", "cross_entropy", "feature_sums", "project", "combine", "affine")


class Parts(NamedTuple):
    """Seconds of a fit on one thread."""

    passes: float
    shared: float  # other kernels
    alone: float  # all else


def nearly_separated(name: str, shape: Shape, separation: float) -> FitProblem:
    """Embeddings of classes so far apart that the fit takes many iterations."""
    X, y = draw_embeddings(np.random.default_rng(1), shape, separation)
    return FitProblem(name, np.ascontiguousarray(X, np.float32), y, C=0.01)


PROBLEMS: tuple[Callable[[], FitProblem], ...] = (
    partial(make_embeddings, "embeddings", None),
    partial(nearly_separated, "separated", Shape(20_000, 512, 1000), 2.0),
    partial(nearly_separated, "separated", Shape(50_000, 768, 100), 1.0),
)


def measure(problem: FitProblem) -> Parts:
    """Time the parts of a fit on one thread, in seconds of the processor."""
    fs.fit(problem.X, problem.y, l2=problem.l2, num_threads=1, max_iter=2)  # imports
    with _stopwatch() as seconds:
        start = thread_time()
        fs.fit(problem.X, problem.y, l2=problem.l2, num_threads=1)
        total = thread_time() - start
    passes, shared = seconds["passes"], seconds["shared"]
    return Parts(passes, shared, total - passes - shared)


def rows(problem: FitProblem, threads: tuple[int, ...]) -> Iterator[tuple[str, ...]]:
    """Yield a row in COLUMNS for each number of threads.

    A pass is as much faster as its tasks say; the other kernels share evenly; all else stays on one thread.
    """
    parts = measure(problem)
    for count in threads:
        phases = _kernels.gradient_tasks(*problem.shape, count)
        work = sum(map(sum, phases))
        share = on_threads([[parts.passes * task / work for task in tasks] for tasks in phases], count)
        times = Parts(share, parts.shared / count, parts.alone)
        total = sum(times)
        cells = [f"{100 * time / total:.0f}" for time in (*times, total - times.passes)]
        yield problem.describe(), str(count), f"{total:.3f}", f"{sum(parts) / total:.1f}", *cells


@contextmanager
def _stopwatch() -> Iterator[dict[str, float]]:
    """Time the kernels, by the part of `Parts` that they belong to."""
    seconds = {"passes": 0.0, "shared": 0.0}

    def timed(kernel: Callable[..., Any], part: str) -> Callable[..., Any]:
        def wrapper(*arguments: Any) -> Any:
            start = thread_time()
            try:
                return kernel(*arguments)
            finally:
                seconds[part] += thread_time() - start

        return wrapper

    with ExitStack() as stack:
        for name, part in {"loss_grad": "passes", **dict.fromkeys(SHARED, "shared")}.items():
            kernel: Any = getattr(_kernels, name)
            if hasattr(kernel, "__signatures__"):
                kinds = {kind: timed(kernel[kind], part) for kind in kernel.__signatures__}
                stack.enter_context(patch.object(_kernels, name, Kernel(timed(kernel, part), kinds)))
            else:
                stack.enter_context(patch.object(_kernels, name, timed(kernel, part)))
        yield seconds


class Kernel:
    """A kernel as the package calls it: directly, or by the C type."""

    def __init__(self, call: Callable[..., Any], by_type: Mapping[str, Callable[..., Any]]) -> None:
        self.call, self.by_type = call, by_type

    def __call__(self, *arguments: Any) -> Any:
        """Call it with arrays that tell the type."""
        return self.call(*arguments)

    def __getitem__(self, kind: str) -> Callable[..., Any]:
        """Return that of a type."""
        return self.by_type[kind]
