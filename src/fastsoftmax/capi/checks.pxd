"""The checks of the C functions' arguments: each returns a code of fastsoftmax.h, FASTSOFTMAX_OK if all is well."""

from ..native.csr cimport Csr, first_outside
from ..native.simd cimport FS_N_FAMILIES, FS_N_PRECISIONS, FS_N_STORAGE, family_of
from .types cimport (
    FASTSOFTMAX_BAD_CSR, FASTSOFTMAX_BAD_KIND, FASTSOFTMAX_BAD_LABEL, FASTSOFTMAX_BAD_SHAPE, FASTSOFTMAX_BAD_STRIDE,
    FASTSOFTMAX_BAD_THREADS, FASTSOFTMAX_CSR, FASTSOFTMAX_DENSE, FASTSOFTMAX_F32, FASTSOFTMAX_F64, FASTSOFTMAX_INT32,
    FASTSOFTMAX_INT64, FASTSOFTMAX_MOST_THREADS, FASTSOFTMAX_NULL_POINTER, FASTSOFTMAX_OK, FASTSOFTMAX_TOO_LARGE,
    FASTSOFTMAX_WRONG_ABI, fastsoftmax_features, fastsoftmax_model, fastsoftmax_resources, fastsoftmax_samples,
)

cdef extern from *:
    """
    /* Products of sizes are judged in double before they are computed in ptrdiff_t: no pass takes more than this many
     * times the elements that it is given, nor more bytes for each. */
    #define FS_MOST_BYTES ((double)PTRDIFF_MAX / 256)
    """
    const double FS_MOST_BYTES


cdef inline int check_threads(int num_threads) noexcept nogil:
    return FASTSOFTMAX_OK if 1 <= num_threads <= FASTSOFTMAX_MOST_THREADS else FASTSOFTMAX_BAD_THREADS


cdef inline int check_resources(const fastsoftmax_resources* resources) noexcept nogil:
    if resources == NULL:
        return FASTSOFTMAX_NULL_POINTER
    if resources.struct_size != sizeof(fastsoftmax_resources):
        return FASTSOFTMAX_WRONG_ABI
    return check_threads(resources.num_threads)


cdef inline int check_model(const fastsoftmax_model* model, bint with_parameters) noexcept nogil:
    if model == NULL:
        return FASTSOFTMAX_NULL_POINTER
    if model.struct_size != sizeof(fastsoftmax_model):
        return FASTSOFTMAX_WRONG_ABI
    if model.n_outputs < 1:
        return FASTSOFTMAX_BAD_SHAPE
    if model.dtype != FASTSOFTMAX_F32 and model.dtype != FASTSOFTMAX_F64:
        return FASTSOFTMAX_BAD_KIND
    if not 0 <= model.family < FS_N_FAMILIES or not 0 <= model.precision < FS_N_PRECISIONS:
        return FASTSOFTMAX_BAD_KIND
    if family_of(<double*> NULL, model.family).has_parameter:   # for which the model has no place
        return FASTSOFTMAX_BAD_KIND
    if with_parameters and (model.W == NULL or model.b == NULL):
        return FASTSOFTMAX_NULL_POINTER
    return FASTSOFTMAX_OK


cdef inline int check_sizes(Py_ssize_t n_samples, Py_ssize_t n_features, Py_ssize_t n_outputs,
                            int num_threads) noexcept nogil:
    """Whether all sizes of a pass fit, those of its workspace too: slots and threads hold gradients, tiles samples."""
    cdef double width = n_features + 64.0, outputs = n_outputs + 64.0, copies = num_threads + 64.0
    if n_samples < 1 or n_features < 1 or n_outputs < 1:
        return FASTSOFTMAX_BAD_SHAPE
    if outputs * width * copies > FS_MOST_BYTES or (n_samples + 64.0) * (width + outputs) > FS_MOST_BYTES:
        return FASTSOFTMAX_TOO_LARGE
    return FASTSOFTMAX_OK


cdef inline int check_rows(const void* data, Py_ssize_t stride, Py_ssize_t n_samples,
                           Py_ssize_t n_columns) noexcept nogil:
    """Rows of n_columns elements, a leading dimension apart."""
    if data == NULL:
        return FASTSOFTMAX_NULL_POINTER
    if stride < n_columns:
        return FASTSOFTMAX_BAD_STRIDE
    return FASTSOFTMAX_TOO_LARGE if <double> stride * n_samples > FS_MOST_BYTES else FASTSOFTMAX_OK


cdef inline int check_dense(const fastsoftmax_features* X) noexcept nogil:
    cdef Py_ssize_t row = X.row_stride, column = X.column_stride
    if row < 1 or column < 1:
        return FASTSOFTMAX_BAD_STRIDE
    # In C's order or in Fortran's.
    if <double> column * X.n_features > row and <double> row * X.n_samples > column:
        return FASTSOFTMAX_BAD_STRIDE
    if <double> row * X.n_samples + <double> column * X.n_features > FS_MOST_BYTES:
        return FASTSOFTMAX_TOO_LARGE
    return FASTSOFTMAX_OK


cdef inline int check_shape(const fastsoftmax_features* X, const fastsoftmax_model* model, int num_threads,
                            bint of_logits) noexcept nogil:
    """All of X but what its pointers point to; for a pass over logits, the number of samples alone."""
    cdef int code
    if X == NULL:
        return FASTSOFTMAX_NULL_POINTER
    if X.struct_size != sizeof(fastsoftmax_features):
        return FASTSOFTMAX_WRONG_ABI
    code = check_sizes(X.n_samples, 1 if of_logits else X.n_features, model.n_outputs, num_threads)
    if code != FASTSOFTMAX_OK or of_logits:
        return code
    if not 0 <= X.storage < FS_N_STORAGE:
        return FASTSOFTMAX_BAD_KIND
    if X.layout == FASTSOFTMAX_DENSE:
        # float64 is not computed with in less.
        if X.storage == FASTSOFTMAX_F64 and model.dtype != FASTSOFTMAX_F64:
            return FASTSOFTMAX_BAD_KIND
        return check_dense(X)
    if X.layout != FASTSOFTMAX_CSR or X.storage != model.dtype:
        return FASTSOFTMAX_BAD_KIND
    if X.index_kind != FASTSOFTMAX_INT32 and X.index_kind != FASTSOFTMAX_INT64:
        return FASTSOFTMAX_BAD_KIND
    return FASTSOFTMAX_TOO_LARGE if X.n_features > 0x7fffffff else FASTSOFTMAX_OK


cdef inline int check_csr(const fastsoftmax_features* X) noexcept nogil:
    """What the pointers of CSR point to."""
    cdef:
        Csr csr = Csr(X.data, X.indices, X.index_kind == FASTSOFTMAX_INT64, X.indptr, X.n_samples, X.n_features, NULL,
                      NULL, 0)
        bint ascending
        Py_ssize_t i
    if X.indptr == NULL:
        return FASTSOFTMAX_NULL_POINTER
    if not X.trusted:
        if X.indptr[0] < 0:
            return FASTSOFTMAX_BAD_CSR
        for i in range(X.n_samples):
            if X.indptr[i + 1] < X.indptr[i]:
                return FASTSOFTMAX_BAD_CSR
    if X.indptr[X.n_samples] == X.indptr[0]:
        return FASTSOFTMAX_OK
    if X.data == NULL or X.indices == NULL:
        return FASTSOFTMAX_NULL_POINTER
    if not X.trusted and (first_outside(&ascending, &csr) >= 0 or not ascending):
        return FASTSOFTMAX_BAD_CSR
    return FASTSOFTMAX_OK


cdef inline int check_features(const fastsoftmax_features* X, const fastsoftmax_model* model,
                               int num_threads) noexcept nogil:
    cdef int code = check_shape(X, model, num_threads, False)
    if code != FASTSOFTMAX_OK:
        return code
    if X.layout == FASTSOFTMAX_CSR:
        return check_csr(X)
    return FASTSOFTMAX_NULL_POINTER if X.data == NULL else FASTSOFTMAX_OK


cdef inline int check_labels(const Py_ssize_t* labels, Py_ssize_t n_samples, Py_ssize_t n_outputs) noexcept nogil:
    cdef Py_ssize_t lowest = labels[0], highest = labels[0], i
    for i in range(1, n_samples):
        lowest = min(lowest, labels[i])
        highest = max(highest, labels[i])
    return FASTSOFTMAX_OK if lowest >= 0 and highest < n_outputs else FASTSOFTMAX_BAD_LABEL


cdef inline int check_samples(const fastsoftmax_samples* samples, Py_ssize_t n_samples, Py_ssize_t n_outputs,
                              bint with_targets, bint with_offset) noexcept nogil:
    """with_targets: there must be some; with_offset: one that is given is read."""
    cdef int code = FASTSOFTMAX_OK
    if samples == NULL:
        return FASTSOFTMAX_NULL_POINTER
    if samples.struct_size != sizeof(fastsoftmax_samples):
        return FASTSOFTMAX_WRONG_ABI
    if samples.labels != NULL and samples.targets != NULL:
        return FASTSOFTMAX_BAD_KIND
    if samples.labels != NULL:
        code = check_labels(samples.labels, n_samples, n_outputs)
    elif samples.targets != NULL:
        code = check_rows(samples.targets, samples.targets_stride, n_samples, n_outputs)
    elif with_targets:
        return FASTSOFTMAX_NULL_POINTER
    if code == FASTSOFTMAX_OK and with_offset and samples.offset != NULL:
        code = check_rows(samples.offset, samples.offset_stride, n_samples, n_outputs)
    return code
