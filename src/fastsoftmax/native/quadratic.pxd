"""The minimum of a quadratic model whose B is a matrix, where sweeps of `coordinates.pxd` and Newton steps alternate.

A Newton step moves the entries near which the penalty has a gradient, all together. Entries stop where they change
their sign, or at their bounds; steps follow each other as long as some do. LAPACK factors B on these entries.
"""

from libc.math cimport INFINITY, fabs, fmax, fmin, isfinite, sqrt
from libc.string cimport memcpy, memset

from .coordinates cimport FLAT, Model, descend, fs_add_scaled, fs_product

cdef extern from * nogil:
    """
    // A Newton step costs as much as about n/6 sweeps of n coordinates: let some sweeps come first. 40 rounds of both
    // suffice.
    #define SWEEPS 8
    #define SWEEPS_SHARE 16
    #define ALTERNATIONS 40
    // Up to 100 Newton steps follow each other, as long as entries stop at their kinks: sweeps in between would crawl
    // where columns are nearly alike.
    #define STEPS 100
    // End if a round or step lowers Q by no more than this share of what all have: what is left is rounding.
    #define STALLED 1e-6
    // A step is whole, a quarter, … of itself, and at last what leads to the first kink.
    #define SHORTENINGS 4
    #define BEYOND (1 + 2.3e-16)
    // Raise the diagonal by this share of itself for a Newton step: shifts of all classes alike may have no curvature,
    // and the Gram matrices of float32 are rounded. Features in other units differ much: where one has no curvature of
    // its own, a small share of the largest serves.
    #define RIDGE 1e-6
    #define FLATTEST 1e-14
    """
    const Py_ssize_t SWEEPS, SWEEPS_SHARE
    const int ALTERNATIONS, STEPS, SHORTENINGS
    const double STALLED, BEYOND, RIDGE, FLATTEST

ctypedef void (*Factor)(char* triangle, int* n, double* A, int* lda, int* info) noexcept nogil
ctypedef void (*Solve)(char* triangle, int* n, int* n_right, double* A, int* lda, double* b, int* ldb,
                       int* info) noexcept nogil

cdef struct Quadratic:
    Model model
    const double* start         # (n,), w
    const double* grad          # (n,), at w
    double* aims                # (n,)
    double* least               # (n,), subgradient of least norm
    double* step                # (n,)
    double* moved               # (n,)
    double* change              # (n,), B (moved − u)
    double* solution            # (n,)
    double* factor              # (n, n)
    Py_ssize_t* free            # (n,), entries near which the penalty has a gradient
    Py_ssize_t n_free
    int* is_free                # (n,)
    int* is_flat                # (n_sets,), whether a shift of a set has no curvature
    Factor dpotrf
    Solve dpotrs


cdef inline Py_ssize_t first_of(const Model* m, Py_ssize_t block) noexcept nogil:
    """Where a block begins."""
    return block if m.blocks == NULL else m.blocks[block]


cdef inline double norm(const double* v, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The penalty's norm of a block, of one entry or more."""
    cdef double squares = 0
    cdef Py_ssize_t j
    if stop - start == 1:
        return fabs(v[start])
    for j in range(start, stop):
        squares += v[j] * v[j]
    return sqrt(squares)


cdef inline double penalty_change(const Model* m, const double* old, const double* new) noexcept nogil:
    """The penalty at new less that at old, without the rounding of either."""
    cdef double total = 0, squares, norms
    cdef Py_ssize_t c, j, start, stop
    for c in range(m.n_blocks):
        start, stop = first_of(m, c), first_of(m, c + 1)
        if m.l1[start] == 0:
            continue
        if stop - start == 1:
            total += m.l1[start] * (fabs(new[start]) - fabs(old[start]))
            continue
        squares, norms = 0, norm(new, start, stop) + norm(old, start, stop)
        for j in range(start, stop):
            squares += (new[j] - old[j]) * (new[j] + old[j])
        if norms > 0:
            total += m.l1[start] * squares / norms
    return total


cdef inline double find_least(Quadratic* q) noexcept nogil:
    """Write the subgradient of least norm; return its largest absolute entry."""
    cdef:
        Model* m = &q.model
        double worst = 0, size, slope_norm, excess, least
        Py_ssize_t c, j, start, stop
    for c in range(m.n_blocks):
        start, stop = first_of(m, c), first_of(m, c + 1)
        size = norm(m.u, start, stop)
        slope_norm = norm(m.grad, start, stop) if size == 0 else 0
        excess = fmax(0, 1 - m.l1[start] / slope_norm) if slope_norm > 0 else 0
        for j in range(start, stop):
            least = m.grad[j] + m.u[j] * (m.l1[j] / size) if size > 0 else m.grad[j] * excess
            if m.lower != NULL and (m.u[j] <= m.lower[j] and least > 0 or m.u[j] >= m.upper[j] and least < 0):
                least = 0
            q.least[j] = least
            worst = fmax(worst, fabs(least))
    return worst


cdef inline void find_free(Quadratic* q) noexcept nogil:
    """Find the entries near which the penalty has a gradient, and no bound is in the way of −least."""
    cdef:
        Model* m = &q.model
        Py_ssize_t c, j, start, stop
        bint smooth
    q.n_free = 0
    for c in range(m.n_blocks):
        start, stop = first_of(m, c), first_of(m, c + 1)
        smooth = m.l1[start] == 0 or norm(m.u, start, stop) > 0
        for j in range(start, stop):
            q.is_free[j] = smooth and (m.lower == NULL or m.lower[j] < m.u[j] < m.upper[j] or q.least[j] != 0)
            if q.is_free[j]:
                q.free[q.n_free] = j
                q.n_free += 1


cdef inline void add_norms(Quadratic* q) noexcept nogil:
    """Add the Hessians of the norms of blocks to the matrix to factor: l1 (I − û ûᵀ)/‖u‖, û = u/‖u‖."""
    cdef:
        Model* m = &q.model
        double size, scale
        Py_ssize_t c, i, j, start, stop, place = 0
    for c in range(m.n_blocks):
        start, stop = m.blocks[c], m.blocks[c + 1]
        if m.l1[start] == 0 or not q.is_free[start]:
            place += (stop - start) if q.is_free[start] else 0
            continue
        size = norm(m.u, start, stop)
        scale = m.l1[start] / size
        for i in range(stop - start):
            q.factor[(place + i) * (q.n_free + 1)] += scale
            for j in range(i + 1):
                q.factor[(place + i) * q.n_free + place + j] -= (
                    scale * (m.u[start + i] / size) * (m.u[start + j] / size))
        place += stop - start


cdef inline void unshift(Quadratic* q) noexcept nogil:
    """Take the shifts that have no curvature out of a step: rounding has made them."""
    cdef:
        Model* m = &q.model
        const Py_ssize_t* set
        double mean
        Py_ssize_t c, i
        bint whole
    for c in range(m.n_sets):
        if not q.is_flat[c]:
            continue
        set, whole, mean = m.sets + c * m.size, True, 0
        for i in range(m.size):
            whole &= q.is_free[set[i]]
            mean += q.step[set[i]] / m.size
        if whole:
            for i in range(m.size):
                q.step[set[i]] -= mean


cdef inline bint find_step(Quadratic* q) noexcept nogil:
    """Find the step to the minimum over the free entries; false if there is none."""
    cdef:
        Model* m = &q.model
        int n = <int> q.n_free, one = 1, info
        char upper = b"U"       # in LAPACK's order of columns the lower triangle of rows is the upper one
        const double* row
        double most = 0
        Py_ssize_t i, j
    if n == 0:
        return False
    for i in range(n):
        row = m.B + q.free[i] * m.n
        for j in range(i + 1):
            q.factor[i * n + j] = row[q.free[j]]
        q.solution[i] = q.least[q.free[i]]
    if m.blocks != NULL:
        add_norms(q)
    for i in range(n):
        most = fmax(most, q.factor[i * (n + 1)])
    for i in range(n):
        q.factor[i * (n + 1)] += RIDGE * fmax(q.factor[i * (n + 1)], FLATTEST * most)
    q.dpotrf(&upper, &n, q.factor, &n, &info)
    if info != 0:
        return False
    q.dpotrs(&upper, &n, &one, q.factor, &n, q.solution, &n, &info)
    memset(q.step, 0, m.n * sizeof(double))
    for i in range(n):
        q.step[q.free[i]] = -q.solution[i]
    unshift(q)
    return True


cdef inline bint move_toward(Quadratic* q, double t) noexcept nogil:
    """Write u + t · step to moved, but entries stop at their kinks; return whether none does."""
    cdef:
        Model* m = &q.model
        double u
        Py_ssize_t j
        bint whole = True
    for j in range(m.n):
        u = m.u[j] + t * q.step[j]
        if m.blocks == NULL and m.l1[j] > 0 and u * m.u[j] < 0:
            u = 0
        if m.lower != NULL:
            u = fmax(m.lower[j], fmin(u, m.upper[j]))
        q.moved[j] = u
        whole &= u == m.u[j] + q.step[j]
    return whole


cdef inline double first_kink(const Quadratic* q) noexcept nogil:
    """The smallest t > 0 at which an entry of u + t · step stops; infinity if none does."""
    cdef:
        const Model* m = &q.model
        double first = INFINITY, u, step, limit
        Py_ssize_t j
    if m.blocks != NULL:
        return first
    for j in range(m.n):
        u, step = m.u[j], q.step[j]
        if step == 0:
            continue
        if m.l1[j] > 0 and u * step < 0:
            first = fmin(first, -u / step)
        if m.lower != NULL:
            limit = ((m.upper[j] if step > 0 else m.lower[j]) - u) / step
            if limit > 0:
                first = fmin(first, limit)
    return first


cdef inline double gain_of_move(Quadratic* q) noexcept nogil:
    """Write B (moved − u), and return how far Q falls from u to moved; where that is not positive, stay."""
    cdef:
        Model* m = &q.model
        double total = 0
        Py_ssize_t j
    memset(q.change, 0, m.n * sizeof(double))
    for j in range(m.n):
        if q.moved[j] != m.u[j]:
            fs_add_scaled(q.change, m.B + j * m.n, q.moved[j] - m.u[j], m.n)
    for j in range(m.n):
        total += (m.grad[j] + 0.5 * q.change[j]) * (q.moved[j] - m.u[j])
    total = -(total + penalty_change(m, m.u, q.moved))
    if total > 0:
        memcpy(m.u, q.moved, m.n * sizeof(double))
        fs_add_scaled(m.grad, q.change, 1, m.n)
        return total
    return 0


cdef inline double newton_step(Quadratic* q, bint* whole_out) noexcept nogil:
    """Take a step to the minimum over the free entries, or a part of it; return how far Q falls, and which it was.

    A direction without curvature gives a step so long that all entries stop. As far as the first one does, Q falls.
    """
    cdef double gain, t = 1
    cdef int _trial
    whole_out[0] = True
    find_least(q)
    find_free(q)
    if not find_step(q):
        return 0
    for _trial in range(SHORTENINGS):
        whole_out[0] = move_toward(q, t)
        gain = gain_of_move(q)
        if gain > 0:
            return gain
        t *= 0.25
    t = first_kink(q)
    if t < 1:
        whole_out[0] = move_toward(q, t * BEYOND)
        gain = gain_of_move(q)
        if gain > 0:
            return gain
    whole_out[0] = True
    return 0


cdef inline void find_flat(Quadratic* q) noexcept nogil:
    """Find the sets whose shift has no curvature but rounding."""
    cdef:
        Model* m = &q.model
        const Py_ssize_t* set
        double total, own
        Py_ssize_t c, i, j
    for c in range(m.n_sets):
        set, total, own = m.sets + c * m.size, 0, 0
        for i in range(m.size):
            own += m.B[set[i] * (m.n + 1)]
            for j in range(m.size):
                total += m.B[set[i] * m.n + set[j]]
        q.is_flat[c] = total <= FLAT * own


cdef inline void center_shifts(Quadratic* q) noexcept nogil:
    """Of all shifts of a set that change nothing, as those of the intercepts, take that of least norm."""
    cdef:
        Model* m = &q.model
        const Py_ssize_t* set
        double mean
        Py_ssize_t c, i, j
        bint bound
    for c in range(m.n_sets):
        set, bound, mean = m.sets + c * m.size, not q.is_flat[c], 0
        for i in range(m.size):
            j = set[i]
            bound |= m.l1[j] > 0 or m.lower != NULL and (isfinite(m.lower[j]) or isfinite(m.upper[j]))
            mean += (m.u[j] - q.start[j]) / m.size
        if not bound:
            for i in range(m.size):
                m.u[set[i]] -= mean


cdef inline double fall(const Quadratic* q) noexcept nogil:
    """How far Q has fallen from w to u."""
    cdef const Model* m = &q.model
    cdef double total = 0
    cdef Py_ssize_t j
    for j in range(m.n):
        total += 0.5 * (q.grad[j] + m.grad[j]) * (m.u[j] - q.start[j])
    return -(total + penalty_change(m, q.start, m.u))


cdef inline double minimize_quadratic(Quadratic* q, double accuracy) noexcept nogil:
    """Go to where the subgradient is `accuracy` times that at w, or only rounding is left; return how far Q falls."""
    cdef:
        Model* m = &q.model
        double enough, fallen = 0, before, total, gain
        Py_ssize_t sweeps = SWEEPS + m.n // SWEEPS_SHARE
        int _round, _step
        bint whole
    find_flat(q)
    enough = accuracy * find_least(q)
    for _round in range(ALTERNATIONS):
        if descend(m, enough, 0, sweeps, q.aims) >= 0 and find_least(q) <= enough:
            break
        total = 0
        for _step in range(STEPS):
            gain = newton_step(q, &whole)
            total += gain
            if whole or gain <= STALLED * total:
                break
        before = fallen
        fallen = fall(q)
        if not fallen > before * (1 + STALLED):
            break
    fallen = fall(q)
    center_shifts(q)
    return fallen
