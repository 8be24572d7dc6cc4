"""Coordinate descent on a quadratic model with a penalty, in blocks of coordinates.

    Q(u) = ⟨g, u − w⟩ + ½ (u − w)ᵀ B (u − w) + Σ_blocks l1 ‖u_block‖₂        lower ≤ u ≤ upper

Mostly a block is one coordinate, and its norm an absolute value: u_j ← clip(soft(u_j − g_j/B_jj, l1_j/B_jj)), g_j being
the slope at u. A larger block has no bounds and one l1, and takes a proximal step by a bound of its part of B.

Shifting the weights of a feature alike, for all classes, changes no probability: B has no curvature there but the L2
penalty's, and coordinates alone would crawl. After the coordinates the shift of each such set is therefore minimised
over, which is a problem of one variable: a parabola plus absolute values.

B has one of three forms. As a matrix its rows keep the gradient up to date. D − P Zᵀ, D being diagonal, keeps
t = Pᵀ(u − w), and a slope is made of it. The Hessian of rows of X, whose samples have probabilities p_i and mass m_i,

    B = Σ_i m_i (diag(p_i) − p_i p_iᵀ) ⊗ x_i x_iᵀ + diag(l2),

keeps v_i, the change of the logits, and t_i = ⟨p_i, v_i⟩: the slope of u_kj is that at w and Σ_i m_i p_ik x_ij (v_ik −
t_i) more. The columns of X are dense, or those of a sparse matrix.
"""

from libc.math cimport INFINITY, fabs, fmax, fmin, sqrt

cdef extern from * nogil:
    """
    // A curvature of a shift below this share of what its coordinates have is rounding; so is a rest of a step.
    #define FLAT 1e-6
    #define TINY 1e-14
    """
    const double FLAT, TINY

cdef extern from "coordinates.h" nogil:
    void fs_add_scaled(double* out, const double* x, double step, Py_ssize_t n)
    double fs_product(const double* a, const double* b, Py_ssize_t n)
    double fs_slope(const double* x, const double* mass, const double* v, const double* t, Py_ssize_t n)
    double fs_slope_of_rows(const double* x, const Py_ssize_t* rows, const double* mass, const double* v,
                            const double* t, Py_ssize_t n)
    void fs_move(double* v, double* t, const double* x, const double* p, double step, Py_ssize_t n)

cdef enum:
    FS_MATRIX
    FS_PAIRS
    FS_SAMPLES

cdef struct Model:
    int kind
    double* u
    double* grad                # (n,), with a matrix the gradient at u, else that at w
    const double* start         # w, (n,)
    const double* B             # (n, n)
    const double* D             # (n,), the diagonal of the pairs' form, or of B itself
    const double* P             # (n, width)
    const double* Z             # (n, width)
    double* t                   # (width,), or (n_rows,)
    double* v                   # (n_outputs, n_rows)
    const double* p             # (n_outputs, n_rows)
    const double* mass          # (n_outputs, n_rows), m_i p_ik
    const double* l2            # (n,)
    const double* values        # of the columns, (n_columns, n_rows), or sparse:
    const Py_ssize_t* rows      # of each value,
    const Py_ssize_t* indptr    # (n_columns + 1,), or NULL as rows is
    const Py_ssize_t* outputs   # (n,), k of each coordinate,
    const Py_ssize_t* columns   # (n,), and j
    Py_ssize_t n_rows
    const double* l1            # (n,)
    const double* lower         # (n,) or NULL, as is
    const double* upper
    const Py_ssize_t* blocks    # (n_blocks + 1,), where each begins, or NULL: all are single coordinates
    const Py_ssize_t* sets      # (n_sets, size), coordinates that are shifted alike, or NULL
    double* set_steepness       # (n_sets,), 1ᵀ B 1 in each
    Py_ssize_t n_sets
    Py_ssize_t size
    double gain                 # at least what the sweep has lowered Q by
    double* steepness           # (n_blocks,), of B in each block an upper bound, which is exact in single ones
    Py_ssize_t n
    Py_ssize_t n_blocks
    Py_ssize_t width


cdef inline double slope_of_rows(const double* x, const Py_ssize_t* rows, const double* mass, const double* v,
                                 const double* t, Py_ssize_t n) noexcept nogil:
    """Σ_i m_i p_ik x_ij (v_ik − t_i) over the values of a column."""
    if rows == NULL:
        return fs_slope(x, mass, v, t, n)
    return fs_slope_of_rows(x, rows, mass, v, t, n)


cdef inline double entry(const Model* m, Py_ssize_t j, Py_ssize_t k) noexcept nogil:
    """B_jk, of a matrix or of pairs."""
    if m.kind == FS_MATRIX:
        return m.B[j * m.n + k]
    return (m.D[j] if j == k else 0) - fs_product(m.P + j * m.width, m.Z + k * m.width, m.width)


cdef inline Py_ssize_t first_value(const Model* m, Py_ssize_t column) noexcept nogil:
    """Where the values of a column begin."""
    return column * m.n_rows if m.rows == NULL else m.indptr[column]


cdef inline double slope(const Model* m, Py_ssize_t j) noexcept nogil:
    """∂/∂u_j of the quadratic part."""
    cdef Py_ssize_t k, first
    if m.kind == FS_MATRIX:
        return m.grad[j]
    if m.kind == FS_PAIRS:
        return m.grad[j] + m.D[j] * (m.u[j] - m.start[j]) - fs_product(m.Z + j * m.width, m.t, m.width)
    k, first = m.outputs[j] * m.n_rows, first_value(m, m.columns[j])
    return m.grad[j] + m.l2[j] * (m.u[j] - m.start[j]) + slope_of_rows(
        m.values + first, m.rows + first if m.rows != NULL else NULL, m.mass + k, m.v + k, m.t,
        first_value(m, m.columns[j] + 1) - first)


cdef inline void move_rows(Model* m, Py_ssize_t j, double step) noexcept nogil:
    """v_ik += step · x_ij, and t_i = ⟨p_i, v_i⟩."""
    cdef:
        Py_ssize_t k = m.outputs[j] * m.n_rows, first = first_value(m, m.columns[j]), i, r
        Py_ssize_t n = first_value(m, m.columns[j] + 1) - first
        const double* x = m.values + first
        const Py_ssize_t* rows
        const double* p = m.p + k
        double* v = m.v + k
    if m.rows != NULL:
        rows = m.rows + first
        for i in range(n):
            r = rows[i]
            v[r] += step * x[i]
            m.t[r] += step * x[i] * p[r]
    else:
        fs_move(v, m.t, x, p, step, n)


cdef inline void move(Model* m, Py_ssize_t j, double step) noexcept nogil:
    """u_j += step, and what depends on it."""
    m.u[j] += step
    if m.kind == FS_SAMPLES:
        move_rows(m, j, step)
    elif m.kind == FS_MATRIX:
        fs_add_scaled(m.grad, m.B + j * m.n, step, m.n)
    else:
        fs_add_scaled(m.t, m.P + j * m.width, step, m.width)


cdef inline double update_one(Model* m, Py_ssize_t j, double steepness) noexcept nogil:
    """Minimise over u_j; return how much its slope changes by that."""
    cdef double aim = m.u[j] - slope(m, j) / steepness, least = m.l1[j] / steepness, step
    aim -= fmax(-least, fmin(aim, least))
    if m.lower != NULL:
        aim = fmax(m.lower[j], fmin(aim, m.upper[j]))
    step = aim - m.u[j]
    if step == 0:
        return 0
    move(m, j, step)
    m.gain += 0.5 * steepness * step * step
    m.u[j] = aim        # exactly zero, or a bound
    return fabs(step) * steepness


cdef inline double update_block(Model* m, Py_ssize_t start, Py_ssize_t stop, double steepness,
                                double* aims) noexcept nogil:
    """Take a proximal step of a block; return how much a slope changes by that at most."""
    cdef double squares = 0, shrink = 0, norm, step, change = 0
    cdef Py_ssize_t j
    for j in range(start, stop):
        aims[j] = m.u[j] - slope(m, j) / steepness
        squares += aims[j] * aims[j]
    norm = sqrt(squares)
    if norm * steepness > m.l1[start]:
        shrink = 1 - m.l1[start] / (norm * steepness)
    for j in range(start, stop):
        aims[j] *= shrink
        step = aims[j] - m.u[j]
        if step != 0:
            move(m, j, step)
            m.gain += 0.5 * steepness * step * step
            m.u[j] = aims[j]
            change = fmax(change, fabs(step) * steepness)
    return change


cdef inline bint is_idle(const Model* m, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """Whether a block is zero, and has a penalty that may hold it there."""
    cdef Py_ssize_t j
    for j in range(start, stop):
        if m.u[j] != 0:
            return False
    return m.l1[start] > 0


cdef inline void drop(Model* m, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """Set a block without curvature to zero, or to the bound next to it, if its slopes are at most the penalty."""
    cdef double squares = 0
    cdef Py_ssize_t j
    for j in range(start, stop):
        squares += slope(m, j) * slope(m, j)
    if m.l1[start] > 0 and sqrt(squares) <= m.l1[start]:
        for j in range(start, stop):
            m.u[j] = 0 if m.lower == NULL else fmax(m.lower[j], fmin(0, m.upper[j]))


cdef inline double reach(const Model* m, const Py_ssize_t* set, double sign) noexcept nogil:
    """How far a set can be shifted until a coordinate with a penalty is zero, or one is at a bound."""
    cdef Py_ssize_t i
    cdef double u, nearest = INFINITY
    for i in range(m.size):
        u = m.u[set[i]]
        if u * sign < 0 and m.l1[set[i]] > 0:
            nearest = fmin(nearest, fabs(u))
        if m.lower != NULL:
            nearest = fmin(nearest, m.upper[set[i]] - u if sign > 0 else u - m.lower[set[i]])
    return nearest


cdef inline double shift(Model* m, const Py_ssize_t* set, double steepness) noexcept nogil:
    """Minimise over a shift of a set; return the slope that was left before."""
    cdef double slopes = 0, up, down, sign, step, way, first = 0, penalties = 0
    cdef Py_ssize_t i, k, _round
    for i in range(m.size):
        penalties += m.l1[set[i]]
    if steepness == 0 and penalties == 0:
        return 0    # what slope there is, is rounding
    for i in range(m.size):
        slopes += slope(m, set[i])
    for _round in range(m.size + 1):
        up, down = slopes, -slopes
        for i in range(m.size):
            k = set[i]
            up += m.l1[k] if m.u[k] >= 0 else -m.l1[k]
            down += m.l1[k] if m.u[k] <= 0 else -m.l1[k]
        if up >= 0 and down >= 0:
            break
        sign = 1 if up < 0 else -1
        way = reach(m, set, sign)
        step = fmin(way, -fmin(up, down) / steepness if steepness > 0 else way)
        if not 0 < step < INFINITY:
            break
        first = fmax(first, -fmin(up, down))
        for i in range(m.size):
            k = set[i]
            up = m.u[k] + sign * step
            move(m, k, sign * step)
            m.gain += 0.5 * step * steepness * step / m.size
            if step == way and fabs(up) <= TINY * step:
                m.u[k] = 0
        slopes += sign * step * steepness
        if step < way:
            break
    return first


cdef inline double sweep(Model* m, bint everything, double* aims) noexcept nogil:
    """Update every block once, or only those that are not idle; return the largest change of a slope."""
    cdef double worst = 0
    cdef Py_ssize_t c, start, stop
    for c in range(m.n_blocks):
        start = c if m.blocks == NULL else m.blocks[c]
        stop = c + 1 if m.blocks == NULL else m.blocks[c + 1]
        if not everything and is_idle(m, start, stop):
            continue
        if m.steepness[c] <= 0:
            drop(m, start, stop)
        elif stop - start == 1:
            worst = fmax(worst, update_one(m, start, m.steepness[c]))
        else:
            worst = fmax(worst, update_block(m, start, stop, m.steepness[c], aims))
    for c in range(m.n_sets):
        worst = fmax(worst, shift(m, m.sets + c * m.size, m.set_steepness[c]))
    return worst


cdef inline double steepness_of_block(const Model* m, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The largest sum of absolute values of a row of B in a block, an upper bound of its eigenvalues."""
    cdef Py_ssize_t j, k
    cdef double most = 0, total
    for j in range(start, stop):
        total = 0
        if m.kind == FS_SAMPLES:
            # Σ_k |p_j (δ_jk − p_k)| = 2 p_j (1 − p_j).
            total = m.D[j] if stop - start == 1 else 2 * m.D[j] - m.l2[j]
        else:
            for k in range(start, stop):
                total += fabs(entry(m, j, k))
        most = fmax(most, total)
    return most


cdef inline double steepness_of_set(const Model* m, const Py_ssize_t* set) noexcept nogil:
    """The curvature of a shift of a set, zero where it is only rounding."""
    cdef Py_ssize_t j, k
    cdef double total = 0, own = 0
    for j in range(m.size):
        if m.kind == FS_SAMPLES:
            total += m.l2[set[j]]
            own += m.D[set[j]]
        else:
            for k in range(m.size):
                total += entry(m, set[j], set[k])
            own += entry(m, set[j], set[j])
    return total if total > FLAT * own else 0


cdef inline void find_steepness(Model* m) noexcept nogil:
    """Find how B curves in each block, and along each shift."""
    cdef Py_ssize_t c
    for c in range(m.n_blocks):
        m.steepness[c] = steepness_of_block(m, c if m.blocks == NULL else m.blocks[c],
                                            c + 1 if m.blocks == NULL else m.blocks[c + 1])
    for c in range(m.n_sets):
        m.set_steepness[c] = steepness_of_set(m, m.sets + c * m.size)


cdef inline Py_ssize_t descend(Model* m, double enough, double least_gain, Py_ssize_t sweeps,
                               double* aims) noexcept nogil:
    """Sweep until no slope changes by more than `enough`; return how many sweeps are left, −1 if it needs more.

    After a sweep over all blocks come those over the blocks that are not idle, as long as they change something. A
    sweep that gains no more than the share least_gain of what all before have gained is one that changes nothing.
    """
    cdef bint everything = True
    cdef double worst, total = 0
    find_steepness(m)
    while sweeps > 0:
        sweeps -= 1
        m.gain = 0
        worst = sweep(m, everything, aims)
        total += m.gain
        if worst > enough and m.gain > least_gain * total:
            everything = False
        elif everything:
            return sweeps
        else:
            everything = True
    return -1
