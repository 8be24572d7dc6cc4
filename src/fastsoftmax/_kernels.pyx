"""The innermost loop of softmax regression: logits, stable softmax, residual and gradient, in one pass over X.

For a sample x_i with target y_i, weight s_i and offset o_i:

    logits         z_ik = Σ_j W_kj x_ij + b_k + o_ik
    probabilities  p_ik = exp(z_ik − m_i) / Σ_k exp(z_ik − m_i)      m_i = max_k z_ik, so that nothing overflows
    loss           L_i  = logΣ_k exp(z_ik) · Σ_k y_ik − Σ_k y_ik z_ik
    residual       r_ik = ∂L_i/∂z_ik = p_ik Σ_k y_ik − y_ik          for a hard label: softmax(z_i) − δ
    gradient       ∂L/∂W_kj = Σ_i s_i r_ik x_ij,   ∂L/∂b_k = Σ_i s_i r_ik

The samples are worked on in tiles that stay in the second-level cache: X is read from memory once, and the n × K matrix
of logits never exists. Inside a tile, logits are stored transposed, (n_classes, rows), so that loops over samples
vectorise for any number of classes.

The samples are cut into slots by the problem's shape alone. Each slot sums into its own memory, and the slots are added
in order: the answer is the same, bit for bit, on any number of threads. Sums of many rows are kept in float64, since a
float32 sum of n terms loses what a solver needs to converge.

The `def` functions are the border: typed memoryviews come in, of any strides, and everything inside is plain pointers,
sizes and strides in elements, without the GIL. An absent argument is a null pointer through the same loop. Outputs are
the caller's, end in `_out` and come first, inputs follow, sizes are last.

Indices, always: i sample, k class, j feature.
"""

from cython.parallel cimport prange, threadid
from libc.math cimport INFINITY
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from ._layout cimport (
    FLUSH_ROWS, Matrix, Shape, Targets, allocate, bind, cut, lines, pack_parameters, packed_feature, strided,
)
from ._simd cimport (
    fs_active, fs_simd_activate, fs_simd_available, fs_simd_compiled,
    lanes_of, real, shifted_exp, tile_gradient, tile_logits, vector_log1p,
)

import os

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #define fs_max_threads() omp_get_max_threads()
    #else
    #define fs_max_threads() 1
    #endif
    """
    int fs_max_threads() nogil

cdef enum:
    WORK_ROWS = 4       # vectors over a tile's samples that `residual` needs beside the logits


# ---------------------------------------------------------------------------------------------------------------------
# One tile
# ---------------------------------------------------------------------------------------------------------------------

cdef void pack_rows(real* x_out, Matrix X, Py_ssize_t start, Py_ssize_t rows, Shape* shape) noexcept nogil:
    """Copy samples of any strides to (rows, tile_features), zeros beyond n_features."""
    cdef const real* x = <const real*> X.data + start * X.row
    cdef Py_ssize_t i, j
    for j in range(shape.n_features):
        for i in range(rows):
            x_out[i * shape.tile_features + j] = x[i * X.row + j * X.column]
    for j in range(shape.n_features, shape.tile_features):
        for i in range(rows):
            x_out[i * shape.tile_features + j] = 0


cdef void logits_of_samples(real* z_out, const real** x_out, Py_ssize_t* ldx_out, real* packed, Matrix X, const real* W,
                            const real* b, Py_ssize_t start, Py_ssize_t rows, Shape* shape) noexcept nogil:
    """z_i = W x_i + b; the tile is read where it lies if a row is one vector or more, else from a packed copy."""
    if X.column == 1 and shape.tile_features == shape.n_features:
        x_out[0] = <const real*> X.data + start * X.row
        ldx_out[0] = X.row
    else:
        pack_rows(packed, X, start, rows, shape)
        x_out[0] = packed
        ldx_out[0] = shape.tile_features
    tile_logits(z_out, x_out[0], W, b, rows, shape.n_classes, shape.tile_features, ldx_out[0], shape.tile_rows)


cdef void add_rows(real* z_inout, Matrix matrix, real factor, Py_ssize_t start, Py_ssize_t rows,
                   Shape* shape) noexcept nogil:
    """z_ik += factor · matrix_ik: from samples × classes to the tile's classes × samples."""
    cdef const real* a = <const real*> matrix.data + start * matrix.row
    cdef Py_ssize_t i, k
    for k in range(shape.n_classes):
        for i in range(rows):
            z_inout[k * shape.tile_rows + i] += factor * a[i * matrix.row + k * matrix.column]


cdef void load_rows(real* z_out, Matrix matrix, Py_ssize_t start, Py_ssize_t rows, Shape* shape) noexcept nogil:
    """z_ik = matrix_ik."""
    memset(z_out, 0, shape.n_classes * shape.tile_rows * sizeof(real))
    add_rows(z_out, matrix, <real> 1, start, rows, shape)


cdef void store_rows(Matrix matrix_out, const real* z, Py_ssize_t start, Py_ssize_t rows, Shape* shape) noexcept nogil:
    """matrix_ik = z_ik."""
    cdef real* a = <real*> matrix_out.data + start * matrix_out.row
    cdef Py_ssize_t i, k
    for i in range(rows):
        for k in range(shape.n_classes):
            a[i * matrix_out.row + k * matrix_out.column] = z[k * shape.tile_rows + i]


cdef void row_maximum(real* peak_out, const real* z, Py_ssize_t rows, Shape* shape) noexcept nogil:
    """m_i = max_k z_ik."""
    cdef const real* z_k
    cdef Py_ssize_t i, k
    memcpy(peak_out, z, rows * sizeof(real))
    for k in range(1, shape.n_classes):
        z_k = z + k * shape.tile_rows
        for i in range(rows):
            peak_out[i] = z_k[i] if z_k[i] > peak_out[i] else peak_out[i]


cdef void exponentials(real* z_inout, real* total_out, const real* peak, Shape* shape) noexcept nogil:
    """z_ik = exp(z_ik − m_i), total_i = Σ_k z_ik."""
    cdef Py_ssize_t k
    memset(total_out, 0, shape.tile_rows * sizeof(real))
    for k in range(shape.n_classes):
        shifted_exp(z_inout + k * shape.tile_rows, total_out, peak, shape.tile_rows)


cdef double label_residual(real* z_inout, real* work, const Py_ssize_t* labels, const double* sample_weight,
                           Py_ssize_t rows, Shape* shape) noexcept nogil:
    """Turn logits into s_i r_ik for hard labels and return Σ_i s_i L_i.

    With y the label and e_k = exp(z_k − m), the sum over the OTHER classes is kept apart:

        L = (m − z_y) + log1p(Σ_{k≠y} e_k + (e_y − 1)),     r_y = −Σ_{k≠y} e_k / Σ_k e_k

    Where the label has the largest logit, e_y is 1 exactly, and neither 1 + small nor p_y − 1 is ever rounded: a loss
    of 1e-20 has all its digits.
    """
    cdef:
        Py_ssize_t ldz = shape.tile_rows
        real* peak = work
        real* total = work + ldz
        real* others = work + 2 * ldz
        real* label_exp = work + 3 * ldz
        real* log_total = peak
        real* coefficient = total
        double loss = 0, weight
        Py_ssize_t i, k
    row_maximum(peak, z_inout, rows, shape)
    for i in range(rows):
        weight = sample_weight[i] if sample_weight != NULL else 1
        label_exp[i] = z_inout[labels[i] * ldz + i]
        z_inout[labels[i] * ldz + i] = -INFINITY
        loss += weight * (peak[i] - label_exp[i])
    exponentials(z_inout, others, peak, shape)
    memcpy(total, others, ldz * sizeof(real))
    shifted_exp(label_exp, total, peak, ldz)
    for i in range(ldz):
        log_total[i] = others[i] + (label_exp[i] - 1)
    vector_log1p(log_total, ldz)
    for i in range(rows):
        weight = sample_weight[i] if sample_weight != NULL else 1
        loss += weight * log_total[i]
        coefficient[i] = <real> weight / total[i]
    for k in range(shape.n_classes):
        for i in range(rows):
            z_inout[k * ldz + i] *= coefficient[i]
    for i in range(rows):
        z_inout[labels[i] * ldz + i] = -others[i] * coefficient[i]
    return loss


cdef double target_residual(real* z_inout, real* work, Matrix targets, const double* sample_weight, Py_ssize_t start,
                            Py_ssize_t rows, Shape* shape) noexcept nogil:
    """Turn logits into s_i r_ik for rows of target probabilities or counts y_i and return Σ_i s_i L_i.

    L = Σ_k y_k (m − z_k) + Σ_k y_k · log Σ_k exp(z_k − m): no term is negative, so none cancels another.
    """
    cdef:
        Py_ssize_t ldz = shape.tile_rows
        const real* y = <const real*> targets.data + start * targets.row
        real* peak = work
        real* total = work + ldz
        real* mass = work + 2 * ldz
        real* weight = work + 3 * ldz
        real* log_total = peak
        real* coefficient = total
        double loss = 0
        real y_ik
        Py_ssize_t i, k
    row_maximum(peak, z_inout, rows, shape)
    for i in range(rows):
        weight[i] = <real> sample_weight[i] if sample_weight != NULL else 1
        mass[i] = 0
    for k in range(shape.n_classes):
        for i in range(rows):
            y_ik = y[i * targets.row + k * targets.column]
            mass[i] += y_ik
            # A class ruled out by a logit of −∞ costs nothing where its target is zero: 0 · ∞ = 0 here.
            if y_ik != 0:
                loss += <double> weight[i] * y_ik * (peak[i] - z_inout[k * ldz + i])
    exponentials(z_inout, total, peak, shape)
    for i in range(ldz):
        log_total[i] = total[i] - 1
    vector_log1p(log_total, ldz)
    for i in range(rows):
        loss += <double> weight[i] * mass[i] * log_total[i]
        coefficient[i] = weight[i] * mass[i] / total[i]
    for k in range(shape.n_classes):
        for i in range(rows):
            z_inout[k * ldz + i] = (z_inout[k * ldz + i] * coefficient[i]
                                    - weight[i] * y[i * targets.row + k * targets.column])
    return loss


cdef inline double residual(real* z_inout, real* work, Targets* targets, Py_ssize_t start, Py_ssize_t rows,
                            Shape* shape) noexcept nogil:
    """Turn logits into s_i r_i and return Σ_i s_i L_i; work holds WORK_ROWS · tile_rows elements."""
    cdef const double* sample_weight = NULL
    if targets.sample_weight != NULL:
        sample_weight = targets.sample_weight + start
    if targets.labels != NULL:
        return label_residual(z_inout, work, targets.labels + start, sample_weight, rows, shape)
    return target_residual(z_inout, work, targets.rows, sample_weight, start, rows, shape)


# ---------------------------------------------------------------------------------------------------------------------
# One slot: the loop over tiles
# ---------------------------------------------------------------------------------------------------------------------

cdef void flush(double* grad_inout, real* block_inout, Shape* shape) noexcept nogil:
    """Move a block of gradient sums to the slot's float64 and start the next from zero."""
    cdef Py_ssize_t j, k
    for k in range(shape.n_classes):
        for j in range(shape.n_features):
            grad_inout[k * shape.n_features + j] += block_inout[k * shape.width + packed_feature(j, shape)]
    memset(block_inout, 0, shape.n_classes * shape.width * sizeof(real))


cdef double slot_loss_grad(double* grad_W_inout, double* grad_b_inout, real* scratch, Matrix X, const real* W,
                           const real* b, Targets* targets, Matrix offset, Py_ssize_t start, Py_ssize_t stop,
                           Shape* shape) noexcept nogil:
    """Add Σ_i s_i ∂L_i of the samples [start, stop) to the slot's gradient and return Σ_i s_i L_i."""
    cdef:
        real* z = scratch
        real* work = z + shape.n_classes * shape.tile_rows
        real* block = work + WORK_ROWS * shape.tile_rows
        real* packed = block + shape.n_classes * shape.width
        const real* x
        double loss = 0, total
        Py_ssize_t ldx, rows, unflushed = 0, i, k
    memset(block, 0, shape.n_classes * shape.width * sizeof(real))
    while start < stop:
        rows = min(shape.tile_rows, stop - start)

        # logits: z_i = W x_i + b + o_i
        logits_of_samples(z, &x, &ldx, packed, X, W, b, start, rows, shape)
        if offset.data != NULL:
            add_rows(z, offset, <real> 1, start, rows, shape)

        # stable softmax, loss, residual: z_i becomes s_i r_i = s_i (softmax(z_i) Σ_k y_ik − y_i)
        loss += residual(z, work, targets, start, rows, shape)

        # gradient: ∂L/∂W += Σ_i s_i r_i x_iᵀ and ∂L/∂b += Σ_i s_i r_i
        tile_gradient(block, x, z, rows, shape.n_classes, shape.tile_features, ldx, shape.tile_rows)
        for k in range(shape.n_classes):
            total = 0
            for i in range(rows):
                total += z[k * shape.tile_rows + i]
            grad_b_inout[k] += total

        start += rows
        unflushed += rows
        if unflushed >= FLUSH_ROWS:
            flush(grad_W_inout, block, shape)
            unflushed = 0
    flush(grad_W_inout, block, shape)
    return loss


cdef void slot_logits(Matrix logits_out, real* scratch, Matrix X, const real* W, const real* b, Py_ssize_t start,
                      Py_ssize_t stop, Shape* shape) noexcept nogil:
    """Write the logits of the samples [start, stop)."""
    cdef:
        real* z = scratch
        real* packed = z + shape.n_classes * shape.tile_rows
        const real* x
        Py_ssize_t ldx, rows
    while start < stop:
        rows = min(shape.tile_rows, stop - start)
        logits_of_samples(z, &x, &ldx, packed, X, W, b, start, rows, shape)
        store_rows(logits_out, z, start, rows, shape)
        start += rows


cdef void slot_softmax(Matrix out, real* scratch, Matrix logits, bint log, Py_ssize_t start, Py_ssize_t stop,
                       Shape* shape) noexcept nogil:
    """Write softmax(z_i) = exp(z_ik − m_i) / Σ_k exp(z_ik − m_i), or its logarithm; out may be logits itself."""
    cdef:
        real* z = scratch
        real* peak = z + shape.n_classes * shape.tile_rows
        real* total = peak + shape.tile_rows
        Py_ssize_t ldz = shape.tile_rows, rows, i, k
    while start < stop:
        rows = min(shape.tile_rows, stop - start)
        load_rows(z, logits, start, rows, shape)
        row_maximum(peak, z, rows, shape)
        exponentials(z, total, peak, shape)
        if log:
            for i in range(ldz):
                total[i] -= 1
            vector_log1p(total, ldz)
            load_rows(z, logits, start, rows, shape)
            for k in range(shape.n_classes):
                for i in range(rows):
                    z[k * ldz + i] = (z[k * ldz + i] - peak[i]) - total[i]
        else:
            for k in range(shape.n_classes):
                for i in range(rows):
                    z[k * ldz + i] /= total[i]
        store_rows[real](out, z, start, rows, shape)
        start += rows


cdef double slot_cross_entropy(double* slope_out, Matrix residual_out, real* scratch, Matrix logits, Matrix direction,
                               double step, Targets* targets, Py_ssize_t start, Py_ssize_t stop,
                               Shape* shape) noexcept nogil:
    """Return Σ_i s_i L_i at the logits z + t d; write s_i r_i and the slope Σ_i s_i ⟨r_i, d_i⟩ where asked for."""
    cdef:
        real* z = scratch
        real* work = z + shape.n_classes * shape.tile_rows
        const real* d
        double loss = 0, slope = 0
        Py_ssize_t rows, i, k
    while start < stop:
        rows = min(shape.tile_rows, stop - start)
        load_rows(z, logits, start, rows, shape)
        if direction.data != NULL:
            add_rows(z, direction, <real> step, start, rows, shape)
        loss += residual(z, work, targets, start, rows, shape)
        if direction.data != NULL:
            d = <const real*> direction.data + start * direction.row
            for i in range(rows):
                for k in range(shape.n_classes):
                    slope += <double> z[k * shape.tile_rows + i] * d[i * direction.row + k * direction.column]
        if residual_out.data != NULL:
            store_rows[real](residual_out, z, start, rows, shape)
        start += rows
    slope_out[0] = slope
    return loss


# ---------------------------------------------------------------------------------------------------------------------
# The border. Nothing is checked here but memory: shapes agree, no array is empty, labels are in [0, n_classes).
# ---------------------------------------------------------------------------------------------------------------------

def loss_grad(double[:, ::1] grad_W_out, double[::1] grad_b_out, const real[:, :] X, const real[:, :] W,
              const real[:] b, const Py_ssize_t[::1] labels, const real[:, :] targets,
              const double[::1] sample_weight, const real[:, :] offset, int num_threads):
    """Write Σ_i s_i ∂L_i/∂W and Σ_i s_i ∂L_i/∂b and return Σ_i s_i L_i: one pass over X.

    Either labels (n_samples,) or targets (n_samples, n_classes) is given and the other is None; sample_weight and
    offset may be None.
    """
    cdef:
        Shape shape = cut(X.shape[0], X.shape[1], W.shape[0], lanes_of(<real*> NULL), sizeof(real))
        Matrix X_view = strided(X), offset_view = strided(offset)
        Targets bound = bind(labels, targets, sample_weight)
        Py_ssize_t n_samples = X.shape[0], n_weights = shape.n_classes * shape.n_features
        Py_ssize_t parameter_bytes = lines(shape.n_classes * (shape.width + 1) * sizeof(real))
        Py_ssize_t slot_bytes = lines((n_weights + shape.n_classes + 1) * sizeof(double))
        Py_ssize_t scratch_bytes = lines(((shape.n_classes + WORK_ROWS + shape.width) * shape.tile_rows
                                          + shape.n_classes * shape.width) * sizeof(real))
        int threads = min(num_threads, <int> shape.n_slots)     # more have nothing to do
        void* block = NULL
        char* memory = allocate(&block, parameter_bytes + shape.n_slots * slot_bytes + threads * scratch_bytes)
        char* slots = memory + parameter_bytes
        char* scratch = slots + shape.n_slots * slot_bytes
        real* W_packed = <real*> memory
        real* b_packed = W_packed + shape.n_classes * shape.width
        double* slot
        double loss = 0
        Py_ssize_t s, j
    with nogil:
        pack_parameters(W_packed, b_packed, W, b, &shape)
        memset(slots, 0, shape.n_slots * slot_bytes)
        for s in prange(shape.n_slots, schedule="dynamic", num_threads=threads):
            # A slot: the gradient of W, that of b, the loss.
            slot = <double*> (slots + s * slot_bytes)
            slot[n_weights + shape.n_classes] = slot_loss_grad(
                slot, slot + n_weights, <real*> (scratch + threadid() * scratch_bytes), X_view, W_packed, b_packed,
                &bound, offset_view, s * shape.slot_rows, min((s + 1) * shape.slot_rows, n_samples), &shape)
        memset(&grad_W_out[0, 0], 0, n_weights * sizeof(double))
        memset(&grad_b_out[0], 0, shape.n_classes * sizeof(double))
        for s in range(shape.n_slots):
            slot = <double*> (slots + s * slot_bytes)
            for j in range(n_weights):
                (&grad_W_out[0, 0])[j] += slot[j]
            for j in range(shape.n_classes):
                grad_b_out[j] += slot[n_weights + j]
            loss += slot[n_weights + shape.n_classes]
        free(block)
    return loss


def logits(real[:, :] logits_out, const real[:, :] X, const real[:, :] W, const real[:] b, int num_threads):
    """Write z = X Wᵀ + b, (n_samples, n_classes)."""
    cdef:
        Shape shape = cut(X.shape[0], X.shape[1], W.shape[0], lanes_of(<real*> NULL), sizeof(real))
        Matrix X_view = strided(X), out_view = strided[real](logits_out)
        Py_ssize_t n_samples = X.shape[0]
        Py_ssize_t parameter_bytes = lines(shape.n_classes * (shape.width + 1) * sizeof(real))
        Py_ssize_t scratch_bytes = lines((shape.n_classes + shape.width) * shape.tile_rows * sizeof(real))
        int threads = min(num_threads, <int> shape.n_slots)     # more have nothing to do
        void* block = NULL
        char* memory = allocate(&block, parameter_bytes + threads * scratch_bytes)
        char* scratch = memory + parameter_bytes
        real* W_packed = <real*> memory
        real* b_packed = W_packed + shape.n_classes * shape.width
        Py_ssize_t s
    with nogil:
        pack_parameters(W_packed, b_packed, W, b, &shape)
        for s in prange(shape.n_slots, schedule="dynamic", num_threads=threads):
            slot_logits[real](out_view, <real*> (scratch + threadid() * scratch_bytes), X_view, W_packed, b_packed,
                              s * shape.slot_rows, min((s + 1) * shape.slot_rows, n_samples), &shape)
        free(block)


def softmax(real[:, :] out, const real[:, :] logits, bint log, int num_threads):
    """Write softmax, or log-softmax, of every row; out may be logits itself."""
    cdef:
        Shape shape = cut(logits.shape[0], 1, logits.shape[1], 1, sizeof(real))
        Matrix out_view = strided[real](out), logits_view = strided(logits)
        Py_ssize_t n_samples = logits.shape[0], s
        Py_ssize_t scratch_bytes = lines((shape.n_classes + WORK_ROWS) * shape.tile_rows * sizeof(real))
        int threads = min(num_threads, <int> shape.n_slots)     # more have nothing to do
        void* block = NULL
        char* scratch = allocate(&block, threads * scratch_bytes)
    with nogil:
        for s in prange(shape.n_slots, schedule="dynamic", num_threads=threads):
            slot_softmax[real](out_view, <real*> (scratch + threadid() * scratch_bytes), logits_view, log,
                               s * shape.slot_rows, min((s + 1) * shape.slot_rows, n_samples), &shape)
        free(block)


def cross_entropy(real[:, :] residual_out, const real[:, :] logits, const real[:, :] direction, double step,
                  const Py_ssize_t[::1] labels, const real[:, :] targets, const double[::1] sample_weight,
                  int num_threads):
    """Return (Σ_i s_i L_i, Σ_i s_i ⟨r_i, d_i⟩) at the logits z + t d and write s_i r_i.

    residual_out, direction and sample_weight may be None, and one of labels and targets is.
    """
    cdef:
        Shape shape = cut(logits.shape[0], 1, logits.shape[1], 1, sizeof(real))
        Matrix out_view = strided[real](residual_out), logits_view = strided(logits)
        Matrix direction_view = strided(direction)
        Targets bound = bind(labels, targets, sample_weight)
        Py_ssize_t n_samples = logits.shape[0], s
        Py_ssize_t slot_bytes = lines(2 * sizeof(double))
        Py_ssize_t scratch_bytes = lines((shape.n_classes + WORK_ROWS) * shape.tile_rows * sizeof(real))
        int threads = min(num_threads, <int> shape.n_slots)     # more have nothing to do
        void* block = NULL
        char* slots = allocate(&block, shape.n_slots * slot_bytes + threads * scratch_bytes)
        char* scratch = slots + shape.n_slots * slot_bytes
        double* slot
        double loss = 0, slope = 0
    with nogil:
        for s in prange(shape.n_slots, schedule="dynamic", num_threads=threads):
            slot = <double*> (slots + s * slot_bytes)
            slot[0] = slot_cross_entropy[real](
                slot + 1, out_view, <real*> (scratch + threadid() * scratch_bytes), logits_view, direction_view, step,
                &bound, s * shape.slot_rows, min((s + 1) * shape.slot_rows, n_samples), &shape)
        for s in range(shape.n_slots):
            slot = <double*> (slots + s * slot_bytes)
            loss += slot[0]
            slope += slot[1]
        free(block)
    return loss, slope


def max_threads():
    """Threads that OpenMP would use: its own settings, or the processors that the process may run on."""
    return fs_max_threads()


def isa_names():
    """Return the names of the instruction sets: compiled, available on this machine, the one in use."""
    cdef const char* const* name = fs_simd_compiled()
    compiled, available = [], []
    while name[0] != NULL:
        compiled.append(name[0].decode())
        if fs_simd_available(name[0]):
            available.append(compiled[len(compiled) - 1])
        name += 1
    return tuple(compiled), tuple(available), fs_active.name.decode()


cdef int activate_isa(str name) except -1:
    """Use the instruction set of that name, or the fastest that this machine can run if the name is empty."""
    cdef bytes encoded = name.encode()
    if not fs_simd_activate(<const char*> encoded if name else NULL):
        compiled, available, _ = isa_names()
        reason = "this processor cannot run it" if name in compiled else "no such set is compiled in"
        raise ImportError(f"FASTSOFTMAX_ISA={name!r}: {reason}; choose one of {', '.join(available)}")
    return 0


activate_isa(os.environ.get("FASTSOFTMAX_ISA", ""))
