"""The model of proximal Newton by rows of a sparse X, and how it is minimised over the weights of one feature.

`newton.pxd` tells what is minimised. At a point the loss is replaced by its quadratic model. r_i, its gradient by z_i,
follows each change, and all slopes of a feature are made of it. The K × K part of the Hessian that belongs to a feature
is at hand, so that its weights are minimised over together, and the intercepts with them: these stay at their minimum
for all other parameters, as if the features were centred. What the intercepts change is not written to the rows before
the end, for a feature needs only its own K × K part of it.
"""

from libc.math cimport fabs, sqrt
from libc.string cimport memcpy, memset

cdef extern from * nogil:
    """
    // Within a feature, up to ROUNDS rounds over its classes, until none changes a slope by more than ROUND_SHARE of
    // what the first has.
    #define ROUNDS 2
    #define ROUND_SHARE 0.1
    // A rest of a step below this share of it is rounding.
    #define REST 1e-14
    // A feature without weights takes part in a step if its slopes are more than this share of the penalty.
    #define AWAKE 0.8
    """
    const int ROUNDS
    const double ROUND_SHARE, REST, AWAKE

cdef extern from "columns.h" nogil:
    const Py_ssize_t FS_LANES
    void fs_add_product(double* out, const double* M, const double* v, double factor, Py_ssize_t n_classes,
                        Py_ssize_t n_vectors)
    double fs_classes_round(double* aims, double* slopes, const double* H, const double* inverse, double l1,
                            const double* lower, const double* upper, Py_ssize_t n_classes, Py_ssize_t n_vectors,
                            double* gain)
    void fs_column_slopes(double* out, const double* R, Py_ssize_t n_vectors, const double* x, const Py_ssize_t* rows,
                          Py_ssize_t n)
    void fs_column_move(double* R, const double* P, const double* mass, Py_ssize_t n_vectors, const double* x,
                        const Py_ssize_t* rows, Py_ssize_t n, const double* step)
    void fs_column_add(double* Z, Py_ssize_t n_vectors, const double* x, const Py_ssize_t* rows, Py_ssize_t n,
                       const double* step)
    void fs_column_products(double* H, double* C, const double* P, const double* mass, Py_ssize_t n_classes,
                            Py_ssize_t n_vectors, const double* x, const Py_ssize_t* rows, Py_ssize_t n)

cdef struct Rows:
    Py_ssize_t n_rows
    Py_ssize_t n_classes
    Py_ssize_t n_vectors        # of FS_LANES numbers, that hold all classes
    Py_ssize_t width            # n_vectors FS_LANES
    Py_ssize_t n_features
    const double* values        # of X, column by column
    const Py_ssize_t* rows      # of each value, or NULL where each column has one for each row
    const Py_ssize_t* indptr    # (n_features + 1,), where each column begins
    const double* ones          # (n_rows,), the column of the intercepts, or NULL without these
    const double* mass          # (n_rows,)
    const double* targets       # (n_rows, width), y_i
    double* Z                   # (n_rows, width)
    double* P                   # (n_rows, width), probabilities
    double* R                   # (n_rows, width), gradient of the model by the logits
    double* V                   # (n_rows, width), change of the logits by a step
    double* normalizer          # (n_rows,), log Σ_k exp z_ik
    double* reached             # (n_rows,), the same after a part of the step
    double* H                   # (n_features, n_classes, width), the Hessian where the intercepts follow
    double* inverse             # (n_features, width), of the diagonals of H
    double* C                   # (n_features, n_classes, width), its part between a feature and the intercepts
    double* A                   # (n_classes, width), inverse of the intercepts' own part
    double* b                   # (width,), the intercepts
    double* b_step              # (width,), their change by a step
    double* u                   # (n_features, width)
    double* start               # (n_features, width), where the model is exact
    Py_ssize_t* awake           # (n_awake,), the features that a step may move, ascending
    Py_ssize_t n_awake
    const double* l1            # (n_features,)
    const double* l2            # (n_features,)
    const double* lower         # (n_features, width), or NULL as is
    const double* upper
    const double* far           # (n_features,): a step by a model changes no weight by more than trust times this
    double trust
    bint grouped                # Euclidean norms, which have no bounds
    double* slopes              # (width,)
    double* aims                # (width,)
    double* step                # (width,)
    double* lowest              # (width,), of the aims
    double* highest             # (width,)
    double gain                 # what a sweep has lowered the model by, about


cdef inline double larger(double a, double b) noexcept nogil:
    """The larger of two numbers, as one instruction, which a call of C's fmax is not."""
    return a if a > b else b


cdef inline double smaller(double a, double b) noexcept nogil:
    return a if a < b else b


cdef struct Column:
    const double* x
    const Py_ssize_t* rows
    Py_ssize_t n


cdef inline Column column_of(const Rows* m, Py_ssize_t j) noexcept nogil:
    """The values of a feature; −1 is that of the intercepts."""
    cdef Column column
    if j < 0:
        column.x, column.rows, column.n = m.ones, NULL, m.n_rows
    else:
        column.x, column.n = m.values + m.indptr[j], m.indptr[j + 1] - m.indptr[j]
        column.rows = m.rows
        if m.rows != NULL:
            column.rows += m.indptr[j]
    return column


cdef inline void add_product(const Rows* m, double* out, const double* matrix, const double* v,
                             double factor) noexcept nogil:
    """out += factor · matrix · v, the matrix being symmetric, (n_classes, width)."""
    fs_add_product(out, matrix, v, factor, m.n_classes, m.n_vectors)


cdef inline void find_slopes_at_b(Rows* m, Py_ssize_t j) noexcept nogil:
    """Write the slopes of the model's smooth part at u, of one feature, where the intercepts do not follow."""
    cdef Column c = column_of(m, j)
    cdef Py_ssize_t k
    fs_column_slopes(m.slopes, m.R, m.n_vectors, c.x, c.rows, c.n)
    for k in range(m.n_classes):
        m.slopes[k] += m.l2[j] * m.u[j * m.width + k]


cdef inline void find_slopes(Rows* m, Py_ssize_t j) noexcept nogil:
    """Write the same where they do."""
    find_slopes_at_b(m, j)
    if m.ones != NULL:
        add_product(m, m.slopes, m.C + j * m.n_classes * m.width, m.b_step, 1)


cdef inline bint is_zero(const Rows* m, Py_ssize_t j) noexcept nogil:
    """Whether the weights of a feature are all zero."""
    cdef Py_ssize_t k
    for k in range(m.n_classes):
        if m.u[j * m.width + k] != 0:
            return False
    return True


cdef inline double norm(const double* v, Py_ssize_t n) noexcept nogil:
    cdef double squares = 0
    cdef Py_ssize_t k
    for k in range(n):
        squares += v[k] * v[k]
    return sqrt(squares)


cdef inline double steepest(const Rows* m, Py_ssize_t j) noexcept nogil:
    """Largest entry of the least subgradient of a feature, whose slopes are known."""
    cdef:
        double most = 0, least, size, slope_norm
        const double* u = m.u + j * m.width
        Py_ssize_t k
    if m.grouped:
        size, slope_norm = norm(u, m.n_classes), norm(m.slopes, m.n_classes)
        for k in range(m.n_classes):
            if size > 0:
                least = m.slopes[k] + m.l1[j] * u[k] / size
            else:
                least = m.slopes[k] * larger(0, 1 - m.l1[j] / slope_norm) if slope_norm > 0 else 0
            most = larger(most, fabs(least))
        return most
    for k in range(m.n_classes):
        if u[k] != 0:
            least = m.slopes[k] + (m.l1[j] if u[k] > 0 else -m.l1[j])
        else:
            least = m.slopes[k] - larger(-m.l1[j], smaller(m.slopes[k], m.l1[j]))
        if m.lower != NULL and (u[k] <= m.lower[j * m.width + k] and least > 0
                                or u[k] >= m.upper[j * m.width + k] and least < 0):
            continue
        most = larger(most, fabs(least))
    return most


cdef inline bint may_move(const Rows* m, Py_ssize_t j) noexcept nogil:
    """Whether a feature, whose slopes are known, has weights or is near to getting some."""
    cdef double limit = AWAKE * m.l1[j]
    cdef Py_ssize_t k
    if m.l1[j] == 0 or not is_zero(m, j):
        return True
    if m.grouped:
        return norm(m.slopes, m.n_classes) > limit
    for k in range(m.n_classes):
        if fabs(m.slopes[k]) > limit:
            return True
    return False


cdef inline void find_limits(Rows* m, Py_ssize_t j) noexcept nogil:
    """Write the least and the largest values that a step may give the weights of a feature."""
    cdef double far = m.trust * m.far[j]
    cdef Py_ssize_t k, at = j * m.width
    for k in range(m.n_classes):
        m.lowest[k] = m.start[at + k] - far
        m.highest[k] = m.start[at + k] + far
        if m.lower != NULL:
            m.lowest[k] = larger(m.lowest[k], m.lower[at + k])
            m.highest[k] = smaller(m.highest[k], m.upper[at + k])


cdef inline void shift(Rows* m, Py_ssize_t j) noexcept nogil:
    """Minimise over a shift of all classes of a feature alike: only the penalty curves there."""
    cdef:
        double steepness = m.n_classes * m.l2[j], l1 = m.l1[j], total = 0, up, down, sign, way, step, u
        Py_ssize_t k, _round
    if steepness == 0 and l1 == 0:
        return      # it changes nothing
    for k in range(m.n_classes):
        total += m.slopes[k]
    for _round in range(m.n_classes + 1):
        up, down = total, -total
        for k in range(m.n_classes):
            up += l1 if m.aims[k] >= 0 else -l1
            down += l1 if m.aims[k] <= 0 else -l1
        # What is left may be the rounding of a sum of penalties.
        if up >= -REST * m.n_classes * l1 and down >= -REST * m.n_classes * l1:
            return
        sign = 1 if up < 0 else -1
        step = -smaller(up, down) / steepness if steepness > 0 else m.trust * m.far[j]
        way = step
        for k in range(m.n_classes):
            u = m.aims[k]
            if u * sign < 0 and l1 > 0:
                way = smaller(way, fabs(u))
            way = smaller(way, m.highest[k] - u if sign > 0 else u - m.lowest[k])
        if not way > 0:
            return
        for k in range(m.n_classes):
            u = m.aims[k] + sign * way
            m.aims[k] = 0 if fabs(u) <= REST * way and l1 > 0 else u
            m.slopes[k] += sign * way * m.l2[j]
        total += sign * way * steepness
        if way == step:
            return


cdef inline double as_group(Rows* m, Py_ssize_t j) noexcept nogil:
    """Take a proximal step of a feature by a bound of its Hessian, into aims; return the largest change of a slope."""
    cdef:
        const double* H = m.H + j * m.n_classes * m.width
        double bound = 0, total, size, shrink, change, worst = 0
        Py_ssize_t k, other
    for k in range(m.n_classes):
        total = 0
        for other in range(m.n_classes):
            total += fabs(H[k * m.width + other])
        bound = larger(bound, total)
    if bound <= 0:
        if norm(m.slopes, m.n_classes) <= m.l1[j]:
            memset(m.aims, 0, m.width * sizeof(double))
        return 0
    for k in range(m.n_classes):
        m.step[k] = m.aims[k] - m.slopes[k] / bound
    size = norm(m.step, m.n_classes)
    shrink = larger(0, 1 - m.l1[j] / (bound * size)) if size > 0 else 0
    for k in range(m.n_classes):
        change = m.step[k] * shrink - m.aims[k]
        m.aims[k] = m.step[k] * shrink
        m.step[k] = change
        m.gain += 0.5 * bound * change * change
        worst = larger(worst, fabs(change) * bound)
    add_product(m, m.slopes, H, m.step, 1)
    return worst


cdef inline void move(Rows* m, Py_ssize_t j) noexcept nogil:
    """Go to the aims of a feature, and let the model's gradient and the intercepts follow."""
    cdef:
        Column c
        double* u = m.u + j * m.width
        Py_ssize_t k
        bint moved = False
    for k in range(m.n_classes):
        m.step[k] = m.aims[k] - u[k]
        moved |= m.step[k] != 0
        u[k] = m.aims[k]
    if not moved:
        return
    c = column_of(m, j)
    fs_column_move(m.R, m.P, m.mass, m.n_vectors, c.x, c.rows, c.n, m.step)
    if m.ones != NULL:
        memset(m.slopes, 0, m.width * sizeof(double))
        add_product(m, m.slopes, m.C + j * m.n_classes * m.width, m.step, 1)
        add_product(m, m.b_step, m.A, m.slopes, -1)


cdef inline double update(Rows* m, Py_ssize_t j) noexcept nogil:
    """Minimise the model over the weights of a feature; return the largest change of a slope."""
    cdef double first = 0, worst
    cdef int _round
    find_slopes(m, j)
    if steepest(m, j) == 0:
        return 0
    memcpy(m.aims, m.u + j * m.width, m.n_classes * sizeof(double))
    find_limits(m, j)
    for _round in range(ROUNDS):
        if m.grouped and m.l1[j] > 0:
            worst = as_group(m, j)
        else:
            worst = fs_classes_round(m.aims, m.slopes, m.H + j * m.n_classes * m.width, m.inverse + j * m.width,
                                     m.l1[j], m.lowest, m.highest, m.n_classes, m.n_vectors, &m.gain)
            shift(m, j)
        first = larger(first, worst)
        if worst <= ROUND_SHARE * first:
            break
    move(m, j)
    return first
