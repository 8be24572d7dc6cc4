"""Coordinate ascent on the dual: one sample after the other is made right, in one reading of it.

With an L2 penalty, W = (1/(n·l2)) Σ_i s_i m_i (y_i/m_i − q_i) x_iᵀ for any distributions q_i of the classes, and at the
optimum q_i = softmax(W x_i + b) (Shalev-Shwartz & Zhang, JMLR 14, 2013; for the softmax Yu, Huang & Lin, Machine
Learning 85, 2011). A step solves that for one sample, the others held: its logits move with its own q,

    q = softmax(z_i + c (q_i − q))      c = s_i m_i (‖x_i‖² + 1)/(n·l2)

The intercept is taken for a feature that is always one. Its penalty has a centre: b less that is such a sum, too.
"""

from cython.parallel cimport prange

from .arena cimport Arena, arena_at, give, release, round_up, take
from .codes cimport FS_DONE, FS_NO_MEMORY
from .csr cimport CACHE_ELEMENTS, TRANSPOSE_FEATURES, Csr, padded, transpose
from .simd cimport csr_dual_step, lanes_of, real

cdef struct Ascent:             # an epoch, or a part of one
    double* W                   # (n_classes, n_features)
    double* b
    void* q                     # (n_samples, n_classes) of the dtype of the values, as what follows is
    const void* square          # (n_samples,): ‖x_i‖², and one more with an intercept
    const void* step            # (n_samples,): s_i m_i / (n · l2)
    const Py_ssize_t* order     # (n_steps,): samples
    Py_ssize_t n_steps
    Py_ssize_t n_classes
    bint intercept
    Py_ssize_t ldt              # from a feature to the next in W transposed
    void* T                     # W transposed
    void* scratch


cdef inline void ascent_layout(Ascent* a, Arena* arena, Csr* X, real* dtype) noexcept nogil:
    a.T = take(arena, (X.n_features * a.ldt + CACHE_ELEMENTS) * sizeof(real))
    a.scratch = take(arena, 4 * round_up(a.ldt, lanes_of(dtype)) * sizeof(real))


cdef inline void transpose_back(double* W_out, const real* T, Py_ssize_t n_rows, Csr* X, Py_ssize_t start,
                                Py_ssize_t ldt) noexcept nogil:
    """W_kj = T_jk for TRANSPOSE_FEATURES features from start on."""
    cdef Py_ssize_t stop = min(start + TRANSPOSE_FEATURES, X.n_features), j, k
    for k in range(n_rows):
        for j in range(start, stop):
            W_out[k * X.n_features + j] = T[j * ldt + k]


cdef inline int dual_ascent(Ascent* a, Csr* X, int num_threads, real* dtype) noexcept nogil:
    """A step for each sample of order, one after the other, on this thread; W is transposed on all."""
    cdef:
        Arena arena = arena_at(NULL)
        real* T
        Py_ssize_t j, s, i, ahead
    a.ldt = padded(a.n_classes)
    ascent_layout(a, &arena, X, dtype)
    if give(&arena, NULL) == FS_NO_MEMORY:
        return FS_NO_MEMORY
    ascent_layout(a, &arena, X, dtype)
    T = <real*> a.T
    transpose(T, <const double*> a.W, a.n_classes, X, a.ldt, num_threads)
    for s in range(a.n_steps):
        i = a.order[s]
        ahead = a.order[min(s + 1, a.n_steps - 1)]
        csr_dual_step(T, X.wide, a.b, <real*> a.q + i * a.n_classes, <real*> a.scratch, <const real*> X.values,
                      X.indices, X.indptr[i], X.indptr[i + 1], X.indptr[ahead], X.indptr[ahead + 1],
                      (<const real*> a.square)[i], (<const real*> a.step)[i], a.intercept, a.n_classes, a.ldt)
    for j in prange(0, X.n_features, TRANSPOSE_FEATURES, schedule="static", num_threads=num_threads):
        transpose_back(a.W, <const real*> T, a.n_classes, X, j, a.ldt)
    release(&arena)
    return FS_DONE
