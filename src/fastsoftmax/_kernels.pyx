"""The innermost loop of softmax regression: logits, stable softmax, residual and gradient, in one pass over X.

For a sample x_i with target y_i, weight s_i and offset o_i:

    logits         z_ik = Σ_j W_kj x_ij + b_k + o_ik
    probabilities  p_ik = exp(z_ik − m_i) / Σ_k exp(z_ik − m_i)      m_i = max_k z_ik, so that nothing overflows
    loss           L_i  = logΣ_k exp(z_ik) · Σ_k y_ik − Σ_k y_ik z_ik
    residual       r_ik = ∂L_i/∂z_ik = p_ik Σ_k y_ik − y_ik          for a hard label: softmax(z_i) − δ
    gradient       ∂L/∂W_kj = Σ_i s_i r_ik x_ij,   ∂L/∂b_k = Σ_i s_i r_ik
    Hessian        of a direction (V, v), with u_i = V x_i + v: the same sums of r_ik = p_ik (u_ik − Σ_c p_ic u_ic)

The samples are worked on in tiles that stay in the second-level cache: X is read from memory once, and the n × K matrix
of logits never exists. Inside a tile, logits are stored transposed, (n_classes, rows), so that loops over samples
vectorise for any number of classes. What is stored as halves, as bytes or by columns becomes a tile of float32 there,
and nowhere else.

The samples are cut into slots by the problem's shape alone. Each slot sums into its own memory, and the slots are added
in order: the answer is the same, bit for bit, on any number of threads. Sums of many rows are kept in float64, since a
float32 sum of n terms loses what a solver needs to converge.

precision says how exact the products must be at least; parts, which products of the instruction set serve it best.

The `def` functions are the border: typed memoryviews come in, of any strides, and everything inside is plain pointers,
sizes and strides in elements, without the GIL. An absent argument is a null pointer through the same loop. Outputs are
the caller's, end in `_out` and come first, inputs follow, sizes are last.

Indices, always: i sample, k class, j feature.
"""

from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free
from libc.string cimport memset

from ._csr cimport (
    CACHE_ELEMENTS, TRANSPOSE_FEATURES, Csr, bind_indices, csr, csr_tiles, in_order, padded, parameter, transpose,
)
from ._dual cimport dual_ascent
from ._layout cimport (
    FLUSH_TILES, Features, Matrix, Shape, Targets, allocate, bind, cut, is_direct, is_plain, lines, pack_center,
    pack_parameters, packed_feature, stored, strided, vector,
)
from ._simd cimport (
    FS_AMD, FS_EXACT, FS_FAST, FS_MAX_TILE_ROWS, FS_N_PRECISIONS, FS_OTHERS, FS_ROUGH, FS_VECTORS, fs_active,
    fs_active_use, fs_parts, fs_simd_activate, fs_simd_available, fs_simd_compiled, fs_use, fs_use_of, fs_vendor,
    gram_block, gram_pack, lanes_of, panel_width_of, real, sum_samples, tile_gradient, tile_logits, tile_softmax,
)
from ._sparse cimport csr_gradient_pass, csr_predict_tile
from ._tile cimport add_rows, finish_prediction, load_rows, make_tile, residual, samples, store_rows, upcoming

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

# How exact products must be, and makers of processors, for `products_of`.
EXACT, FAST, ROUGH = FS_EXACT, FS_FAST, FS_ROUGH
AMD, OTHERS = FS_AMD, FS_OTHERS

cdef enum:
    SUM_BLOCK = 4096    # entries of the slots that one thread adds at a time
    GRAM_TILES = 4      # tiles that a Gram matrix adds at a time, which come from and go to far memory
    GRAM_FLUSH = 16     # tiles that it sums in float32 at most before they are added to float64


# ---------------------------------------------------------------------------------------------------------------------
# One slot: the loop over tiles
# ---------------------------------------------------------------------------------------------------------------------

cdef inline void add_sums(double* sum_inout, const real* sums, bint first, Py_ssize_t count) noexcept nogil:
    """sum_j += sums_j, or = where they are the first."""
    cdef Py_ssize_t j
    if first:
        for j in range(count):
            sum_inout[j] = sums[j]
    else:
        for j in range(count):
            sum_inout[j] += sums[j]


cdef void flush(double* grad_inout, real* block_inout, bint first, Shape* shape) noexcept nogil:
    """Move a block of gradient sums to the slot's float64, which the first block fills; start the next from zero."""
    cdef Py_ssize_t head = shape.width - shape.lanes, k
    cdef const real* sums
    cdef double* grad
    for k in range(shape.n_classes):
        sums = block_inout + k * shape.width
        grad = grad_inout + k * shape.n_features
        add_sums(grad, sums, first, head)
        add_sums(grad + head, sums + packed_feature(head, shape), first, shape.n_features - head)
    memset(block_inout, 0, shape.n_classes * shape.width * sizeof(real))


cdef double slot_gradient(double* grad_W_out, double* grad_b_out, real* scratch, Features* X, const real* W,
                          const real* b, Py_ssize_t n_logits, Targets* targets, Matrix offset, int parts,
                          Py_ssize_t start, Py_ssize_t stop, Shape* shape) noexcept nogil:
    """Sum s_i r_i x_iᵀ and s_i r_i of the samples [start, stop) and return Σ_i s_i L_i."""
    cdef:
        real* z = scratch
        real* y = z + shape.n_classes * shape.tile_rows     # or the logits of a direction
        real* block = y + shape.n_classes * shape.tile_rows
        real* tile = block + shape.n_classes * shape.width
        const void* x
        int storage
        double loss = 0
        Py_ssize_t ldz = shape.tile_rows, ldx, rows, tiles = 0
    memset(grad_b_out, 0, shape.n_classes * sizeof(double))
    memset(block, 0, shape.n_classes * shape.width * sizeof(real))
    while start < stop:
        rows = min(shape.tile_rows, stop - start)
        x = samples(&ldx, &storage, tile, X, start, rows, shape)

        # logits: z_i = W x_i + b + o_i
        tile_logits(z, x, storage, W, b, upcoming(X, start + rows, stop), X.itemsize, False, parts, rows, n_logits,
                    shape.tile_features, ldx, ldz)
        if offset.data != NULL:
            add_rows(z, offset, <real> 1, start, rows, shape)

        # stable softmax, loss, residual: z_i becomes s_i r_i = s_i (softmax(z_i) Σ_k y_ik − y_i)
        loss += residual(z, y, targets, start, rows, shape)

        # gradient: ∂L/∂W += Σ_i s_i r_i x_iᵀ and ∂L/∂b += Σ_i s_i r_i
        tile_gradient(block, x, storage, z, upcoming(X, start + rows + rows // 2, stop), X.itemsize, parts, rows,
                      shape.n_classes, shape.tile_features, ldx, ldz)
        sum_samples(grad_b_out, z, rows, shape.n_classes, ldz)

        start += rows
        tiles += 1
        if tiles % FLUSH_TILES == 0 or start >= stop:
            flush(grad_W_out, block, tiles <= FLUSH_TILES, shape)
    return loss


cdef double slot_predict(Matrix out, real* scratch, Features* X, const real* W, const real* b, bint probabilities,
                         int parts, Py_ssize_t start, Py_ssize_t stop, Shape* shape) noexcept nogil:
    """Write the logits of the samples [start, stop), or their softmax, and return the sum of the logits."""
    cdef:
        real* z = scratch
        real* tile = z + shape.n_classes * shape.tile_rows
        const void* x
        int storage
        double total = 0
        Py_ssize_t ldz = shape.tile_rows, ldx, rows
    while start < stop:
        rows = min(shape.tile_rows, stop - start)
        x = samples(&ldx, &storage, tile, X, start, rows, shape)
        tile_logits(z, x, storage, W, b, upcoming(X, start + rows, stop), X.itemsize, True, parts, rows,
                    shape.n_classes, shape.tile_features, ldx, ldz)
        total += finish_prediction[real](out, z, probabilities, start, rows, shape)
        start += rows
    return total


cdef void slot_sums(double* sum_out, real* scratch, Features* X, const double* sample_weight, bint squares,
                    Py_ssize_t start, Py_ssize_t stop, Shape* shape) noexcept nogil:
    """Sum s_i x_i, or s_i x_i², of the samples [start, stop): a gradient of one class, whose residual is the weight."""
    cdef:
        real* weight = scratch
        real* block = weight + shape.tile_rows
        real* tile = block + shape.width
        const void* x
        int storage
        Py_ssize_t ldx, rows, i, tiles = 0
    memset(block, 0, shape.width * sizeof(real))
    while start < stop:
        rows = min(shape.tile_rows, stop - start)
        x = samples(&ldx, &storage, tile, X, start, rows, shape)
        for i in range(rows):
            weight[i] = <real> (sample_weight[start + i] if sample_weight != NULL else 1)
        if squares:     # never in place
            for i in range(rows * ldx):
                tile[i] *= tile[i]
        tile_gradient(block, x, storage, weight, upcoming(X, start + rows, stop), X.itemsize, False, rows, 1,
                      shape.tile_features, ldx, shape.tile_rows)
        start += rows
        tiles += 1
        if tiles % FLUSH_TILES == 0 or start >= stop:
            flush(sum_out, block, tiles <= FLUSH_TILES, shape)


cdef void slot_softmax(Matrix out, real* scratch, Matrix logits, bint log, Py_ssize_t start, Py_ssize_t stop,
                       Shape* shape) noexcept nogil:
    """Write softmax(z_i) = exp(z_ik − m_i) / Σ_k exp(z_ik − m_i), or its logarithm; out may be logits itself."""
    cdef Py_ssize_t rows
    while start < stop:
        rows = min(shape.tile_rows, stop - start)
        load_rows(scratch, logits, start, rows, shape)
        tile_softmax(scratch, log, rows, shape.n_classes, shape.tile_rows)
        store_rows[real](out, scratch, start, rows, shape)
        start += rows


cdef double slot_cross_entropy(double* slope_out, Matrix residual_out, real* scratch, Matrix logits, Matrix direction,
                               double step, Targets* targets, Py_ssize_t start, Py_ssize_t stop,
                               Shape* shape) noexcept nogil:
    """Return Σ_i s_i L_i at the logits z + t d; write s_i r_i and the slope Σ_i s_i ⟨r_i, d_i⟩ where asked for."""
    cdef:
        real* z = scratch
        real* y = z + shape.n_classes * shape.tile_rows
        const real* d
        double loss = 0, slope = 0
        Py_ssize_t rows, i, k
    while start < stop:
        rows = min(shape.tile_rows, stop - start)
        load_rows(z, logits, start, rows, shape)
        if direction.data != NULL:
            add_rows(z, direction, <real> step, start, rows, shape)
        loss += residual(z, y, targets, start, rows, shape)
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


cdef void pack_gram(real* columns_out, real* panel_out, real* tile, Features* X, bint plain, bint rounded,
                    Py_ssize_t start, Py_ssize_t first, Py_ssize_t rows, Py_ssize_t features,
                    Py_ssize_t width) noexcept nogil:
    """One panel of features, from feature first on, of the samples from start on."""
    cdef const real* x = <const real*> X.matrix.data + start * X.matrix.row + first
    if plain:
        gram_pack(columns_out, rounded, panel_out, x, rows, features, X.matrix.row)
    else:
        make_tile(tile, X, start, first, rows, features, width)
        gram_pack(columns_out, rounded, panel_out, tile, rows, features, width)


cdef void flush_gram(double* total_inout, float* sums_inout, Py_ssize_t rows, Py_ssize_t columns,
                     Py_ssize_t ldo) noexcept nogil:
    """Move a block of sums to float64; start the next from zero."""
    cdef Py_ssize_t k
    for k in range(rows):
        add_sums(total_inout + k * ldo, sums_inout + k * ldo, False, columns)
        memset(sums_inout + k * ldo, 0, columns * sizeof(float))


# ---------------------------------------------------------------------------------------------------------------------
# The slots, over the threads
# ---------------------------------------------------------------------------------------------------------------------

cdef void add_slots(double* mean_out, const char* slots, Py_ssize_t slot_bytes, Py_ssize_t n_slots, Py_ssize_t start,
                    Py_ssize_t stop, Py_ssize_t n_samples) noexcept nogil:
    """Entries [start, stop) of the sum of the slots, in their order, over n_samples."""
    cdef const double* slot
    cdef Py_ssize_t s, j
    memset(mean_out + start, 0, (stop - start) * sizeof(double))
    for s in range(n_slots):
        slot = <const double*> (slots + s * slot_bytes)
        for j in range(start, stop):
            mean_out[j] += slot[j]
    for j in range(start, stop):
        mean_out[j] /= n_samples


cdef double gradient_pass(double[:, ::1] grad_W_out, double[::1] grad_b_out, Features X, const real[:, :] W,
                          const real[:] b, Targets* targets, const real[:, :] offset, int precision,
                          int num_threads) except? -1:
    """Write the means over the samples of s_i r_i x_iᵀ and s_i r_i and return that of s_i L_i: one pass over X.

    W and b give as many logits as they have rows: those of n_classes and, for the Hessian, of a direction after them.
    """
    cdef:
        Shape shape = cut(X.n_samples, X.n_features, grad_W_out.shape[0], lanes_of(<real*> NULL), sizeof(real),
                          is_direct(&X, W.shape[0], <real*> NULL))
        Matrix offset_view = strided(offset)
        Py_ssize_t n_logits = W.shape[0], n_weights = shape.n_classes * shape.n_features
        Py_ssize_t parameter_bytes = lines((n_logits * (shape.width + 1) + shape.width) * sizeof(real))
        Py_ssize_t slot_bytes = lines((n_weights + shape.n_classes + 1) * sizeof(double))
        Py_ssize_t scratch_bytes = lines(((2 * shape.n_classes + shape.width) * shape.tile_rows
                                          + shape.n_classes * shape.width) * sizeof(real))
        int threads = min(num_threads, <int> shape.n_slots)     # more have nothing to do
        int parts = fs_parts(fs_active_use.in_pass, precision, shape.n_classes)
        void* block = NULL
        char* memory = allocate(&block, parameter_bytes + shape.n_slots * slot_bytes + threads * scratch_bytes)
        char* slots = memory + parameter_bytes
        char* scratch = slots + shape.n_slots * slot_bytes
        real* W_packed = <real*> memory
        real* b_packed = W_packed + n_logits * shape.width
        double* slot
        double loss = 0
        Py_ssize_t s, j
    with nogil:
        pack_parameters(W_packed, b_packed, W, b, &shape)
        pack_center(&X, b_packed + n_logits)
        for s in prange(shape.n_slots, schedule="dynamic", num_threads=threads):
            # A slot: the gradient of W, that of b, the loss.
            slot = <double*> (slots + s * slot_bytes)
            slot[n_weights + shape.n_classes] = slot_gradient(
                slot, slot + n_weights, <real*> (scratch + threadid() * scratch_bytes), &X, W_packed, b_packed,
                n_logits, targets, offset_view, parts, s * shape.slot_rows,
                min((s + 1) * shape.slot_rows, X.n_samples), &shape)
        for j in prange(0, n_weights, SUM_BLOCK, schedule="static", num_threads=threads):
            add_slots(&grad_W_out[0, 0], slots, slot_bytes, shape.n_slots, j, min(j + SUM_BLOCK, n_weights),
                      X.n_samples)
        slots += n_weights * sizeof(double)
        add_slots(&grad_b_out[0], slots, slot_bytes, shape.n_slots, 0, shape.n_classes, X.n_samples)
        slots += shape.n_classes * sizeof(double)
        add_slots(&loss, slots, slot_bytes, shape.n_slots, 0, 1, X.n_samples)
        free(block)
    return loss


# ---------------------------------------------------------------------------------------------------------------------
# The border. Nothing is checked here but memory: shapes agree, no array is empty, labels are in [0, n_classes).
# ---------------------------------------------------------------------------------------------------------------------

def loss_grad(double[:, ::1] grad_W_out, double[::1] grad_b_out, X, const real[::1] center, const real[:, :] W,
              const real[:] b, const Py_ssize_t[::1] labels, const real[:, :] targets,
              const double[::1] sample_weight, const real[:, :] offset, int precision, int num_threads):
    """Write the means over the samples of s_i ∂L_i/∂W and s_i ∂L_i/∂b and return that of s_i L_i: one pass over X.

    Either labels (n_samples,) or targets (n_samples, n_classes) is given and the other is None; sample_weight and
    offset may be None.
    """
    cdef Targets bound = bind(labels, targets, sample_weight)
    return gradient_pass(grad_W_out, grad_b_out, stored(X, center), W, b, &bound, offset, precision, num_threads)


def hess_vec(double[:, ::1] hess_W_out, double[::1] hess_b_out, X, const real[::1] center, const real[:, :] W,
             const real[:] b, const double[::1] sample_weight, const real[:, :] offset, int precision, int num_threads):
    """Write the Hessian of the mean of s_i L_i times a direction (V, v): one pass over X.

    W is (2 n_classes, n_features), V below the parameters, and b is (2 n_classes,), v after them. The targets enter by
    their mass alone, as a factor of sample_weight.
    """
    cdef Targets bound = bind[real](None, None, sample_weight)
    gradient_pass(hess_W_out, hess_b_out, stored(X, center), W, b, &bound, offset, precision, num_threads)


def gram(real[:, :, ::1] out, X, const real[::1] center, const real[:, ::1] sample_weight, int precision,
         int num_threads):
    """Write Σ_i w_ci x_i x_iᵀ for every row w_c of sample_weight, (n_weights, n_features, n_features): one pass over X.

    A few tiles at a time are packed, and every block of rows of every matrix, right of the diagonal alone, is one task:
    a sum never depends on the number of threads. float32 sums are short: in long ones equal terms, such as those of a
    constant feature, would be rounded in the same direction again and again.
    """
    cdef:
        Features x = stored(X, center)
        bint plain = is_plain(&x, <real*> NULL)
        bint rounded = fs_parts(fs_active_use.gram, precision, x.n_features) != FS_VECTORS
        Py_ssize_t n_samples = x.n_samples, n_features = x.n_features, n_weights = sample_weight.shape[0]
        Py_ssize_t width = panel_width_of(<real*> NULL), depth = FS_MAX_TILE_ROWS, size = width * depth
        Py_ssize_t n_panels = (n_features + width - 1) // width, ldo = n_panels * width
        Py_ssize_t tile_bytes = lines(size * sizeof(real)), matrix = ldo * ldo
        Py_ssize_t sums_bytes = lines(n_weights * matrix * sizeof(real))
        bint long_sums = real is float and n_samples > GRAM_FLUSH * depth
        Py_ssize_t total_bytes = lines(n_weights * matrix * sizeof(double)) if long_sums else 0
        Py_ssize_t panels_bytes = lines(GRAM_TILES * n_panels * size * sizeof(real))
        void* block = NULL
        char* memory = allocate(&block, total_bytes + sums_bytes + 2 * panels_bytes + num_threads * tile_bytes
                                + n_features * sizeof(real))
        double* total = <double*> memory
        real* sums = <real*> (memory + total_bytes)
        real* columns = <real*> (memory + total_bytes + sums_bytes)
        real* panels = <real*> (memory + total_bytes + sums_bytes + panels_bytes)
        char* tiles_made = memory + total_bytes + sums_bytes + 2 * panels_bytes
        Py_ssize_t start, tiles, task, tile, panel, c, j, k, j_k
        bint full
    with nogil:
        memset(memory, 0, total_bytes + sums_bytes)
        pack_center(&x, <real*> (tiles_made + num_threads * tile_bytes))
        start = 0
        while start < n_samples:
            tiles = min(<Py_ssize_t> GRAM_TILES, (n_samples - start + depth - 1) // depth)
            for task in prange(tiles * n_panels, schedule="dynamic", num_threads=num_threads):
                tile = task // n_panels
                panel = task % n_panels
                pack_gram[real](
                    columns + task * size, panels + task * size, <real*> (tiles_made + threadid() * tile_bytes),
                    &x, plain, rounded, start + tile * depth, panel * width,
                    min(depth, n_samples - start - tile * depth), min(width, n_features - panel * width), width)
            full = (start // depth + tiles) % GRAM_FLUSH == 0 or start + tiles * depth >= n_samples
            for task in prange(n_panels * n_weights, schedule="dynamic", num_threads=num_threads):
                panel = task // n_weights       # those with most to do first
                c = task % n_weights
                for tile in range(tiles):
                    gram_block(
                        sums + c * matrix + panel * width * (ldo + 1), rounded,
                        columns + (tile * n_panels + panel) * size, panels + (tile * n_panels + panel) * size,
                        &sample_weight[c, start + tile * depth],
                        min(depth, n_samples - start - tile * depth), n_features - panel * width, ldo)
                if real is float and long_sums and full:
                    flush_gram(total + c * matrix + panel * width * (ldo + 1),
                               <float*> sums + c * matrix + panel * width * (ldo + 1),
                               min(width, n_features - panel * width), ldo - panel * width, ldo)
            start += GRAM_TILES * depth
        for task in prange(n_weights * n_features, schedule="static", num_threads=num_threads):
            c = task // n_features
            k = task % n_features
            for j in range(n_features):
                j_k = c * matrix + min(j, k) * ldo + max(j, k)
                out[c, k, j] = <real> total[j_k] if long_sums else sums[j_k]
        free(block)


def predict(real[:, :] out, X, const real[::1] center, const real[:, :] W, const real[:] b, bint probabilities,
            int precision, int num_threads):
    """Write z = X Wᵀ + b, or its softmax, (n_samples, n_classes).

    Returns the sum of all logits: if it is finite, so is every one.
    """
    cdef:
        Features x = stored(X, center)
        Shape shape = cut(x.n_samples, x.n_features, W.shape[0], lanes_of(<real*> NULL), sizeof(real),
                          is_direct(&x, W.shape[0], <real*> NULL))
        Matrix out_view = strided[real](out)
        Py_ssize_t parameter_bytes = lines((shape.n_classes * (shape.width + 1) + shape.width) * sizeof(real))
        Py_ssize_t scratch_bytes = lines((shape.n_classes + shape.width) * shape.tile_rows * sizeof(real))
        int threads = min(num_threads, <int> shape.n_slots)     # more have nothing to do
        int parts = fs_parts(fs_active_use.in_pass, precision, shape.n_classes)
        void* block = NULL
        char* memory = allocate(&block, parameter_bytes + threads * scratch_bytes)
        char* scratch = memory + parameter_bytes
        real* W_packed = <real*> memory
        real* b_packed = W_packed + shape.n_classes * shape.width
        double total = 0
        Py_ssize_t s
    with nogil:
        pack_parameters(W_packed, b_packed, W, b, &shape)
        pack_center(&x, b_packed + shape.n_classes)
        for s in prange(shape.n_slots, schedule="dynamic", num_threads=threads):
            total += slot_predict[real](out_view, <real*> (scratch + threadid() * scratch_bytes), &x, W_packed,
                                        b_packed, probabilities, parts, s * shape.slot_rows,
                                        min((s + 1) * shape.slot_rows, x.n_samples), &shape)
        free(block)
    return total


def feature_sums(double[::1] out, X, const real[::1] center, const double[::1] sample_weight, bint squares,
                 int num_threads):
    """Write the means over the samples of s_i x_i, or of s_i x_i²: one pass over X."""
    cdef:
        Features x = stored(X, center)
        Shape shape = cut(x.n_samples, x.n_features, 1, lanes_of(<real*> NULL), sizeof(real),
                          is_direct(&x, 1, <real*> NULL) and not squares)
        Py_ssize_t slot_bytes = lines(x.n_features * sizeof(double)), s
        Py_ssize_t scratch_bytes = lines(((shape.width + 1) * shape.tile_rows + shape.width) * sizeof(real))
        int threads = min(num_threads, <int> shape.n_slots)     # more have nothing to do
        const double* weight = vector(sample_weight)
        void* block = NULL
        char* slots = allocate(&block, shape.n_slots * slot_bytes + threads * scratch_bytes
                               + x.n_features * sizeof(real))
        char* scratch = slots + shape.n_slots * slot_bytes
    with nogil:
        pack_center(&x, <real*> (scratch + threads * scratch_bytes))
        for s in prange(shape.n_slots, schedule="dynamic", num_threads=threads):
            slot_sums[real](<double*> (slots + s * slot_bytes), <real*> (scratch + threadid() * scratch_bytes), &x,
                            weight, squares, s * shape.slot_rows, min((s + 1) * shape.slot_rows, x.n_samples), &shape)
        add_slots(&out[0], slots, slot_bytes, shape.n_slots, 0, x.n_features, x.n_samples)
        free(block)


def csr_loss_grad(parameter[:, ::1] grad_W_out, double[::1] grad_b_out, const real[::1] values, indices,
                  const Py_ssize_t[::1] indptr, const Py_ssize_t[::1] bounds, const double[::1] scale,
                  const parameter[:, ::1] W, const double[::1] b, const Py_ssize_t[::1] labels,
                  const real[:, :] targets, const double[::1] sample_weight, const real[:, :] offset, int num_threads):
    """`loss_grad` of sparse samples: entries (values, indices) of sample i from indptr[i] on, features ascending.

    bounds cut the features into a power of two of stripes, 8 or more, of about as many entries each. W is that of the
    features times scale, unless it is None; the gradient is not.
    """
    cdef Targets bound = bind(labels, targets, sample_weight)
    cdef Csr X = csr(values, indices, indptr, W.shape[1])
    return csr_gradient_pass[parameter, real](grad_W_out, grad_b_out, X, <real*> NULL, bounds, scale, W, b, None, None,
                                              &bound, offset, num_threads)


def csr_hess_vec(double[:, ::1] hess_W_out, double[::1] hess_b_out, const real[::1] values, indices,
                 const Py_ssize_t[::1] indptr, const Py_ssize_t[::1] bounds, const double[::1] scale,
                 const double[:, ::1] W, const double[::1] b, const double[:, ::1] V, const double[::1] v,
                 const double[::1] sample_weight, const real[:, :] offset, int num_threads):
    """`hess_vec` of sparse samples, in the direction (V, v)."""
    cdef Targets bound = bind[real](None, None, sample_weight)
    cdef Csr X = csr(values, indices, indptr, W.shape[1])
    csr_gradient_pass[double, real](hess_W_out, hess_b_out, X, <real*> NULL, bounds, scale, W, b, V, v, &bound, offset,
                                    num_threads)


def csr_predict(real[:, :] out, const real[::1] values, indices, const Py_ssize_t[::1] indptr,
                const double[::1] scale, const parameter[:, ::1] W, const double[::1] b, bint probabilities,
                int num_threads):
    """`predict` of sparse samples."""
    cdef:
        Csr X = csr(values, indices, indptr, W.shape[1])
        Shape shape = csr_tiles(&X, W.shape[0])
        Matrix out_view = strided[real](out)
        const double* factors = vector(scale)
        Py_ssize_t n_classes = W.shape[0], ldt = padded(n_classes), j, t
        Py_ssize_t T_bytes = lines((X.n_features * ldt + CACHE_ELEMENTS + n_classes) * sizeof(real))
        Py_ssize_t scratch_bytes = lines(n_classes * shape.tile_rows * sizeof(real))
        void* block = NULL
        char* memory = allocate(&block, T_bytes + num_threads * scratch_bytes)
        char* scratch = memory + T_bytes
        real* T = <real*> memory
        real* b_packed = T + X.n_features * ldt + CACHE_ELEMENTS
        double total = 0
    with nogil:
        for j in prange(0, X.n_features, TRANSPOSE_FEATURES, schedule="static", num_threads=num_threads):
            transpose(T, W, factors, j, min(j + TRANSPOSE_FEATURES, X.n_features), ldt)
        for j in range(n_classes):
            b_packed[j] = <real> b[j]
        for t in prange((X.n_samples + shape.tile_rows - 1) // shape.tile_rows, schedule="dynamic",
                        num_threads=num_threads):
            total += csr_predict_tile[real](
                out_view, <real*> (scratch + threadid() * scratch_bytes), &X, T, b_packed, probabilities,
                t * shape.tile_rows, min(shape.tile_rows, X.n_samples - t * shape.tile_rows), ldt, &shape)
        free(block)
    return total


def csr_dual_ascent(double[:, ::1] W_inout, double[::1] b_inout, real[:, ::1] q_inout, const real[::1] values, indices,
                    const Py_ssize_t[::1] indptr, const real[::1] square, const real[::1] step,
                    const Py_ssize_t[::1] order, bint intercept, int num_threads):
    """Coordinate ascent on the dual over the samples of `order`, one after the other.

    q, (n_samples, n_classes), are distributions that W and b are made of, b if intercept; square is ‖x_i‖², and one
    more if intercept, step s_i Σ_k y_ik/(n_samples · l2).
    """
    cdef Csr X = csr(values, indices, indptr, W_inout.shape[1])
    dual_ascent(W_inout, b_inout, q_inout, X, square, step, order, intercept, num_threads)


def csr_order(indices, const Py_ssize_t[::1] indptr, Py_ssize_t n_features):
    """Return the first sample with a feature outside [0, n_features), -1 if there is none, and whether features ascend
    in every sample, none coming twice; indptr never decreases, and ends within the indices."""
    cdef:
        Csr X = Csr(NULL, NULL, False, &indptr[0], indptr.shape[0] - 1, n_features)
        Py_ssize_t i, start, stop
        bint canonical = True, inside = True
    bind_indices(&X, indices)
    with nogil:
        for i in range(X.n_samples):
            start = X.indptr[i]
            stop = X.indptr[i + 1]
            if start == stop:
                continue
            if X.wide:
                inside = in_order(&canonical, <const int64_t*> X.indices + start, stop - start, n_features)
            else:
                inside = in_order(&canonical, <const int32_t*> X.indices + start, stop - start, n_features)
            if not inside:
                break
    return (-1 if inside else i), canonical


def softmax(real[:, :] out, const real[:, :] logits, bint log, int num_threads):
    """Write softmax, or log-softmax, of every row; out may be logits itself."""
    cdef:
        Shape shape = cut(logits.shape[0], 1, logits.shape[1], 1, sizeof(real), True)
        Matrix out_view = strided[real](out), logits_view = strided(logits)
        Py_ssize_t n_samples = logits.shape[0], s
        Py_ssize_t scratch_bytes = lines(shape.n_classes * shape.tile_rows * sizeof(real))
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
    """Return the means over the samples of s_i L_i and s_i ⟨r_i, d_i⟩ at the logits z + t d, and write s_i r_i.

    residual_out, direction and sample_weight may be None, and one of labels and targets is.
    """
    cdef:
        Shape shape = cut(logits.shape[0], 1, logits.shape[1], 1, sizeof(real), True)
        Matrix out_view = strided[real](residual_out), logits_view = strided(logits)
        Matrix direction_view = strided(direction)
        Targets bound = bind(labels, targets, sample_weight)
        Py_ssize_t n_samples = logits.shape[0], s
        Py_ssize_t slot_bytes = lines(2 * sizeof(double))
        Py_ssize_t scratch_bytes = lines(2 * shape.n_classes * shape.tile_rows * sizeof(real))
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
        add_slots(&loss, slots, slot_bytes, shape.n_slots, 0, 1, n_samples)
        add_slots(&slope, slots + sizeof(double), slot_bytes, shape.n_slots, 0, 1, n_samples)
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


def use_isa(str name):
    """Use the instruction set of that name, or the fastest that this machine can run if the name is empty.

    For measurements and tests that compare the sets: no other thread may be in a kernel meanwhile.
    """
    cdef bytes encoded = name.encode()
    if not fs_simd_activate(<const char*> encoded if name else NULL):
        compiled, available, _ = isa_names()
        reason = "this processor cannot run it" if name in compiled else "no such set is compiled in"
        raise ValueError(f"{name!r}: {reason}; choose one of {', '.join(available)}")


def products_of(str name=None, int vendor=fs_vendor()):
    """Return what serves each precision: in the set in use, or one of that name, on this or a vendor's processors.

    A pair of tuples, for a pass and for a Gram matrix, of (parts, least): products of so many bfloat16 parts from that
    many classes, or features, on; vectors, in the data's precision, below, and everywhere if parts is 0.
    """
    cdef bytes encoded = (isa_names()[2] if name is None else name).encode()
    cdef const fs_use* use = fs_use_of(encoded, vendor)
    return (tuple([(use.in_pass[p].parts, use.in_pass[p].least) for p in range(FS_N_PRECISIONS)]),
            tuple([(use.gram[p].parts, use.gram[p].least) for p in range(FS_N_PRECISIONS)]))


def has_parts(int precision, Py_ssize_t n_classes):
    """Whether a pass of float32 multiplies bfloat16 parts for that precision and many classes."""
    return fs_parts(fs_active_use.in_pass, precision, n_classes) != FS_VECTORS


try:
    use_isa(os.environ.get("FASTSOFTMAX_ISA", ""))
except ValueError as error:
    raise ImportError(f"FASTSOFTMAX_ISA={error}") from None
