"""One tile of samples: from what is stored, to logits and back, and what every pass does between the two products."""

from libc.string cimport memset

from .arena cimport Arena, take
from .layout cimport Features, Matrix, Samples, Shape, own_storage
from .simd cimport FS_LABELS, FS_ROWS, fs_family, fs_residual, fs_tile, real, sum_samples, widen


cdef inline void take_tile(fs_tile* tile_out, Arena* arena, Shape* shape, Py_ssize_t n_logits,
                           Py_ssize_t itemsize) noexcept nogil:
    """Set what all tiles of a pass have in common, and take room for logits, and behind them for targets or for the
    logits of a direction."""
    memset(tile_out, 0, sizeof(fs_tile))
    tile_out.n_outputs = shape.n_outputs
    tile_out.n_logits = n_logits
    tile_out.n_features = shape.tile_features
    tile_out.ldz = shape.tile_rows
    tile_out.z = take(arena, 2 * shape.n_outputs * shape.tile_rows * itemsize)
    if tile_out.z != NULL:
        tile_out.y = <char*> tile_out.z + shape.n_outputs * shape.tile_rows * itemsize


cdef inline void make_block(real* x_out, Features* X, Py_ssize_t start, Py_ssize_t first, Py_ssize_t rows,
                            Py_ssize_t features, Py_ssize_t ldx) noexcept nogil:
    """Convert a block of X, from sample start and feature first on, to rows ldx apart with zeros between them."""
    cdef Py_ssize_t row = X.matrix.row, column = X.matrix.column
    cdef const char* block = <const char*> X.matrix.data + (start * row + first * column) * X.itemsize
    widen(x_out, X.storage, block, <const real*> X.center + first, rows, features, row, column, ldx)


cdef inline void bring(fs_tile* tile, real* room, Features* X, Py_ssize_t start, Py_ssize_t stop,
                       Shape* shape) noexcept nogil:
    """Set the tile's samples, from sample start on: in place, or converted and written to room."""
    tile.start = start
    tile.rows = min(shape.tile_rows, stop - start)
    tile.fetch_size = X.itemsize
    if shape.in_place:
        tile.x = <const char*> X.matrix.data + start * X.matrix.row * X.itemsize
        tile.ldx = X.matrix.row
        tile.storage = X.storage
    else:
        make_block(room, X, start, 0, tile.rows, shape.n_features, shape.tile_features)
        tile.x = room
        tile.ldx = shape.tile_features
        tile.storage = own_storage(room)


cdef inline const void* upcoming(Features* X, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """Memory to be fetched, from sample start on; NULL past the last sample, or if rows of X do not adjoin."""
    if start >= stop or X.matrix.column != 1 or X.matrix.row != X.n_features:
        return NULL
    return <const char*> X.matrix.data + start * X.matrix.row * X.itemsize


cdef inline void add_rows(real* z_inout, fs_tile* tile, Matrix matrix, real factor) noexcept nogil:
    """z_ik += factor · matrix_ik: from samples × outputs to the tile's outputs × samples."""
    cdef const real* a = <const real*> matrix.data + tile.start * matrix.row
    cdef Py_ssize_t rows = tile.rows, ldz = tile.ldz, i, k
    for k in range(tile.n_outputs):
        for i in range(rows):
            z_inout[k * ldz + i] += factor * a[i * matrix.row + k * matrix.column]


cdef inline void load_rows(real* z_out, fs_tile* tile, Matrix matrix) noexcept nogil:
    """z_ik = matrix_ik."""
    memset(z_out, 0, tile.n_outputs * tile.ldz * sizeof(real))
    add_rows(z_out, tile, matrix, <real> 1)


cdef inline void store_rows(Matrix matrix_out, const real* z, fs_tile* tile, real factor) noexcept nogil:
    """matrix_ik = factor · z_ik."""
    cdef real* a = <real*> matrix_out.data + tile.start * matrix_out.row
    cdef Py_ssize_t n_outputs = tile.n_outputs, ldz = tile.ldz, i, k
    for i in range(tile.rows):
        for k in range(n_outputs):
            a[i * matrix_out.row + k * matrix_out.column] = factor * z[k * ldz + i]


cdef inline double loss_and_residual(fs_tile* tile, real* y, fs_residual function, Samples* samples) noexcept nogil:
    """Turn logits into s_i r_i and return Σ_i s_i L_i; y is the tile's room for targets.

    Without targets, the logits of a direction stand there, r is the curvature's, and 0 returns.
    """
    tile.parameter = samples.parameter
    if samples.weight != NULL:
        tile.weight = samples.weight + tile.start
    if samples.kind == FS_LABELS:
        tile.labels = samples.labels + tile.start
    elif samples.kind == FS_ROWS:
        load_rows(y, tile, samples.rows)
    return function(tile)


cdef inline double finish_prediction(Matrix out, fs_tile* tile, const fs_family* family, bint mean,
                                     real* z) noexcept nogil:
    """Write the logits of a tile, or their means, and return the sum of the logits."""
    cdef double total = 0
    cdef Py_ssize_t k
    for k in range(tile.n_outputs):
        sum_samples(&total, z + k * tile.ldz, tile.rows, 1, tile.ldz)
    if mean:
        family.mean(tile)
    store_rows(out, z, tile, <real> 1)
    return total
