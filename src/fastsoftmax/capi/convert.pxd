"""From the structs of fastsoftmax.h to those of the passes, and from their codes to the public ones."""

from ..native.arena cimport CACHE_LINE, Room, round_up
from ..native.codes cimport FS_DONE, FS_MEASURED, FS_NOT_SERVED
from ..native.csr cimport FS_MAX_STEPS, FS_MAX_STRIPES, Csr, CsrParameters
from ..native.layout cimport Features, Matrix, Parameters, Samples
from ..native.simd cimport FS_DIRECTION, FS_F32, FS_LABELS, FS_ROWS, fs_family, real
from ..native.threads cimport fs_forked
from .types cimport (
    FASTSOFTMAX_F32, FASTSOFTMAX_INT64, FASTSOFTMAX_NOT_SERVED, FASTSOFTMAX_OK, FASTSOFTMAX_SHORT_WORKSPACE,
    fastsoftmax_features, fastsoftmax_model, fastsoftmax_resources, fastsoftmax_samples,
)


cdef inline int code_of(int code) noexcept nogil:
    """The public code of a pass, which had a room and so allocated nothing."""
    if code == FS_DONE or code == FS_MEASURED:
        return FASTSOFTMAX_OK
    return FASTSOFTMAX_NOT_SERVED if code == FS_NOT_SERVED else FASTSOFTMAX_SHORT_WORKSPACE


cdef inline int threads_of(const fastsoftmax_resources* resources) noexcept nogil:
    """One in a forked child, where the OpenMP runtime's threads do not exist."""
    return 1 if fs_forked() else resources.num_threads


cdef inline Room room_of(const fastsoftmax_resources* resources) noexcept nogil:
    """The caller's memory; too small for anything where there is none, since a room without memory measures."""
    cdef size_t most = <size_t> 1 << (8 * sizeof(size_t) - 2)
    if resources.workspace == NULL:
        return Room(<void*> CACHE_LINE, 0)
    return Room(resources.workspace, <Py_ssize_t> min(resources.workspace_size, most))


cdef inline Room rest_of(Room room, Py_ssize_t size) noexcept nogil:
    """What a room has left after its first bytes; of one without memory, one."""
    if room.memory == NULL:
        return room
    return Room(<char*> room.memory + size, max(<Py_ssize_t> 0, room.size - size))


cdef inline Matrix rows_of(const void* data, Py_ssize_t stride) noexcept nogil:
    return Matrix(data, stride, 1)


cdef inline Features dense_of(const fastsoftmax_features* X, Py_ssize_t itemsize) noexcept nogil:
    return Features(Matrix(X.data, X.row_stride, X.column_stride), X.storage, itemsize, X.n_samples, X.n_features, NULL)


cdef inline Parameters parameters_at(const void* W, const void* b, Py_ssize_t n_features,
                                     Py_ssize_t n_outputs) noexcept nogil:
    return Parameters(Matrix(W, n_features, 1), Matrix(b, 1, 0), n_outputs)


cdef inline Csr sparse_of(const fastsoftmax_features* X, const Py_ssize_t* bounds) noexcept nogil:
    return Csr(X.data, X.indices, X.index_kind == FASTSOFTMAX_INT64, X.indptr, X.n_samples, X.n_features, NULL, bounds,
               FS_MAX_STRIPES)


cdef inline CsrParameters sparse_parameters_at(const void* W, const void* b,
                                               const fastsoftmax_model* model) noexcept nogil:
    return CsrParameters(W, b, model.dtype, model.dtype, model.n_outputs)


cdef inline void even_bounds(Py_ssize_t* bounds_out, Py_ssize_t n_features) noexcept nogil:
    """Cut the features into FS_MAX_STRIPES stripes of about equal widths, each of whole steps."""
    cdef Py_ssize_t step = 1, s
    while n_features // step >= FS_MAX_STEPS:
        step *= 2
    for s in range(FS_MAX_STRIPES):
        bounds_out[s] = n_features // FS_MAX_STRIPES * s // step * step
    bounds_out[FS_MAX_STRIPES] = n_features


cdef inline Samples samples_at(const fastsoftmax_samples* samples, bint with_offset) noexcept nogil:
    cdef Samples parts = Samples(FS_LABELS, samples.labels, rows_of(samples.targets, samples.targets_stride),
                                 samples.weight, Matrix(NULL, 0, 0), 0)
    if samples.labels == NULL:
        parts.kind = FS_ROWS
    if with_offset and samples.offset != NULL:
        parts.offset = rows_of(samples.offset, samples.offset_stride)
    return parts


cdef inline Samples any_samples(const fs_family* family) noexcept nogil:
    """Samples of a kind that the family serves, to measure a pass with."""
    cdef Samples parts = Samples(FS_LABELS, NULL, Matrix(NULL, 0, 0), NULL, Matrix(NULL, 0, 0), 0)
    cdef int kind
    for kind in range(FS_DIRECTION):
        if family.residual[kind] != NULL:
            parts.kind = kind
    return parts


cdef inline Py_ssize_t mass_bytes(Py_ssize_t n_samples) noexcept nogil:
    return round_up(n_samples * <Py_ssize_t> sizeof(double) + CACHE_LINE, CACHE_LINE)


cdef inline void write_mass(double* mass_out, const fastsoftmax_samples* samples, Py_ssize_t n_samples,
                            Py_ssize_t n_outputs, real* dtype) noexcept nogil:
    """s_i Σ_k y_ik, what the Hessian of a categorical family knows of the targets."""
    cdef const real* row
    cdef double total
    cdef Py_ssize_t i, k
    for i in range(n_samples):
        row = <const real*> samples.targets + i * samples.targets_stride
        total = 0
        for k in range(n_outputs):
            total += row[k]
        mass_out[i] = total if samples.weight == NULL else total * samples.weight[i]
