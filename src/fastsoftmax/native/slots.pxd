"""The sums of a slot. Up to FLUSH_TILES tiles are added in the data's precision, then in float64."""

from libc.string cimport memset

from .layout cimport Shape, packed_feature
from .simd cimport real

cdef enum:
    FLUSH_TILES = 32    # tiles summed in the data's precision before they are added to the slot's float64
    ROWS_AHEAD = 4      # rows of a gradient that are on their way to the cache


cdef inline void add_sums(double* sum_inout, const real* sums, bint first, Py_ssize_t count) noexcept nogil:
    """sum_j += sums_j, or = where they are the first."""
    cdef Py_ssize_t j
    if first:
        for j in range(count):
            sum_inout[j] = sums[j]
    else:
        for j in range(count):
            sum_inout[j] += sums[j]


cdef extern from *:
    """
    /* Memory that is written soon. */
    static inline void fs_fetch_numbers(const double *numbers, Py_ssize_t count) {
        for (Py_ssize_t j = 0; j < count; j += 8) __builtin_prefetch(numbers + j, 1);
    }
    """
    void fs_fetch_numbers(const double* numbers, Py_ssize_t count) noexcept nogil


cdef inline void add_run(double* grad_inout, Py_ssize_t ldg, const real* sums, bint first, Shape* shape) noexcept nogil:
    """Add the packed sums of a shape to its gradient, rows of which are ldg apart."""
    cdef Py_ssize_t head = shape.width - shape.lanes, k
    for k in range(shape.n_outputs):
        # The rows of a stripe are short: the processor's own prefetching starts anew with each.
        if k + ROWS_AHEAD < shape.n_outputs:
            fs_fetch_numbers(grad_inout + (k + ROWS_AHEAD) * ldg, shape.n_features)
        add_sums(grad_inout + k * ldg, sums + k * shape.width, first, head)
        add_sums(grad_inout + k * ldg + head, sums + k * shape.width + packed_feature(head, shape), first,
                 shape.n_features - head)


cdef inline void flush(double* grad_inout, real* sums_inout, Py_ssize_t tiles, bint last, Shape* shape) noexcept nogil:
    """After every FLUSH_TILES tiles, and after the last, add the sums to the slot's, in float64, and zero them.
    The first time they overwrite the slot's."""
    if tiles % FLUSH_TILES and not last:
        return
    add_run(grad_inout, shape.n_features, sums_inout, tiles <= FLUSH_TILES, shape)
    memset(sums_inout, 0, shape.n_outputs * shape.width * sizeof(real))
