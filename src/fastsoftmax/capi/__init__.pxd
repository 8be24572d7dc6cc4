"""For Cython: `cimport fastsoftmax.capi`. fastsoftmax.h describes the functions.

    cimport fastsoftmax.capi as fs
    cdef fs.fastsoftmax_features X
    fs.fastsoftmax_features_init(&X)
    ...
    with nogil:
        code = fs.loss_grad(&loss, &grad_W[0, 0], &grad_b[0], &X, &samples, &model, &resources)

Compile with the include folder that `fastsoftmax.get_include()` returns.
"""

from fastsoftmax.capi.types cimport *

cdef const char* error_name(int code) noexcept nogil
cdef int family_number(const char* name) noexcept nogil
cdef int max_threads() noexcept nogil
cdef int workspace_size(size_t* size_out, int operation, const fastsoftmax_features* X, const fastsoftmax_model* model,
                        int num_threads) noexcept nogil
cdef int loss_grad(double* loss_out, double* grad_W_out, double* grad_b_out, const fastsoftmax_features* X,
                   const fastsoftmax_samples* samples, const fastsoftmax_model* model,
                   const fastsoftmax_resources* resources) noexcept nogil
cdef int hess_vec(double* hess_W_out, double* hess_b_out, const fastsoftmax_features* X,
                  const fastsoftmax_samples* samples, const fastsoftmax_model* model, const void* V, const void* v,
                  const fastsoftmax_resources* resources) noexcept nogil
cdef int predict_proba(void* out, Py_ssize_t out_stride, const fastsoftmax_features* X, const fastsoftmax_model* model,
                       const fastsoftmax_resources* resources) noexcept nogil
cdef int predict_logits(void* out, Py_ssize_t out_stride, const fastsoftmax_features* X,
                        const fastsoftmax_model* model, const fastsoftmax_resources* resources) noexcept nogil
cdef int cross_entropy_grad(double* loss_out, void* residual_out, Py_ssize_t residual_stride, const void* logits,
                            Py_ssize_t logits_stride, Py_ssize_t n_samples, const fastsoftmax_samples* samples,
                            const fastsoftmax_model* model, const fastsoftmax_resources* resources) noexcept nogil
cdef int softmax(void* out, Py_ssize_t out_stride, const void* logits, Py_ssize_t logits_stride, Py_ssize_t n_samples,
                 const fastsoftmax_model* model, const fastsoftmax_resources* resources) noexcept nogil
cdef int log_softmax(void* out, Py_ssize_t out_stride, const void* logits, Py_ssize_t logits_stride,
                     Py_ssize_t n_samples, const fastsoftmax_model* model,
                     const fastsoftmax_resources* resources) noexcept nogil
cdef int scorer_size(size_t* size_out, const fastsoftmax_model* model, Py_ssize_t n_features) noexcept nogil
cdef int scorer_pack(void* memory_out, size_t memory_size, const fastsoftmax_model* model,
                     Py_ssize_t n_features) noexcept nogil
cdef int scorer_proba(void* out, const fastsoftmax_scorer* scorer, const void* x) noexcept nogil
cdef int scorer_logits(void* out, const fastsoftmax_scorer* scorer, const void* x) noexcept nogil
cdef int training_size(size_t* size_out, int gd, const fastsoftmax_features* X, const fastsoftmax_model* model,
                       const fastsoftmax_training* training, int num_threads) noexcept nogil
cdef int train_gd(double* theta_inout, const fastsoftmax_features* X, const fastsoftmax_samples* samples,
                  const fastsoftmax_model* model, fastsoftmax_training* training,
                  const fastsoftmax_resources* resources) noexcept nogil
cdef int train_lbfgs(double* theta_inout, const fastsoftmax_features* X, const fastsoftmax_samples* samples,
                     const fastsoftmax_model* model, fastsoftmax_training* training,
                     const fastsoftmax_resources* resources) noexcept nogil
