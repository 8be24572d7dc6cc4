/* How long the small calls of the C functions take: seconds a call, the least of several runs; −1 if one fails. */
#include <fastsoftmax/fastsoftmax.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS = 50 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Zeros do: no path depends on the numbers. */
static void *zeros(ptrdiff_t count) { return calloc((size_t)count, sizeof(double)); }

static fastsoftmax_model model_of(ptrdiff_t n_features, ptrdiff_t n_outputs, int dtype) {
    fastsoftmax_model model;
    fastsoftmax_model_init(&model);
    model.n_outputs = n_outputs;
    model.dtype = dtype;
    model.W = zeros(n_outputs * n_features);
    model.b = zeros(n_outputs);
    return model;
}

double loss_grad_seconds(const fastsoftmax_api *api, ptrdiff_t n, ptrdiff_t n_features, ptrdiff_t n_outputs, int dtype,
                         int calls) {
    fastsoftmax_model model = model_of(n_features, n_outputs, dtype);
    fastsoftmax_features X;
    fastsoftmax_samples samples;
    fastsoftmax_resources resources;
    fastsoftmax_features_init(&X);
    fastsoftmax_samples_init(&samples);
    fastsoftmax_resources_init(&resources);
    X.n_samples = n;
    X.n_features = X.row_stride = n_features;
    X.storage = dtype;
    X.data = zeros(n * n_features);
    samples.labels = zeros(n);
    if (api->workspace_size(&resources.workspace_size, FASTSOFTMAX_LOSS_GRAD, &X, &model, 1) != 0) return -1;
    resources.workspace = malloc(resources.workspace_size);
    double loss, least = 1, *grad_W = zeros(n_outputs * n_features), *grad_b = zeros(n_outputs);
    for (int run = 0; run < RUNS; run++) {
        const double start = now();
        for (int call = 0; call < calls; call++) {
            if (api->loss_grad(&loss, grad_W, grad_b, &X, &samples, &model, &resources) != 0) return -1;
        }
        const double seconds = (now() - start) / calls;
        least = seconds < least ? seconds : least;
    }
    free((void *)X.data), free((void *)samples.labels), free((void *)model.W), free((void *)model.b);
    free(resources.workspace), free(grad_W), free(grad_b);
    return least;
}

double scorer_proba_seconds(const fastsoftmax_api *api, ptrdiff_t n_features, ptrdiff_t n_outputs, int dtype, int calls) {
    fastsoftmax_model model = model_of(n_features, n_outputs, dtype);
    size_t size;
    if (api->scorer_size(&size, &model, n_features) != 0) return -1;
    void *scorer = malloc(size), *x = zeros(n_features), *out = zeros(n_outputs);
    if (api->scorer_pack(scorer, size, &model, n_features) != 0) return -1;
    double least = 1;
    for (int run = 0; run < RUNS; run++) {
        const double start = now();
        for (int call = 0; call < calls; call++) {
            if (api->scorer_proba(out, scorer, x) != 0) return -1;
        }
        const double seconds = (now() - start) / calls;
        least = seconds < least ? seconds : least;
    }
    free(scorer), free(x), free(out), free((void *)model.W), free((void *)model.b);
    return least;
}
