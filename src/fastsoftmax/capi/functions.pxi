"""The functions of fastsoftmax.h, which describes them: checks, then the passes of _kernels.pyx, whose part this is.

Each is exported in a capsule whose name is its signature (`cdef api`), and all are in the struct for C and C++.
"""

from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport uintptr_t
from libc.string cimport strcmp

from .capi.checks cimport (
    check_features, check_model, check_resources, check_rows, check_samples, check_shape, check_sizes, check_threads,
)
from .capi.convert cimport (
    code_of, mass_bytes, parameters_at, rest_of, room_of, rows_of, samples_at, threads_of, write_mass,
)
from .capi.scorer cimport Scorer, is_scorer, pack_scorer, score, scorer_bytes
from .capi.types cimport *
from .native.arena cimport CACHE_LINE, round_up
from .native.codes cimport FS_SHORT_ROOM
from .native.simd cimport FS_DIRECTION
from .native.threads cimport fs_watch_forks

cdef extern from "capi.h":
    ctypedef struct fastsoftmax_api:
        pass
    const char* fs_error_name(int code) noexcept nogil
    int fs_training_size(const fastsoftmax_api* api, size_t* size_out, int gd, const fastsoftmax_features* X,
                         const fastsoftmax_model* model, const fastsoftmax_training* training,
                         int num_threads) noexcept nogil
    int fs_train_gd(const fastsoftmax_api* api, double* theta_inout, const fastsoftmax_features* X,
                    const fastsoftmax_samples* samples, const fastsoftmax_model* model, fastsoftmax_training* training,
                    const fastsoftmax_resources* resources) noexcept nogil
    int fs_train_lbfgs(const fastsoftmax_api* api, double* theta_inout, const fastsoftmax_features* X,
                       const fastsoftmax_samples* samples, const fastsoftmax_model* model,
                       fastsoftmax_training* training, const fastsoftmax_resources* resources) noexcept nogil

cdef extern from *:
    """
    /* The struct for C and C++, of the functions below. A macro, since their declarations come later. */
    #define fs_fill(api)                                                                                              \\
        (*(api) = (fastsoftmax_api){                                                                                  \\
             .abi_major = FASTSOFTMAX_ABI_MAJOR, .abi_minor = FASTSOFTMAX_ABI_MINOR,                                  \\
             .struct_size = sizeof(fastsoftmax_api), .error_name = fs_capi_error_name,                                \\
             .family_number = fs_capi_family_number, .max_threads = fs_capi_max_threads,                              \\
             .workspace_size = fs_capi_workspace_size, .loss_grad = fs_capi_loss_grad, .hess_vec = fs_capi_hess_vec,  \\
             .predict_proba = fs_capi_predict_proba, .predict_logits = fs_capi_predict_logits,                        \\
             .cross_entropy_grad = fs_capi_cross_entropy_grad, .softmax = fs_capi_softmax,                            \\
             .log_softmax = fs_capi_log_softmax, .scorer_size = fs_capi_scorer_size,                                  \\
             .scorer_pack = fs_capi_scorer_pack, .scorer_proba = fs_capi_scorer_proba,                                \\
             .scorer_logits = fs_capi_scorer_logits, .training_size = fs_capi_training_size,                          \\
             .train_gd = fs_capi_train_gd, .train_lbfgs = fs_capi_train_lbfgs})
    """
    void fs_fill(fastsoftmax_api* api) noexcept

cdef fastsoftmax_api api


cdef api const char* error_name "fs_capi_error_name"(int code) noexcept nogil:
    return fs_error_name(code)


cdef api int family_number "fs_capi_family_number"(const char* name) noexcept nogil:
    cdef int family
    for family in range(FS_N_FAMILIES):
        if name != NULL and strcmp(name, fs_family_names[family]) == 0:
            return family
    return -1


cdef api int c_max_threads "fs_capi_max_threads"() noexcept nogil:
    return min(fs_max_threads(), <int> FASTSOFTMAX_MOST_THREADS)


cdef api int workspace_size "fs_capi_workspace_size"(
        size_t* size_out, int operation, const fastsoftmax_features* X, const fastsoftmax_model* model,
        int num_threads) noexcept nogil:
    cdef Room room = Room(NULL, 0)
    cdef bint of_logits = operation == FASTSOFTMAX_CROSS_ENTROPY_GRAD or operation == FASTSOFTMAX_SOFTMAX
    cdef int code = check_model(model, False)
    if code == FASTSOFTMAX_OK:
        code = check_threads(num_threads)
    if code == FASTSOFTMAX_OK:
        code = check_shape(X, model, num_threads, of_logits)
    if code != FASTSOFTMAX_OK:
        return code
    if size_out == NULL:
        return FASTSOFTMAX_NULL_POINTER
    if not FASTSOFTMAX_LOSS_GRAD <= operation <= FASTSOFTMAX_SOFTMAX:
        return FASTSOFTMAX_BAD_KIND
    if model.dtype == FASTSOFTMAX_F32:
        code = measure(&room, operation, X, model, num_threads, <float*> NULL)
    else:
        code = measure(&room, operation, X, model, num_threads, <double*> NULL)
    size_out[0] = room.size + (mass_bytes(X.n_samples) if operation == FASTSOFTMAX_HESS_VEC else 0)
    return code_of(code)


cdef int check_pass(const fastsoftmax_features* X, const fastsoftmax_model* model,
                    const fastsoftmax_resources* resources) noexcept nogil:
    """The checks that all passes over X have in common."""
    cdef int code = check_model(model, True)
    if code == FASTSOFTMAX_OK:
        code = check_resources(resources)
    return check_features(X, model, resources.num_threads) if code == FASTSOFTMAX_OK else code


cdef api int c_loss_grad "fs_capi_loss_grad"(
        double* loss_out, double* grad_W_out, double* grad_b_out, const fastsoftmax_features* X,
        const fastsoftmax_samples* samples, const fastsoftmax_model* model,
        const fastsoftmax_resources* resources) noexcept nogil:
    cdef:
        int code = check_pass(X, model, resources), threads
        Samples parts
        Room room
    if code == FASTSOFTMAX_OK:
        code = check_samples(samples, X.n_samples, model.n_outputs, True, True)
    if code != FASTSOFTMAX_OK:
        return code
    if loss_out == NULL or grad_W_out == NULL or grad_b_out == NULL:
        return FASTSOFTMAX_NULL_POINTER
    parts, room, threads = samples_at(samples, True), room_of(resources), threads_of(resources)
    if model.dtype == FASTSOFTMAX_F32:
        code = gradient_of(loss_out, grad_W_out, grad_b_out, X, &parts, model, NULL, NULL, &room, threads,
                           <float*> NULL)
    else:
        code = gradient_of(loss_out, grad_W_out, grad_b_out, X, &parts, model, NULL, NULL, &room, threads,
                           <double*> NULL)
    return code_of(code)


cdef int hess_vec_of(double* hess_W_out, double* hess_b_out, const fastsoftmax_features* X,
                     const fastsoftmax_samples* samples, const fastsoftmax_model* model, const void* V, const void* v,
                     const fastsoftmax_resources* resources, real* dtype) noexcept nogil:
    cdef:
        Samples parts = samples_at(samples, True)
        Room room = room_of(resources)
        double* mass = <double*> round_up(<Py_ssize_t> room.memory, CACHE_LINE)
        double loss
    parts.kind = FS_DIRECTION
    # Of a family that serves labels, the targets are counts of these.
    if samples.targets != NULL and family_of(dtype, model.family).residual[<int> FS_LABELS] != NULL:
        if room.size < mass_bytes(X.n_samples):
            return FS_SHORT_ROOM
        write_mass(mass, samples, X.n_samples, model.n_outputs, dtype)
        parts.weight = mass
    room = rest_of(room, mass_bytes(X.n_samples))
    return gradient_of(&loss, hess_W_out, hess_b_out, X, &parts, model, V, v, &room, threads_of(resources), dtype)


cdef api int c_hess_vec "fs_capi_hess_vec"(
        double* hess_W_out, double* hess_b_out, const fastsoftmax_features* X, const fastsoftmax_samples* samples,
        const fastsoftmax_model* model, const void* V, const void* v,
        const fastsoftmax_resources* resources) noexcept nogil:
    cdef int code = check_pass(X, model, resources)
    if code == FASTSOFTMAX_OK:
        code = check_samples(samples, X.n_samples, model.n_outputs, False, True)
    if code != FASTSOFTMAX_OK:
        return code
    if hess_W_out == NULL or hess_b_out == NULL or V == NULL or v == NULL:
        return FASTSOFTMAX_NULL_POINTER
    if model.dtype == FASTSOFTMAX_F32:
        code = hess_vec_of(hess_W_out, hess_b_out, X, samples, model, V, v, resources, <float*> NULL)
    else:
        code = hess_vec_of(hess_W_out, hess_b_out, X, samples, model, V, v, resources, <double*> NULL)
    return code_of(code)


cdef int predict_into(void* out, Py_ssize_t out_stride, const fastsoftmax_features* X, const fastsoftmax_model* model,
                      bint mean, const fastsoftmax_resources* resources) noexcept nogil:
    cdef int code = check_pass(X, model, resources), threads
    cdef Room room
    if code == FASTSOFTMAX_OK:
        code = check_rows(out, out_stride, X.n_samples, model.n_outputs)
    if code != FASTSOFTMAX_OK:
        return code
    room, threads = room_of(resources), threads_of(resources)
    if model.dtype == FASTSOFTMAX_F32:
        code = prediction_of(out, out_stride, X, model, mean, &room, threads, <float*> NULL)
    else:
        code = prediction_of(out, out_stride, X, model, mean, &room, threads, <double*> NULL)
    return code_of(code)


cdef api int c_predict_proba "fs_capi_predict_proba"(
        void* out, Py_ssize_t out_stride, const fastsoftmax_features* X, const fastsoftmax_model* model,
        const fastsoftmax_resources* resources) noexcept nogil:
    return predict_into(out, out_stride, X, model, True, resources)


cdef api int c_predict_logits "fs_capi_predict_logits"(
        void* out, Py_ssize_t out_stride, const fastsoftmax_features* X, const fastsoftmax_model* model,
        const fastsoftmax_resources* resources) noexcept nogil:
    return predict_into(out, out_stride, X, model, False, resources)


cdef int check_logits(const void* logits, Py_ssize_t logits_stride, Py_ssize_t n_samples,
                      const fastsoftmax_model* model, const fastsoftmax_resources* resources) noexcept nogil:
    """The checks that all functions of logits have in common."""
    cdef int code = check_model(model, False)
    if code == FASTSOFTMAX_OK:
        code = check_resources(resources)
    if code == FASTSOFTMAX_OK:
        code = check_sizes(n_samples, 1, model.n_outputs, resources.num_threads)
    return check_rows(logits, logits_stride, n_samples, model.n_outputs) if code == FASTSOFTMAX_OK else code


cdef api int c_cross_entropy_grad "fs_capi_cross_entropy_grad"(
        double* loss_out, void* residual_out, Py_ssize_t residual_stride, const void* logits, Py_ssize_t logits_stride,
        Py_ssize_t n_samples, const fastsoftmax_samples* samples, const fastsoftmax_model* model,
        const fastsoftmax_resources* resources) noexcept nogil:
    cdef:
        int code = check_logits(logits, logits_stride, n_samples, model, resources), threads
        Samples parts
        Line line
        Room room
        double slope
    if code == FASTSOFTMAX_OK:
        code = check_samples(samples, n_samples, model.n_outputs, True, False)
    if code == FASTSOFTMAX_OK and residual_out != NULL:
        code = check_rows(residual_out, residual_stride, n_samples, model.n_outputs)
    if code != FASTSOFTMAX_OK:
        return code
    if loss_out == NULL:
        return FASTSOFTMAX_NULL_POINTER
    parts, room, threads = samples_at(samples, False), room_of(resources), threads_of(resources)
    line = Line(rows_of(logits, logits_stride), rows_of(NULL, 0), 0)
    if model.dtype == FASTSOFTMAX_F32:
        code = cross_entropy_pass(loss_out, &slope, rows_of(residual_out, residual_stride), line, &parts, 1, n_samples,
                                  model.n_outputs, model.family, threads, &room, <float*> NULL)
    else:
        code = cross_entropy_pass(loss_out, &slope, rows_of(residual_out, residual_stride), line, &parts, 1, n_samples,
                                  model.n_outputs, model.family, threads, &room, <double*> NULL)
    return code_of(code)


cdef int softmax_into(void* out, Py_ssize_t out_stride, const void* logits, Py_ssize_t logits_stride,
                      Py_ssize_t n_samples, const fastsoftmax_model* model, bint log,
                      const fastsoftmax_resources* resources) noexcept nogil:
    cdef:
        int code = check_logits(logits, logits_stride, n_samples, model, resources), threads
        Matrix rows = rows_of(logits, logits_stride), rows_out = rows_of(out, out_stride)
        Room room
    if code == FASTSOFTMAX_OK:
        code = check_rows(out, out_stride, n_samples, model.n_outputs)
    if code != FASTSOFTMAX_OK:
        return code
    room, threads = room_of(resources), threads_of(resources)
    if model.dtype == FASTSOFTMAX_F32:
        code = mean_pass(rows_out, rows, n_samples, model.n_outputs, FS_softmax, log, threads, &room, <float*> NULL)
    else:
        code = mean_pass(rows_out, rows, n_samples, model.n_outputs, FS_softmax, log, threads, &room, <double*> NULL)
    return code_of(code)


cdef api int c_softmax "fs_capi_softmax"(
        void* out, Py_ssize_t out_stride, const void* logits, Py_ssize_t logits_stride, Py_ssize_t n_samples,
        const fastsoftmax_model* model, const fastsoftmax_resources* resources) noexcept nogil:
    return softmax_into(out, out_stride, logits, logits_stride, n_samples, model, False, resources)


cdef api int c_log_softmax "fs_capi_log_softmax"(
        void* out, Py_ssize_t out_stride, const void* logits, Py_ssize_t logits_stride, Py_ssize_t n_samples,
        const fastsoftmax_model* model, const fastsoftmax_resources* resources) noexcept nogil:
    return softmax_into(out, out_stride, logits, logits_stride, n_samples, model, True, resources)


cdef int check_scorer(const fastsoftmax_model* model, bint with_parameters, Py_ssize_t n_features) noexcept nogil:
    cdef int code = check_model(model, with_parameters)
    if code == FASTSOFTMAX_OK:
        code = check_sizes(1, n_features, model.n_outputs, 1)
    return code


cdef api int scorer_size "fs_capi_scorer_size"(size_t* size_out, const fastsoftmax_model* model,
                                               Py_ssize_t n_features) noexcept nogil:
    cdef int code = check_scorer(model, False, n_features)
    if code != FASTSOFTMAX_OK:
        return code
    if size_out == NULL:
        return FASTSOFTMAX_NULL_POINTER
    if model.dtype == FASTSOFTMAX_F32:
        size_out[0] = scorer_bytes(model.n_outputs, n_features, <float*> NULL)
    else:
        size_out[0] = scorer_bytes(model.n_outputs, n_features, <double*> NULL)
    return FASTSOFTMAX_OK


cdef api int scorer_pack "fs_capi_scorer_pack"(void* memory_out, size_t memory_size, const fastsoftmax_model* model,
                                               Py_ssize_t n_features) noexcept nogil:
    cdef size_t size = 0
    cdef Parameters at
    cdef int code = check_scorer(model, True, n_features)
    if code == FASTSOFTMAX_OK:
        code = scorer_size(&size, model, n_features)
    if code != FASTSOFTMAX_OK:
        return code
    if memory_out == NULL:
        return FASTSOFTMAX_NULL_POINTER
    if memory_size < size or <uintptr_t> memory_out % sizeof(double) != 0:
        return FASTSOFTMAX_BAD_SCORER
    at = parameters_at(model.W, model.b, n_features, model.n_outputs)
    if model.dtype == FASTSOFTMAX_F32:
        pack_scorer(<Scorer*> memory_out, &at, n_features, model.family, <float*> NULL)
    else:
        pack_scorer(<Scorer*> memory_out, &at, n_features, model.family, <double*> NULL)
    return FASTSOFTMAX_OK


cdef api int scorer_logits "fs_capi_scorer_logits"(void* out, const fastsoftmax_scorer* scorer,
                                                   const void* x) noexcept nogil:
    if out == NULL or scorer == NULL or x == NULL:
        return FASTSOFTMAX_NULL_POINTER
    if not is_scorer(<const Scorer*> scorer):
        return FASTSOFTMAX_BAD_SCORER
    score(out, <const Scorer*> scorer, x)
    return FASTSOFTMAX_OK


cdef api int scorer_proba "fs_capi_scorer_proba"(void* out, const fastsoftmax_scorer* scorer,
                                                 const void* x) noexcept nogil:
    cdef int code = scorer_logits(out, scorer, x)
    if code == FASTSOFTMAX_OK:
        (<const Scorer*> scorer).mean(out, (<const Scorer*> scorer).n_outputs)
    return code


cdef api int training_size "fs_capi_training_size"(
        size_t* size_out, int gd, const fastsoftmax_features* X, const fastsoftmax_model* model,
        const fastsoftmax_training* training, int num_threads) noexcept nogil:
    return fs_training_size(&api, size_out, gd, X, model, training, num_threads)


cdef api int train_gd "fs_capi_train_gd"(
        double* theta_inout, const fastsoftmax_features* X, const fastsoftmax_samples* samples,
        const fastsoftmax_model* model, fastsoftmax_training* training,
        const fastsoftmax_resources* resources) noexcept nogil:
    return fs_train_gd(&api, theta_inout, X, samples, model, training, resources)


cdef api int train_lbfgs "fs_capi_train_lbfgs"(
        double* theta_inout, const fastsoftmax_features* X, const fastsoftmax_samples* samples,
        const fastsoftmax_model* model, fastsoftmax_training* training,
        const fastsoftmax_resources* resources) noexcept nogil:
    return fs_train_lbfgs(&api, theta_inout, X, samples, model, training, resources)


fs_fill(&api)
fs_watch_forks()
C_API = PyCapsule_New(&api, "fastsoftmax.capi._API", NULL)
