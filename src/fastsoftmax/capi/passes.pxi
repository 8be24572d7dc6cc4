"""The passes of _kernels.pyx by the layout of X, for functions.pxi.

A room without memory measures: nothing that a pointer points to is read then.
"""

from .capi.convert cimport any_samples, dense_of, even_bounds, parameters_at, rows_of, sparse_of, sparse_parameters_at
from .capi.types cimport (
    FASTSOFTMAX_CROSS_ENTROPY_GRAD, FASTSOFTMAX_DENSE, FASTSOFTMAX_HESS_VEC, FASTSOFTMAX_LOSS_GRAD,
    FASTSOFTMAX_PREDICT, fastsoftmax_features, fastsoftmax_model,
)
from .native.simd cimport FS_DIRECTION

cdef extern from *:
    """
    static const ptrdiff_t fs_itemsize[] = {4, 8, 2, 2, 1, 1}; /* by the kind of what is stored */
    #define FS_SAME(name) _Static_assert((int)FASTSOFTMAX_##name == (int)FS_##name, "the kernels' number of " #name)
    FS_SAME(F32);
    FS_SAME(F64);
    FS_SAME(F16);
    FS_SAME(BF16);
    FS_SAME(U8);
    FS_SAME(I8);
    FS_SAME(EXACT);
    FS_SAME(FAST);
    FS_SAME(ROUGH);
    """
    const Py_ssize_t* fs_itemsize


cdef int gradient_of(double* loss_out, double* grad_W_out, double* grad_b_out, const fastsoftmax_features* X,
                     Samples* samples, const fastsoftmax_model* model, const void* V, const void* v, Room* room,
                     int num_threads, real* dtype) noexcept nogil:
    """A gradient pass or, for samples without targets, that of the curvature's product with V and v."""
    cdef:
        bint along = samples.kind == FS_DIRECTION
        Features dense
        Parameters at, direction
        Csr sparse
        CsrParameters sparse_at, sparse_direction
        Py_ssize_t bounds[FS_MAX_STRIPES + 1]
    if X.layout == FASTSOFTMAX_DENSE:
        dense = dense_of(X, fs_itemsize[X.storage])
        at = parameters_at(model.W, model.b, X.n_features, model.n_outputs)
        direction = parameters_at(V, v, X.n_features, model.n_outputs)
        return gradient_pass(loss_out, grad_W_out, grad_b_out, &dense, &at, &direction if along else NULL, samples,
                             model.family, model.precision, num_threads, room, dtype)
    even_bounds(bounds, X.n_features)
    sparse = sparse_of(X, bounds)
    sparse_at = sparse_parameters_at(model.W, model.b, model)
    sparse_direction = sparse_parameters_at(V, v, model)
    return csr_gradient_pass(loss_out, grad_W_out, grad_b_out, &sparse, &sparse_at,
                             &sparse_direction if along else NULL, samples, model.family, num_threads, room, dtype)


cdef int prediction_of(void* out, Py_ssize_t out_stride, const fastsoftmax_features* X, const fastsoftmax_model* model,
                       bint mean, Room* room, int num_threads, real* dtype) noexcept nogil:
    cdef:
        Features dense
        Parameters at
        Csr sparse
        CsrParameters sparse_at
        double total
    if X.layout == FASTSOFTMAX_DENSE:
        dense = dense_of(X, fs_itemsize[X.storage])
        at = parameters_at(model.W, model.b, X.n_features, model.n_outputs)
        return predict_pass(&total, rows_of(out, out_stride), &dense, &at, NULL, model.family, mean,
                            model.precision, num_threads, room, dtype)
    sparse = sparse_of(X, NULL)
    sparse_at = sparse_parameters_at(model.W, model.b, model)
    return csr_predict_pass(&total, rows_of(out, out_stride), &sparse, &sparse_at, model.family, mean, num_threads,
                            room, dtype)


cdef int measure(Room* room, int operation, const fastsoftmax_features* X, const fastsoftmax_model* model,
                 int num_threads, real* dtype) noexcept nogil:
    """Make the room say what an operation takes."""
    cdef Samples samples = any_samples(family_of(dtype, model.family))
    cdef double nothing
    cdef Matrix absent = rows_of(NULL, 0)
    if operation == FASTSOFTMAX_LOSS_GRAD:
        return gradient_of(NULL, NULL, NULL, X, &samples, model, NULL, NULL, room, num_threads, dtype)
    if operation == FASTSOFTMAX_HESS_VEC:
        samples.kind = FS_DIRECTION
        return gradient_of(NULL, NULL, NULL, X, &samples, model, NULL, NULL, room, num_threads, dtype)
    if operation == FASTSOFTMAX_PREDICT:
        return prediction_of(NULL, 0, X, model, True, room, num_threads, dtype)
    if operation == FASTSOFTMAX_CROSS_ENTROPY_GRAD:
        return cross_entropy_pass(&nothing, &nothing, absent, Line(absent, absent, 0), &samples, 1, X.n_samples,
                                  model.n_outputs, model.family, num_threads, room, dtype)
    return mean_pass(absent, absent, X.n_samples, model.n_outputs, FS_softmax, False, num_threads, room, dtype)
