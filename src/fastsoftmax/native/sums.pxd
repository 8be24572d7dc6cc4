"""Weighted sums of the features, or of their squares, over the samples."""

from cython.parallel cimport prange, threadid
from libc.string cimport memset

from .arena cimport Arena, arena_at, give, release, take
from .codes cimport FS_DONE, FS_NO_MEMORY
from .layout cimport Features, Shape, cut, is_direct, pack_center
from .partials cimport Partials, begin_slot, end_slot, partials_of, store_mean, take_partials
from .simd cimport fs_tile, lanes_of, real, tile_gradient
from .slots cimport flush
from .tile cimport bring, take_samples, take_tile, upcoming

cdef struct Sums:               # a pass: what its tiles have in common
    Features X
    const double* weight        # NULL: every sample counts once
    bint squares
    Shape shape
    int threads
    Partials partials           # of each slot
    void* zeros
    char* scratch               # of each thread
    Py_ssize_t scratch_size


cdef inline void sums_scratch(fs_tile* tile_out, real** sums_out, real** room_out, Arena* arena,
                              Shape* shape) noexcept nogil:
    """A thread's own memory: a tile, sums in the data's precision, and room for samples."""
    take_tile(tile_out, arena, shape, 1, sizeof(real))
    sums_out[0] = <real*> take(arena, shape.width * sizeof(real))
    take_samples(tile_out, room_out, arena, shape)


cdef inline void sums_layout(Sums* s, Arena* arena, real* dtype) noexcept nogil:
    cdef Arena own = arena_at(NULL)
    cdef fs_tile tile
    cdef real* room
    sums_scratch(&tile, &dtype, &room, &own, &s.shape)
    s.scratch_size = own.size
    s.zeros = take(arena, s.X.n_features * sizeof(real))
    s.scratch = <char*> take(arena, s.threads * s.scratch_size)
    take_partials(&s.partials, arena)


cdef inline void slot_sums(Sums* s, Py_ssize_t slot, void* scratch, real* dtype) noexcept nogil:
    """Sum s_i x_i, or s_i x_i², of the samples of a slot: a gradient of one output, with weights for residuals."""
    cdef:
        Arena arena = arena_at(scratch)
        fs_tile tile
        real* sums
        real* room
        real* factor
        const double* weight = s.weight
        double* sum = begin_slot(&s.partials)
        Py_ssize_t start = slot * s.shape.slot_rows, stop = min(start + s.shape.slot_rows, s.X.n_samples)
        Py_ssize_t i, tiles = 0
    sums_scratch(&tile, &sums, &room, &arena, &s.shape)
    factor = <real*> tile.z
    memset(sums, 0, s.shape.width * sizeof(real))
    while start < stop:
        bring(&tile, room, &s.X, start, stop, &s.shape)
        for i in range(tile.rows):
            factor[i] = <real> (weight[start + i] if weight != NULL else 1)
        if s.squares:       # never in place
            for i in range(tile.rows * tile.ldx):
                room[i] *= room[i]
        start += tile.rows
        tiles += 1
        tile.fetch = upcoming(&s.X, start)
        tile_gradient(sums, &tile)
        flush(sum, sums, tiles, start >= stop, &s.shape)
    end_slot(&s.partials, slot, 1, sum)


cdef inline int sums_pass(double* mean_out, Features* X, const double* weight, bint squares, int num_threads,
                          real* dtype) noexcept nogil:
    """Write the means over the samples of s_i x_i, or of s_i x_i²: one pass over X."""
    cdef:
        Sums s
        Arena arena = arena_at(NULL)
        Py_ssize_t i
    s.X = X[0]
    s.weight = weight
    s.squares = squares
    s.shape = cut(X.n_samples, X.n_features, 1, 1, lanes_of(dtype), sizeof(real),
                  is_direct(X, 1, dtype) and not squares)
    s.threads = min(num_threads, <int> s.shape.n_slots)     # each slot is one task
    s.partials = partials_of(s.shape.n_slots, X.n_features, s.threads)
    sums_layout(&s, &arena, dtype)
    if give(&arena, NULL) == FS_NO_MEMORY:
        return FS_NO_MEMORY
    sums_layout(&s, &arena, dtype)
    pack_center(&s.X, <real*> s.zeros)
    for i in prange(s.shape.n_slots, schedule="dynamic", num_threads=s.threads):
        slot_sums(&s, i, s.scratch + threadid() * s.scratch_size, dtype)
    store_mean(mean_out, &s.partials, 0, s.X.n_features, s.X.n_samples, s.threads)
    release(&arena)
    return FS_DONE
