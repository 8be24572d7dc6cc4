/* A program of the first version of the ABI, in a library that Python loads: it knows the functions by the header beside
 * it alone, which never changes. */
#include "fastsoftmax.h"

#include <stdlib.h>

static int train(const fastsoftmax_api *api, double *theta_out, const double *x, const ptrdiff_t *labels, ptrdiff_t n,
                 ptrdiff_t n_features, ptrdiff_t n_classes) {
    fastsoftmax_features X;
    fastsoftmax_samples samples;
    fastsoftmax_model model;
    fastsoftmax_resources resources;
    fastsoftmax_training training;
    fastsoftmax_features_init(&X);
    fastsoftmax_samples_init(&samples);
    fastsoftmax_model_init(&model);
    fastsoftmax_resources_init(&resources);
    fastsoftmax_training_init(&training);
    X.n_samples = n;
    X.n_features = X.row_stride = n_features;
    X.storage = FASTSOFTMAX_F64;
    X.data = x;
    samples.labels = labels;
    model.n_outputs = n_classes;
    training.l2 = 0.1;
    training.tol = 1e-12;
    int code = api->training_size(&resources.workspace_size, 0, &X, &model, &training, 1);
    if (code != FASTSOFTMAX_OK) return code;
    resources.workspace = malloc(resources.workspace_size);
    if (resources.workspace == NULL) return -1;
    for (ptrdiff_t j = 0; j < n_classes * (n_features + 1); j++) theta_out[j] = 0;
    code = api->train_lbfgs(theta_out, &X, &samples, &model, &training, &resources);
    free(resources.workspace);
    return code;
}

/* FASTSOFTMAX_OK, or another code; -1 without memory. */
int program(const fastsoftmax_api *api, double *theta_out, double *probabilities_out, const double *x,
            const ptrdiff_t *labels, ptrdiff_t n, ptrdiff_t n_features, ptrdiff_t n_classes) {
    int code = fastsoftmax_check_abi(api);
    if (code == FASTSOFTMAX_OK) code = train(api, theta_out, x, labels, n, n_features, n_classes);
    if (code != FASTSOFTMAX_OK) return code;
    fastsoftmax_model model;
    fastsoftmax_model_init(&model);
    model.n_outputs = n_classes;
    model.family = api->family_number("softmax");
    model.W = theta_out;
    model.b = theta_out + n_classes * n_features;
    size_t size;
    code = api->scorer_size(&size, &model, n_features);
    if (code != FASTSOFTMAX_OK) return code;
    void *memory = malloc(size);
    if (memory == NULL) return -1;
    code = api->scorer_pack(memory, size, &model, n_features);
    for (ptrdiff_t i = 0; i < n && code == FASTSOFTMAX_OK; i++) {
        code = api->scorer_proba(probabilities_out + i * n_classes, memory, x + i * n_features);
    }
    free(memory);
    return code;
}
