"""What a measurement depends on besides the code: the machine, the libraries and their settings, other processes."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import threadpoolctl

import fastsoftmax as fs

# Settings that change which kernels run, or on how many threads.
PREFIXES = ("OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "VECLIB_", "OMP_", "GOMP_", "KMP_AFFINITY", "KMP_BLOCKTIME", "NPY_")
OURS = ("FASTSOFTMAX_",)


def describe() -> dict[str, str]:
    """Return facts about this run, by name, in reading order."""
    config = _config()
    settings = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(PREFIXES + OURS)]
    return {
        "processor": f"{processor()}, {config['threads']} threads may be used",
        "fastsoftmax": f"{fs.__version__}, {config['compiler']}, instruction set {config['instruction set chosen']}",
        "NumPy": f"{np.__version__}, {_blas()}",
        "PyTorch": _version("torch"),
        "settings": " ".join(settings) or "none in the environment",
    }


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of packages that `describe` does not list."""
    return {package: _version(package) for package in packages}


def processor() -> str:
    """Return the name of the processor, or of its architecture where the system tells no more."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def has_torch() -> bool:
    """Whether PyTorch is installed."""
    return find_spec("torch") is not None


def instruction_sets() -> list[str]:
    """Return the sets that this machine can run, slowest first."""
    return _config()["instruction sets available"].split(", ")


def all_threads() -> int:
    """Return the number of threads that this process may use."""
    return int(_config()["threads"])


class OtherLoad:
    """The load on the machine by other processes, and by other guests of the host, from now on."""

    def __init__(self) -> None:
        self._start = (perf_counter(), _machine_seconds(), process_time())

    def describe(self) -> str:
        """Return the load in words; it is known only on Linux."""
        seconds, machine, own = (
            now - then
            for now, then in zip((perf_counter(), _machine_seconds(), process_time()), self._start, strict=True)
        )
        if not machine:
            return "not known"
        return f"{max(0.0, machine - own) / seconds:.2f} of {os.cpu_count()} processors were busy with others' work"


def _machine_seconds() -> float:
    """Seconds that the processors were busy since the machine started, summed over all; 0 if not known."""
    try:
        fields = Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    except OSError:
        return 0.0
    user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, fields)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _config() -> dict[str, str]:
    config = fs.show_config("dicts")
    assert config is not None
    return config


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _blas() -> str:
    libraries = [
        f"{pool['internal_api']} {pool['version']}, kernels for {pool.get('architecture', 'unknown')}"
        for pool in threadpoolctl.threadpool_info()
        if pool["user_api"] == "blas"
    ]
    return "; ".join(libraries) or "a BLAS that threadpoolctl does not know"
