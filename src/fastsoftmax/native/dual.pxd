"""Coordinate ascent on the dual: one sample after the other is made right, in one reading of it.

With an L2 penalty, W = (1/(n·l2)) Σ_i s_i m_i (y_i/m_i − q_i) x_iᵀ for any distributions q_i of the classes, and at the
optimum q_i = softmax(W x_i + b) (Shalev-Shwartz & Zhang, JMLR 14, 2013; for the softmax Yu, Huang & Lin, Machine
Learning 85, 2011). A step solves that for one sample, the others held: its logits move with its own q,

    q = softmax(z_i + c (q_i − q))      c = s_i m_i (‖x_i‖² + 1)/(n·l2)

The intercept is taken for a feature that is always one. Its penalty has a centre: b less that is such a sum, too.
"""

from cython.parallel cimport prange
from libc.stdlib cimport free

from .csr cimport CACHE_ELEMENTS, TRANSPOSE_FEATURES, Csr, padded, transpose
from .layout cimport allocate, lines, round_up
from .simd cimport csr_dual_step, lanes_of, real


cdef inline void transpose_back(double[:, ::1] W_out, const real* T, Py_ssize_t start, Py_ssize_t stop,
                                Py_ssize_t ldt) noexcept nogil:
    """W_kj = T_jk for the features [start, stop)."""
    cdef Py_ssize_t j, k
    cdef double* row
    for k in range(W_out.shape[0]):
        row = &W_out[k, 0]
        for j in range(start, stop):
            row[j] = T[j * ldt + k]


cdef inline int dual_ascent(double[:, ::1] W_inout, double[::1] b_inout, real[:, ::1] q_inout, Csr X,
                            const real[::1] square, const real[::1] step, const Py_ssize_t[::1] order, bint intercept,
                            int num_threads) except -1:
    """A step for each sample of order, one after the other, on this thread; W is transposed on all."""
    cdef:
        Py_ssize_t n_classes = W_inout.shape[0], n_features = W_inout.shape[1], ldt = padded(n_classes)
        Py_ssize_t T_bytes = lines((n_features * ldt + CACHE_ELEMENTS) * sizeof(real)), j, s, i, ahead
        void* block = NULL
        real* T = <real*> allocate(
            &block, T_bytes + 4 * round_up(ldt, lanes_of(<real*> NULL)) * <Py_ssize_t> sizeof(real))
        real* scratch = T + T_bytes // <Py_ssize_t> sizeof(real)
    with nogil:
        for j in prange(0, n_features, TRANSPOSE_FEATURES, schedule="static", num_threads=num_threads):
            transpose(T, W_inout, NULL, j, min(j + TRANSPOSE_FEATURES, n_features), ldt)
        for s in range(order.shape[0]):
            i = order[s]
            ahead = order[min(s + 1, order.shape[0] - 1)]
            csr_dual_step(T, X.wide, &b_inout[0], &q_inout[i, 0], scratch, <const real*> X.values, X.indices,
                          X.indptr[i], X.indptr[i + 1], X.indptr[ahead], X.indptr[ahead + 1], square[i], step[i],
                          intercept, n_classes, ldt)
        for j in prange(0, n_features, TRANSPOSE_FEATURES, schedule="static", num_threads=num_threads):
            transpose_back(W_inout, T, j, min(j + TRANSPOSE_FEATURES, n_features), ldt)
        free(block)
    return 0
