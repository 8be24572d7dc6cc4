"""From Python's arrays to pointers, sizes and strides. Whoever calls a kernel keeps the arrays alive meanwhile."""

from cpython.memoryview cimport PyMemoryView_GET_BUFFER

from .layout cimport Features, Matrix, Parameters, Samples
from .simd cimport FS_BF16, FS_DIRECTION, FS_F16, FS_F32, FS_F64, FS_I8, FS_LABELS, FS_ROWS, FS_U8, real


cdef inline Matrix matrix_of(const real[:, :] array) noexcept:
    """Pointer and strides of a memoryview, or of None."""
    cdef Matrix matrix = Matrix(NULL, 0, 0)
    if array is not None:
        matrix.data = &array[0, 0]
        matrix.row = array.strides[0] // <Py_ssize_t> sizeof(real)
        matrix.column = array.strides[1] // <Py_ssize_t> sizeof(real)
    return matrix


cdef inline const double* pointer_of(const double[::1] array) noexcept:
    """Pointer of a memoryview, or of None."""
    if array is None:
        return NULL
    return &array[0]


cdef inline Parameters parameters_of(const real[:, :] W, const real[:] b) noexcept:
    return Parameters(matrix_of(W), Matrix(&b[0], b.strides[0] // <Py_ssize_t> sizeof(real), 0), W.shape[0])


cdef inline Features features_of(view, const real[::1] center) except *:
    """X of a `memoryview` object, whose elements may be of any kind: bfloat16 comes as uint16, since Python has no name
    for it. Typed memoryviews would want a copy of every function for each kind."""
    cdef Features X = features_in(PyMemoryView_GET_BUFFER(view))
    if center is not None:
        X.center = &center[0]
    return X


cdef inline bint is_whole(const Py_buffer* buffer) noexcept:
    """Whether elements are aligned, and strides whole numbers of them; then the kernels can read the buffer."""
    cdef Py_ssize_t places = <Py_ssize_t> buffer.buf, axis
    for axis in range(buffer.ndim):
        places |= buffer.strides[axis]
    return places % buffer.itemsize == 0


cdef inline Features features_in(const Py_buffer* buffer) except *:
    """X of a buffer, without a center; one of one dimension is a single sample."""
    cdef Features X
    cdef int last = buffer.ndim - 1
    X.storage = storage_of(buffer.format[0])
    X.itemsize = buffer.itemsize
    X.n_samples = buffer.shape[0] if last else 1
    X.n_features = buffer.shape[last]
    X.matrix = Matrix(buffer.buf, buffer.strides[0] // X.itemsize, buffer.strides[last] // X.itemsize)
    X.center = NULL
    return X


cdef inline int storage_of(char code) except -1:
    """The kind of element that a letter of Python's `struct` stands for."""
    if code == b"f":
        return FS_F32
    if code == b"d":
        return FS_F64
    if code == b"e":
        return FS_F16
    if code == b"H":
        return FS_BF16
    if code == b"B" or code == b"?":
        return FS_U8
    if code == b"b":
        return FS_I8
    raise ValueError(f"elements of kind {chr(code)!r} are not served")


cdef inline Samples parts_of(const Py_ssize_t[::1] labels, const real[:, :] targets, const double[::1] weight,
                             const real[:, :] offset, double parameter) noexcept:
    """Of labels and targets at most one is not None: without both, a direction follows the parameters."""
    cdef Samples samples = Samples(FS_DIRECTION, NULL, matrix_of(targets), pointer_of(weight), matrix_of(offset),
                                   parameter)
    if labels is not None:
        samples.kind = FS_LABELS
        samples.labels = &labels[0]
    elif targets is not None:
        samples.kind = FS_ROWS
    return samples


cdef inline Samples samples_of(samples, bint with_offset, const real* dtype) except *:
    """Pointers of an object with the attributes labels, targets, weight and offset, each an array or None, and
    parameter."""
    labels, targets = samples.labels, samples.targets
    if labels is None and targets is None:
        raise ValueError("samples have neither labels nor targets")
    return parts_of[real](labels, targets, samples.weight, samples.offset if with_offset else None,
                          samples.parameter)
