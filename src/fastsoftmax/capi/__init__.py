"""The kernels for compiled code: Cython, C, C++, and what calls C functions by their signatures.

`fastsoftmax.h` describes all functions. Cython finds them by ``cimport fastsoftmax.capi``, C and C++ by
``fastsoftmax_import()``, ctypes, cffi, numba and SciPy in ``__pyx_capi__``, where they are capsules whose names are
their signatures.
"""

from pathlib import Path

from .. import _kernels

__all__ = ["get_include"]

# What fastsoftmax_import() finds.
_API = _kernels.C_API

# What a compiled module of Cython has under this name, and what its cimport looks for.
__pyx_capi__ = {name.removeprefix("c_"): capsule for name, capsule in _kernels.__pyx_capi__.items()}


def get_include() -> str:
    """Return the folder for a C compiler's -I: ``#include <fastsoftmax/fastsoftmax.h>`` is found in it."""
    return str(Path(__file__).parent / "include")
