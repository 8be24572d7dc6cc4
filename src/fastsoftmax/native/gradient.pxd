"""The memory of a gradient pass, and what it does with a tile before the gradient."""

from .arena cimport Arena, arena_at, take
from .blocks cimport Blocks, plan_blocks, take_blocks
from .layout cimport Features, Samples, Shape, is_wide, weights_size
from .partials cimport Partials, partials_of, take_partials
from .simd cimport FS_ROWS, fs_residual, fs_tile, many_depth_of, many_width_of, real, tile_logits, work_bytes_of
from .tile cimport add_rows, begin_tile, loss_and_residual, take_samples, take_tile

cdef enum:
    SCRATCH_GAP = 4096          # between the memory of two threads: what a processor fetches ahead is not the other's

cdef struct Gradient:           # a pass: what its tiles have in common
    Features X
    Samples samples
    Shape shape
    fs_residual residual
    Py_ssize_t n_logits         # those of the outputs, and those of a direction
    int product
    int threads
    bint wide                   # by blocks of samples, not by slots
    void* W                     # packed, as all that follows is of the dtype that is computed in
    void* b
    void* zeros
    Partials partials           # of each slot the gradient of W, that of b, the loss
    Blocks blocks
    char* scratch               # of each thread
    Py_ssize_t scratch_size


cdef inline void plan_gradient(Gradient* g, int num_threads, real* dtype) noexcept nogil:
    """Cut the work into tasks for the threads."""
    cdef Py_ssize_t n_rows = g.n_logits + (g.shape.n_outputs if g.samples.kind == FS_ROWS else 0), tasks
    g.wide = is_wide(g.shape.n_outputs, g.X.n_features)
    if g.wide:
        g.blocks = plan_blocks(&g.shape, n_rows, g.X.n_samples, many_width_of(dtype), sizeof(real), num_threads)
        tasks = max(g.blocks.feature_stripes * g.blocks.output_stripes,
                    (min(g.X.n_samples, g.blocks.block_rows) + g.shape.tile_rows - 1) // g.shape.tile_rows)
        g.threads = min(num_threads, <int> tasks)
    else:
        g.threads = min(num_threads, <int> g.shape.n_slots)     # each slot is one task
        g.partials = partials_of(g.shape.n_slots, g.shape.n_outputs * (g.X.n_features + 1) + 1, g.threads)


cdef inline void slot_scratch(fs_tile* tile_out, real** sums_out, double** rest_out, real** room_out, Arena* arena,
                              Gradient* g) noexcept nogil:
    """A thread's own memory: a tile, sums in the data's precision, those of b and the loss, and room for samples."""
    take_tile(tile_out, arena, &g.shape, g.n_logits, sizeof(real))
    tile_out.product = g.product
    sums_out[0] = <real*> take(arena, g.shape.n_outputs * g.shape.width * sizeof(real))
    rest_out[0] = <double*> take(arena, (g.shape.n_outputs + 1) * sizeof(double))
    take_samples(tile_out, room_out, arena, &g.shape)


cdef inline void wide_scratch(fs_tile* tile_out, real** sums_out, real** room_out, Arena* arena,
                              Gradient* g) noexcept nogil:
    """The same of a large W: sums of a stripe, and room for a tile or for the features of a stripe."""
    cdef Py_ssize_t width = g.blocks.stripe_features + g.shape.lanes, room = 0
    begin_tile(tile_out, &g.shape, g.n_logits, g.blocks.ldr)
    tile_out.product = g.product
    sums_out[0] = <real*> take(arena, g.blocks.stripe_outputs * width * sizeof(real))
    if not g.shape.in_place:
        room = max(g.shape.tile_features * g.shape.tile_rows, width * many_depth_of(sums_out[0]))
    room_out[0] = <real*> take(arena, room * sizeof(real))
    tile_out.work = take(arena, g.shape.tile_rows * work_bytes_of(sums_out[0]))


cdef inline void gradient_layout(Gradient* g, Arena* arena, real* dtype) noexcept nogil:
    cdef Arena own = arena_at(NULL)
    cdef fs_tile tile
    cdef real* room
    cdef double* rest
    if g.wide:
        wide_scratch(&tile, &dtype, &room, &own, g)
    else:
        slot_scratch(&tile, &dtype, &rest, &room, &own, g)
    g.scratch_size = own.size + SCRATCH_GAP
    g.W = take(arena, weights_size(g.n_logits, &g.shape) * sizeof(real))
    g.b = take(arena, g.n_logits * sizeof(real))
    g.zeros = take(arena, g.X.n_features * sizeof(real))
    g.scratch = <char*> take(arena, g.threads * g.scratch_size)
    if g.wide:
        take_blocks(&g.blocks, arena, sizeof(real))
    else:
        take_partials(&g.partials, arena)


cdef inline double residual_tile(fs_tile* tile, Gradient* g, const real* W) noexcept nogil:
    """Write s_i r_i of the samples of a tile and return Σ_i s_i L_i."""
    # logits: z_i = W x_i + b + o_i
    tile_logits(tile, W, <const real*> g.b)
    if g.samples.offset.data != NULL:
        add_rows(<real*> tile.z, tile, g.samples.offset, <real> 1)

    # loss and residual: z_i becomes s_i r_i, for softmax s_i (softmax(z_i) Σ_k y_ik − y_i)
    return loss_and_residual(tile, <real*> tile.y, g.residual, &g.samples)
