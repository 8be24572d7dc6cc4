"""Long vectors of parameters, on several threads: a part of _kernels.pyx."""

from libc.stdlib cimport free, malloc

from .native.codes cimport FS_NO_MEMORY
from .native.vectors cimport ENTRIES, Affine, affine_all, combine_all, project_all


cdef const double** pointers_of(vectors, Py_ssize_t size) except NULL:
    """Where these arrays begin, in memory that is to be freed; each has so many entries."""
    cdef const double** pointers = <const double**> malloc(max(len(vectors), 1) * sizeof(double*))
    cdef const double[::1] vector
    cdef Py_ssize_t c
    if pointers == NULL:
        raise MemoryError
    try:
        for c, vector in enumerate(vectors):
            if vector.shape[0] != size:
                raise ValueError(f"vectors must have {size} entries, found {vector.shape[0]}")
            pointers[c] = &vector[0]
    except BaseException:
        free(pointers)
        raise
    return pointers


def project(double[::1] out, vectors, const double[::1] v, int num_threads):
    """Write ⟨vector, v⟩ for each of a sequence of vectors; all are contiguous float64."""
    cdef:
        Py_ssize_t n_vectors = out.shape[0], size = v.shape[0]
        const double** pointers = pointers_of(vectors, size)
        double* partials = <double*> malloc(((size + ENTRIES - 1) // ENTRIES) * n_vectors * sizeof(double))
    try:
        if partials == NULL:
            check(FS_NO_MEMORY)
        with nogil:
            project_all(&out[0], partials, pointers, &v[0], n_vectors, size, num_threads)
    finally:
        free(partials)
        free(pointers)


def combine(real[::1] out, const double[::1] coefficients, vectors, int num_threads):
    """Write Σ_c coefficients_c · vector_c; the vectors are contiguous float64, and out may be one of them."""
    cdef const double** pointers = pointers_of(vectors, out.shape[0])
    with nogil:
        combine_all(&out[0], &coefficients[0], pointers, coefficients.shape[0], out.shape[0], num_threads)
    free(pointers)


def affine(parameter[:, :] out, const real[:, :] x, const double[::1] row, const double[::1] column,
           const double[::1] scale, const double[::1] shift, int num_threads):
    """Write (x_kj + row_k column_j) scale_j + shift_j; the numbers of a row of out and of x lie side by side.

    row and column, or shift, may be None.
    """
    cdef Affine a = Affine(pointer_of(row), pointer_of(column), &scale[0], pointer_of(shift))
    if x.shape[1] > 1 and (out.strides[1] != sizeof(parameter) or x.strides[1] != sizeof(real)):
        raise ValueError("the numbers of a row must be contiguous")
    with nogil:
        affine_all(&out[0, 0], &x[0, 0], &a, x.shape[0], x.shape[1], out.strides[0] // <Py_ssize_t> sizeof(parameter),
                   x.strides[0] // <Py_ssize_t> sizeof(real), num_threads)
