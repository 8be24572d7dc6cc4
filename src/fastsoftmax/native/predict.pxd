"""Logits of all samples, or the means that they give, written to memory."""

from cython.parallel cimport prange, threadid

from .arena cimport Arena, Room, arena_at, give, release, take
from .codes cimport FS_DONE
from .layout cimport Features, Matrix, Parameters, Shape, cut, is_direct, pack_center, pack_weights, weights_size
from .simd cimport family_of, fs_active_use, fs_family, fs_parts, fs_tile, lanes_of, real, tile_logits
from .tile cimport bring, finish_prediction, take_samples, take_tile, upcoming

cdef struct Prediction:         # a pass: what its tiles have in common
    Matrix out
    Features X
    Shape shape
    const fs_family* family
    bint mean
    int parts
    int threads
    void* W                     # packed, as all that follows is of the dtype that is computed in
    void* b
    void* zeros
    char* scratch               # of each thread
    Py_ssize_t scratch_size


cdef inline void prediction_scratch(fs_tile* tile_out, real** room_out, Arena* arena, Prediction* p) noexcept nogil:
    """A thread's own memory: a tile, and room for its samples."""
    take_tile(tile_out, arena, &p.shape, p.shape.n_outputs, sizeof(real))
    take_samples(tile_out, room_out, arena, &p.shape)
    tile_out.parts = p.parts
    tile_out.fetch_all = True


cdef inline void prediction_layout(Prediction* p, Arena* arena, real* dtype) noexcept nogil:
    cdef Arena own = arena_at(NULL)
    cdef fs_tile tile
    prediction_scratch(&tile, &dtype, &own, p)
    p.scratch_size = own.size
    p.W = take(arena, weights_size(p.shape.n_outputs, &p.shape) * sizeof(real))
    p.b = take(arena, p.shape.n_outputs * sizeof(real))
    p.zeros = take(arena, p.X.n_features * sizeof(real))
    p.scratch = <char*> take(arena, p.threads * p.scratch_size)


cdef inline double slot_predict(Prediction* p, void* scratch, const real* W, Py_ssize_t start,
                                Py_ssize_t stop) noexcept nogil:
    """Write the logits of the samples [start, stop), or their means, and return the sum of the logits."""
    cdef:
        Arena arena = arena_at(scratch)
        fs_tile tile
        real* room
        double total = 0
    prediction_scratch(&tile, &room, &arena, p)
    while start < stop:
        bring(&tile, room, &p.X, start, stop, &p.shape)
        start += tile.rows
        tile.fetch = upcoming(&p.X, start)
        tile_logits(&tile, W, <const real*> p.b)
        total += finish_prediction(p.out, &tile, p.family, p.mean, <real*> tile.z)
    return total


cdef inline int predict_pass(double* total_out, Matrix out, Features* X, Parameters* at, int family, bint mean,
                             int precision, int num_threads, Room* room, real* dtype) noexcept nogil:
    """Write z = X Wᵀ + b, or their means, (n_samples, n_outputs), and the sum of all logits."""
    cdef:
        Prediction p
        Arena arena = arena_at(NULL)
        Py_ssize_t s
        int code
        double total = 0
    p.out = out
    p.X = X[0]
    p.shape = cut(X.n_samples, X.n_features, at.n_logits, at.n_logits, lanes_of(dtype), sizeof(real),
                  is_direct(X, at.n_logits, dtype))
    p.family = family_of(dtype, family)
    p.mean = mean
    p.parts = fs_parts(fs_active_use.in_pass, precision, at.n_logits)
    p.threads = min(num_threads, <int> p.shape.n_slots)     # each slot is one task
    prediction_layout(&p, &arena, dtype)
    code = give(&arena, room)
    if code != FS_DONE:
        return code
    prediction_layout(&p, &arena, dtype)
    pack_weights(<real*> p.W, <real*> p.b, at, 0, at.n_logits, &p.shape, p.threads)
    pack_center(&p.X, <real*> p.zeros)
    for s in prange(p.shape.n_slots, schedule="dynamic", num_threads=p.threads):
        total += slot_predict(&p, p.scratch + threadid() * p.scratch_size, <const real*> p.W, s * p.shape.slot_rows,
                              min((s + 1) * p.shape.slot_rows, p.X.n_samples))
    release(&arena)
    total_out[0] = total
    return FS_DONE
