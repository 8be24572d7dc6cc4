/* fastsoftmax for C and C++: one fused pass over the data, logits → residual → gradient, inside your own loop.
 *
 * This header can be read alone. It is C99 and C++11, and needs nothing but the standard library; Python.h before it
 * adds fastsoftmax_import(), which finds the functions in an installed fastsoftmax:
 *
 *     #include <Python.h>
 *     #include <fastsoftmax/fastsoftmax.h>
 *     const fastsoftmax_api *fs = fastsoftmax_import();      once, with the GIL; NULL and an exception on failure
 *     code = fs->loss_grad(&loss, grad_W, grad_b, &X, &y, &model, &resources);       without the GIL if you like
 *
 * Compile with the flags that `fastsoftmax-config --cflags` or `pkg-config --cflags fastsoftmax` prints. There is
 * nothing to link with: the functions are in the struct.
 *
 * THE MATHEMATICS. n samples x_i of N features, K outputs (for the softmax family: classes):
 *
 *     logits       z_i = W x_i + b + o_i                      W (K, N), b (K), o_i the sample's offset or zero
 *     loss         L = (1/n) Σ_i s_i L_i(z_i)                 softmax: L_i = log Σ_k exp z_ik · Σ_k y_ik − Σ_k y_ik z_ik
 *     residual     r_i = ∂L_i/∂z_i                            softmax: softmax(z_i) Σ_k y_ik − y_i
 *     gradient     ∂L/∂W = (1/n) Σ_i s_i r_i x_iᵀ,    ∂L/∂b = (1/n) Σ_i s_i r_i
 *
 * Sums are divided by n, not by Σ_i s_i: for a weighted mean, scale the weights s_i to a mean of one. So the means of
 * blocks, each times its number of samples, add up to the sum over all.
 *
 * RULES, for every function:
 *
 * - It returns FASTSOFTMAX_OK or another code of the enum below; error_name() names codes. All arguments are checked
 *   before anything is written, and no code is returned half way: on an error code below FASTSOFTMAX_FIRST_OUTCOME no
 *   output was written, except by the trainers, see there.
 * - It allocates nothing, prints nothing, raises nothing, needs no GIL, and starts no thread beyond
 *   resources.num_threads, the calling one included. In a process that was forked after fastsoftmax was imported it
 *   runs on the calling thread alone, since the threads of the OpenMP runtime do not exist there. Inside a parallel
 *   region of your own program, OpenMP's rules for nested regions hold: by default one thread.
 * - Its result does not depend on num_threads or on addresses, bit for bit. It does depend, in the last digits, on the
 *   processor's instruction set.
 * - It may be called from several threads at once. These may share all inputs, but no outputs and no workspace.
 * - Outputs and the workspace overlap nothing else, except that softmax(), log_softmax() and cross_entropy_grad() may
 *   write over their logits if pointer and leading dimension are the same. Inputs may overlap each other.
 * - Strides and leading dimensions count elements, not bytes. Pointers are aligned to their elements.
 * - NaN and infinity in X, W, b, targets, weights, offset or logits are no errors. They make the results NaN or
 *   infinite: of a prediction the rows that they are in, of a gradient everything that they reach. Test the loss, and
 *   one row of grad_W, with isfinite(). Weights are not checked; negative ones do what the formula says.
 *
 * STRUCTS begin with struct_size. Call the function fastsoftmax_..._init() of each: it sets that, and zero or the named
 * default for all else. Later versions add members at the end; a program compiled with an older header keeps working.
 */
#ifndef FASTSOFTMAX_FASTSOFTMAX_H
#define FASTSOFTMAX_FASTSOFTMAX_H

#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A program runs with every fastsoftmax of the same major and of the same or a later minor version of the ABI. */
#define FASTSOFTMAX_ABI_MAJOR 1
#define FASTSOFTMAX_ABI_MINOR 0

/* What functions return. */
enum {
    FASTSOFTMAX_OK = 0,
    FASTSOFTMAX_NULL_POINTER = 1,    /* a struct or an array that is needed is NULL, or there are no targets */
    FASTSOFTMAX_WRONG_ABI = 2,       /* a struct_size is not one of this version: was the struct initialised? */
    FASTSOFTMAX_BAD_SHAPE = 3,       /* a number of samples, features or outputs is not positive */
    FASTSOFTMAX_BAD_STRIDE = 4,      /* rows or columns would overlap */
    FASTSOFTMAX_BAD_KIND = 5,        /* a dtype, storage, layout, family, precision … is unknown, or does not go with
                                        another; labels and targets are both given */
    FASTSOFTMAX_BAD_THREADS = 6,     /* num_threads is not from 1 to FASTSOFTMAX_MOST_THREADS */
    FASTSOFTMAX_TOO_LARGE = 7,       /* sizes overflow */
    FASTSOFTMAX_SHORT_WORKSPACE = 8, /* ask workspace_size() */
    FASTSOFTMAX_BAD_LABEL = 9,       /* a label is not in [0, n_outputs) */
    FASTSOFTMAX_BAD_CSR = 10,        /* indptr is negative or decreases, or the features of a sample do not ascend, or
                                        are not in [0, n_features) */
    FASTSOFTMAX_NOT_SERVED = 11,     /* the family does not serve this kind of targets */
    FASTSOFTMAX_BAD_NUMBER = 12,     /* a parameter of the training is negative or not finite */
    FASTSOFTMAX_BAD_SCORER = 13,     /* the memory holds no scorer, or is too short or not aligned for one */

    /* How a training ended that did not converge: theta holds its last point. */
    FASTSOFTMAX_FIRST_OUTCOME = 64,
    FASTSOFTMAX_MAX_ITER = 64,    /* max_iter iterations were not enough */
    FASTSOFTMAX_NO_PROGRESS = 65, /* the dtype has no digits left to lower the objective: tol is too small for it */
    FASTSOFTMAX_NOT_FINITE = 66,  /* the objective or its gradient is infinite or NaN: data, or the learning rate */
    FASTSOFTMAX_STOPPED = 67      /* the callback asked for it */
};

/* Kinds of elements: float, double, IEEE's float16, bfloat16 (both as the 16 bits), uint8_t, int8_t. */
enum {
    FASTSOFTMAX_F32 = 0,
    FASTSOFTMAX_F64 = 1,
    FASTSOFTMAX_F16 = 2,
    FASTSOFTMAX_BF16 = 3,
    FASTSOFTMAX_U8 = 4,
    FASTSOFTMAX_I8 = 5
};

/* How X lies in memory. */
enum { FASTSOFTMAX_DENSE = 0, FASTSOFTMAX_CSR = 1 };

/* Integers of the indices of sparse features. */
enum { FASTSOFTMAX_INT32 = 0, FASTSOFTMAX_INT64 = 1 };

/* How exact products must be at least: the dtype's own precision, a relative error of some 1e-5, the rounding of all
 * factors to eight significant bits. Only dense F32 with many outputs is ever less exact than EXACT. */
enum { FASTSOFTMAX_EXACT = 0, FASTSOFTMAX_FAST = 1, FASTSOFTMAX_ROUGH = 2 };

/* For workspace_size(). */
enum {
    FASTSOFTMAX_LOSS_GRAD = 0,
    FASTSOFTMAX_HESS_VEC = 1,
    FASTSOFTMAX_PREDICT = 2,
    FASTSOFTMAX_CROSS_ENTROPY_GRAD = 3,
    FASTSOFTMAX_SOFTMAX = 4 /* log_softmax() too */
};

#define FASTSOFTMAX_MOST_THREADS 1024

/* X, n samples of N features. */
typedef struct {
    size_t struct_size;
    ptrdiff_t n_samples;
    ptrdiff_t n_features;
    int layout;           /* FASTSOFTMAX_DENSE (default), FASTSOFTMAX_CSR */
    int storage;          /* of the elements of data. Dense: F64 with a model of F64, any other kind with both dtypes.
                             CSR: the model's dtype. */
    const void *data;     /* dense: x_00. CSR: the values, from the first sample on */
    ptrdiff_t row_stride; /* dense: from x_ij to x_(i+1)j, in C order N or more, in Fortran's order 1 */
    ptrdiff_t column_stride; /* dense: from x_ij to x_i(j+1), in C order 1, in Fortran's order n or more */
    const void *indices;     /* CSR: the feature of each value, ascending in every sample, none coming twice */
    const ptrdiff_t *indptr; /* CSR: (n + 1); the entries of sample i are indptr[i] … indptr[i + 1] − 1 */
    int index_kind;          /* CSR: FASTSOFTMAX_INT32 (default), FASTSOFTMAX_INT64 */
    int trusted;             /* CSR: not 0 if an earlier call has accepted indices and indptr, which are the same since:
                                they are not checked again. Wrong ones then read and write outside of arrays. */
} fastsoftmax_features;

/* What is known of the samples beside X. */
typedef struct {
    size_t struct_size;
    const ptrdiff_t *labels;  /* (n) class indices in [0, K); or NULL, */
    const void *targets;      /* (n, K) of the model's dtype, probabilities or counts: one of both is given */
    ptrdiff_t targets_stride; /* from a sample to the next, K or more */
    const double *weight;     /* (n) s_i; NULL: ones */
    const void *offset;       /* (n, K) of the model's dtype, added to the logits; NULL: zeros. −infinity rules a class
                                 out for a sample. */
    ptrdiff_t offset_stride;  /* from a sample to the next, K or more */
} fastsoftmax_samples;

/* The model, and what is computed in. */
typedef struct {
    size_t struct_size;
    ptrdiff_t n_outputs; /* K */
    int family;          /* a number of family_number(); 0 (default) is "softmax" */
    int dtype;           /* FASTSOFTMAX_F32 or FASTSOFTMAX_F64 (default); of W, b, targets, offset and predictions */
    int precision;       /* FASTSOFTMAX_EXACT (default), … */
    const void *W;       /* (K, N) of the dtype, contiguous; not read by functions of given logits and by trainers */
    const void *b;       /* (K) */
} fastsoftmax_model;

/* What a call may use. */
typedef struct {
    size_t struct_size;
    void *workspace; /* of any alignment; without meaning before and after a call */
    size_t workspace_size; /* in bytes, at least what workspace_size() says */
    int num_threads;       /* 1 (default) to FASTSOFTMAX_MOST_THREADS */
} fastsoftmax_resources;

/* What a callback is told, after every iteration and once before the first. */
typedef struct {
    ptrdiff_t iteration; /* 0 before the first */
    double loss;         /* F */
    double grad_norm;    /* max |∂F/∂theta| */
    const double *theta; /* (K (N + 1)), W and then b; valid during the call only */
} fastsoftmax_progress;

/* Not 0 stops the training. user is training.user. Called on the thread that called the trainer. */
typedef int (*fastsoftmax_callback)(const fastsoftmax_progress *progress, void *user);

/* How to train, and how it ended. The objective is F = L + ½ · l2 · ‖W‖². */
typedef struct {
    size_t struct_size;
    double l2;            /* default 0 */
    double tol;           /* converged when max |∂F/∂theta| ≤ tol; default 1e-6 */
    double learning_rate; /* of train_gd(), positive; no default */
    ptrdiff_t max_iter;   /* default 1000 */
    ptrdiff_t memory;     /* pairs of vectors that train_lbfgs() keeps, 1 to 1000; default 10 */
    int fixed_b;          /* not 0: b stays what it is in theta */
    fastsoftmax_callback callback; /* or NULL */
    void *user;
    /* Written by the trainers. */
    double loss;
    double grad_norm;
    ptrdiff_t n_iter;
    ptrdiff_t n_passes; /* over X */
} fastsoftmax_training;

/* A model packed for one row at a time. */
typedef struct fastsoftmax_scorer fastsoftmax_scorer;

/* The functions. */
typedef struct {
    int abi_major;
    int abi_minor;
    size_t struct_size; /* of this struct: later minor versions are longer */

    /* The name of a code, "FASTSOFTMAX_OK" and so on; "unknown code" for other numbers. Never NULL. */
    const char *(*error_name)(int code);

    /* The number of the family of that name ("softmax"); −1 if there is none, or name is NULL. */
    int (*family_number)(const char *name);

    /* Threads that OpenMP would use: its settings (OMP_NUM_THREADS, threadpoolctl), or the processors that the process
     * may run on. For num_threads, if you have no better number. */
    int (*max_threads)(void);

    /* Bytes of workspace that an operation, FASTSOFTMAX_LOSS_GRAD and so on, takes. Read are: of X the shape, layout,
     * storage and strides (for operations on logits n_samples alone), of the model all but W and b. More threads never
     * take less. */
    int (*workspace_size)(size_t *size_out, int operation, const fastsoftmax_features *X,
                          const fastsoftmax_model *model, int num_threads);

    /* Write L, ∂L/∂W (K, N) contiguous and ∂L/∂b (K), all three in double: one pass over X. */
    int (*loss_grad)(double *loss_out, double *grad_W_out, double *grad_b_out, const fastsoftmax_features *X,
                     const fastsoftmax_samples *samples, const fastsoftmax_model *model,
                     const fastsoftmax_resources *resources);

    /* Write the Hessian of L times a direction, V (K, N) and v (K) of the model's dtype: one pass over X. For softmax
     * the Hessian knows the targets only by Σ_k y_ik; without labels and targets that is one. */
    int (*hess_vec)(double *hess_W_out, double *hess_b_out, const fastsoftmax_features *X,
                    const fastsoftmax_samples *samples, const fastsoftmax_model *model, const void *V, const void *v,
                    const fastsoftmax_resources *resources);

    /* Write softmax(W x_i + b), for other families the means of y_i: out (n, K) of the model's dtype, out_stride ≥ K
     * from a sample to the next. */
    int (*predict_proba)(void *out, ptrdiff_t out_stride, const fastsoftmax_features *X,
                         const fastsoftmax_model *model, const fastsoftmax_resources *resources);

    /* Write W x_i + b. */
    int (*predict_logits)(void *out, ptrdiff_t out_stride, const fastsoftmax_features *X,
                          const fastsoftmax_model *model, const fastsoftmax_resources *resources);

    /* Of logits (n, K) that any model of yours has made: write the mean of s_i L_i, and s_i r_i, which are n times the
     * derivatives of that mean by the logits, to residual_out (n, K), or nothing there if it is NULL. samples.offset is
     * not read: the logits have it. Feed your model's chain rule with the residuals. */
    int (*cross_entropy_grad)(double *loss_out, void *residual_out, ptrdiff_t residual_stride, const void *logits,
                              ptrdiff_t logits_stride, ptrdiff_t n_samples, const fastsoftmax_samples *samples,
                              const fastsoftmax_model *model, const fastsoftmax_resources *resources);

    /* Write softmax, or its logarithm, of every row of logits (n, K), whatever the model's family is. */
    int (*softmax)(void *out, ptrdiff_t out_stride, const void *logits, ptrdiff_t logits_stride, ptrdiff_t n_samples,
                   const fastsoftmax_model *model, const fastsoftmax_resources *resources);
    int (*log_softmax)(void *out, ptrdiff_t out_stride, const void *logits, ptrdiff_t logits_stride,
                       ptrdiff_t n_samples, const fastsoftmax_model *model, const fastsoftmax_resources *resources);

    /* A scorer for one row at a time: no threads, no workspace. scorer_size() tells the bytes that scorer_pack() takes,
     * which copies W and b there; memory is aligned to 8 bytes. It may be moved and freed like any memory, shared by
     * threads, but not by processes. x is (N) and out (K), contiguous, of the model's dtype. scorer_proba() writes
     * softmax(W x + b), or the mean of y; scorer_logits() W x + b. Their last digits may differ from predict_proba()'s.
     */
    int (*scorer_size)(size_t *size_out, const fastsoftmax_model *model, ptrdiff_t n_features);
    int (*scorer_pack)(void *memory_out, size_t memory_size, const fastsoftmax_model *model, ptrdiff_t n_features);
    int (*scorer_proba)(void *out, const fastsoftmax_scorer *scorer, const void *x);
    int (*scorer_logits)(void *out, const fastsoftmax_scorer *scorer, const void *x);

    /* Bytes of workspace for a trainer, which must be one of this struct's two: gd is 1 for train_gd(), 0 for
     * train_lbfgs(). Of the training, memory is read. */
    int (*training_size)(size_t *size_out, int gd, const fastsoftmax_features *X, const fastsoftmax_model *model,
                         const fastsoftmax_training *training, int num_threads);

    /* Minimise F from theta (K (N + 1)), W and then b in double whatever the model's dtype is, and write the last point
     * there, with loss, grad_norm, n_iter and n_passes in training. train_gd: while not converged, theta ← theta −
     * learning_rate · ∂F/∂theta. train_lbfgs: L-BFGS with a line search, which needs no learning rate. Without an l2,
     * separated classes have no minimum. If the data's arguments are wrong, theta is as it was. */
    int (*train_gd)(double *theta_inout, const fastsoftmax_features *X, const fastsoftmax_samples *samples,
                    const fastsoftmax_model *model, fastsoftmax_training *training,
                    const fastsoftmax_resources *resources);
    int (*train_lbfgs)(double *theta_inout, const fastsoftmax_features *X, const fastsoftmax_samples *samples,
                       const fastsoftmax_model *model, fastsoftmax_training *training,
                       const fastsoftmax_resources *resources);
} fastsoftmax_api;

/* Dense, in C order: set n_samples, n_features, storage, data, row_stride. */
static inline void fastsoftmax_features_init(fastsoftmax_features *X) {
    memset(X, 0, sizeof *X);
    X->struct_size = sizeof *X;
    X->column_stride = 1;
}

static inline void fastsoftmax_samples_init(fastsoftmax_samples *samples) {
    memset(samples, 0, sizeof *samples);
    samples->struct_size = sizeof *samples;
}

static inline void fastsoftmax_model_init(fastsoftmax_model *model) {
    memset(model, 0, sizeof *model);
    model->struct_size = sizeof *model;
    model->dtype = FASTSOFTMAX_F64;
}

static inline void fastsoftmax_resources_init(fastsoftmax_resources *resources) {
    memset(resources, 0, sizeof *resources);
    resources->struct_size = sizeof *resources;
    resources->num_threads = 1;
}

static inline void fastsoftmax_training_init(fastsoftmax_training *training) {
    memset(training, 0, sizeof *training);
    training->struct_size = sizeof *training;
    training->tol = 1e-6;
    training->max_iter = 1000;
    training->memory = 10;
}

/* FASTSOFTMAX_OK if a program that was compiled with this header can use the functions, else FASTSOFTMAX_WRONG_ABI. */
static inline int fastsoftmax_check_abi(const fastsoftmax_api *api) {
    if (api == NULL) return FASTSOFTMAX_NULL_POINTER;
    if (api->abi_major != FASTSOFTMAX_ABI_MAJOR || api->abi_minor < FASTSOFTMAX_ABI_MINOR ||
        api->struct_size < sizeof *api)
        return FASTSOFTMAX_WRONG_ABI;
    return FASTSOFTMAX_OK;
}

#ifdef Py_PYTHON_H
/* The functions of the installed fastsoftmax, valid until the process ends; NULL with an exception, ImportError if it
 * is too old or too new. Call it with the GIL, for example when your module is initialised. */
static inline const fastsoftmax_api *fastsoftmax_import(void) {
    const fastsoftmax_api *api = NULL;
    PyObject *module = PyImport_ImportModule("fastsoftmax.capi");
    PyObject *capsule = module != NULL ? PyObject_GetAttrString(module, "_API") : NULL;
    if (capsule != NULL) api = (const fastsoftmax_api *)PyCapsule_GetPointer(capsule, "fastsoftmax.capi._API");
    Py_XDECREF(capsule);
    Py_XDECREF(module);
    if (api != NULL && fastsoftmax_check_abi(api) != FASTSOFTMAX_OK) {
        PyErr_Format(PyExc_ImportError, "fastsoftmax has the ABI %d.%d, and this program was compiled for %d.%d",
                     api->abi_major, api->abi_minor, FASTSOFTMAX_ABI_MAJOR, FASTSOFTMAX_ABI_MINOR);
        api = NULL;
    }
    return api;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
