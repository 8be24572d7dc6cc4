"""How this copy of the package was built, and what it uses on this machine."""

from typing import Literal

from .. import _build_config, _kernels
from .precision import Precision
from .threads import available_threads


def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, str] | None:
    """Print or return the version, the compiler, the instruction sets, OpenMP and the number of threads.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        "stdout" prints a table; "dicts" returns it as a dict of strings, as ``numpy.show_config`` does.

    Raises
    ------
    ValueError
        If mode is neither of these.
    """
    compiled, available, chosen = _kernels.isa_names()
    config = {
        "version": _build_config.version,
        "compiler": _build_config.compiler,
        "cython": _build_config.cython,
        "instruction sets compiled": ", ".join(compiled),
        "instruction sets available": ", ".join(available),
        "instruction set chosen": chosen,
        **_products(chosen),
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


def _products(isa: str) -> dict[str, str]:
    """Name the kind of products that each precision uses for float32, in a pass and in `gram`."""
    unit = "the matrix unit (AMX)" if isa == "amx" else "an instruction"
    config = {}
    for use, sizes, choices in zip(("", " of gram"), ("classes", "features"), _kernels.products_of(isa), strict=True):
        for precision, (rounded, least) in zip(Precision, choices, strict=True):
            text = "float32 by vectors"
            if rounded:
                text = f"bfloat16 by {unit}" + (f", from {least} {sizes} on" if least > 1 else "")
            config[f"{precision.name.lower()} products{use}"] = text
    return config
