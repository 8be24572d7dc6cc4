"""The seam to the instruction sets: simd/simd.h, and its operations under one name for both dtypes."""

cdef extern from "simd.h" nogil:
    const Py_ssize_t FS_ROW_ALIGN
    ctypedef struct fs_ops_f32:
        Py_ssize_t lanes
        void (*tile_logits)(float*, const float*, const float*, const float*,
                            Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*tile_gradient)(float*, const float*, const float*,
                              Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*shifted_exp)(float*, float*, const float*, Py_ssize_t) noexcept nogil
        void (*log1p)(float*, Py_ssize_t) noexcept nogil
    ctypedef struct fs_ops_f64:
        Py_ssize_t lanes
        void (*tile_logits)(double*, const double*, const double*, const double*,
                            Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*tile_gradient)(double*, const double*, const double*,
                              Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*shifted_exp)(double*, double*, const double*, Py_ssize_t) noexcept nogil
        void (*log1p)(double*, Py_ssize_t) noexcept nogil
    ctypedef struct fs_simd:
        const char* name
        fs_ops_f32 f32
        fs_ops_f64 f64
    const fs_simd* fs_active
    const char* const* fs_simd_compiled()
    bint fs_simd_available(const char* name)
    bint fs_simd_activate(const char* name)

ctypedef fused real:
    float
    double


cdef inline Py_ssize_t lanes_of(real* dtype) noexcept nogil:
    """Elements of a vector."""
    if real is float:
        return fs_active.f32.lanes
    else:
        return fs_active.f64.lanes


cdef inline void tile_logits(real* z_out, const real* x, const real* W, const real* b, Py_ssize_t rows,
                             Py_ssize_t n_classes, Py_ssize_t n_features, Py_ssize_t ldx,
                             Py_ssize_t ldz) noexcept nogil:
    """z_ik = Σ_j W_kj x_ij + b_k."""
    if real is float:
        fs_active.f32.tile_logits(z_out, x, W, b, rows, n_classes, n_features, ldx, ldz)
    else:
        fs_active.f64.tile_logits(z_out, x, W, b, rows, n_classes, n_features, ldx, ldz)


cdef inline void tile_gradient(real* grad_inout, const real* x, const real* residual, Py_ssize_t rows,
                               Py_ssize_t n_classes, Py_ssize_t n_features, Py_ssize_t ldx,
                               Py_ssize_t ldz) noexcept nogil:
    """grad_kj += Σ_i r_ik x_ij."""
    if real is float:
        fs_active.f32.tile_gradient(grad_inout, x, residual, rows, n_classes, n_features, ldx, ldz)
    else:
        fs_active.f64.tile_gradient(grad_inout, x, residual, rows, n_classes, n_features, ldx, ldz)


cdef inline void shifted_exp(real* z_inout, real* total_inout, const real* peak, Py_ssize_t rows) noexcept nogil:
    """z_i = exp(z_i − m_i), total_i += z_i."""
    if real is float:
        fs_active.f32.shifted_exp(z_inout, total_inout, peak, rows)
    else:
        fs_active.f64.shifted_exp(z_inout, total_inout, peak, rows)


cdef inline void vector_log1p(real* u_inout, Py_ssize_t rows) noexcept nogil:
    """u_i = log(1 + u_i)."""
    if real is float:
        fs_active.f32.log1p(u_inout, rows)
    else:
        fs_active.f64.log1p(u_inout, rows)
