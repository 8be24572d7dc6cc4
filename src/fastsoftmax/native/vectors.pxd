"""Sums over long vectors of parameters, whose order depends on their length alone: threads share blocks of entries."""

from cython.parallel cimport prange

from .csr cimport parameter
from .simd cimport real

cdef extern from "vectors.h" nogil:
    void fs_add_scaled(double* out, const double* x, double step, Py_ssize_t n)
    double fs_product(const double* a, const double* b, Py_ssize_t n)

cdef enum:
    ENTRIES = 4096      # of a block: their sums stay in the first-level cache
    ROWS = 32           # vectors of a task, if blocks are few


cdef inline void project_block(double* partial_out, const double** vectors, const double* v, Py_ssize_t n_vectors,
                               Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """Write what the entries [start, stop) add to each product ⟨vector, v⟩."""
    cdef Py_ssize_t c
    for c in range(n_vectors):
        partial_out[c] = fs_product(vectors[c] + start, v + start, stop - start)


cdef inline void project_all(double* out, double* partials, const double** vectors, const double* v,
                             Py_ssize_t n_vectors, Py_ssize_t size, int num_threads) noexcept nogil:
    """out_c = Σ_j vectors_cj v_j, the sums of blocks one after the other; partials has room for those of all blocks."""
    cdef:
        Py_ssize_t n_blocks = (size + ENTRIES - 1) // ENTRIES, n_groups = (n_vectors + ROWS - 1) // ROWS
        Py_ssize_t task, block, first, c
    for task in prange(n_blocks * n_groups, schedule="static", num_threads=num_threads):
        block = task // n_groups
        first = task % n_groups * ROWS
        project_block(partials + block * n_vectors + first, vectors + first, v, min(n_vectors - first, ROWS),
                      block * ENTRIES, min((block + 1) * ENTRIES, size))
    for c in range(n_vectors):
        out[c] = 0
        for block in range(n_blocks):
            out[c] += partials[block * n_vectors + c]


cdef inline void combine_block(real* out, const double* coefficients, const double** vectors, Py_ssize_t n_vectors,
                               Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """out_j = Σ_c coefficients_c vectors_cj for the entries [start, stop); out may be one of the vectors."""
    cdef:
        double[ENTRIES] sums
        Py_ssize_t count = stop - start, j, c
    if n_vectors == 1:
        for j in range(start, stop):
            out[j] = <real> (coefficients[0] * vectors[0][j])
        return
    for j in range(count):
        sums[j] = coefficients[0] * vectors[0][start + j]
    for c in range(1, n_vectors):
        fs_add_scaled(sums, vectors[c] + start, coefficients[c], count)
    for j in range(count):
        out[start + j] = <real> sums[j]


cdef inline void combine_all(real* out, const double* coefficients, const double** vectors, Py_ssize_t n_vectors,
                             Py_ssize_t size, int num_threads) noexcept nogil:
    cdef Py_ssize_t n_blocks = (size + ENTRIES - 1) // ENTRIES, block
    for block in prange(n_blocks, schedule="static", num_threads=num_threads):
        combine_block(out, coefficients, vectors, n_vectors, block * ENTRIES, min((block + 1) * ENTRIES, size))


cdef struct Affine:         # (x_kj + row_k column_j) scale_j + shift_j
    const double* row       # NULL for zeros, as column then
    const double* column
    const double* scale
    const double* shift     # NULL for zeros


cdef inline void affine_row(parameter* out, const real* x, const Affine* a, Py_ssize_t k,
                            Py_ssize_t size) noexcept nogil:
    cdef double row = a.row[k] if a.row != NULL else 0
    cdef Py_ssize_t j
    if a.row == NULL:
        for j in range(size):
            out[j] = <parameter> (x[j] * a.scale[j])
    else:
        for j in range(size):
            out[j] = <parameter> ((x[j] + row * a.column[j]) * a.scale[j])
    if a.shift != NULL:
        for j in range(size):
            out[j] += <parameter> a.shift[j]


cdef inline void affine_all(parameter* out, const real* x, const Affine* a, Py_ssize_t n_rows, Py_ssize_t size,
                            Py_ssize_t ldo, Py_ssize_t ldx, int num_threads) noexcept nogil:
    cdef Py_ssize_t k
    for k in prange(n_rows, schedule="static", num_threads=num_threads):
        affine_row(out + k * ldo, x + k * ldx, a, k, size)
