"""One pass of loss and gradient, fused and by NumPy side by side: ``python -m pytest bench/bench_loss_grad.py``."""

from collections.abc import Callable
from functools import partial

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from threadpoolctl import threadpool_limits

import fastsoftmax as fs
from fastsoftmax.cli import numpy_baseline

from .agreement import check_against_numpy, check_threads
from .environment import all_threads
from .pinning import pinned_threads, settle
from .problems import DTYPES, SHAPES, Problem, make_problem

THREADS = sorted({1, all_threads()})
CASES = [
    pytest.param((shape, dtype), id=f"{'x'.join(map(str, shape))}-{dtype}") for shape in SHAPES for dtype in DTYPES
]


@pytest.fixture(scope="module", params=CASES)
def problem(request: pytest.FixtureRequest) -> Problem:
    """Return one problem at a time, checked before it is timed."""
    problem = make_problem(*request.param)
    check_against_numpy(problem, threads=THREADS[-1])
    check_threads(problem, THREADS)
    return problem


@pytest.mark.parametrize("implementation", ["numpy", "fused"])
@pytest.mark.parametrize("threads", THREADS)
def test_loss_grad(benchmark: BenchmarkFixture, problem: Problem, threads: int, implementation: str) -> None:
    calls: dict[str, Callable[..., object]] = {
        "numpy": numpy_baseline.loss_grad,
        "fused": partial(fs.loss_grad, num_threads=threads),
    }
    benchmark.group = f"{problem.shape} {problem.X.dtype}, {threads} thread{'s' * (threads > 1)}"
    call = partial(calls[implementation], *problem)
    with threadpool_limits(threads, user_api="blas"), pinned_threads([call]):
        settle()
        benchmark(call)
