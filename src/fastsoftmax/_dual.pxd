"""Coordinate ascent on the dual: one sample after the other is made right, in one reading of it.

With an L2 penalty, W = (1/(n·l2)) Σ_i s_i m_i (y_i/m_i − q_i) x_iᵀ for any distributions q_i of the classes, and at the
optimum q_i = softmax(W x_i + b) (Shalev-Shwartz & Zhang, JMLR 14, 2013; for the softmax Yu, Huang & Lin, Machine
Learning 85, 2011). A step solves that for one sample, the others held: its logits move with its own q,

    q = softmax(u − c q)      u = z_i + c q_i,  c = s_i m_i (‖x_i‖² + 1)/(n·l2)

The intercept is taken for a feature that is always one; its penalty is the only error of the limit.
"""

from libc.math cimport exp, log
from libc.stdint cimport int32_t, int64_t

from ._csr cimport Csr
from ._simd cimport real

cdef enum:
    MAX_STEPS = 20
    LEAST = -40             # logarithm of a q that is as good as zero


cdef inline void solve_sample(double* q_inout, double* log_q, const double* u, double c,
                              Py_ssize_t n_classes) noexcept nogil:
    """Solve q = softmax(u − c q), that is log q_k + c q_k = u_k − a with Σ q_k = 1, by Newton's method for log q and a.

    Logarithms keep q positive, and are kept from rising above that of one. q is nearly right already but at first.
    """
    cdef Py_ssize_t k, _step
    cdef double a, total, weight, shift, change, largest
    for k in range(n_classes):
        log_q[k] = log(q_inout[k]) if q_inout[k] > 0 else LEAST
    for _step in range(MAX_STEPS):
        # (1 + c q_k) δ_k + a = u_k − c q_k − log q_k  and  Σ q_k δ_k = 1 − Σ q_k
        total = weight = shift = largest = 0
        for k in range(n_classes):
            total += q_inout[k]
            weight += q_inout[k] / (1 + c * q_inout[k])
            shift += q_inout[k] / (1 + c * q_inout[k]) * (u[k] - c * q_inout[k] - log_q[k])
        a = (shift - 1 + total) / weight
        for k in range(n_classes):
            change = log_q[k]
            log_q[k] += (u[k] - c * q_inout[k] - log_q[k] - a) / (1 + c * q_inout[k])
            log_q[k] = min(<double> 0, max(<double> LEAST, log_q[k]))
            q_inout[k] = exp(log_q[k])
            largest = max(largest, q_inout[k] * abs(log_q[k] - change))
        if largest < 1e-4:      # the next epoch goes on with it
            break
    total = 0
    for k in range(n_classes):
        total += q_inout[k]
    for k in range(n_classes):
        q_inout[k] /= total


cdef inline Py_ssize_t feature(Csr* X, Py_ssize_t e) noexcept nogil:
    return (<const int64_t*> X.indices)[e] if X.wide else (<const int32_t*> X.indices)[e]


cdef inline void dual_step(real* T_inout, double* b_inout, real* q_inout, double* scratch, Csr* X, const double* scale,
                           double step, bint intercept, Py_ssize_t i, Py_ssize_t n_classes) noexcept nogil:
    """Make q_i right for the other samples' W, and W right for q_i; step is s_i m_i/(n·l2)."""
    cdef:
        double* u = scratch
        double* q = u + n_classes
        double* p = q + n_classes
        const real* values = <const real*> X.values
        real* row
        real x
        double square = intercept
        Py_ssize_t e, k
    for k in range(n_classes):
        u[k] = b_inout[k]
    for e in range(X.indptr[i], X.indptr[i + 1]):
        row = T_inout + feature(X, e) * n_classes
        x = values[e] if scale == NULL else <real> (values[e] * scale[feature(X, e)])
        square += x * x
        for k in range(n_classes):
            u[k] += x * row[k]
    for k in range(n_classes):
        q[k] = q_inout[k]
        u[k] += step * square * q[k]
    solve_sample(q, p, u, step * square, n_classes)
    for k in range(n_classes):
        p[k] = step * (q_inout[k] - q[k])
        q_inout[k] = <real> q[k]
        b_inout[k] += intercept * p[k]
    for e in range(X.indptr[i], X.indptr[i + 1]):
        row = T_inout + feature(X, e) * n_classes
        x = values[e] if scale == NULL else <real> (values[e] * scale[feature(X, e)])
        for k in range(n_classes):
            row[k] += <real> (x * p[k])
