"""The same loop for sparse samples: read by samples for the logits and by stripes of features for the gradient."""

from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, uint8_t
from libc.stdlib cimport free
from libc.string cimport memset

from .csr cimport (
    CACHE_ELEMENTS, MAX_STEPS, TRANSPOSE_FEATURES, Csr, CsrPlan, csr_plan, csr_tiles, find_stripes, map_stripes,
    parameter, store_stripe, stripe_start, transpose,
)
from .layout cimport Matrix, Shape, Targets, allocate, lines, strided, vector
from .simd cimport csr_gradient, csr_logits, real, sum_samples
from .tile cimport add_rows, finish_prediction, residual


cdef inline double csr_tile(double* grad_b_out, real* residual_out, int32_t* starts_out, real* scratch, Csr* X,
                            const real* T, const real* b, Py_ssize_t n_logits, Targets* targets, Matrix offset,
                            const uint8_t* stripe, Py_ssize_t start, Py_ssize_t rows, Shape* shape,
                            CsrPlan* plan) noexcept nogil:
    """Write the residuals s_i r_i of a tile, a sample a row, and where its stripes start; return Σ_i s_i L_i."""
    cdef:
        real* z = scratch
        real* y = z + shape.n_classes * shape.tile_rows     # or the logits of a direction
        double loss
        Py_ssize_t i, k
    csr_logits(z, X.wide, <const real*> X.values, X.indices, X.indptr + start, T, b, rows, n_logits, plan.ldt,
               shape.tile_rows)
    if offset.data != NULL:
        add_rows(z, offset, <real> 1, start, rows, shape)
    loss = residual(z, y, targets, start, rows, shape)
    memset(grad_b_out, 0, shape.n_classes * sizeof(double))
    sum_samples(grad_b_out, z, rows, shape.n_classes, shape.tile_rows)
    for i in range(rows):
        for k in range(shape.n_classes):
            residual_out[i * plan.ldr + k] = z[k * shape.tile_rows + i]
        for k in range(shape.n_classes, plan.ldr):
            residual_out[i * plan.ldr + k] = 0
        find_stripes(starts_out + i, X, stripe, start + i, plan.block_rows, plan)
    return loss


cdef inline double csr_gradient_pass(parameter[:, ::1] grad_W_out, double[::1] grad_b_out, Csr X, real* dtype,
                                     const Py_ssize_t[::1] bounds, const double[::1] scale, const parameter[:, ::1] W,
                                     const double[::1] b, const parameter[:, ::1] V, const double[::1] v,
                                     Targets* targets, const real[:, :] offset, int num_threads) except? -1:
    """`gradient_pass` of sparse samples. A direction, if there is one, is (V, v)."""
    cdef:
        Py_ssize_t n_classes = grad_W_out.shape[0], n_features = X.n_features, n_logits = n_classes
        Shape shape
        CsrPlan plan
        Matrix offset_view = strided(offset)
        const double* factors = vector(scale)
        void* block = NULL
        char* memory
        real* T
        real* b_packed
        real* residuals
        int32_t* starts
        double* sums
        double* tile_sums
        char* scratch
        double loss = 0
        uint8_t stripe[MAX_STEPS + 1]
        Py_ssize_t T_bytes, residual_bytes, starts_bytes, sums_bytes, scratch_bytes, stripe_bytes
        Py_ssize_t start, rows, n_tiles, first, last, t, j, k, s
    if V is not None:
        n_logits = 2 * n_classes
    shape = csr_tiles(&X, n_classes)
    plan = csr_plan(&X, bounds, n_logits, &shape, sizeof(real))
    T_bytes = lines((n_features * plan.ldt + CACHE_ELEMENTS + n_logits) * sizeof(real))
    residual_bytes = lines(plan.block_rows * plan.ldr * sizeof(real))
    starts_bytes = lines(plan.block_rows * (plan.n_stripes + 1) * sizeof(int32_t))
    n_tiles = plan.block_rows // shape.tile_rows
    sums_bytes = lines((n_classes + 1) * sizeof(double))
    scratch_bytes = lines(2 * n_classes * shape.tile_rows * sizeof(real))
    stripe_bytes = lines(plan.stripe_features * plan.ldr * sizeof(double))
    memory = allocate(&block, T_bytes + residual_bytes + starts_bytes + n_tiles * sums_bytes
                      + num_threads * (scratch_bytes + stripe_bytes))
    T = <real*> memory
    b_packed = T + n_features * plan.ldt + CACHE_ELEMENTS
    residuals = <real*> (memory + T_bytes)
    starts = <int32_t*> (memory + T_bytes + residual_bytes)
    tile_sums = <double*> (memory + T_bytes + residual_bytes + starts_bytes)
    scratch = memory + T_bytes + residual_bytes + starts_bytes + n_tiles * sums_bytes
    with nogil:
        map_stripes(stripe, bounds, &plan)
        for j in prange(0, n_features, TRANSPOSE_FEATURES, schedule="static", num_threads=num_threads):
            transpose(T, W, factors, j, min(j + TRANSPOSE_FEATURES, n_features), plan.ldt)
            if V is not None:
                transpose(T + n_classes, V, factors, j, min(j + TRANSPOSE_FEATURES, n_features), plan.ldt)
        for k in range(n_logits):
            b_packed[k] = <real> (b[k] if k < n_classes else v[k - n_classes])
        grad_b_out[:] = 0
        start = 0
        while start < X.n_samples:
            rows = min(plan.block_rows, X.n_samples - start)
            n_tiles = (rows + shape.tile_rows - 1) // shape.tile_rows
            for t in prange(n_tiles, schedule="dynamic", num_threads=num_threads):
                first = t * shape.tile_rows
                sums = <double*> (<char*> tile_sums + t * sums_bytes)
                sums[n_classes] = csr_tile(
                    sums, residuals + first * plan.ldr, starts + first, <real*> (scratch + threadid() * scratch_bytes),
                    &X, T, b_packed, n_logits, targets, offset_view, stripe, start + first,
                    min(shape.tile_rows, rows - first), &shape, &plan)
            for t in range(n_tiles):
                sums = <double*> (<char*> tile_sums + t * sums_bytes)
                for k in range(n_classes):
                    grad_b_out[k] += sums[k] / X.n_samples
                loss += sums[n_classes] / X.n_samples
            for s in prange(plan.n_stripes, schedule="dynamic", num_threads=num_threads):
                first = stripe_start(bounds, s, &plan)
                last = stripe_start(bounds, s + 1, &plan)
                sums = <double*> (scratch + num_threads * scratch_bytes + threadid() * stripe_bytes)
                memset(sums, 0, (last - first) * plan.ldr * sizeof(double))
                csr_gradient(sums - first * plan.ldr, X.wide, <const real*> X.values, X.indices, X.indptr + start,
                             starts + s * plan.block_rows, starts + (s + 1) * plan.block_rows, residuals, rows,
                             plan.ldr)
                store_stripe(grad_W_out, sums, first, last, start > 0, X.n_samples, plan.ldr)
            start += rows
        free(block)
    return loss


cdef inline double csr_predict_tile(Matrix out, real* z, Csr* X, const real* T, const real* b, bint probabilities,
                                    Py_ssize_t start, Py_ssize_t rows, Py_ssize_t ldt, Shape* shape) noexcept nogil:
    """Write the logits of a tile of sparse samples, or their softmax, and return the sum of the logits."""
    csr_logits(z, X.wide, <const real*> X.values, X.indices, X.indptr + start, T, b, rows, shape.n_classes, ldt,
               shape.tile_rows)
    return finish_prediction[real](out, z, probabilities, start, rows, shape)
