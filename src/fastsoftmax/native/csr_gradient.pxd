"""The innermost loop for sparse samples: read by samples for the logits and by stripes of features for the gradient."""

from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memset

from .arena cimport CACHE_LINE, Arena, Room, arena_at, give, release, round_up, take
from .codes cimport FS_DONE, FS_NOT_SERVED
from .csr cimport (
    CACHE_ELEMENTS, FS_MAX_STEPS, Csr, CsrParameters, CsrPlan, csr_plan, csr_tiles, find_stripes, map_stripes,
    pack_transposed, parameter, store_stripe, stripe_start,
)
from .layout cimport Samples, Shape
from .simd cimport csr_gradient, csr_logits, family_of, fs_residual, fs_tile, real, sum_samples
from .tile cimport add_rows, add_tiles, loss_and_residual, take_tile

cdef struct CsrGradient:        # a pass
    Csr X
    Samples samples
    Shape shape
    CsrPlan plan
    fs_residual residual
    Py_ssize_t n_logits
    int threads
    void* T                     # W and V transposed
    void* b
    uint8_t* stripe             # of each step of features
    void* residuals             # of a block, a sample a row
    int32_t* starts             # of the stripes in each sample of a block
    double* tiles               # of each tile of a block the sums of its residuals, and its loss
    Py_ssize_t tile_size
    char* scratch               # of each thread
    Py_ssize_t scratch_size


cdef inline void csr_scratch(fs_tile* tile_out, double** sums_out, Arena* arena, CsrGradient* g,
                             Py_ssize_t itemsize) noexcept nogil:
    """A thread's own memory: a tile of logits, and the sums of a stripe."""
    take_tile(tile_out, arena, &g.shape, g.n_logits, itemsize)
    sums_out[0] = <double*> take(arena, g.plan.stripe_features * g.plan.ldr * sizeof(double))


cdef inline void csr_layout(CsrGradient* g, Arena* arena, Py_ssize_t itemsize) noexcept nogil:
    cdef Arena own = arena_at(NULL)
    cdef fs_tile tile
    cdef double* sums
    cdef Py_ssize_t rows = g.plan.block_rows
    csr_scratch(&tile, &sums, &own, g, itemsize)
    g.scratch_size = own.size
    g.tile_size = round_up((g.shape.n_outputs + 1) * sizeof(double), CACHE_LINE) // <Py_ssize_t> sizeof(double)
    g.T = take(arena, (g.X.n_features * g.plan.ldt + CACHE_ELEMENTS) * itemsize)
    g.b = take(arena, g.n_logits * itemsize)
    g.stripe = <uint8_t*> take(arena, FS_MAX_STEPS + 1)
    g.residuals = take(arena, rows * g.plan.ldr * itemsize)
    g.starts = <int32_t*> take(arena, rows * (g.plan.n_stripes + 1) * sizeof(int32_t))
    g.tiles = <double*> take(arena, rows // g.shape.tile_rows * g.tile_size * sizeof(double))
    g.scratch = <char*> take(arena, g.threads * g.scratch_size)


cdef inline void csr_tile(CsrGradient* g, const real* T, void* scratch, Py_ssize_t block, Py_ssize_t t,
                          Py_ssize_t stop) noexcept nogil:
    """Write of tile t of the block [block, stop) the residuals s_i r_i, their sums, Σ_i s_i L_i, and where the stripes
    start in each sample."""
    cdef:
        Arena arena = arena_at(scratch)
        fs_tile tile
        real* z
        real* residual
        double* sums = g.tiles + t * g.tile_size
        double* of_stripe
        Py_ssize_t first = t * g.shape.tile_rows, i, k
    csr_scratch(&tile, &of_stripe, &arena, g, sizeof(real))
    z = <real*> tile.z
    tile.start = block + first
    tile.rows = min(g.shape.tile_rows, stop - tile.start)
    csr_logits(&tile, g.X.wide, <const real*> g.X.values, g.X.indices, g.X.indptr + tile.start, T, <const real*> g.b,
               g.plan.ldt)
    if g.samples.offset.data != NULL:
        add_rows(z, &tile, g.samples.offset, <real> 1)
    sums[tile.n_outputs] = loss_and_residual(&tile, <real*> tile.y, g.residual, &g.samples)
    memset(sums, 0, tile.n_outputs * sizeof(double))
    sum_samples(sums, z, tile.rows, tile.n_outputs, tile.ldz)
    for i in range(tile.rows):
        residual = <real*> g.residuals + (first + i) * g.plan.ldr
        for k in range(tile.n_outputs):
            residual[k] = z[k * tile.ldz + i]
        for k in range(tile.n_outputs, g.plan.ldr):
            residual[k] = 0
        find_stripes(g.starts + first + i, &g.X, g.stripe, tile.start + i, g.plan.block_rows, &g.plan)


cdef inline void csr_stripe(parameter* grad_W_out, CsrGradient* g, const real* dtype, void* scratch, Py_ssize_t block,
                            Py_ssize_t stop, Py_ssize_t s) noexcept nogil:
    """The gradient of the features of stripe s, from the residuals of the block [block, stop)."""
    cdef:
        Arena arena = arena_at(scratch)
        fs_tile tile
        double* sums
        Py_ssize_t first = stripe_start(&g.X, s, &g.plan), last = stripe_start(&g.X, s + 1, &g.plan)
        const int32_t* starts = g.starts + s * g.plan.block_rows
    csr_scratch(&tile, &sums, &arena, g, sizeof(real))
    memset(sums, 0, (last - first) * g.plan.ldr * sizeof(double))
    csr_gradient(sums - first * g.plan.ldr, g.X.wide, <const real*> g.X.values, g.X.indices, g.X.indptr + block,
                 starts, starts + g.plan.block_rows, <const real*> g.residuals, stop - block, g.plan.ldr)
    store_stripe(grad_W_out, sums, first, last, block > 0, &g.X, g.shape.n_outputs, g.plan.ldr)


cdef inline double csr_block(double loss, parameter* grad_W_inout, double* grad_b_inout, CsrGradient* g, const real* T,
                             Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """Add the share of the samples [start, stop) to the gradient, which the first block overwrites, and return the loss
    with theirs."""
    cdef:
        Py_ssize_t n_tiles = (stop - start + g.shape.tile_rows - 1) // g.shape.tile_rows, t, s
    for t in prange(n_tiles, schedule="dynamic", num_threads=g.threads):
        csr_tile(g, T, g.scratch + threadid() * g.scratch_size, start, t, stop)
    for s in prange(g.plan.n_stripes, schedule="dynamic", num_threads=g.threads):
        csr_stripe(grad_W_inout, g, T, g.scratch + threadid() * g.scratch_size, start, stop, s)
    return add_tiles(loss, grad_b_inout, g.tiles, n_tiles, g.tile_size, g.shape.n_outputs, g.X.n_samples)


cdef inline int csr_gradient_pass(double* loss_out, parameter* grad_W_out, double* grad_b_out, Csr* X,
                                  CsrParameters* at, CsrParameters* direction, Samples* samples, int family,
                                  int num_threads, Room* room, real* dtype) noexcept nogil:
    """`gradient_pass` of sparse samples."""
    cdef:
        CsrGradient g
        Arena arena = arena_at(NULL)
        Py_ssize_t n_outputs = at.n_outputs, start = 0, stop
        int code
        real* T
        double loss = 0
    g.X = X[0]
    g.samples = samples[0]
    g.residual = family_of(dtype, family).residual[samples.kind]
    if g.residual == NULL:
        return FS_NOT_SERVED
    g.n_logits = n_outputs if direction == NULL else 2 * n_outputs
    g.threads = num_threads
    g.shape = csr_tiles(X, n_outputs)
    g.plan = csr_plan(X, g.n_logits, &g.shape, sizeof(real))
    csr_layout(&g, &arena, sizeof(real))
    code = give(&arena, room)
    if code != FS_DONE:
        return code
    csr_layout(&g, &arena, sizeof(real))
    T = <real*> g.T
    map_stripes(g.stripe, X, &g.plan)
    pack_transposed(T, <real*> g.b, at, X, g.plan.ldt, num_threads)
    if direction != NULL:
        pack_transposed(T + n_outputs, <real*> g.b + n_outputs, direction, X, g.plan.ldt, num_threads)
    memset(grad_b_out, 0, n_outputs * sizeof(double))
    while start < X.n_samples:
        stop = min(start + g.plan.block_rows, X.n_samples)
        loss = csr_block(loss, grad_W_out, grad_b_out, &g, T, start, stop)
        start = stop
    release(&arena)
    loss_out[0] = loss
    return FS_DONE
