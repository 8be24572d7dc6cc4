"""A scorer: W packed for one row at a time, and where it lies behind these numbers."""

from libc.stdint cimport uint64_t, uintptr_t

from ..native.arena cimport CACHE_LINE, round_up
from ..native.layout cimport Parameters, Shape, cut, pack_parameters
from ..native.simd cimport family_of, fs_row_logits, fs_row_mean, lanes_of, real, row_logits_of

cdef enum:
    MAGIC = 0x66735363      # "fsSc"

cdef struct Scorer:
    uint64_t magic
    fs_row_logits logits
    fs_row_mean mean
    Py_ssize_t n_outputs
    Py_ssize_t n_features
    Py_ssize_t W            # bytes from here, as that of b
    Py_ssize_t b


cdef inline Shape scorer_shape(Py_ssize_t n_outputs, Py_ssize_t n_features, real* dtype) noexcept nogil:
    return cut(1, n_features, n_outputs, n_outputs, lanes_of(dtype), sizeof(real), True)


cdef inline Py_ssize_t scorer_bytes(Py_ssize_t n_outputs, Py_ssize_t n_features, real* dtype) noexcept nogil:
    cdef Shape shape = scorer_shape(n_outputs, n_features, dtype)
    return sizeof(Scorer) + CACHE_LINE + n_outputs * (shape.width + 1) * <Py_ssize_t> sizeof(real)


cdef inline void pack_scorer(Scorer* scorer_out, Parameters* at, Py_ssize_t n_features, int family,
                             real* dtype) noexcept nogil:
    cdef Shape shape = scorer_shape(at.n_logits, n_features, dtype)
    cdef char* memory = <char*> scorer_out
    cdef Py_ssize_t first = round_up(<Py_ssize_t> memory + <Py_ssize_t> sizeof(Scorer), CACHE_LINE)
    scorer_out.logits = row_logits_of(dtype)
    scorer_out.mean = family_of(dtype, family).row_mean
    scorer_out.n_outputs = at.n_logits
    scorer_out.n_features = n_features
    scorer_out.W = first - <Py_ssize_t> memory
    scorer_out.b = scorer_out.W + at.n_logits * shape.width * <Py_ssize_t> sizeof(real)
    pack_parameters(<real*> (memory + scorer_out.W), <real*> (memory + scorer_out.b), at, &shape)
    scorer_out.magic = MAGIC


cdef inline bint is_scorer(const Scorer* scorer) noexcept nogil:
    return <uintptr_t> scorer % sizeof(uint64_t) == 0 and scorer.magic == MAGIC


cdef inline void score(void* out, const Scorer* scorer, const void* x) noexcept nogil:
    scorer.logits(out, x, <const char*> scorer + scorer.W, <const char*> scorer + scorer.b, scorer.n_outputs,
                  scorer.n_features)
