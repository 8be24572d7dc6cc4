"""The structs and constants of fastsoftmax.h, which describes them."""

cdef extern from "fastsoftmax/fastsoftmax.h" nogil:
    enum:
        FASTSOFTMAX_ABI_MAJOR
        FASTSOFTMAX_ABI_MINOR
        FASTSOFTMAX_MOST_THREADS
    enum:
        FASTSOFTMAX_OK
        FASTSOFTMAX_NULL_POINTER
        FASTSOFTMAX_WRONG_ABI
        FASTSOFTMAX_BAD_SHAPE
        FASTSOFTMAX_BAD_STRIDE
        FASTSOFTMAX_BAD_KIND
        FASTSOFTMAX_BAD_THREADS
        FASTSOFTMAX_TOO_LARGE
        FASTSOFTMAX_SHORT_WORKSPACE
        FASTSOFTMAX_BAD_LABEL
        FASTSOFTMAX_BAD_CSR
        FASTSOFTMAX_NOT_SERVED
        FASTSOFTMAX_BAD_NUMBER
        FASTSOFTMAX_BAD_SCORER
        FASTSOFTMAX_FIRST_OUTCOME
        FASTSOFTMAX_MAX_ITER
        FASTSOFTMAX_NO_PROGRESS
        FASTSOFTMAX_NOT_FINITE
        FASTSOFTMAX_STOPPED
    enum:
        FASTSOFTMAX_F32
        FASTSOFTMAX_F64
        FASTSOFTMAX_F16
        FASTSOFTMAX_BF16
        FASTSOFTMAX_U8
        FASTSOFTMAX_I8
    enum:
        FASTSOFTMAX_DENSE
        FASTSOFTMAX_CSR
    enum:
        FASTSOFTMAX_INT32
        FASTSOFTMAX_INT64
    enum:
        FASTSOFTMAX_EXACT
        FASTSOFTMAX_FAST
        FASTSOFTMAX_ROUGH
    enum:
        FASTSOFTMAX_LOSS_GRAD
        FASTSOFTMAX_HESS_VEC
        FASTSOFTMAX_PREDICT
        FASTSOFTMAX_CROSS_ENTROPY_GRAD
        FASTSOFTMAX_SOFTMAX

    ctypedef struct fastsoftmax_features:
        size_t struct_size
        Py_ssize_t n_samples
        Py_ssize_t n_features
        int layout
        int storage
        const void* data
        Py_ssize_t row_stride
        Py_ssize_t column_stride
        const void* indices
        const Py_ssize_t* indptr
        int index_kind
        int trusted
    ctypedef struct fastsoftmax_samples:
        size_t struct_size
        const Py_ssize_t* labels
        const void* targets
        Py_ssize_t targets_stride
        const double* weight
        const void* offset
        Py_ssize_t offset_stride
    ctypedef struct fastsoftmax_model:
        size_t struct_size
        Py_ssize_t n_outputs
        int family
        int dtype
        int precision
        const void* W
        const void* b
    ctypedef struct fastsoftmax_resources:
        size_t struct_size
        void* workspace
        size_t workspace_size
        int num_threads
    ctypedef struct fastsoftmax_progress:
        Py_ssize_t iteration
        double loss
        double grad_norm
        const double* theta
    ctypedef int (*fastsoftmax_callback)(const fastsoftmax_progress* progress, void* user) noexcept nogil
    ctypedef struct fastsoftmax_training:
        size_t struct_size
        double l2
        double tol
        double learning_rate
        Py_ssize_t max_iter
        Py_ssize_t memory
        int fixed_b
        fastsoftmax_callback callback
        void* user
        double loss
        double grad_norm
        Py_ssize_t n_iter
        Py_ssize_t n_passes
    ctypedef struct fastsoftmax_scorer:
        pass

    void fastsoftmax_features_init(fastsoftmax_features* X) noexcept
    void fastsoftmax_samples_init(fastsoftmax_samples* samples) noexcept
    void fastsoftmax_model_init(fastsoftmax_model* model) noexcept
    void fastsoftmax_resources_init(fastsoftmax_resources* resources) noexcept
    void fastsoftmax_training_init(fastsoftmax_training* training) noexcept
