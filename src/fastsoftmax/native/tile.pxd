"""One tile of samples: from what is stored, to logits and back, and what every pass does between the two products."""

from libc.string cimport memset

from .arena cimport Arena, take
from .layout cimport Features, Matrix, Samples, Shape, own_storage
from .simd cimport (
    FS_LABELS, FS_MANY_CLASSES, FS_ROWS, fs_family, fs_residual, fs_tile, real, sum_samples, widen, work_bytes_of,
)


cdef inline void begin_tile(fs_tile* tile_out, Shape* shape, Py_ssize_t n_logits, Py_ssize_t ldz) noexcept nogil:
    """Set what all tiles of a pass have in common."""
    memset(tile_out, 0, sizeof(fs_tile))
    tile_out.n_outputs = shape.n_outputs
    tile_out.n_logits = n_logits
    tile_out.n_features = shape.tile_features
    tile_out.ldz = ldz


cdef inline void take_tile(fs_tile* tile_out, Arena* arena, Shape* shape, Py_ssize_t n_logits,
                           Py_ssize_t itemsize) noexcept nogil:
    """Begin a tile, and take room for logits, and behind them for targets or for the logits of a direction."""
    begin_tile(tile_out, shape, n_logits, shape.tile_rows)
    tile_out.z = take(arena, 2 * shape.n_outputs * shape.tile_rows * itemsize)
    if tile_out.z != NULL:
        tile_out.y = <char*> tile_out.z + shape.n_outputs * shape.tile_rows * itemsize


cdef inline void take_samples(fs_tile* tile_out, real** room_out, Arena* arena, Shape* shape) noexcept nogil:
    """Take room for samples that are not read in place, and for the products of many classes."""
    room_out[0] = <real*> take(arena, 0 if shape.in_place else shape.tile_features * shape.tile_rows * sizeof(real))
    if tile_out.n_logits >= FS_MANY_CLASSES:
        tile_out.work = take(arena, shape.tile_rows * work_bytes_of(room_out[0]))


cdef inline void make_block(real* x_out, Features* X, Py_ssize_t start, Py_ssize_t first, Py_ssize_t rows,
                            Py_ssize_t features, Py_ssize_t ldx) noexcept nogil:
    """Convert a block of X, from sample start and feature first on, to rows ldx apart with zeros between them."""
    cdef Py_ssize_t row = X.matrix.row, column = X.matrix.column
    cdef const char* block = <const char*> X.matrix.data + (start * row + first * column) * X.itemsize
    widen(x_out, X.storage, block, <const real*> X.center + first, rows, features, row, column, ldx)


cdef inline void bring(fs_tile* tile, real* room, Features* X, Py_ssize_t start, Py_ssize_t stop,
                       Shape* shape) noexcept nogil:
    """Set the tile's samples, from sample start on: in place, or converted and written to room."""
    tile.fetch_size = X.itemsize
    bring_part(tile, room, X, start, min(start + shape.tile_rows, stop), 0, shape)


cdef inline void bring_part(fs_tile* tile, real* room, Features* X, Py_ssize_t start, Py_ssize_t stop,
                            Py_ssize_t first, Shape* shape) noexcept nogil:
    """Set the samples [start, stop), and of these the features of a shape, from first on."""
    tile.start = start
    tile.rows = stop - start
    if shape.in_place:
        tile.x = <const char*> X.matrix.data + (start * X.matrix.row + first) * X.itemsize
        tile.ldx = X.matrix.row
        tile.storage = X.storage
    else:
        make_block(room, X, start, first, tile.rows, shape.n_features, shape.tile_features)
        tile.x = room
        tile.ldx = shape.tile_features
        tile.storage = own_storage(room)


cdef inline const void* upcoming(Features* X, Py_ssize_t start) noexcept nogil:
    """Memory to be fetched, from sample start on; NULL past the last sample, or if rows of X do not adjoin."""
    if start >= X.n_samples or X.matrix.column != 1 or X.matrix.row != X.n_features:
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


cdef inline double add_tiles(double loss, double* grad_b_inout, const double* tiles, Py_ssize_t n_tiles,
                             Py_ssize_t tile_size, Py_ssize_t n_outputs, Py_ssize_t n_samples) noexcept nogil:
    """Add the tiles' sums of residuals, tile_size apart, over n_samples, one after the other, and return the sum of
    loss and of their losses, which follow."""
    cdef Py_ssize_t t, k
    for t in range(n_tiles):
        for k in range(n_outputs):
            grad_b_inout[k] += tiles[t * tile_size + k] / n_samples
        loss += tiles[t * tile_size + n_outputs] / n_samples
    return loss


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
