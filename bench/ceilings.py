"""The ceilings of this machine, multiply-adds and bytes read per second, measured by a C file that is compiled here."""

import ctypes
import os
import shlex
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .pinning import pinned_threads
from .problems import Shape

SOURCE = Path(__file__).with_name("ceilings.c")
FLAGS = ("-O3", "-march=native", "-fopenmp")

T = TypeVar("T")

# Measure bursts of a few milliseconds and take the best: other processes disturb only some of them.
BURSTS = 60
ROUNDS = 500_000  # of the multiply-add loop in a burst
BUFFER_BYTES = 2**30  # at least; more if the caches are large
BUFFER_BURSTS = 8  # bursts that read the buffer once


class CeilingsError(RuntimeError):
    """The ceilings cannot be measured on this machine; the message says why."""


class Limit(NamedTuple):
    """The least time that one pass can take, and the ceiling that sets it."""

    seconds: float
    bound: str  # "FLOP" or "memory"


class Ceilings:
    """All rates measured so far: the best is the ceiling, the others show how steady the machine is.

    Attributes
    ----------
    operations : dict
        Floating-point operations per second: (dtype, threads) → list. A multiply-add is two operations.
    bandwidth : dict
        Bytes read from memory per second: threads → list.
    cache_bytes : int
        Total size of the last-level caches; smaller data may never come from memory.
    """

    def __init__(self) -> None:
        self.operations: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        self.bandwidth: defaultdict[int, list[float]] = defaultdict(list)
        self.cache_bytes = last_level_cache()
        self._library = compile_library(SOURCE, FLAGS)

    def measure(self, dtype: str, threads: Iterable[int]) -> None:
        """Measure once more; other processes and the host can only lower the rates."""
        for count in threads:
            self.operations[dtype, count].append(self._multiply_adds(dtype, count))
            self.bandwidth[count].append(self._read(count))

    def limit(self, shape: Shape, dtype: str, threads: int) -> Limit:
        """Return the least time of one pass.

        It does two products of n·N·K multiply-adds each, and reads X once from memory if the caches cannot hold it. The
        exponentials are assumed to be free.
        """
        n_samples, n_features, n_classes = shape
        elements = n_samples * n_features
        size = elements * np.dtype(dtype).itemsize
        arithmetic = 4 * elements * n_classes / max(self.operations[dtype, threads])
        memory = size / max(self.bandwidth[threads]) if size > self.cache_bytes else 0.0
        return Limit(memory, "memory") if memory > arithmetic else Limit(arithmetic, "FLOP")

    def describe(self) -> dict[str, str]:
        """Return what was measured, worst to best, by name, in words."""
        operations: dict[str, list[str]] = {}
        for (dtype, threads), seen in self.operations.items():
            operations.setdefault(dtype, []).append(f"{_range(seen)} GFLOP/s on {threads}")
        bandwidth = [f"{_range(seen)} GB/s on {threads}" for threads, seen in self.bandwidth.items()]
        return {
            **{f"{dtype} multiply-add": ", ".join(rates) for dtype, rates in operations.items()},
            "memory read": f"{', '.join(bandwidth)}; last-level cache {self.cache_bytes / 2**20:.0f} MiB",
        }

    def rates(self) -> dict[str, Any]:
        """Return every rate that was seen, as numbers with their names."""
        return {
            "operations a second": [
                {"type": dtype, "threads": threads, "seen": list(map(round, seen))}
                for (dtype, threads), seen in self.operations.items()
            ],
            "bytes read a second": [
                {"threads": threads, "seen": list(map(round, seen))} for threads, seen in self.bandwidth.items()
            ],
            "bytes of last-level cache": self.cache_bytes,
        }

    def _multiply_adds(self, dtype: str, threads: int) -> float:
        loop = self._library[f"multiply_adds_{dtype}"]
        real = {"float32": ctypes.c_float, "float64": ctypes.c_double}[dtype]
        loop.argtypes = [ctypes.c_ssize_t, real, real, ctypes.c_int]
        loop.restype = ctypes.c_double
        operations, seconds = _best(lambda: loop(ROUNDS, 0.5, 1.0, threads))
        return operations / seconds

    def _read(self, threads: int) -> float:
        fill, total = self._library.fill, self._library.sum
        for function in (fill, total):
            function.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int]
        total.restype = ctypes.c_uint64
        block = ctypes.c_size_t.in_dll(self._library, "block_bytes").value
        blocks = max(BUFFER_BYTES, 8 * self.cache_bytes) // (BUFFER_BURSTS * block)
        size = blocks * block
        memory = np.empty(BUFFER_BURSTS * size + block, dtype=np.uint8)
        first = memory.ctypes.data + -memory.ctypes.data % block
        starts = [first + burst * size for burst in range(BUFFER_BURSTS)]
        for start in starts:
            fill(start, blocks, threads)
        turns = cycle(starts)
        words, seconds = _best(lambda: total(next(turns), blocks, threads))
        if words * 8 != size:
            raise CeilingsError(f"{SOURCE.name} read {words} words, not the {size // 8} of its buffer")
        return size / seconds


def last_level_cache() -> int:
    """Total bytes of the last-level caches of all processors; 0 if the system does not tell (Linux does)."""
    sizes: dict[tuple[int, str], int] = {}
    for cache in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cache/index*"):
        try:
            level = int((cache / "level").read_text())
            kib = int((cache / "size").read_text().strip().removesuffix("K"))
            sizes[level, (cache / "shared_cpu_list").read_text()] = kib * 1024
        except (OSError, ValueError):
            continue
    last = max((level for level, _ in sizes), default=0)
    return sum(size for (level, _), size in sizes.items() if level == last)


def _range(rates: Sequence[float]) -> str:
    lowest, highest = (f"{rate / 1e9:.0f}" for rate in (min(rates), max(rates)))
    return highest if lowest == highest else f"{lowest}–{highest}"


def _best(call: Callable[[], T]) -> tuple[T, float]:
    """Return the result of the last call and the seconds of the fastest call."""
    seconds = float("inf")
    with pinned_threads([call]):
        for _ in range(BURSTS):
            start = perf_counter()
            result = call()
            seconds = min(seconds, perf_counter() - start)
    return result, seconds


def compile_library(source: Path, flags: Iterable[str]) -> ctypes.CDLL:
    """Compile a C file to a shared library and load it; raise CeilingsError if that fails."""
    compiler = os.environ.get("CC") or "cc"
    with tempfile.TemporaryDirectory() as directory:
        library = Path(directory) / "library.so"
        command = [*shlex.split(compiler), *flags, "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError:
            raise CeilingsError(
                f"{source.name} is to be compiled where it is measured, and the compiler {compiler!r} cannot be run; "
                "install one, or name one in the environment variable CC"
            ) from None
        if done.returncode != 0:
            raise CeilingsError(f"{shlex.join(command)} failed:\n{done.stderr.strip()}")
        return ctypes.CDLL(str(library))
