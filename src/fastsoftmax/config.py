"""What this copy of the package was built with and what it uses on this machine."""

from typing import Literal

from . import _build_config, _kernels
from .threads import available_threads


def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, str] | None:
    """Print, or return, the version, the compiler, the instruction sets, OpenMP and the threads in use.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        "stdout" prints a table; "dicts" returns it as a dict of strings, as ``numpy.show_config`` does.

    Raises
    ------
    ValueError
        If mode is neither.
    """
    compiled, available, chosen = _kernels.isa_names()
    config = {
        "version": _build_config.version,
        "compiler": _build_config.compiler,
        "cython": _build_config.cython,
        "instruction sets compiled": ", ".join(compiled),
        "instruction sets available": ", ".join(available),
        "instruction set chosen": chosen,
        "bfloat16 products": "yes" if _kernels.bfloat16_products() else "no",
        "OpenMP": "yes" if _build_config.openmp else "no, every call runs on one thread",
        "threads": str(available_threads()),
    }
    if mode == "dicts":
        return config
    if mode != "stdout":
        raise ValueError(f'mode must be "stdout" or "dicts", found {mode!r}')
    width = max(map(len, config))
    print("\n".join(f"{name:<{width}}  {value}" for name, value in config.items()))
    return None
