"""A model whose W is packed once, to predict single samples from: a part of _kernels.pyx."""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer

from .native.border cimport features_in, is_whole
from .native.predict cimport Packed, pack_model


cdef class PackedModel:
    """A copy of W (n_outputs, n_features) and b (n_outputs,), both of one dtype."""
    cdef Packed model
    cdef Arena arena
    cdef bint is_double

    def __init__(self):
        raise TypeError("a PackedModel comes from pack")

    def __dealloc__(self):
        release(&self.arena)

    def predict_row(self, out, x, bint mean, int family):
        """Write z = W x + b of one sample, (n_outputs,), or the means that these give, and return the sum of all z.

        Returns None, and writes nothing, if x is not aligned or has another number of features.
        """
        cdef Py_buffer from_x, to
        PyObject_GetBuffer(x, &from_x, PyBUF_STRIDES | PyBUF_FORMAT)
        try:
            if not is_whole(&from_x) or from_x.ndim != 1 or from_x.shape[0] != self.model.n_features:
                return None
            PyObject_GetBuffer(out, &to, PyBUF_STRIDES | PyBUF_FORMAT | PyBUF_WRITABLE)
            try:
                if self.is_double:
                    return row_into(&to, &from_x, &self.model, mean, family, <double*> NULL)
                return row_into(&to, &from_x, &self.model, mean, family, <float*> NULL)
            finally:
                PyBuffer_Release(&to)
        finally:
            PyBuffer_Release(&from_x)


cdef double row_into(Py_buffer* to, Py_buffer* from_x, const Packed* model, bint mean, int family,
                     real* dtype) except? -1:
    cdef:
        Features X = features_in(from_x), rows_out
        double total = 0
    if not is_whole(to) or to.ndim != 1 or to.shape[0] != model.n_outputs or to.itemsize != sizeof(real):
        raise ValueError(f"out must have {model.n_outputs} aligned numbers of the model's dtype")
    rows_out = features_in(to)
    with nogil:
        check(predict_pass(&total, rows_out.matrix, &X, NULL, model, family, mean, FS_EXACT, 1, NULL, dtype))
    return total


def pack(const real[:, :] W, const real[:] b):
    """Return the PackedModel of W and b."""
    cdef:
        PackedModel packed = PackedModel.__new__(PackedModel)
        Parameters at = parameters_of[real](W, b)
    packed.is_double = real is double
    packed.arena = arena_at(NULL)
    with nogil:
        check(pack_model(&packed.model, &packed.arena, &at, W.shape[1], <real*> NULL))
    return packed
