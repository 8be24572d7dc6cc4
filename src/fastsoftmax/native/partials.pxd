"""Sums of slots, added pair by pair as the leaves of a binary tree: the same bits in whatever order slots are finished.

A slot's sums stand in a buffer. Of two neighbours in the tree, the one that is finished last adds the other's sums to
its own and gives the other's buffer back, then meets its next neighbour. A slot that comes to a buffer with its last
run of tiles, and is the last of two, adds to the buffer of its neighbour. So only as many buffers are touched as there
are branches that wait, and slots of several runs: with one thread 8 for 128 slots. Nobody waits for anybody.
"""

from cython.parallel cimport prange
from libc.stdint cimport uint8_t
from libc.string cimport memset

from .arena cimport CACHE_LINE, Arena, round_up, take

cdef extern from *:
    """
    /* Between threads: what was written before is seen by who finds the new value. */
    #define fs_exchange_pointer(at, value) __atomic_exchange_n(at, value, __ATOMIC_ACQ_REL)
    #define fs_exchange_byte(at, value) __atomic_exchange_n(at, value, __ATOMIC_ACQ_REL)
    """
    double* fs_exchange_pointer(double** at, double* value) noexcept nogil
    uint8_t fs_exchange_byte(uint8_t* at, uint8_t value) noexcept nogil

cdef enum:
    PART = 8192                 # numbers that are stored by one thread: it takes some microseconds

cdef struct Partials:
    double* buffers
    Py_ssize_t size             # doubles of a buffer
    Py_ssize_t stride           # and from one to the next
    Py_ssize_t n_buffers
    Py_ssize_t n_slots
    uint8_t* taken              # by buffer
    double** waiting            # the first finished branch of two, by the first slot of the right one
    double* total               # in the end


cdef inline Partials partials_of(Py_ssize_t n_slots, Py_ssize_t size, int threads) noexcept nogil:
    """So many sums for each slot. Every slot in work, and the next one, has at most a branch of each height beside it.
    """
    cdef Partials p
    cdef Py_ssize_t height = 0
    memset(&p, 0, sizeof(p))
    while <Py_ssize_t> 1 << height < n_slots:
        height += 1
    p.size = size
    p.stride = round_up(size * sizeof(double), CACHE_LINE) // <Py_ssize_t> sizeof(double)
    p.n_buffers = min(n_slots, (threads + 1) * (height + 1))
    p.n_slots = n_slots
    return p


cdef inline void take_partials(Partials* p, Arena* arena) noexcept nogil:
    """Room for the buffers; the last ones are hardly ever touched."""
    p.taken = <uint8_t*> take(arena, p.n_buffers)
    p.waiting = <double**> take(arena, p.n_slots * sizeof(double*))
    p.buffers = <double*> take(arena, p.n_buffers * p.stride * sizeof(double))
    if p.taken != NULL:
        memset(p.taken, 0, p.n_buffers)
        memset(p.waiting, 0, p.n_slots * sizeof(double*))


cdef inline double* begin_slot(Partials* p) noexcept nogil:
    """A buffer for the sums of a slot: the first that is free, since the processor has that in its cache."""
    cdef Py_ssize_t buffer = 0
    while fs_exchange_byte(&p.taken[buffer], 1):
        buffer = (buffer + 1) % p.n_buffers
    return p.buffers + buffer * p.stride


cdef inline double* buffer_of(Partials* p, Py_ssize_t slot, bint finished, Py_ssize_t* slots_out) noexcept nogil:
    """A buffer for the sums of a slot. If they are finished, and those of its neighbour are, it is the neighbour's.
    slots_out becomes the slots of the branch whose sums it has then: one, or two."""
    cdef double* other = NULL
    if finished and slot | 1 < p.n_slots:
        other = fs_exchange_pointer(&p.waiting[slot | 1], NULL)
    slots_out[0] = 1 if other == NULL else 2
    return begin_slot(p) if other == NULL else other


cdef inline void end_slot(Partials* p, Py_ssize_t slot, Py_ssize_t slots, double* sums) noexcept nogil:
    """Add the finished sums of a slot, or of its branch of so many, to those of its branch, and these to the next, as
    far as they are finished."""
    cdef Py_ssize_t half = slots, right, j
    cdef double* other
    while half < p.n_slots:
        right = slot & ~(2 * half - 1) | half
        half *= 2
        if right >= p.n_slots:
            continue
        other = fs_exchange_pointer(&p.waiting[right], sums)
        if other == NULL:
            return
        for j in range(p.size):
            sums[j] += other[j]
        fs_exchange_byte(&p.taken[(other - p.buffers) // p.stride], 0)
    p.total = sums


cdef inline Py_ssize_t store_parts(Py_ssize_t count) noexcept nogil:
    """Into how many parts so many numbers are cut: one would be done before other threads are awake."""
    return max(count // PART, 1)


cdef inline void store_part(double* mean_out, const double* sums, Py_ssize_t start, Py_ssize_t stop,
                            Py_ssize_t n_samples) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(start, stop):
        mean_out[j] = sums[j] / n_samples


cdef inline void store_mean(double* mean_out, Partials* p, Py_ssize_t start, Py_ssize_t count, Py_ssize_t n_samples,
                            int threads) noexcept nogil:
    """The numbers from start on of the sum of all slots, over n_samples."""
    cdef Py_ssize_t parts = store_parts(count), part
    if parts == 1:
        store_part(mean_out, p.total + start, 0, count, n_samples)
        return
    for part in prange(parts, schedule="static", num_threads=threads):
        store_part(mean_out, p.total + start, part * count // parts, (part + 1) * count // parts, n_samples)
