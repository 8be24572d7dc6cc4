"""What this machine has: the part of _kernels.pyx that asks the processor and chooses an instruction set."""

from .native.simd cimport (
    FS_AMD, FS_N_PRECISIONS, FS_OTHERS, FS_VECTORS, fs_active_name, fs_simd_activate, fs_simd_available,
    fs_simd_compiled, fs_use, fs_use_of, fs_vendor,
)
from .native.threads cimport fs_max_threads

import os

# Makers of processors, for `products_of`.
AMD, OTHERS = FS_AMD, FS_OTHERS


def max_threads():
    """Threads that OpenMP would use: its own settings, or the processors that the process may run on."""
    return fs_max_threads()


def isa_names():
    """Return the names of the instruction sets: compiled, available on this machine, the one in use."""
    cdef const char* const* name = fs_simd_compiled()
    compiled, available = [], []
    while name[0] != NULL:
        compiled.append(name[0].decode())
        if fs_simd_available(name[0]):
            available.append(compiled[len(compiled) - 1])
        name += 1
    return tuple(compiled), tuple(available), fs_active_name.decode()


def use_isa(str name):
    """Use the instruction set of that name, or the fastest that this machine can run if the name is empty.

    For measurements and tests that compare the sets: no other thread may be in a kernel meanwhile.
    """
    cdef bytes encoded = name.encode()
    if not fs_simd_activate(<const char*> encoded if name else NULL):
        compiled, available, _ = isa_names()
        reason = "this processor cannot run it" if name in compiled else "no such set is compiled in"
        raise ValueError(f"{name!r}: {reason}; choose one of {', '.join(available)}")


def products_of(str name=None, int vendor=fs_vendor()):
    """Return what serves each precision: in the set in use, or one of that name, on this or a vendor's processors.

    A pair of tuples, for a pass and for a Gram matrix, of (rounded, least): products of factors rounded to
    bfloat16 from that many classes, or features, on; vectors, in the data's precision, below, and everywhere if rounded
    is 0.
    """
    cdef bytes encoded = (isa_names()[2] if name is None else name).encode()
    cdef const fs_use* use = fs_use_of(encoded, vendor)
    return (tuple([(use.in_pass[p].product, use.in_pass[p].least) for p in range(FS_N_PRECISIONS)]),
            tuple([(use.gram[p].product, use.gram[p].least) for p in range(FS_N_PRECISIONS)]))


def has_rounded(int precision, Py_ssize_t n_classes):
    """Whether a pass of float32 multiplies factors rounded to bfloat16 for that precision and many classes."""
    return fs_product_of(fs_active_use.in_pass, precision, n_classes) != FS_VECTORS


try:
    use_isa(os.environ.get("FASTSOFTMAX_ISA", ""))
except ValueError as error:
    raise ImportError(f"FASTSOFTMAX_ISA={error}") from None
