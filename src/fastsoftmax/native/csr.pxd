"""Sparse samples (CSR) in memory, and the steps of a pass over them that are not arithmetic.

The logits of a sample need, for each of its features, the weights of all outputs: W is transposed first, so that these
lie together. The gradient of a feature needs the residuals of all samples that have it. So the features are cut into
stripes with about the same number of entries. One thread adds up a stripe, over the samples in their order, and writes
it when it is finished. Only the residuals of one block of samples are kept at a time.
"""

from cpython.memoryview cimport PyMemoryView_GET_BUFFER
from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from .arena cimport round_up
from .layout cimport Shape
from .simd cimport FS_F32, FS_F64, FS_ROW_ALIGN, real

cdef enum:
    QUAD = 4                        # outputs of a feature are padded to a multiple of this
    CACHE_ELEMENTS = 16             # room past the end of W transposed, which is read in whole vectors
    TRANSPOSE_FEATURES = 256        # features of W that one thread transposes at a time
    STRIPE_BYTES = 4 * 1024 * 1024  # sums of a stripe: near what second-level caches have room for
    MIN_STRIPES = 8
    FS_MAX_STRIPES = 64
    FS_MAX_STEPS = 4096             # a table says to which stripe each step of features, a power of two, belongs
    BLOCK_BYTES = 8 * 1024 * 1024   # residuals of a block
    CSR_TILE_ROWS = 64
    MIN_CSR_TILES = 32              # for the threads to share: few samples may have many entries

ctypedef fused parameter:           # of W and of its gradient, whatever the dtype of X
    float
    double

ctypedef fused index:
    int32_t
    int64_t

cdef struct Csr:
    const void* values
    const void* indices
    bint wide                       # indices are int64_t, not int32_t
    const Py_ssize_t* indptr
    Py_ssize_t n_samples
    Py_ssize_t n_features
    const double* scale             # of the features, which W takes upon itself; NULL: ones
    const Py_ssize_t* bounds        # where the features may be cut into stripes:
    Py_ssize_t n_parts              # a power of two of parts, of about as many entries each

cdef struct CsrParameters:      # W (n_outputs, n_features) and b (n_outputs,), each FS_F32 or FS_F64 whatever X is
    const void* W
    const void* b
    int W_kind
    int b_kind
    Py_ssize_t n_outputs

cdef struct CsrPlan:
    Py_ssize_t ldt                  # from a feature to the next in W transposed, of all logits
    Py_ssize_t ldr                  # from a sample to the next in the residuals, from a feature to the next in a stripe
    Py_ssize_t block_rows           # samples of a block, a multiple of tile_rows
    Py_ssize_t n_stripes
    int step_bits                   # 2^step_bits features are a step
    Py_ssize_t stripe_features      # of the widest stripe


cdef inline Csr csr_of(const real[::1] values, indices, const Py_ssize_t[::1] indptr, const Py_ssize_t[::1] bounds,
                       const double[::1] scale, Py_ssize_t n_features) except *:
    """Pointers of the arrays; indices is a `memoryview` object of int32 or int64. values, bounds and scale may be None.
    """
    cdef Csr X = Csr(NULL, NULL, False, &indptr[0], indptr.shape[0] - 1, n_features, NULL, NULL, 0)
    cdef Py_buffer* buffer = PyMemoryView_GET_BUFFER(indices)
    X.indices = buffer.buf
    X.wide = buffer.itemsize == sizeof(int64_t)
    if values is not None and values.shape[0]:
        X.values = &values[0]
    if scale is not None:
        X.scale = &scale[0]
    if bounds is not None:
        X.bounds = &bounds[0]
        X.n_parts = bounds.shape[0] - 1
    return X


cdef inline CsrParameters csr_parameters_of(const parameter[:, ::1] W, const double[::1] b) noexcept:
    """Pointers of the arrays."""
    cdef int kind
    if parameter is float:
        kind = FS_F32
    else:
        kind = FS_F64
    return CsrParameters(&W[0, 0], &b[0], kind, FS_F64, W.shape[0])


cdef inline Py_ssize_t padded(Py_ssize_t n_outputs) noexcept nogil:
    return round_up(n_outputs, QUAD)


cdef inline Shape csr_tiles(Csr* X, Py_ssize_t n_outputs) noexcept nogil:
    """How the samples are cut into tiles; there are no slots, and no features in them."""
    cdef Shape shape
    cdef Py_ssize_t rows = round_up(X.n_samples // MIN_CSR_TILES + 1, FS_ROW_ALIGN)
    memset(&shape, 0, sizeof(shape))
    shape.n_features = X.n_features
    shape.n_outputs = n_outputs
    shape.tile_rows = min(rows, <Py_ssize_t> CSR_TILE_ROWS)
    return shape


cdef inline CsrPlan csr_plan(Csr* X, Py_ssize_t n_logits, Shape* shape, Py_ssize_t itemsize) noexcept nogil:
    """Cut the features into stripes and the samples into blocks: by the data alone."""
    cdef CsrPlan plan
    cdef Py_ssize_t s, row_bytes, sums_bytes
    plan.ldt = padded(n_logits)
    plan.ldr = padded(shape.n_outputs)
    plan.n_stripes = MIN_STRIPES
    sums_bytes = X.n_features * plan.ldr * sizeof(double)
    while plan.n_stripes < X.n_parts and sums_bytes > plan.n_stripes * STRIPE_BYTES:
        plan.n_stripes *= 2
    plan.step_bits = 0
    while X.n_features >> plan.step_bits >= FS_MAX_STEPS:
        plan.step_bits += 1
    plan.stripe_features = 0
    for s in range(plan.n_stripes):
        plan.stripe_features = max(plan.stripe_features,
                                   stripe_start(X, s + 1, &plan) - stripe_start(X, s, &plan))
    row_bytes = plan.ldr * itemsize + (plan.n_stripes + 1) * <Py_ssize_t> sizeof(int32_t)
    plan.block_rows = round_up(min(X.n_samples, BLOCK_BYTES // row_bytes + 1), shape.tile_rows)
    return plan


cdef inline Py_ssize_t stripe_start(Csr* X, Py_ssize_t s, CsrPlan* plan) noexcept nogil:
    """The first feature of a stripe, which is one or more of the parts."""
    return X.bounds[s * (X.n_parts // plan.n_stripes)]


cdef inline void transpose_part(real* T_out, const parameter* W, Py_ssize_t n_rows, Csr* X, Py_ssize_t start,
                                Py_ssize_t ldt) noexcept nogil:
    """T_jk = W_kj scale_j for TRANSPOSE_FEATURES features from start on."""
    cdef Py_ssize_t stop = min(start + TRANSPOSE_FEATURES, X.n_features), j, k
    cdef const parameter* row
    for k in range(n_rows):
        row = W + k * X.n_features
        if X.scale == NULL:
            for j in range(start, stop):
                T_out[j * ldt + k] = <real> row[j]
        else:
            for j in range(start, stop):
                T_out[j * ldt + k] = <real> (row[j] * X.scale[j])


cdef inline void transpose(real* T_out, const parameter* W, Py_ssize_t n_rows, Csr* X, Py_ssize_t ldt,
                           int num_threads) noexcept nogil:
    """T_jk = W_kj scale_j for W (n_rows, n_features)."""
    cdef Py_ssize_t j
    for j in prange(0, X.n_features, TRANSPOSE_FEATURES, schedule="static", num_threads=num_threads):
        transpose_part(T_out, W, n_rows, X, j, ldt)


cdef inline void pack_transposed(real* T_out, real* b_out, CsrParameters* at, Csr* X, Py_ssize_t ldt,
                                 int num_threads) noexcept nogil:
    """W transposed, and b, in the dtype that is computed in."""
    cdef Py_ssize_t k
    if at.W_kind == FS_F32:
        transpose(T_out, <const float*> at.W, at.n_outputs, X, ldt, num_threads)
    else:
        transpose(T_out, <const double*> at.W, at.n_outputs, X, ldt, num_threads)
    for k in range(at.n_outputs):
        b_out[k] = <real> ((<const float*> at.b)[k] if at.b_kind == FS_F32 else (<const double*> at.b)[k])


cdef inline bint in_order(bint* ascending_inout, const index* features, Py_ssize_t count,
                          Py_ssize_t n_features) noexcept nogil:
    """Whether the features of a sample are in [0, n_features); clears ascending unless each is larger than the last."""
    cdef index out_of_order = 0, lowest = features[0], highest = features[count - 1]
    cdef Py_ssize_t e
    for e in range(1, count):
        out_of_order |= features[e] <= features[e - 1]
    if out_of_order:
        ascending_inout[0] = False
        for e in range(count):
            lowest = min(lowest, features[e])
            highest = max(highest, features[e])
    return 0 <= lowest and highest < n_features


cdef inline Py_ssize_t first_outside(bint* ascending_out, Csr* X) noexcept nogil:
    """The first sample with a feature outside [0, n_features), or -1, and whether features ascend in every sample."""
    cdef Py_ssize_t i, start, count
    cdef bint inside = True
    ascending_out[0] = True
    for i in range(X.n_samples):
        start = X.indptr[i]
        count = X.indptr[i + 1] - start
        if count == 0:
            continue
        if X.wide:
            inside = in_order(ascending_out, <const int64_t*> X.indices + start, count, X.n_features)
        else:
            inside = in_order(ascending_out, <const int32_t*> X.indices + start, count, X.n_features)
        if not inside:
            return i
    return -1


cdef inline void map_stripes(uint8_t* stripe_out, Csr* X, CsrPlan* plan) noexcept nogil:
    """The stripe of each step of features."""
    cdef Py_ssize_t s, step, last
    for s in range(plan.n_stripes):
        last = stripe_start(X, s + 1, plan) >> plan.step_bits
        for step in range(stripe_start(X, s, plan) >> plan.step_bits, last):
            stripe_out[step] = <uint8_t> s
    stripe_out[X.n_features >> plan.step_bits] = <uint8_t> (plan.n_stripes - 1)


cdef inline void find_stripes(int32_t* starts_out, Csr* X, const uint8_t* stripe, Py_ssize_t i, Py_ssize_t block_rows,
                              CsrPlan* plan) noexcept nogil:
    """Write where in sample i the entries of each stripe start, block_rows apart, and where the last stripe's end.

    Without branches: each entry overwrites the end of its stripe, and the last write wins.
    """
    cdef int32_t end[FS_MAX_STRIPES]
    cdef int32_t e, last = 0
    cdef Py_ssize_t first = X.indptr[i], s
    cdef int32_t count = <int32_t> (X.indptr[i + 1] - first)
    cdef const int32_t* narrow = <const int32_t*> X.indices + first
    cdef const int64_t* wide = <const int64_t*> X.indices + first
    memset(end, 0, sizeof(end))
    if X.wide:
        for e in range(count):
            end[stripe[wide[e] >> plan.step_bits]] = e + 1
    else:
        for e in range(count):
            end[stripe[narrow[e] >> plan.step_bits]] = e + 1
    for s in range(plan.n_stripes):
        starts_out[s * block_rows] = last
        last = max(last, end[s])
    starts_out[plan.n_stripes * block_rows] = last


cdef inline void store_stripe(parameter* grad_out, const double* sums, Py_ssize_t start, Py_ssize_t stop, bint add,
                              Csr* X, Py_ssize_t n_outputs, Py_ssize_t lds) noexcept nogil:
    """grad_kj = sum_jk / n_samples for the features [start, stop), or += that."""
    cdef Py_ssize_t n_samples = X.n_samples, j, k
    cdef parameter* row
    for k in range(n_outputs):
        row = grad_out + k * X.n_features
        if add:
            for j in range(start, stop):
                row[j] += <parameter> (sums[(j - start) * lds + k] / n_samples)
        else:
            for j in range(start, stop):
                row[j] = <parameter> (sums[(j - start) * lds + k] / n_samples)
