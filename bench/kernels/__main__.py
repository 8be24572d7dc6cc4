"""``python -m bench.kernels``: the versions of the hot loop, from the textbook's to today's, and the gain of each."""

import argparse
import ctypes
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

import fastsoftmax as fs
from fastsoftmax.cli import numpy_baseline

from ..ceilings import Ceilings, CeilingsError, compile_library
from ..problems import Array, Shape, make_problem
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
TOLERANCE = 1e-4  # relative norm of the difference to NumPy's gradient; the textbook sums 60,000 terms one by one


def main() -> None:
    """Measure all versions on one thread, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.kernels", description=__doc__)
    parser.add_argument("--shape", type=Shape.parse, default=Shape(60032, 784, 10), metavar="n×N×K")
    parser.add_argument("--repeats", type=int, default=5, metavar="R", help="default: %(default)s")
    options = parser.parse_args()
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
    table = Table(
        title=f"{shape} float32, one thread; limit {limit.seconds * 1e3:.1f} ms, by {limit.bound}",
        box=box.SIMPLE_HEAD,
    )
    for column in ("version", "ms", "gain", "of limit"):
        table.add_column(column, justify="left" if column == "version" else "right")
    table.add_column("what changed")
    before = None
    for name in calls:
        seconds = times.median(name)
        gain = f"× {times.ratio(before, name):.2f}" if before and name in VERSIONS else ""
        what = VERSIONS.get(name, "the package itself" if name == "fastsoftmax" else "two products of BLAS")
        table.add_row(name, f"{seconds * 1e3:.1f}", gain, f"{limit.seconds / seconds:.0%}", what)
        before = name if name in VERSIONS else None
    Console(highlight=False).print(table)


def _run(library: ctypes.CDLL, name: str, grad_out: Array, X: Array, W: Array, y: NDArray[np.int32]) -> float:
    function = library[name]
    function.restype = ctypes.c_double
    function.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_ssize_t] * 3
    pointers = (array.ctypes.data for array in (grad_out, X, W, y))
    return float(function(*pointers, *X.shape, len(W)))


if __name__ == "__main__":
    main()
