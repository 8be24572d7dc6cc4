"""``python -m bench.kernels``: the versions of the hot loop, from the textbook's to today's, and the gain of each."""

import argparse
import ctypes
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import fastsoftmax as fs
from fastsoftmax.cli import numpy_baseline

from ..ceilings import Ceilings, CeilingsError, compile_library
from ..environment import OtherLoad, describe
from ..problems import Array, Shape, make_problem
from ..results import Report, add_results_options
from ..tables import milliseconds
from ..timing import take_turns

SOURCE = Path(__file__).with_name("versions.c")
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math")
VERSIONS = {
    "textbook": "one sample, one class, one feature at a time",
    "vectors": "dot products and sums in vector registers",
    "two_products": "blocks of sums stay in registers; X is read twice, as by BLAS",
    "tiles": "a tile of samples is in the cache when it is read again",
    "vector_exp": "exponentials of 16 samples at a time",
    "fetch_ahead": "the next tile comes from memory while this one computes",
}
COLUMNS = ("version", "ms", "× before", "% of limit", "what changed")
TOLERANCE = 1e-4  # norm of the difference to that of NumPy's gradient; the textbook sums 60,000 terms one by one


def main() -> None:
    """Measure on one thread, print and keep it."""
    parser = argparse.ArgumentParser(prog="python -m bench.kernels", description=__doc__)
    parser.add_argument("--shape", type=Shape.parse, default=Shape(60032, 784, 10), metavar="n×N×K")
    parser.add_argument("--repeats", type=int, default=5, metavar="R", help="default: %(default)s")
    add_results_options(parser)
    options = parser.parse_args()
    report = Report("kernels", options)
    facts, load = describe(), OtherLoad()
    try:
        library = compile_library(SOURCE, FLAGS)
        ceilings = Ceilings()
        ceilings.measure("float32", [1])
    except CeilingsError as error:
        sys.exit(f"bench.kernels: {error}")
    shape = options.shape
    sizes = [("n", shape.n_samples, "tile_rows"), ("N", shape.n_features, "lanes")]
    for name, size, symbol in sizes:
        multiple = ctypes.c_int.in_dll(library, symbol).value
        if size % multiple:
            sys.exit(f"bench.kernels: {name} must be a multiple of {multiple}, found {size}")
    largest = ctypes.c_int.in_dll(library, "max_classes").value
    if shape.n_classes > largest or shape.n_samples > 2**20:
        sys.exit(f"bench.kernels: at most {2**20} samples and {largest} classes, found {shape}")

    X, labels, W, b = make_problem(shape, "float32")
    b[:] = 0
    y = labels.astype(np.int32)
    grad = np.empty_like(W)
    calls: dict[str, Callable[[], object]] = {"NumPy": partial(numpy_baseline.loss_grad, X, labels, W, b)}
    _, expected, _ = numpy_baseline.loss_grad(X, labels, W, b)
    for name in VERSIONS:
        calls[name] = partial(_run, library, name, grad, X, W, y)
        calls[name]()
        difference = np.linalg.norm(grad / len(X) - expected) / np.linalg.norm(expected)
        if not difference < TOLERANCE:
            sys.exit(f"bench.kernels: the gradient of {name} differs from NumPy's by {difference:.1e}")
    calls["fastsoftmax"] = partial(fs.loss_grad, X, labels, W, b, num_threads=1)
    with threadpool_limits(1, user_api="blas"):
        times = take_turns(calls, options.repeats)

    limit = ceilings.limit(shape, "float32", 1)
    rows = []
    before = None
    for name in calls:
        seconds = times.median(name)
        gain = f"{times.ratio(before, name):.2f}" if before and name in VERSIONS else ""
        what = VERSIONS.get(name, "the package itself" if name == "fastsoftmax" else "two products of BLAS")
        rows.append((name, milliseconds(seconds), gain, f"{100 * limit.seconds / seconds:.0f}", what))
        before = name if name in VERSIONS else None
    facts |= ceilings.describe() | {"meanwhile": load.describe()}
    facts["times"] = f"milliseconds on one thread, medians of {options.repeats} repetitions in turns"
    report.add_facts(facts)
    report.add_table(
        COLUMNS, rows, f"{shape} float32, one thread; limit {milliseconds(limit.seconds)} ms, by {limit.bound}"
    )
    report.save(ceilings)


def _run(library: ctypes.CDLL, name: str, grad_out: Array, X: Array, W: Array, y: NDArray[np.int32]) -> float:
    function = library[name]
    function.restype = ctypes.c_double
    function.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_ssize_t] * 3
    pointers = (array.ctypes.data for array in (grad_out, X, W, y))
    return float(function(*pointers, *X.shape, len(W)))


if __name__ == "__main__":
    main()
