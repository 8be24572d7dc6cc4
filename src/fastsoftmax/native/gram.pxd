"""Weighted Gram matrices Σ_i w_ci x_i x_iᵀ.

A few tiles at a time are packed, and every block of rows of every matrix, right of the diagonal alone, is one task: a
sum never depends on the number of threads. float32 sums are short: in long ones equal terms, such as those of a
constant feature, would be rounded in the same direction again and again.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memset

from .arena cimport CACHE_LINE, Arena, arena_at, give, release, round_up, take
from .codes cimport FS_DONE, FS_NO_MEMORY
from .layout cimport Features, is_plain, pack_center
from .simd cimport (
    FS_PANEL_DEPTH, FS_VECTORS, fs_active_use, fs_product_of, gram_block, gram_pack, panel_width_of, real,
)
from .slots cimport add_sums
from .tile cimport make_block

cdef enum:
    GRAM_TILES = 4      # tiles that are added to the sums at a time: these are read from memory and written back once
    GRAM_ALONE = 1 << 20    # multiply-adds between two waits of all threads below which one is as fast: some 50 µs
    GRAM_FLUSH = 16     # tiles that are summed in float32 before the sums are added to those in float64

cdef struct Gram:               # a pass
    Features X
    const void* weight          # (n_weights, n_samples)
    Py_ssize_t n_weights
    int threads
    bint plain                  # rows of X are samples of the dtype as they are
    bint rounded                # products of bfloat16
    bint long_sums              # sums go to float64 in between
    Py_ssize_t width            # features of a panel
    Py_ssize_t depth            # samples of one, at most
    Py_ssize_t n_panels
    Py_ssize_t ldo              # features of all panels: from one row of a matrix to the next
    double* total               # (n_weights, ldo, ldo) with long sums,
    void* sums                  # (n_weights, ldo, ldo)
    void* columns               # (GRAM_TILES, n_panels, width · depth)
    void* panels                # the same
    void* zeros
    char* blocks                # width · depth numbers of each thread
    Py_ssize_t block_size


cdef inline void gram_layout(Gram* g, Arena* arena, real* dtype) noexcept nogil:
    cdef Py_ssize_t n_sums = g.n_weights * g.ldo * g.ldo, block = g.width * g.depth * sizeof(real)
    g.block_size = round_up(block, CACHE_LINE)
    g.total = <double*> take(arena, n_sums * sizeof(double) if g.long_sums else 0)
    g.sums = take(arena, n_sums * sizeof(real))
    g.columns = take(arena, GRAM_TILES * g.n_panels * block)
    g.panels = take(arena, GRAM_TILES * g.n_panels * block)
    g.zeros = take(arena, g.X.n_features * sizeof(real))
    g.blocks = <char*> take(arena, g.threads * g.block_size)


cdef inline void pack_block(Gram* g, Py_ssize_t start, Py_ssize_t task, real* block) noexcept nogil:
    """One panel of the features of one of the tiles from sample start on."""
    cdef:
        Py_ssize_t first = task % g.n_panels * g.width, size = g.width * g.depth, rows, features
        real* columns = <real*> g.columns + task * size
        real* panel = <real*> g.panels + task * size
    start += task // g.n_panels * g.depth
    rows = min(g.depth, g.X.n_samples - start)
    features = min(g.width, g.X.n_features - first)
    if g.plain:
        gram_pack(columns, g.rounded, panel, <const real*> g.X.matrix.data + start * g.X.matrix.row + first, rows,
                  features, g.X.matrix.row)
    else:
        make_block(block, &g.X, start, first, rows, features, g.width)
        gram_pack(columns, g.rounded, panel, block, rows, features, g.width)


cdef inline void flush_gram(double* total_inout, float* sums_inout, Py_ssize_t rows, Py_ssize_t columns,
                            Py_ssize_t ldo) noexcept nogil:
    """Add a block of sums to those in float64, and reset it to zero."""
    cdef Py_ssize_t k
    for k in range(rows):
        add_sums(total_inout + k * ldo, sums_inout + k * ldo, False, columns)
        memset(sums_inout + k * ldo, 0, columns * sizeof(float))


cdef inline void add_blocks(Gram* g, Py_ssize_t start, Py_ssize_t tiles, Py_ssize_t task, bint full,
                            real* dtype) noexcept nogil:
    """Add the tiles from sample start on to the rows of one panel of features, of one matrix."""
    cdef:
        Py_ssize_t panel = task // g.n_weights, c = task % g.n_weights      # the longest tasks first
        Py_ssize_t size = g.width * g.depth, tile, at
        Py_ssize_t corner = c * g.ldo * g.ldo + panel * g.width * (g.ldo + 1), left = g.X.n_features - panel * g.width
        const real* weight = <const real*> g.weight + c * g.X.n_samples + start
    for tile in range(tiles):
        at = (tile * g.n_panels + panel) * size
        gram_block(<real*> g.sums + corner, g.rounded, <real*> g.columns + at, <real*> g.panels + at,
                   weight + tile * g.depth, min(g.depth, g.X.n_samples - start - tile * g.depth), left, g.ldo)
    if real is float:
        if g.long_sums and full:
            flush_gram(g.total + corner, <float*> g.sums + corner, min(g.width, left), g.ldo - panel * g.width, g.ldo)


cdef inline void store_row(real* out, Gram* g, Py_ssize_t task) noexcept nogil:
    """One row of one matrix, whose lower triangle is the upper one."""
    cdef Py_ssize_t c = task // g.X.n_features, k = task % g.X.n_features, j, j_k
    for j in range(g.X.n_features):
        j_k = c * g.ldo * g.ldo + min(j, k) * g.ldo + max(j, k)
        out[task * g.X.n_features + j] = <real> g.total[j_k] if g.long_sums else (<real*> g.sums)[j_k]


cdef inline Py_ssize_t step_work(Py_ssize_t n_features, Py_ssize_t n_weights) noexcept nogil:
    """Multiply-adds that are made of GRAM_TILES tiles."""
    return GRAM_TILES * FS_PANEL_DEPTH * n_features * n_features // 2 * n_weights


cdef inline int gram_pass(real* out, Features* X, const real* weight, Py_ssize_t n_weights, int precision,
                          int num_threads) noexcept nogil:
    """Write Σ_i w_ci x_i x_iᵀ for every row w_c of weight, (n_weights, n_features, n_features): one pass over X."""
    cdef:
        Gram g
        Arena arena = arena_at(NULL)
        Py_ssize_t n_sums, start = 0, tiles, task
        bint full
    g.X = X[0]
    g.weight = weight
    g.n_weights = n_weights
    g.threads = num_threads if step_work(X.n_features, n_weights) >= GRAM_ALONE else 1
    g.plain = is_plain(X, out)
    g.rounded = fs_product_of(fs_active_use.gram, precision, X.n_features) != FS_VECTORS
    g.width = panel_width_of(out)
    g.depth = FS_PANEL_DEPTH
    g.long_sums = real is float and X.n_samples > GRAM_FLUSH * g.depth
    g.n_panels = (X.n_features + g.width - 1) // g.width
    g.ldo = g.n_panels * g.width
    gram_layout(&g, &arena, out)
    if give(&arena, NULL) == FS_NO_MEMORY:
        return FS_NO_MEMORY
    gram_layout(&g, &arena, out)
    n_sums = n_weights * g.ldo * g.ldo
    memset(g.sums, 0, n_sums * sizeof(real))
    if g.long_sums:
        memset(g.total, 0, n_sums * sizeof(double))
    pack_center(&g.X, <real*> g.zeros)
    while start < X.n_samples:
        tiles = min(<Py_ssize_t> GRAM_TILES, (X.n_samples - start + g.depth - 1) // g.depth)
        for task in prange(tiles * g.n_panels, schedule="dynamic", num_threads=g.threads):
            pack_block(&g, start, task, <real*> (g.blocks + threadid() * g.block_size))
        full = (start // g.depth + tiles) % GRAM_FLUSH == 0 or start + tiles * g.depth >= X.n_samples
        for task in prange(g.n_panels * n_weights, schedule="dynamic", num_threads=g.threads):
            add_blocks(&g, start, tiles, task, full, out)
        start += GRAM_TILES * g.depth
    for task in prange(n_weights * X.n_features, schedule="static", num_threads=g.threads):
        store_row(out, &g, task)
    release(&arena)
    return FS_DONE
