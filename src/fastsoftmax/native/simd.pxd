"""The seam to the instruction sets: the operations of simd/simd.h, where their arguments are described.

They are macros that choose the table of float or double by the type of a pointer, hence the `...`: the C compiler
checks the arguments.
"""

cdef extern from "simd.h" nogil:
    const Py_ssize_t FS_ROW_ALIGN
    const Py_ssize_t FS_PANEL_DEPTH
    const Py_ssize_t FS_MANY_CLASSES
    const Py_ssize_t FS_MANY_TILE_ROWS
    enum:
        FS_F32
        FS_F64
        FS_F16
        FS_BF16
        FS_U8
        FS_I8
        FS_N_STORAGE
    enum:
        FS_LABELS
        FS_ROWS
        FS_DIRECTION
        FS_N_FAMILIES
        FS_softmax

    ctypedef struct fs_tile:
        Py_ssize_t start
        Py_ssize_t rows
        Py_ssize_t n_outputs
        Py_ssize_t n_logits
        const void* x
        Py_ssize_t ldx
        Py_ssize_t n_features
        int storage
        int product
        void* z
        Py_ssize_t ldz
        const Py_ssize_t* labels
        void* y
        const double* weight
        double parameter
        void* work
        const void* fetch
        Py_ssize_t fetch_size
        bint fetch_all
    ctypedef double (*fs_residual)(const fs_tile* tile) noexcept nogil
    ctypedef void (*fs_row_mean)(void* z_inout, Py_ssize_t n_outputs) noexcept nogil
    ctypedef void (*fs_row_logits)(void* z_out, const void* x, const void* W, const void* b, Py_ssize_t n_outputs,
                                   Py_ssize_t n_features) noexcept nogil
    ctypedef struct fs_cross_entropy:
        const void* kept
        const void* share
        double inverse_temperature
        Py_ssize_t n_classes
    ctypedef double (*fs_cross_entropy_row)(void* out, const void* z, const void* y, Py_ssize_t label, double weight,
                                            double scale, const fs_cross_entropy* of) noexcept nogil
    ctypedef struct fs_family:
        fs_residual* residual
        void (*mean)(const fs_tile* tile) noexcept nogil
        fs_row_mean row_mean
        bint has_parameter

    Py_ssize_t lanes_of "fs_lanes" (...) noexcept
    int direct_kinds "fs_direct" (...) noexcept
    void tile_logits "fs_tile_logits" (...) noexcept
    void tile_gradient "fs_tile_gradient" (...) noexcept
    const fs_family* family_of "fs_family_of" (...) noexcept
    void sum_samples "fs_sum_samples" (...) noexcept
    void log_softmax "fs_log_softmax" (...) noexcept
    fs_row_logits row_logits_of "fs_row_logits_of" (...) noexcept
    fs_cross_entropy_row cross_entropy_row_of "fs_cross_entropy_row_of" (...) noexcept
    Py_ssize_t panel_width_of "fs_panel_width" (...) noexcept
    Py_ssize_t many_width_of "fs_many_width" (...) noexcept
    Py_ssize_t in_panels "fs_in_panels" (Py_ssize_t n, Py_ssize_t lanes) noexcept
    Py_ssize_t panel_vectors "fs_panel_vectors" (Py_ssize_t left, Py_ssize_t most) noexcept
    Py_ssize_t many_depth_of "fs_many_depth" (...) noexcept
    Py_ssize_t work_bytes_of "fs_work_bytes" (...) noexcept
    void csr_logits "fs_csr_logits" (...) noexcept
    void csr_gradient "fs_csr_gradient" (...) noexcept
    void csr_dual_step "fs_csr_dual_step" (...) noexcept
    void widen "fs_widen" (...) noexcept
    void gram_pack "fs_gram_pack" (...) noexcept
    void gram_block "fs_gram_block" (...) noexcept

    ctypedef struct fs_products:
        int product
        Py_ssize_t least "from"
    ctypedef struct fs_use:
        fs_products* in_pass "pass"
        fs_products* gram
    const char* fs_active_name
    const fs_use* fs_active_use
    enum:
        FS_EXACT
        FS_FAST
        FS_ROUGH
        FS_N_PRECISIONS
        FS_VECTORS
        FS_AMD
        FS_OTHERS
    const char* const* fs_family_names
    int fs_product_of(const fs_products* by_precision, int precision, Py_ssize_t size) noexcept
    int fs_vendor() noexcept
    const fs_use* fs_use_of(const char* name, int vendor) noexcept
    const char* const* fs_simd_compiled() noexcept
    bint fs_simd_available(const char* name) noexcept
    bint fs_simd_activate(const char* name) noexcept

ctypedef fused real:
    float
    double
