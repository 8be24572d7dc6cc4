"""Logits of sparse samples, or the means that they give, written to memory."""

from cython.parallel cimport prange, threadid

from .arena cimport Arena, Room, arena_at, give, release, take
from .codes cimport FS_DONE
from .csr cimport CACHE_ELEMENTS, Csr, CsrParameters, csr_tiles, pack_transposed, padded
from .layout cimport Matrix, Shape
from .simd cimport csr_logits, family_of, fs_family, fs_tile, real
from .tile cimport finish_prediction, take_tile

cdef struct CsrPrediction:      # a pass
    Matrix out
    Csr X
    Shape shape
    const fs_family* family
    bint mean
    int threads
    Py_ssize_t ldt              # from a feature to the next in W transposed
    void* T                     # W transposed
    void* b
    char* scratch               # of each thread
    Py_ssize_t scratch_size


cdef inline void csr_prediction_layout(CsrPrediction* p, Arena* arena, Py_ssize_t itemsize) noexcept nogil:
    cdef Arena own = arena_at(NULL)
    cdef fs_tile tile
    take_tile(&tile, &own, &p.shape, p.shape.n_outputs, itemsize)
    p.scratch_size = own.size
    p.T = take(arena, (p.X.n_features * p.ldt + CACHE_ELEMENTS) * itemsize)
    p.b = take(arena, p.shape.n_outputs * itemsize)
    p.scratch = <char*> take(arena, p.threads * p.scratch_size)


cdef inline double csr_predict_tile(CsrPrediction* p, const real* T, void* scratch, Py_ssize_t start) noexcept nogil:
    """Write the logits of the tile from sample start on, or their means, and return the sum of the logits."""
    cdef Arena arena = arena_at(scratch)
    cdef fs_tile tile
    take_tile(&tile, &arena, &p.shape, p.shape.n_outputs, sizeof(real))
    tile.start = start
    tile.rows = min(p.shape.tile_rows, p.X.n_samples - start)
    csr_logits(&tile, p.X.wide, <const real*> p.X.values, p.X.indices, p.X.indptr + start, T, <const real*> p.b, p.ldt)
    return finish_prediction(p.out, &tile, p.family, p.mean, <real*> tile.z)


cdef inline int csr_predict_pass(double* total_out, Matrix out, Csr* X, CsrParameters* at, int family, bint mean,
                                 int num_threads, Room* room, real* dtype) noexcept nogil:
    """`predict_pass` of sparse samples."""
    cdef:
        CsrPrediction p
        Arena arena = arena_at(NULL)
        Py_ssize_t t
        int code
        double total = 0
    p.out = out
    p.X = X[0]
    p.shape = csr_tiles(X, at.n_outputs)
    p.family = family_of(dtype, family)
    p.mean = mean
    p.threads = num_threads
    p.ldt = padded(at.n_outputs)
    csr_prediction_layout(&p, &arena, sizeof(real))
    code = give(&arena, room)
    if code != FS_DONE:
        return code
    csr_prediction_layout(&p, &arena, sizeof(real))
    pack_transposed(<real*> p.T, <real*> p.b, at, X, p.ldt, num_threads)
    for t in prange((X.n_samples + p.shape.tile_rows - 1) // p.shape.tile_rows, schedule="dynamic",
                    num_threads=num_threads):
        total += csr_predict_tile(&p, <const real*> p.T, p.scratch + threadid() * p.scratch_size,
                                  t * p.shape.tile_rows)
    release(&arena)
    total_out[0] = total
    return FS_DONE
