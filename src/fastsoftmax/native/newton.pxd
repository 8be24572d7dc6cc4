"""Proximal Newton by rows of a sparse X: the loss of softmax with a penalty, minimised over some of its parameters.

    F(u) = Σ_i m_i log Σ_k exp z_ik − ⟨y_i, z_i⟩ + ½ Σ_j l2_j ‖u_j‖² + Σ_j l1_j ‖u_j‖    z_i = o_i + Σ_j x_ij u_j

u_j are the weights of feature j for all classes; o_i holds the intercepts. ‖u_j‖ is the norm of absolute
values, within bounds if there are any, or the Euclidean norm.

At a point the loss is replaced by its quadratic model, which sweeps over the features lower. A step of a line search to
the model's minimum changes the logits by what is known, so it reads no X.
"""

from libc.math cimport exp, fabs, isfinite, log, sqrt
from libc.string cimport memcpy, memset

from .rows cimport Column, Rows, add_product, column_of, find_limits, find_slopes_at_b, fs_column_add, \
    fs_column_products, fs_column_slopes, is_zero, larger, may_move, norm, smaller, steepest, update

cdef extern from * nogil:
    """
    // Sweeps over a model end once what they would gain still is about LEFT times what they have, or at most NO_GAIN is
    // gained; also once no slope changes by more than LOOSE times the steepest before. At most MOST_SWEEPS for a model.
    #define LEFT 1e-2
    #define NO_GAIN 1e-6
    // Each fourth sweep that gains more than half of what the one before has is followed by a step along what it moved.
    #define EXTRAPOLATED 4
    #define CRAWLING 0.5
    #define MOST_SWEEPS 100
    #define LOOSE 0.1
    // A step must lower F by this share of what the slope promises; it is halved up to HALVINGS times.
    #define SUFFICIENT 1e-4
    #define HALVINGS 12
    // Less than this share of its curvature is left of a feature that is constant, where the intercepts follow; a
    // class that no sample can have gets as much.
    #define CONSTANT 1e-10
    """
    const int MOST_SWEEPS, HALVINGS, EXTRAPOLATED
    const double CRAWLING, LEFT, NO_GAIN, LOOSE, SUFFICIENT, CONSTANT


cdef inline void follow(Rows* m) noexcept nogil:
    """Find the inverse of the intercepts' Hessian, and their step to the model's minimum."""
    cdef:
        Column ones = column_of(m, -1)
        double* A = m.A
        double pivot, factor, spread = 0
        Py_ssize_t k, other, i
    memset(m.b_step, 0, m.width * sizeof(double))
    fs_column_products(m.C, A, m.P, m.mass, m.n_classes, m.n_vectors, ones.x, ones.rows, ones.n)
    for k in range(m.n_classes):
        spread = larger(spread, A[k * m.width + k])
    if spread == 0:
        return      # all probabilities are 0 or 1: nothing curves, and A is zero
    # A shift of all classes has no curvature; with some, slopes whose sum is zero lead to steps whose sum is zero. Nor
    # has a class that no sample can have.
    for k in range(m.n_classes):
        A[k * m.width + k] += CONSTANT * spread
        for other in range(m.n_classes):
            A[k * m.width + other] += spread
    # Gauss and Jordan's inversion in place: the matrix is positive definite, so pivots need no search.
    for i in range(m.n_classes):
        pivot = A[i * m.width + i]
        A[i * m.width + i] = 1
        for other in range(m.n_classes):
            A[i * m.width + other] /= pivot
        for k in range(m.n_classes):
            if k != i:
                factor = A[k * m.width + i]
                A[k * m.width + i] = 0
                for other in range(m.n_classes):
                    A[k * m.width + other] -= factor * A[i * m.width + other]
    fs_column_slopes(m.slopes, m.R, m.n_vectors, ones.x, ones.rows, ones.n)
    add_product(m, m.b_step, A, m.slopes, -1)


cdef inline void find_curvature(Rows* m, Py_ssize_t j) noexcept nogil:
    """Find what a feature has of the Hessian: Σ_i m_i x_ij² (diag(p_i) − p_i p_iᵀ) + l2_j I − Cᵀ A C."""
    cdef:
        double* H = m.H + j * m.n_classes * m.width
        double* C = m.C + j * m.n_classes * m.width
        Column c = column_of(m, j)
        Py_ssize_t k, other
    fs_column_products(H, C, m.P, m.mass, m.n_classes, m.n_vectors, c.x, c.rows, c.n)
    if m.ones != NULL:
        for k in range(m.n_classes):
            memset(m.aims, 0, m.width * sizeof(double))
            memset(m.step, 0, m.width * sizeof(double))
            add_product(m, m.aims, m.A, C + k * m.width, 1)
            add_product(m, m.step, C, m.aims, -1)
            for other in range(m.n_classes):
                if other != k:
                    H[k * m.width + other] += m.step[other]
            # What rounding leaves of a constant feature is no curvature.
            H[k * m.width + k] = larger(H[k * m.width + k] + m.step[k], CONSTANT * H[k * m.width + k])
    for k in range(m.n_classes):
        H[k * m.width + k] += m.l2[j]
        m.inverse[j * m.width + k] = 1 / H[k * m.width + k] if H[k * m.width + k] > 0 else 0


cdef inline void add_logits(Rows* m, const double* u, const double* w) noexcept nogil:
    """V = X (u − w), or X u without w."""
    cdef:
        Column c
        Py_ssize_t j, k, at
        bint moved
    memset(m.V, 0, m.n_rows * m.width * sizeof(double))
    for j in range(m.n_features):
        moved = False
        for k in range(m.n_classes):
            at = j * m.width + k
            m.step[k] = u[at] - (w[at] if w != NULL else 0)
            moved |= m.step[k] != 0
        if moved:
            c = column_of(m, j)
            fs_column_add(m.V, m.n_vectors, c.x, c.rows, c.n, m.step)


cdef inline bint aim_ahead(Rows* m, double* d, double t) noexcept nogil:
    """Make d, where u was, the way from there to u, but zero for entries that t times it would take to their ends.

    Features that are not awake have no weights, so that their d is zero already.
    """
    cdef:
        Py_ssize_t i, j, k, at
        double u, end
        bint any_left = False
    for i in range(m.n_awake):
        j = m.awake[i]
        find_limits(m, j)
        for k in range(m.n_classes):
            at = j * m.width + k
            u = m.u[at]
            d[at] = u - d[at]
            end = u + t * d[at]
            if m.l1[j] > 0 and u * end <= 0 or end < m.lowest[k] or end > m.highest[k]:
                d[at] = 0
            any_left |= d[at] != 0
    return any_left


cdef inline double extrapolate(Rows* m, double* d, double farthest) noexcept nogil:
    """Minimise the model along the way from where u was, d, to u, up to `farthest` times it; return how far it falls.

    The penalty is linear there, and the intercepts follow.
    """
    cdef:
        double slope = 0, curvature = 0, mean, t
        double* of_b = m.aims       # Σ_j C_j d_j
        double* follow_b = m.slopes
        Py_ssize_t i, j, k, at
    if not aim_ahead(m, d, farthest):
        return 0
    add_logits(m, d, NULL)
    memset(of_b, 0, m.width * sizeof(double))
    memset(follow_b, 0, m.width * sizeof(double))
    for i in range(m.n_awake):
        j = m.awake[i]
        for k in range(m.n_classes):
            at = j * m.width + k
            slope += d[at] * (m.l2[j] * m.u[at] + (m.l1[j] if m.u[at] > 0 else -m.l1[j]))
            curvature += m.l2[j] * d[at] * d[at]
        if m.ones != NULL:
            add_product(m, of_b, m.C + j * m.n_classes * m.width, d + j * m.width, 1)
    if m.ones != NULL:
        add_product(m, follow_b, m.A, of_b, -1)
        for k in range(m.n_classes):
            slope += of_b[k] * m.b_step[k]
            curvature += of_b[k] * follow_b[k]
    for i in range(m.n_rows):
        mean = 0
        for k in range(i * m.width, i * m.width + m.n_classes):
            mean += m.P[k] * m.V[k]
            slope += m.R[k] * m.V[k]
        for k in range(i * m.width, i * m.width + m.n_classes):
            m.V[k] -= mean
            curvature += m.mass[i] * m.P[k] * m.V[k] * m.V[k]
    if not (slope < 0 and curvature > 0):
        return 0
    t = smaller(-slope / curvature, farthest)
    for i in range(m.n_features * m.width):
        m.u[i] += t * d[i]
    for i in range(m.n_rows):
        for k in range(i * m.width, i * m.width + m.n_classes):
            m.R[k] += t * m.mass[i] * m.P[k] * m.V[k]
    if m.ones != NULL:
        for k in range(m.n_classes):
            m.b_step[k] += t * follow_b[k]
    return -t * (slope + 0.5 * t * curvature)


cdef inline void sweep_model(Rows* m, double enough, double* d) noexcept nogil:
    """Lower the model: after a sweep over the features that are awake come those over the ones that are not zero.

    The gains of sweeps fall about as a geometric series does, whose ratio the latest two tell, and steps about as its
    root. Where they crawl, the series of steps is added up by a step along the latest; d has room for it.
    """
    cdef:
        bint everything = True
        double worst, ratio, before = 0, total = 0
        Py_ssize_t i, j
        int _sweep
    for _sweep in range(MOST_SWEEPS):
        worst = 0
        m.gain = 0
        memcpy(d, m.u, m.n_features * m.width * sizeof(double))
        for i in range(m.n_awake):
            j = m.awake[i]
            if everything or m.l1[j] == 0 or not is_zero(m, j):
                worst = larger(worst, update(m, j))
        total += m.gain
        if m.gain <= NO_GAIN * total or (worst <= enough and everything):
            return
        if m.gain * m.gain <= LEFT * total * (before - m.gain):
            return
        everything = worst <= enough
        if not m.grouped and _sweep % EXTRAPOLATED == EXTRAPOLATED - 1 and CRAWLING * before < m.gain < before:
            ratio = sqrt(m.gain / before)
            total += extrapolate(m, d, 2 * ratio / (1 - ratio))
            before = 0
        else:
            before = m.gain


cdef inline void arrive(Rows* m, double t) noexcept nogil:
    """Take t times the step of the logits, which `loss_change` has been asked for, and make the model exact there."""
    cdef:
        Py_ssize_t i, k, at
    for i in range(m.n_rows):
        m.normalizer[i] = m.reached[i]
        for k in range(m.n_classes):
            at = i * m.width + k
            m.Z[at] += t * m.V[at]
            m.R[at] = m.mass[i] * m.P[at] - m.targets[at]


cdef inline double penalty_change(const Rows* m, const double* old, const double* new) noexcept nogil:
    """Both parts of the penalty at new less those at old, without the rounding of either."""
    cdef:
        double total = 0, a, b, squares
        Py_ssize_t j, k
    for j in range(m.n_features):
        squares = a = 0
        for k in range(j * m.width, j * m.width + m.n_classes):
            squares += (new[k] - old[k]) * (new[k] + old[k])
            a += fabs(new[k]) - fabs(old[k])
        if m.grouped:
            b = norm(new + j * m.width, m.n_classes) + norm(old + j * m.width, m.n_classes)
            a = squares / b if b > 0 else 0
        total += 0.5 * m.l2[j] * squares + m.l1[j] * a
    return total


cdef inline void look_ahead(Rows* m, Py_ssize_t i, double t) noexcept nogil:
    """Write the probabilities of a row at t times the step, and log Σ_k exp(z_ik + t v_ik)."""
    cdef:
        const double* z = m.Z + i * m.width
        const double* v = m.V + i * m.width
        double* p = m.P + i * m.width
        double top = z[0] + t * v[0], total = 0
        Py_ssize_t k
    for k in range(1, m.n_classes):
        top = larger(top, z[k] + t * v[k])
    for k in range(m.n_classes):
        p[k] = exp(z[k] + t * v[k] - top)
        total += p[k]
    m.reached[i] = top + log(total)
    for k in range(m.n_classes):
        p[k] /= total


cdef inline double loss_change(Rows* m, double t) noexcept nogil:
    """The loss at t times the step, less that without it; the probabilities become those there."""
    cdef:
        double total = 0, of_targets
        Py_ssize_t i, k
    for i in range(m.n_rows):
        look_ahead(m, i, t)
        if m.mass[i] > 0:
            of_targets = 0
            for k in range(i * m.width, i * m.width + m.n_classes):
                of_targets += m.targets[k] * m.V[k]
            total += m.mass[i] * (m.reached[i] - m.normalizer[i]) - t * of_targets
    return total


cdef inline double advance(Rows* m, double* trial) noexcept nogil:
    """Go from the start to the model's minimum at u, or a part of the way; return the change of F, 0 for no step."""
    cdef:
        double t = 1, slope = 0, change
        Py_ssize_t i, k, size = m.n_features * m.width
        Column ones
        int _trial
    add_logits(m, m.u, m.start)
    if m.ones != NULL:
        ones = column_of(m, -1)
        fs_column_add(m.V, m.n_vectors, ones.x, ones.rows, ones.n, m.b_step)
    for i in range(m.n_rows):
        for k in range(i * m.width, i * m.width + m.n_classes):
            slope += (m.mass[i] * m.P[k] - m.targets[k]) * m.V[k]
    slope += penalty_change(m, m.start, m.u)
    if not slope < 0:
        return 0
    memcpy(trial, m.u, size * sizeof(double))
    for _trial in range(HALVINGS):
        change = loss_change(m, t) + penalty_change(m, m.start, trial)
        if isfinite(change) and change <= SUFFICIENT * t * slope:
            memcpy(m.u, trial, size * sizeof(double))
            arrive(m, t)
            for k in range(m.n_classes):
                m.b[k] += t * m.b_step[k]
            m.trust = 2 * m.trust if t == 1 else larger(t, 1.0 / 16) * m.trust
            return change
        t *= 0.5
        for i in range(size):
            trial[i] = m.start[i] + t * (m.u[i] - m.start[i])
    return 0


cdef inline double steepest_of_all(Rows* m) noexcept nogil:
    """Largest entry of the least subgradient where the model is exact; finds which features are awake there."""
    cdef:
        Column ones
        double worst = 0
        Py_ssize_t j, k
    m.n_awake = 0
    for j in range(m.n_features):
        find_slopes_at_b(m, j)
        worst = larger(worst, steepest(m, j))
        if may_move(m, j):
            m.awake[m.n_awake] = j
            m.n_awake += 1
    if m.ones != NULL:
        ones = column_of(m, -1)
        fs_column_slopes(m.slopes, m.R, m.n_vectors, ones.x, ones.rows, ones.n)
        for k in range(m.n_classes):
            worst = larger(worst, fabs(m.slopes[k]))
    return worst


cdef inline double minimize_rows(Rows* m, double accuracy, Py_ssize_t most_steps, double* trial) noexcept nogil:
    """Minimise F until its subgradient is `accuracy` times that at the start; return how far F has changed.

    Z has the logits where all weights are zero, without the intercepts, and is brought up to date.
    """
    cdef:
        double worst, enough = -1, total = 0, change
        Py_ssize_t i, _step, size = m.n_features * m.width
        Column ones
    m.trust = 1
    add_logits(m, m.u, NULL)
    if m.ones != NULL:
        ones = column_of(m, -1)
        fs_column_add(m.V, m.n_vectors, ones.x, ones.rows, ones.n, m.b)
    loss_change(m, 1)
    arrive(m, 1)
    for _step in range(most_steps):
        worst = steepest_of_all(m)
        if enough < 0:
            enough = accuracy * worst
        if worst <= enough:
            break
        if m.ones != NULL:
            follow(m)
        for i in range(m.n_awake):
            find_curvature(m, m.awake[i])
        memcpy(m.start, m.u, size * sizeof(double))
        sweep_model(m, LOOSE * worst, trial)
        change = advance(m, trial)
        if change == 0:
            memcpy(m.u, m.start, size * sizeof(double))
            break
        total += change
    return total
