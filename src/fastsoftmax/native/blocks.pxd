"""The gradient of a large W: by blocks of samples, whose residuals are computed before the gradient is.

    tiles      for each tile of a block: logits and residuals, which are kept, (n_outputs, rows of a block)
    stripes    then the gradient, (n_outputs, n_features), is cut into stripes: some outputs times some features. One
               thread adds up a stripe, over the samples in their order, and writes it to the caller's memory.

So no thread and no slot needs a gradient of its own. How a block is cut into stripes, and how many samples it has,
follows the number of threads too: no sum does, since every entry of the gradient is added up in the same order, a
run of samples in the data's precision, then the runs in float64.
"""

from cython.parallel cimport prange
from libc.string cimport memset

from .arena cimport CACHE_LINE, HUGE_PAGE, Arena, round_up, take
from .layout cimport Shape
from .simd cimport FS_MANY_CLASSES, FS_MANY_TILE_ROWS, real

cdef enum:
    RUN_ROWS = 2304                     # samples that are summed in the data's precision: whole tiles, whole depths
    THREAD_TILES = 3                    # tiles of a block for each thread
    BLOCK_BYTES = 48 * 1024 * 1024      # residuals of a block, if it has more than one run
    RUN_BYTES = 64 * 1024 * 1024        # residuals of a run: of very many classes it has fewer samples
    STRIPE_BYTES = 576                  # features of a stripe: packed, a depth of them fits the second-level cache
    THREAD_STRIPES = 2                  # stripes for each thread, at least, if W has that many
    PACKINGS = 40                       # as often X could be packed while it is multiplied with a thousand outputs

cdef struct Blocks:
    Py_ssize_t run_rows
    Py_ssize_t block_rows               # whole runs
    Py_ssize_t n_rows                   # of residuals: those of outputs, and of targets or of a direction
    Py_ssize_t ldr                      # from one to the next
    Py_ssize_t unit                     # features that no stripe cuts
    Py_ssize_t feature_stripes
    Py_ssize_t output_stripes
    Py_ssize_t stripe_features          # of a stripe at most
    Py_ssize_t stripe_outputs
    Py_ssize_t tile_size                # doubles from one tile to the next
    void* residuals
    double* tiles                       # of each tile of a block the sums of its residuals, and its loss


cdef inline Py_ssize_t feature_start(Blocks* blocks, Py_ssize_t s, Py_ssize_t n_features) noexcept nogil:
    """The first feature of a stripe. The last one has what is left of a unit."""
    if s == blocks.feature_stripes:
        return n_features
    return s * (n_features // blocks.unit) // blocks.feature_stripes * blocks.unit


cdef inline Py_ssize_t output_start(Blocks* blocks, Py_ssize_t s, Py_ssize_t n_outputs) noexcept nogil:
    return s * n_outputs // blocks.output_stripes


cdef inline Py_ssize_t even_stripes(Py_ssize_t n_stripes, Py_ssize_t units) noexcept nogil:
    """So many stripes, or one less if they have as many units each then; no more than there are units."""
    if n_stripes > 1 and units % n_stripes and units % (n_stripes - 1) == 0:
        return n_stripes - 1
    return min(n_stripes, units)


cdef inline Py_ssize_t fastest_cut(Py_ssize_t feature_stripes, Py_ssize_t most, int threads) noexcept nogil:
    """Into how many stripes outputs are cut: most threads have something to do then, and X is not packed too often.

    The time is counted in stripes that a thread does one after the other, and a quarter of one for which it waits.
    """
    cdef Py_ssize_t best = 1, stripes
    cdef double least = 0, time
    for stripes in range(1, most + 1):
        time = ((feature_stripes * stripes + threads - 1) // threads + 0.25) * (1.0 / PACKINGS + 1.0 / stripes)
        if stripes == 1 or time < least:
            least = time
            best = stripes
    return best


cdef inline Blocks plan_blocks(Shape* shape, Py_ssize_t n_rows, Py_ssize_t n_samples, Py_ssize_t unit,
                               Py_ssize_t itemsize, int threads) noexcept nogil:
    """Cut the samples into blocks, and the gradient into stripes of whole units of features."""
    cdef Blocks blocks
    cdef Py_ssize_t most, s, units = max(shape.n_features // unit, 1)
    memset(&blocks, 0, sizeof(blocks))
    blocks.n_rows = n_rows
    most = max(RUN_BYTES // (n_rows * itemsize) // FS_MANY_TILE_ROWS, 1) * FS_MANY_TILE_ROWS
    blocks.run_rows = min(<Py_ssize_t> RUN_ROWS, most)
    most = max(BLOCK_BYTES // (n_rows * itemsize) // blocks.run_rows, 1)
    blocks.block_rows = blocks.run_rows * min(
        most, (threads * THREAD_TILES * FS_MANY_TILE_ROWS + blocks.run_rows - 1) // blocks.run_rows)
    blocks.block_rows = min(blocks.block_rows, round_up(n_samples, FS_MANY_TILE_ROWS))
    blocks.ldr = blocks.block_rows + CACHE_LINE // itemsize     # rows start in different sets of the caches
    blocks.unit = unit
    blocks.feature_stripes = even_stripes((shape.n_features * itemsize + STRIPE_BYTES - 1) // STRIPE_BYTES, units)
    most = max(shape.n_outputs // FS_MANY_CLASSES, 1)
    if blocks.feature_stripes * most < THREAD_STRIPES * threads:
        blocks.feature_stripes = min(units, (THREAD_STRIPES * threads + most - 1) // most)
    blocks.output_stripes = fastest_cut(blocks.feature_stripes, most, threads)
    for s in range(blocks.feature_stripes):
        blocks.stripe_features = max(blocks.stripe_features, feature_start(&blocks, s + 1, shape.n_features)
                                     - feature_start(&blocks, s, shape.n_features))
    blocks.stripe_outputs = (shape.n_outputs + blocks.output_stripes - 1) // blocks.output_stripes
    blocks.tile_size = round_up((shape.n_outputs + 1) * sizeof(double), CACHE_LINE) // <Py_ssize_t> sizeof(double)
    return blocks


cdef inline void touch_blocks(Blocks* blocks, Py_ssize_t itemsize, int threads) noexcept nogil:
    """Have the system find the pages of the residuals: many threads share that, which each tile would do for all."""
    cdef Py_ssize_t size = blocks.n_rows * blocks.ldr * itemsize, page
    for page in prange(0, size, HUGE_PAGE, schedule="static", num_threads=threads):
        (<char*> blocks.residuals)[page] = 0


cdef inline void take_blocks(Blocks* blocks, Arena* arena, Py_ssize_t itemsize) noexcept nogil:
    blocks.residuals = take(arena, blocks.n_rows * blocks.ldr * itemsize)
    blocks.tiles = <double*> take(arena, blocks.block_rows // FS_MANY_TILE_ROWS * blocks.tile_size * sizeof(double))
