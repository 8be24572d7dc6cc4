"""``python -m bench.embedding``: how long the small calls of the C functions take, in a loop of C, on one thread."""

import argparse
import ctypes
import sys
from pathlib import Path

import fastsoftmax as fs
from fastsoftmax import capi

from .ceilings import Ceilings, CeilingsError, compile_library
from .environment import OtherLoad, describe
from .results import Report, add_results_options

SOURCE = Path(__file__).with_name("embedding.c")
DTYPES = {"float32": 0, "float64": 1}  # as fastsoftmax.h numbers them
# loss_grad of n × N × K, scorer_proba of N × K.
CALLS: list[tuple[str, tuple[int, ...]]] = [
    ("loss_grad", (8, 8, 3)),
    ("loss_grad", (64, 20, 3)),
    ("scorer_proba", (20, 3)),
    ("scorer_proba", (784, 10)),
    ("scorer_proba", (784, 1000)),
]
COLUMNS = ("call", "shape", "dtype", "ns")


def main() -> None:
    """Measure, print and keep it."""
    parser = argparse.ArgumentParser(prog="python -m bench.embedding", description=__doc__)
    add_results_options(parser)
    report = Report("embedding", parser.parse_args())
    facts, load = describe(), OtherLoad()
    try:
        library = compile_library(SOURCE, ["-O2", "-std=gnu11", f"-I{fs.get_include()}"])
        ceilings = Ceilings()
        ceilings.measure("float32", [1])
    except CeilingsError as error:
        sys.exit(f"bench.embedding: {error}")
    rows = [
        (name, "×".join(map(str, shape)), dtype, _measure(library, name, *shape, number))
        for dtype, number in DTYPES.items()
        for name, shape in CALLS
    ]
    facts |= ceilings.describe() | {"meanwhile": load.describe(), "times": "nanoseconds a call, the least of 50 runs"}
    report.add_facts(facts)
    report.add_table(COLUMNS, rows, "small calls of the C functions, one thread")
    report.save(ceilings)


def _measure(library: ctypes.CDLL, name: str, *sizes: int) -> str:
    function = library[f"{name}_seconds"]
    function.restype = ctypes.c_double
    *shape, dtype = sizes
    seconds = function(_api(), *map(ctypes.c_ssize_t, shape), ctypes.c_int(dtype), ctypes.c_int(500))
    if seconds < 0:
        sys.exit(f"bench.embedding: {name} failed for {shape}")
    return f"{seconds * 1e9:.0f}"


def _api() -> ctypes.c_void_p:
    """Return what the capsule of fastsoftmax_import() holds."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return ctypes.c_void_p(get(capi._API, b"fastsoftmax.capi._API"))


if __name__ == "__main__":
    main()
