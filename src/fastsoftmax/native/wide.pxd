"""The gradient pass of a large W: the work on one block of samples, over the threads."""

from cython.parallel cimport prange, threadid
from libc.string cimport memset

from .arena cimport Arena, arena_at
from .blocks cimport feature_start, output_start
from .gradient cimport Gradient, residual_tile, wide_scratch
from .layout cimport Shape, shape_of
from .simd cimport fs_tile, lanes_of, many_depth_of, real, sum_samples, tile_gradient
from .slots cimport add_run
from .tile cimport add_tiles, bring, bring_part, upcoming


cdef inline void block_tile(Gradient* g, const real* W, void* scratch, Py_ssize_t block, Py_ssize_t t,
                            Py_ssize_t stop) noexcept nogil:
    """Write the residuals s_i r_i of tile t of the block [block, stop), their sums, and Σ_i s_i L_i."""
    cdef:
        Arena arena = arena_at(scratch)
        fs_tile tile
        real* sums
        real* room
        real* z = <real*> g.blocks.residuals + t * g.shape.tile_rows
        double* of_tile = g.blocks.tiles + t * g.blocks.tile_size
        Py_ssize_t start = block + t * g.shape.tile_rows
    wide_scratch(&tile, &sums, &room, &arena, g)
    tile.z = z
    tile.y = z + tile.n_outputs * tile.ldz
    bring(&tile, room, &g.X, start, stop, &g.shape)
    tile.fetch = upcoming(&g.X, start + g.threads * g.shape.tile_rows)      # of the tile that is likely next
    tile.fetch_all = True
    of_tile[tile.n_outputs] = residual_tile(&tile, g, W)
    memset(of_tile, 0, tile.n_outputs * sizeof(double))
    sum_samples(of_tile, z, tile.rows, tile.n_outputs, tile.ldz)


cdef inline void run_gradient(real* sums_out, fs_tile* tile, real* room, Gradient* g, Shape* stripe, const real* r,
                              Py_ssize_t first, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """The gradient of a stripe, of features from first on, for the samples [start, stop) with the residuals r."""
    cdef Py_ssize_t rows = stop - start if stripe.in_place else many_depth_of(room)
    memset(sums_out, 0, stripe.n_outputs * stripe.width * sizeof(real))
    while start < stop:
        bring_part(tile, room, &g.X, start, min(start + rows, stop), first, stripe)
        tile.z = <void*> r
        tile_gradient(sums_out, tile)
        start += tile.rows
        r += tile.rows


cdef inline void block_stripe(double* grad_W_inout, Gradient* g, void* scratch, Py_ssize_t block, Py_ssize_t stop,
                              Py_ssize_t s, real* dtype) noexcept nogil:
    """Add the share of the block [block, stop) to stripe s of the gradient; the first block overwrites it."""
    cdef:
        Arena arena = arena_at(scratch)
        fs_tile tile
        Shape stripe
        real* sums
        real* room
        Py_ssize_t across = s // g.blocks.output_stripes, down = s % g.blocks.output_stripes, start = block, end, j, k
        Py_ssize_t first = feature_start(&g.blocks, across, g.X.n_features)
        Py_ssize_t last = feature_start(&g.blocks, across + 1, g.X.n_features)
        Py_ssize_t top = output_start(&g.blocks, down, g.shape.n_outputs)
        Py_ssize_t bottom = output_start(&g.blocks, down + 1, g.shape.n_outputs)
        double* grad = grad_W_inout + top * g.X.n_features + first
    wide_scratch(&tile, &sums, &room, &arena, g)
    stripe = shape_of(last - first, bottom - top, lanes_of(dtype), g.shape.in_place)
    tile.n_outputs = bottom - top
    tile.n_features = stripe.tile_features
    while start < stop:
        end = min(start + g.blocks.run_rows, stop)
        run_gradient(sums, &tile, room, g, &stripe,
                     <const real*> g.blocks.residuals + top * g.blocks.ldr + (start - block), first, start, end)
        add_run(grad, g.X.n_features, sums, start == 0, &stripe)
        start = end
    if stop == g.X.n_samples:
        for k in range(tile.n_outputs):
            for j in range(stripe.n_features):
                grad[k * g.X.n_features + j] /= g.X.n_samples


cdef inline double block_gradient(double loss, double* grad_W_inout, double* grad_b_inout, Gradient* g, const real* W,
                                  Py_ssize_t block, Py_ssize_t stop, real* dtype) noexcept nogil:
    """Add the share of the samples [block, stop) to the gradient, which the first block overwrites, and return the loss
    with theirs."""
    cdef:
        Py_ssize_t n_tiles = (stop - block + g.shape.tile_rows - 1) // g.shape.tile_rows, t, s
        Py_ssize_t n_stripes = g.blocks.feature_stripes * g.blocks.output_stripes
    for t in prange(n_tiles, schedule="dynamic", num_threads=g.threads):
        block_tile(g, W, g.scratch + threadid() * g.scratch_size, block, t, stop)
    for s in prange(n_stripes, schedule="dynamic", num_threads=g.threads):
        block_stripe(grad_W_inout, g, g.scratch + threadid() * g.scratch_size, block, stop, s, dtype)
    return add_tiles(loss, grad_b_inout, g.blocks.tiles, n_tiles, g.blocks.tile_size, g.shape.n_outputs, g.X.n_samples)


cdef inline double wide_gradient(double* grad_W_out, double* grad_b_out, Gradient* g, const real* W,
                                 real* dtype) noexcept nogil:
    """Write the means of s_i r_i x_iᵀ and s_i r_i, and return that of s_i L_i."""
    cdef Py_ssize_t block = 0, stop
    cdef double loss = 0
    memset(grad_b_out, 0, g.shape.n_outputs * sizeof(double))
    while block < g.X.n_samples:
        stop = min(block + g.blocks.block_rows, g.X.n_samples)
        loss = block_gradient(loss, grad_W_out, grad_b_out, g, W, block, stop, dtype)
        block = stop
    return loss
