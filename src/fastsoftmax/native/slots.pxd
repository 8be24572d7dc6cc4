"""The sums of a slot. Up to FLUSH_TILES tiles are added in the data's precision, then in float64; slots in order."""

from libc.string cimport memset

from .layout cimport Shape, packed_feature
from .simd cimport real

cdef enum:
    FLUSH_TILES = 32    # tiles summed in the data's precision before they are added to the slot's float64


cdef inline void add_sums(double* sum_inout, const real* sums, bint first, Py_ssize_t count) noexcept nogil:
    """sum_j += sums_j, or = where they are the first."""
    cdef Py_ssize_t j
    if first:
        for j in range(count):
            sum_inout[j] = sums[j]
    else:
        for j in range(count):
            sum_inout[j] += sums[j]


cdef inline void flush(double* grad_inout, real* sums_inout, Py_ssize_t tiles, bint last, Shape* shape) noexcept nogil:
    """After every FLUSH_TILES tiles, and after the last, add the sums to the slot's, in float64, and zero them.
    The first time they overwrite the slot's."""
    cdef Py_ssize_t head = shape.width - shape.lanes, k
    cdef bint first = tiles <= FLUSH_TILES
    cdef const real* sums
    cdef double* grad
    if tiles % FLUSH_TILES and not last:
        return
    for k in range(shape.n_outputs):
        sums = sums_inout + k * shape.width
        grad = grad_inout + k * shape.n_features
        add_sums(grad, sums, first, head)
        add_sums(grad + head, sums + packed_feature(head, shape), first, shape.n_features - head)
    memset(sums_inout, 0, shape.n_outputs * shape.width * sizeof(real))


cdef inline void add_slots(double* mean_out, const double* slots, Py_ssize_t slot_size, Py_ssize_t n_slots,
                           Py_ssize_t start, Py_ssize_t stop, Py_ssize_t n_samples) noexcept nogil:
    """Entries [start, stop) of the sum of the slots, slot_size apart, in their order, over n_samples."""
    cdef const double* slot
    cdef Py_ssize_t s, j
    memset(mean_out + start, 0, (stop - start) * sizeof(double))
    for s in range(n_slots):
        slot = slots + s * slot_size
        for j in range(start, stop):
            mean_out[j] += slot[j]
    for j in range(start, stop):
        mean_out[j] /= n_samples
