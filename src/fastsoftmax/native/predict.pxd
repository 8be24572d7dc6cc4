"""Logits of all samples, or the means that they give, written to memory."""

from cython.parallel cimport prange, threadid

from .arena cimport Arena, Room, arena_at, give, release, take
from .codes cimport FS_DONE
from .layout cimport (
    Features, Matrix, Parameters, Shape, cut, is_direct, pack_center, pack_weights, shape_of, weights_size,
)
from .simd cimport family_of, fs_active_use, fs_family, fs_product_of, fs_tile, lanes_of, real, tile_logits
from .tile cimport bring, finish_prediction, take_samples, take_tile, upcoming

cdef struct Packed:             # W and b as the products of a tile have them
    void* W
    void* b
    Py_ssize_t n_outputs
    Py_ssize_t n_features

cdef struct Prediction:         # a pass: what its tiles have in common
    Matrix out
    Features X
    Shape shape
    const fs_family* family
    bint mean
    int product
    int threads
    Packed model                # as all that follows, of the dtype that is computed in
    bint packs                  # whether the pass itself packs the model
    void* zeros
    char* scratch               # of each thread
    Py_ssize_t scratch_size


cdef inline void prediction_scratch(fs_tile* tile_out, real** room_out, Arena* arena, Prediction* p) noexcept nogil:
    """A thread's own memory: a tile, and room for its samples."""
    take_tile(tile_out, arena, &p.shape, p.shape.n_outputs, sizeof(real))
    take_samples(tile_out, room_out, arena, &p.shape)
    tile_out.product = p.product
    tile_out.fetch_all = True


cdef inline void take_model(Packed* model, Shape* shape, Arena* arena, real* dtype) noexcept nogil:
    model.W = take(arena, weights_size(model.n_outputs, shape) * sizeof(real))
    model.b = take(arena, model.n_outputs * sizeof(real))


cdef inline int pack_model(Packed* model_out, Arena* arena, Parameters* at, Py_ssize_t n_features,
                           real* dtype) noexcept nogil:
    """Pack a model for any number of passes, in an arena that is released after the last."""
    cdef Shape shape = shape_of(n_features, at.n_logits, lanes_of(dtype), True)
    cdef int code
    model_out[0] = Packed(NULL, NULL, at.n_logits, n_features)
    take_model(model_out, &shape, arena, dtype)
    code = give(arena, NULL)
    if code == FS_DONE:
        take_model(model_out, &shape, arena, dtype)
        pack_weights(<real*> model_out.W, <real*> model_out.b, at, 0, at.n_logits, &shape, 1)
    return code


cdef inline void prediction_layout(Prediction* p, Arena* arena, real* dtype) noexcept nogil:
    cdef Arena own = arena_at(NULL)
    cdef fs_tile tile
    prediction_scratch(&tile, &dtype, &own, p)
    p.scratch_size = own.size
    if p.packs:
        take_model(&p.model, &p.shape, arena, dtype)
    p.zeros = take(arena, p.X.n_features * sizeof(real))
    p.scratch = <char*> take(arena, p.threads * p.scratch_size)


cdef inline double slot_predict(Prediction* p, void* scratch, Py_ssize_t start, Py_ssize_t stop,
                                real* dtype) noexcept nogil:
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
        tile_logits(&tile, <const real*> p.model.W, <const real*> p.model.b)
        total += finish_prediction(p.out, &tile, p.family, p.mean, <real*> tile.z)
    return total


cdef inline int predict_pass(double* total_out, Matrix out, Features* X, Parameters* at, const Packed* model,
                             int family, bint mean, int precision, int num_threads, Room* room,
                             real* dtype) noexcept nogil:
    """Write z = X Wᵀ + b, or their means, (n_samples, n_outputs), and the sum of all logits.

    The parameters are a packed model, or, where that is NULL, those of `at`.
    """
    cdef:
        Prediction p
        Arena arena = arena_at(NULL)
        Py_ssize_t n_outputs, s
        int code
        double total = 0
    p.packs = model == NULL
    if p.packs:
        p.model = Packed(NULL, NULL, at.n_logits, X.n_features)
    else:
        p.model = model[0]
    n_outputs = p.model.n_outputs
    p.out = out
    p.X = X[0]
    p.shape = cut(X.n_samples, X.n_features, n_outputs, n_outputs, lanes_of(dtype), sizeof(real),
                  is_direct(X, n_outputs, dtype))
    p.family = family_of(dtype, family)
    p.mean = mean
    p.product = fs_product_of(fs_active_use.in_pass, precision, n_outputs)
    p.threads = min(num_threads, <int> p.shape.n_slots)     # each slot is one task
    prediction_layout(&p, &arena, dtype)
    code = give(&arena, room)
    if code != FS_DONE:
        return code
    prediction_layout(&p, &arena, dtype)
    if p.packs:
        pack_weights(<real*> p.model.W, <real*> p.model.b, at, 0, n_outputs, &p.shape, p.threads)
    pack_center(&p.X, <real*> p.zeros)
    for s in prange(p.shape.n_slots, schedule="dynamic", num_threads=p.threads):
        total += slot_predict(&p, p.scratch + threadid() * p.scratch_size, s * p.shape.slot_rows,
                              min((s + 1) * p.shape.slot_rows, p.X.n_samples), dtype)
    release(&arena)
    total_out[0] = total
    return FS_DONE
