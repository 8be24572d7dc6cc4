"""One tile of samples: from what is stored, to logits and back, and what every pass does between the two products."""

from libc.string cimport memset

from .layout cimport Features, Matrix, Shape, Targets, own_storage
from .simd cimport curvature_residual, label_residual, real, sum_samples, target_residual, tile_softmax, widen


cdef inline void make_tile(real* x_out, Features* X, Py_ssize_t start, Py_ssize_t first, Py_ssize_t rows,
                           Py_ssize_t features, Py_ssize_t ldx) noexcept nogil:
    """Make a block of X, from sample start and feature first on, of what is stored: rows ldx apart, zeros between."""
    cdef Py_ssize_t row = X.matrix.row, column = X.matrix.column
    cdef const char* block = <const char*> X.matrix.data + (start * row + first * column) * X.itemsize
    widen(x_out, X.storage, block, <const real*> X.center + first, rows, features, row, column, ldx)


cdef inline const void* samples(Py_ssize_t* ldx_out, int* storage_out, real* tile, Features* X, Py_ssize_t start,
                                Py_ssize_t rows, Shape* shape) noexcept nogil:
    """The tile's samples: where they lie, or made of what is stored."""
    if shape.in_place:
        ldx_out[0] = X.matrix.row
        storage_out[0] = X.storage
        return <const char*> X.matrix.data + start * X.matrix.row * X.itemsize
    make_tile(tile, X, start, 0, rows, shape.n_features, shape.tile_features)
    ldx_out[0] = shape.tile_features
    storage_out[0] = own_storage(tile)
    return tile


cdef inline const void* upcoming(Features* X, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """Where the tile starts whose samples are to be fetched, or NULL if there is none or its rows do not adjoin."""
    if start >= stop or X.matrix.column != 1 or X.matrix.row != X.n_features:
        return NULL
    return <const char*> X.matrix.data + start * X.matrix.row * X.itemsize


cdef inline void add_rows(real* z_inout, Matrix matrix, real factor, Py_ssize_t start, Py_ssize_t rows,
                          Shape* shape) noexcept nogil:
    """z_ik += factor · matrix_ik: from samples × classes to the tile's classes × samples."""
    cdef const real* a = <const real*> matrix.data + start * matrix.row
    cdef Py_ssize_t i, k
    for k in range(shape.n_classes):
        for i in range(rows):
            z_inout[k * shape.tile_rows + i] += factor * a[i * matrix.row + k * matrix.column]


cdef inline void load_rows(real* z_out, Matrix matrix, Py_ssize_t start, Py_ssize_t rows, Shape* shape) noexcept nogil:
    """z_ik = matrix_ik."""
    memset(z_out, 0, shape.n_classes * shape.tile_rows * sizeof(real))
    add_rows(z_out, matrix, <real> 1, start, rows, shape)


cdef inline void store_rows(Matrix matrix_out, const real* z, Py_ssize_t start, Py_ssize_t rows,
                            Shape* shape) noexcept nogil:
    """matrix_ik = z_ik."""
    cdef real* a = <real*> matrix_out.data + start * matrix_out.row
    cdef Py_ssize_t i, k
    for i in range(rows):
        for k in range(shape.n_classes):
            a[i * matrix_out.row + k * matrix_out.column] = z[k * shape.tile_rows + i]


cdef inline double residual(real* z_inout, real* y, Targets* targets, Py_ssize_t start, Py_ssize_t rows,
                            Shape* shape) noexcept nogil:
    """Turn logits into s_i r_i and return Σ_i s_i L_i; y is room for the targets of a tile.

    Without targets, the logits of a direction stand behind those of the parameters, r is the Hessian's, and 0 returns.
    """
    cdef:
        Py_ssize_t n_classes = shape.n_classes, ldz = shape.tile_rows
        const double* sample_weight = NULL
    if targets.sample_weight != NULL:
        sample_weight = targets.sample_weight + start
    if targets.labels != NULL:
        return label_residual(z_inout, targets.labels + start, sample_weight, rows, n_classes, ldz)
    if targets.rows.data != NULL:
        load_rows(y, targets.rows, start, rows, shape)
        return target_residual(z_inout, y, sample_weight, rows, n_classes, ldz)
    curvature_residual(z_inout, z_inout + n_classes * ldz, sample_weight, rows, n_classes, ldz)
    return 0


cdef inline double finish_prediction(Matrix out, real* z, bint probabilities, Py_ssize_t start, Py_ssize_t rows,
                                     Shape* shape) noexcept nogil:
    """Write the logits of a tile, or their softmax, and return the sum of the logits."""
    cdef double total = 0
    cdef Py_ssize_t k
    for k in range(shape.n_classes):
        sum_samples(&total, z + k * shape.tile_rows, rows, 1, shape.tile_rows)
    if probabilities:
        tile_softmax(z, False, rows, shape.n_classes, shape.tile_rows)
    store_rows[real](out, z, start, rows, shape)
    return total
