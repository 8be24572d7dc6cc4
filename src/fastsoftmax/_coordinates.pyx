"""The border to Python of `native/coordinates.pxd`, `quadratic.pxd` and `newton.pxd`, coordinate descent in float64."""

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer

from .native.coordinates cimport FS_MATRIX, FS_PAIRS, FS_SAMPLES, Model, descend
from .native.newton cimport minimize_rows as _minimize_rows
from .native.quadratic cimport Factor, Quadratic, Solve, minimize_quadratic
from .native.rows cimport FS_LANES, Rows
from .native.simd cimport real

import numpy as np


def minimize_matrix(double[::1] u_inout, const double[::1] grad, const double[:, ::1] B, const double[::1] l1,
                    const double[::1] lower, const double[::1] upper, const Py_ssize_t[::1] blocks,
                    const Py_ssize_t[:, ::1] sets, double accuracy):
    """Go from u, where the gradient of the quadratic part is grad, to the minimum of Q; return how far Q falls.

    B is (n, n) and symmetric; lower, upper, blocks and sets may be None. The subgradient is at most `accuracy` times
    that at the start where it ends, or what is left is rounding.
    """
    cdef:
        Quadratic q
        Py_ssize_t n = u_inout.shape[0], n_sets = 0 if sets is None else sets.shape[0]
        double[:, ::1] numbers = np.empty((8, n)), steepness = np.empty((2, n + n_sets))
        # Memory that is not written to costs nothing.
        double[::1] factor = np.empty(n * n)
        Py_ssize_t[::1] free = np.empty(n, np.intp)
        int[::1] is_free = np.empty(n, np.intc), is_flat = np.empty(n_sets + 1, np.intc)
    q.model.kind, q.model.B, q.model.grad = FS_MATRIX, &B[0, 0], &numbers[0, 0]
    set_penalty(&q.model, u_inout, sets, l1, lower, upper, blocks)
    q.model.steepness, q.model.set_steepness = &steepness[0, 0], &steepness[1, 0]
    numbers[0, :] = grad
    numbers[1, :] = u_inout
    q.grad, q.start, q.aims, q.least, q.step = &grad[0], &numbers[1, 0], &numbers[2, 0], &numbers[3, 0], &numbers[4, 0]
    q.moved, q.change, q.solution, q.factor = &numbers[5, 0], &numbers[6, 0], &numbers[7, 0], &factor[0]
    q.free, q.is_free, q.is_flat = &free[0], &is_free[0], &is_flat[0]
    q.dpotrf, q.dpotrs = <Factor> lapack("dpotrf"), <Solve> lapack("dpotrs")
    with nogil:
        fallen = minimize_quadratic(&q, accuracy)
    return fallen


cdef void* lapack(name) except NULL:
    """A function of the LAPACK that SciPy brings along."""
    from scipy.linalg import cython_lapack

    capsule = cython_lapack.__pyx_capi__[name]
    return PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


def fill_hessian(double[:, ::1] out, const real[:, :, ::1] grams, const Py_ssize_t[::1] outputs,
                 const Py_ssize_t[::1] columns, const double[::1] l2):
    """Write the Hessian of softmax on some entries, those of outputs[e] and columns[e]; l2 is their penalty's.

    grams are Σ_i m_i p_ik p_il x_i x_iᵀ for each pair of classes k > l, (1, 0), (2, 0), (2, 1), … Rows of the Hessian
    have sum zero, so that those of a class with itself are sums of these, and nothing cancels.
    """
    cdef:
        Py_ssize_t e, f, k, l, other, n = outputs.shape[0], n_outputs = 1
        double total
    while n_outputs * (n_outputs - 1) // 2 < grams.shape[0]:
        n_outputs += 1
    with nogil:
        for e in range(n):
            k = outputs[e]
            for f in range(e + 1):
                l, total = outputs[f], 0
                if k != l:
                    total = -grams[pair_of(k, l), columns[e], columns[f]]
                else:
                    for other in range(n_outputs):
                        if other != k:
                            total += grams[pair_of(k, other), columns[e], columns[f]]
                out[e, f] = out[f, e] = total
            out[e, e] += l2[e]


cdef inline Py_ssize_t pair_of(Py_ssize_t k, Py_ssize_t l) noexcept nogil:
    """Where a pair of classes is among all."""
    return k * (k - 1) // 2 + l if k > l else l * (l - 1) // 2 + k


def weigh_pairs(double[:, ::1] out, const real[:, ::1] p, const double[::1] mass, double share):
    """Write share · m_i p_ik p_il of every pair of classes k > l, as `fill_hessian` takes them, and return their sum.

    out is (n_pairs, n_rows), p (n_rows, n_classes), and mass (n_rows,), or None for ones.
    """
    cdef Py_ssize_t i, k, other, pair
    cdef double weight, product, total = 0
    with nogil:
        for i in range(p.shape[0]):
            weight, pair = share if mass is None else share * mass[i], 0
            for k in range(p.shape[1]):
                for other in range(k):
                    product = weight * p[i, k] * p[i, other]
                    out[pair, i] = product
                    total += product
                    pair += 1
    return total


def factor_pairs(double[:, ::1] factor_out, const double[:, :, ::1] grams, const double[:, ::1] directions,
                 const double[::1] l2, double resolution, double ridge):
    """Write the Cholesky factor of the Hessian of softmax in some directions of classes; return whether it has one.

    diag(p) − p pᵀ is Σ_k>l p_k p_l (e_k − e_l)(e_k − e_l)ᵀ: all terms are positive, so that nothing cancels. A column
    with no more than the share `resolution` of the largest curvature gets the largest one: its gradient is a rounding
    error, not to be magnified. The diagonal is raised by the share `ridge`.

    grams are those of `fill_hessian`, (n_pairs, m, m), directions are columns, (n_classes, d), and l2 is (m,). The
    factor is (d m, d m), in the lower triangle.
    """
    cdef:
        Py_ssize_t c, d, i, j, k, other, pair, m = l2.shape[0], n_directions = directions.shape[1]
        int size = factor_out.shape[0], info
        double coefficient, most = 0
        double[::1] of_columns = np.zeros(m)
        Factor dpotrf = <Factor> lapack("dpotrf")
    with nogil:
        factor_out[:] = 0
        for c in range(n_directions):
            for d in range(c + 1):
                pair = 0
                for k in range(directions.shape[0]):
                    for other in range(k):
                        coefficient = directions[k, c] - directions[other, c]
                        coefficient *= directions[k, d] - directions[other, d]
                        if coefficient != 0:
                            for j in range(m):
                                for i in range(m):
                                    factor_out[c * m + j, d * m + i] += coefficient * grams[pair, j, i]
                        pair += 1
            for j in range(m):
                factor_out[c * m + j, c * m + j] += l2[j]
                of_columns[j] += factor_out[c * m + j, c * m + j]
        for j in range(m):
            most = max(most, of_columns[j])
        for j in range(m):
            for c in range(n_directions):
                if of_columns[j] <= resolution * most:
                    factor_out[c * m + j, c * m + j] += most if most > 0 else 1
                factor_out[c * m + j, c * m + j] *= 1 + ridge
        # LAPACK stores matrices by columns: its upper triangle is the lower one here.
        dpotrf(b"U", &size, &factor_out[0, 0], &size, &info)
    return info == 0


def descend_pairs(double[::1] u_inout, double[::1] t_inout, const double[::1] grad, const double[::1] start,
                  const double[::1] D, const double[:, ::1] P, const double[:, ::1] Z, const double[::1] l1,
                  const double[::1] lower, const double[::1] upper, const Py_ssize_t[::1] blocks, double enough,
                  Py_ssize_t sweeps):
    """Lower Q with B = D − P Zᵀ from u on; t is Pᵀ(u − start), and grad the slopes there at the start.

    lower, upper and blocks may be None. Returns how many of the sweeps are left when no slope changes by more than
    `enough` any more, −1 if there are more to come.
    """
    cdef Model m
    m.kind = FS_PAIRS
    m.grad = <double*> &grad[0]
    m.start = &start[0]
    m.D = &D[0]
    m.width = P.shape[1]
    if m.width:
        m.P = &P[0, 0]
        m.Z = &Z[0, 0]
        m.t = &t_inout[0]
    return _run(&m, u_inout, None, l1, lower, upper, blocks, enough, 0, sweeps)


def descend_samples(double[::1] u_inout, double[:, ::1] v_inout, double[::1] t_inout, const double[::1] grad,
                    const double[::1] start, const double[::1] diagonal, const double[::1] l2,
                    const double[:, ::1] p, const double[:, ::1] mass, const double[::1] values,
                    const Py_ssize_t[::1] rows, const Py_ssize_t[::1] indptr, const Py_ssize_t[::1] outputs,
                    const Py_ssize_t[::1] columns, const double[::1] l1, const double[::1] lower,
                    const double[::1] upper, const Py_ssize_t[::1] blocks, const Py_ssize_t[:, ::1] sets,
                    double enough, double least_gain, Py_ssize_t sweeps):
    """The same with B = Σ_i m_i (diag(p_i) − p_i p_iᵀ) ⊗ x_i x_iᵀ + diag(l2), of the given diagonal.

    v, (n_outputs, n_rows), and t, (n_rows,), are what u − start makes of the rows; mass is m_i p_ik. Coordinate j is
    that of outputs[j] and columns[j]. values are the columns one after the other, of which rows and indptr tell the
    rows; both None where each column has all. A sweep that gains no more than the share least_gain of what all before
    have gained counts as one that changes nothing.
    """
    cdef Model m
    m.kind = FS_SAMPLES
    m.v, m.t, m.p, m.mass = &v_inout[0, 0], &t_inout[0], &p[0, 0], &mass[0, 0]
    m.grad, m.start, m.D, m.l2 = <double*> &grad[0], &start[0], &diagonal[0], &l2[0]
    m.n_rows = t_inout.shape[0]
    m.values, m.rows, m.indptr = &values[0], NULL, NULL
    if rows is not None:
        m.rows, m.indptr = &rows[0], &indptr[0]
    m.outputs, m.columns = &outputs[0], &columns[0]
    return _run(&m, u_inout, sets, l1, lower, upper, blocks, enough, least_gain, sweeps)


def diagonal_of_samples(double[::1] out, const double[::1] l2, const double[:, ::1] p, const double[:, ::1] mass,
                        const double[::1] values, const Py_ssize_t[::1] rows, const Py_ssize_t[::1] indptr,
                        const Py_ssize_t[::1] outputs, const Py_ssize_t[::1] columns):
    """Write the diagonal of the B of `descend_samples`: Σ_i m_i p_ik (1 − p_ik) x_ij² + l2."""
    cdef Py_ssize_t j, i, row, k, column, first, stop, n_rows = p.shape[1]
    cdef double total
    with nogil:
        for j in range(out.shape[0]):
            k, column, total = outputs[j], columns[j], 0
            first, stop = column * n_rows, (column + 1) * n_rows
            if rows is not None:
                first, stop = indptr[column], indptr[column + 1]
            for i in range(first, stop):
                row = i - first if rows is None else rows[i]
                total += mass[k, row] * (1 - p[k, row]) * values[i] * values[i]
            out[j] = total + l2[j]


cdef Py_ssize_t _run(Model* m, double[::1] u_inout, const Py_ssize_t[:, ::1] sets, const double[::1] l1,
                     const double[::1] lower, const double[::1] upper, const Py_ssize_t[::1] blocks, double enough,
                     double least_gain, Py_ssize_t sweeps) except -2:
    """Descend by a model whose B is set."""
    cdef Py_ssize_t left
    cdef double[::1] steepness, set_steepness, aims
    set_penalty(m, u_inout, sets, l1, lower, upper, blocks)
    steepness, set_steepness, aims = np.empty(m.n_blocks), np.empty(m.n_sets + 1), np.empty(m.n)
    m.steepness, m.set_steepness = &steepness[0], &set_steepness[0]
    with nogil:
        left = descend(m, enough, least_gain, sweeps, &aims[0])
    return left


cdef void set_penalty(Model* m, double[::1] u_inout, const Py_ssize_t[:, ::1] sets, const double[::1] l1,
                      const double[::1] lower, const double[::1] upper, const Py_ssize_t[::1] blocks):
    """Set where a model is, and its penalty."""
    m.u = &u_inout[0]
    m.n = u_inout.shape[0]
    m.l1 = &l1[0]
    m.lower = m.upper = NULL
    if lower is not None:
        m.lower = &lower[0]
        m.upper = &upper[0]
    m.n_sets = m.size = 0
    if sets is not None and sets.shape[0]:
        m.sets = &sets[0, 0]
        m.n_sets, m.size = sets.shape[0], sets.shape[1]
    m.blocks = NULL
    m.n_blocks = m.n
    if blocks is not None:
        m.blocks = &blocks[0]
        m.n_blocks = blocks.shape[0] - 1


def minimize_rows(double[:, ::1] u_inout, double[::1] b_inout, const double[:, ::1] logits,
                  const double[:, ::1] targets, const double[::1] mass, const double[::1] values,
                  const Py_ssize_t[::1] rows, const Py_ssize_t[::1] indptr, const double[::1] l1,
                  const double[::1] l2, const double[:, ::1] lower, const double[:, ::1] upper,
                  const double[::1] far, bint grouped, double accuracy, Py_ssize_t most_steps):
    """Minimise F of `native/newton.pxd` from u on, (n_features, n_classes); return how far F has changed.

    b, (n_classes,), are the intercepts, None without them. logits, (n_rows, n_classes), are those of zero parameters,
    and targets, (n_rows, n_classes), mass times what the classes should be. values are the columns of X one after the
    other, of which rows and indptr tell the rows. lower and upper may be None.
    """
    cdef:
        Rows m
        double change
        Py_ssize_t n = mass.shape[0], n_features = u_inout.shape[0], n_classes = u_inout.shape[1]
        Py_ssize_t n_vectors = (n_classes + FS_LANES - 1) // FS_LANES
        Py_ssize_t width = n_vectors * FS_LANES, square = n_classes * width
        # A new array of zeros costs nothing before it is written to. The first slopes are made of squares, times zero.
        double[::1] ones = np.ones(n), normalizers = np.zeros(2 * n), squares = np.zeros((2 * n_features + 1) * square)
        double[:, ::1] of_rows = np.zeros((5 * n, width)), of_features = np.zeros((6 * n_features + 1, width))
        double[:, ::1] few = np.zeros((7, width))
        Py_ssize_t[::1] awake = np.empty(n_features, np.intp)
    m.n_rows, m.n_classes, m.n_features, m.n_vectors, m.width = n, n_classes, n_features, n_vectors, width
    m.values, m.rows, m.indptr, m.ones = &values[0], NULL, &indptr[0], NULL
    if rows is not None:
        m.rows = &rows[0]
    m.mass, m.normalizer, m.reached = &mass[0], &normalizers[0], &normalizers[n]
    m.A, m.H, m.C = &squares[0], &squares[square], &squares[square * (n_features + 1)]
    m.Z, m.P, m.R, m.V = &of_rows[0, 0], &of_rows[n, 0], &of_rows[2 * n, 0], &of_rows[3 * n, 0]
    m.targets = &of_rows[4 * n, 0]
    m.u, m.start, m.awake = &of_features[0, 0], &of_features[n_features, 0], &awake[0]
    m.l1, m.l2, m.lower, m.upper = &l1[0], &l2[0], NULL, NULL
    if lower is not None:
        m.lower, m.upper = &of_features[3 * n_features, 0], &of_features[4 * n_features, 0]
        of_features[3 * n_features:4 * n_features, :n_classes] = lower
        of_features[4 * n_features:5 * n_features, :n_classes] = upper
    m.far, m.grouped = &far[0], grouped
    m.inverse = &of_features[5 * n_features, 0]
    m.slopes, m.aims, m.step, m.b, m.b_step = &few[0, 0], &few[1, 0], &few[2, 0], &few[3, 0], &few[4, 0]
    m.lowest, m.highest = &few[5, 0], &few[6, 0]
    of_rows[:n, :n_classes] = logits
    of_rows[4 * n:, :n_classes] = targets
    of_features[:n_features, :n_classes] = u_inout
    if b_inout is not None:
        m.ones = &ones[0]
        few[3, :n_classes] = b_inout
    with nogil:
        change = _minimize_rows(&m, accuracy, most_steps, &of_features[2 * n_features, 0])
    u_inout[:] = of_features[:n_features, :n_classes]
    if b_inout is not None:
        b_inout[:] = few[3, :n_classes]
    return change
