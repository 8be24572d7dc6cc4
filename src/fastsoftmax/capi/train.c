/* Training in C: the textbook loop and L-BFGS, over the same pass that every other caller uses.
 *
 *     F(theta) = L(W, b) + ½ · l2 · ‖W‖²,      theta = (W in C order, then b), in double
 */
#include "capi.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* MOST_IDLE: iterations that may bring neither a lower loss nor a smaller gradient than all before them. */
enum { MOST_PAIRS = 1000, MOST_TRIALS = 40, MOST_IDLE = 10, ALIGNMENT = 64 };

/* Of a line search: how much of the slope's promise a step must keep, and of the slope it may leave (Nocedal & Wright,
 * Numerical Optimization, 2006, section 3.1). */
static const double SUFFICIENT = 1e-4, LEFT = 0.9;

/* The problem, and the vectors of theta's length that the loops need. */
typedef struct {
    const fastsoftmax_api *api;
    fastsoftmax_features X;
    const fastsoftmax_samples *samples;
    fastsoftmax_model model;
    fastsoftmax_resources resources;
    fastsoftmax_training *training;
    ptrdiff_t n_weights, n; /* entries of W, and of theta */
    ptrdiff_t pairs;        /* of vectors that L-BFGS keeps, at most; 0 for gradient descent */
    float *narrow;          /* theta in the model's dtype, if that is not double */
    double *grad, *direction, *trial, *trial_grad;
    double *steps, *changes, *curvatures, *factors; /* (pairs, n) of theta and of the gradient; (pairs) twice */
} problem;

/* One part of the workspace after another; sizes are added up where there is none. */
static void *take(char **at, size_t *size, ptrdiff_t count, size_t itemsize) {
    void *part = *at;
    const size_t bytes = ((size_t)count * itemsize + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    *size += bytes;
    if (*at != NULL) *at += bytes;
    return part;
}

static size_t lay_out(problem *p, char *memory) {
    const ptrdiff_t n_search = p->pairs > 0 ? p->n : 0;
    size_t size = ALIGNMENT;
    p->narrow = take(&memory, &size, p->model.dtype == FASTSOFTMAX_F32 ? p->n : 0, sizeof(float));
    p->grad = take(&memory, &size, p->n, sizeof(double));
    p->direction = take(&memory, &size, n_search, sizeof(double));
    p->trial = take(&memory, &size, n_search, sizeof(double));
    p->trial_grad = take(&memory, &size, n_search, sizeof(double));
    p->steps = take(&memory, &size, p->pairs * p->n, sizeof(double));
    p->changes = take(&memory, &size, p->pairs * p->n, sizeof(double));
    p->curvatures = take(&memory, &size, p->pairs, sizeof(double));
    p->factors = take(&memory, &size, p->pairs, sizeof(double));
    return size;
}

static int is_number(double value) { return isfinite(value) && value >= 0; }

/* Check what the functions of the API do not, and set all but the vectors. */
static int prepare(problem *p, const fastsoftmax_api *api, int gd, const fastsoftmax_features *X,
                   const fastsoftmax_model *model, const fastsoftmax_training *training) {
    if (X == NULL || model == NULL || training == NULL) return FASTSOFTMAX_NULL_POINTER;
    if (training->struct_size != sizeof *training || X->struct_size != sizeof *X ||
        model->struct_size != sizeof *model)
        return FASTSOFTMAX_WRONG_ABI;
    if (X->n_features < 1 || model->n_outputs < 1) return FASTSOFTMAX_BAD_SHAPE;
    if (!gd && (training->memory < 1 || training->memory > MOST_PAIRS)) return FASTSOFTMAX_BAD_NUMBER;
    p->pairs = gd ? 0 : training->memory;
    if ((2 * (double)p->pairs + 8) * ((double)X->n_features + 64) * (double)model->n_outputs > (double)PTRDIFF_MAX / 256)
        return FASTSOFTMAX_TOO_LARGE;
    p->api = api;
    p->X = *X;
    p->model = *model;
    p->n_weights = model->n_outputs * X->n_features;
    p->n = p->n_weights + model->n_outputs;
    return FASTSOFTMAX_OK;
}

int fs_training_size(const fastsoftmax_api *api, size_t *size_out, int gd, const fastsoftmax_features *X,
                     const fastsoftmax_model *model, const fastsoftmax_training *training, int num_threads) {
    problem p;
    size_t of_pass;
    if (size_out == NULL) return FASTSOFTMAX_NULL_POINTER;
    int code = prepare(&p, api, gd, X, model, training);
    if (code == FASTSOFTMAX_OK) code = api->workspace_size(&of_pass, FASTSOFTMAX_LOSS_GRAD, X, model, num_threads);
    if (code == FASTSOFTMAX_OK) *size_out = of_pass + lay_out(&p, NULL);
    return code;
}

/* F and ∂F/∂theta. */
static int evaluate(problem *p, double *loss_out, double *grad_out, const double *theta) {
    if (p->model.dtype == FASTSOFTMAX_F32) {
        for (ptrdiff_t j = 0; j < p->n; j++) p->narrow[j] = (float)theta[j];
        p->model.W = p->narrow;
        p->model.b = p->narrow + p->n_weights;
    } else {
        p->model.W = theta;
        p->model.b = theta + p->n_weights;
    }
    const int code = p->api->loss_grad(loss_out, grad_out, grad_out + p->n_weights, &p->X, p->samples, &p->model,
                                       &p->resources);
    if (code != FASTSOFTMAX_OK) return code;
    p->X.trusted = 1;
    double squares = 0;
    for (ptrdiff_t j = 0; j < p->n_weights; j++) {
        squares += theta[j] * theta[j];
        grad_out[j] += p->training->l2 * theta[j];
    }
    for (ptrdiff_t j = p->n_weights; p->training->fixed_b && j < p->n; j++) grad_out[j] = 0;
    *loss_out += p->training->l2 * squares / 2;
    p->training->n_passes++;
    return FASTSOFTMAX_OK;
}

/* max |v_j|; NaN if one is. */
static double largest(const double *v, ptrdiff_t n) {
    double most = 0;
    for (ptrdiff_t j = 0; j < n; j++) {
        const double size = fabs(v[j]);
        if (size > most || size != size) most = size;
        if (most != most) break;
    }
    return most;
}

static double dot(const double *u, const double *v, ptrdiff_t n) {
    double sum = 0;
    for (ptrdiff_t j = 0; j < n; j++) sum += u[j] * v[j];
    return sum;
}

/* Check the rest, evaluate the start. */
static int start(problem *p, const fastsoftmax_api *api, int gd, const double *theta, const fastsoftmax_features *X,
                 const fastsoftmax_samples *samples, const fastsoftmax_model *model, fastsoftmax_training *training,
                 const fastsoftmax_resources *resources) {
    size_t own;
    if (theta == NULL || resources == NULL) return FASTSOFTMAX_NULL_POINTER;
    const int code = prepare(p, api, gd, X, model, training);
    if (code != FASTSOFTMAX_OK) return code;
    if (resources->struct_size != sizeof *resources) return FASTSOFTMAX_WRONG_ABI;
    if (!is_number(training->l2) || !is_number(training->tol) || training->max_iter < 0 ||
        (gd && (!is_number(training->learning_rate) || training->learning_rate == 0)))
        return FASTSOFTMAX_BAD_NUMBER;
    own = lay_out(p, NULL);
    if (resources->workspace == NULL || resources->workspace_size < own) return FASTSOFTMAX_SHORT_WORKSPACE;
    char *memory = resources->workspace;
    lay_out(p, memory + (ALIGNMENT - (uintptr_t)memory % ALIGNMENT) % ALIGNMENT);
    p->training = training;
    p->samples = samples;
    p->resources = *resources;
    p->resources.workspace = memory + own;
    p->resources.workspace_size = resources->workspace_size - own;
    training->n_iter = training->n_passes = 0;
    return evaluate(p, &training->loss, p->grad, theta);
}

/* FASTSOFTMAX_FIRST_OUTCOME − 1 if the loop goes on, else how it ends. */
enum { GOES_ON = FASTSOFTMAX_FIRST_OUTCOME - 1 };

static int status(problem *p, const double *theta) {
    fastsoftmax_training *t = p->training;
    t->grad_norm = largest(p->grad, p->n);
    if (!isfinite(t->loss) || !isfinite(t->grad_norm)) return FASTSOFTMAX_NOT_FINITE;
    const fastsoftmax_progress progress = {t->n_iter, t->loss, t->grad_norm, theta};
    if (t->callback != NULL && t->callback(&progress, t->user) != 0) return FASTSOFTMAX_STOPPED;
    if (t->grad_norm <= t->tol) return FASTSOFTMAX_OK;
    return t->n_iter < t->max_iter ? GOES_ON : FASTSOFTMAX_MAX_ITER;
}

int fs_train_gd(const fastsoftmax_api *api, double *theta_inout, const fastsoftmax_features *X,
                const fastsoftmax_samples *samples, const fastsoftmax_model *model, fastsoftmax_training *training,
                const fastsoftmax_resources *resources) {
    problem p;
    int code = start(&p, api, 1, theta_inout, X, samples, model, training, resources);
    if (code != FASTSOFTMAX_OK) return code;
    while ((code = status(&p, theta_inout)) == GOES_ON) {
        for (ptrdiff_t j = 0; j < p.n; j++) theta_inout[j] -= training->learning_rate * p.grad[j];
        code = evaluate(&p, &training->loss, p.grad, theta_inout);
        if (code != FASTSOFTMAX_OK) return code;
        training->n_iter++;
    }
    return code;
}

/* direction = −H grad, where H is the inverse Hessian that `count` pairs make of a multiple of the identity, the last in
 * slot `last` (Nocedal & Wright, algorithm 7.4). */
static void find_direction(problem *p, ptrdiff_t count, ptrdiff_t last) {
    const ptrdiff_t n = p->n, pairs = p->pairs;
    double *const d = p->direction, scale = 1;
    for (ptrdiff_t j = 0; j < n; j++) d[j] = -p->grad[j];
    for (ptrdiff_t i = 0; i < count; i++) {
        const ptrdiff_t slot = (last - i + pairs) % pairs;
        const double *s = p->steps + slot * n, *y = p->changes + slot * n;
        p->factors[slot] = dot(s, d, n) / p->curvatures[slot];
        for (ptrdiff_t j = 0; j < n; j++) d[j] -= p->factors[slot] * y[j];
    }
    if (count > 0) {
        const double *y = p->changes + last * n;
        scale = p->curvatures[last] / dot(y, y, n);
    }
    for (ptrdiff_t j = 0; j < n; j++) d[j] *= scale;
    for (ptrdiff_t i = count - 1; i >= 0; i--) {
        const ptrdiff_t slot = (last - i + pairs) % pairs;
        const double *s = p->steps + slot * n, *y = p->changes + slot * n;
        const double factor = p->factors[slot] - dot(y, d, n) / p->curvatures[slot];
        for (ptrdiff_t j = 0; j < n; j++) d[j] += factor * s[j];
    }
}

/* Bisect for a step that satisfies the weak Wolfe conditions (Lewis & Overton, Mathematical Programming 141, 2013,
 * algorithm 2.6), and leave its end in trial. A loss may be higher by what its rounding is: near the minimum the slope
 * alone decides. */
static int search(problem *p, const double *theta, double first, double *loss_out) {
    const double slope = dot(p->grad, p->direction, p->n), loss = p->training->loss;
    const double rounding = 4 * (p->model.dtype == FASTSOFTMAX_F32 ? (double)FLT_EPSILON : DBL_EPSILON) * fabs(loss);
    double low = 0, high = INFINITY, step = first;
    if (!(slope < 0)) return FASTSOFTMAX_NO_PROGRESS;
    for (int trial = 0; trial < MOST_TRIALS; trial++) {
        for (ptrdiff_t j = 0; j < p->n; j++) p->trial[j] = theta[j] + step * p->direction[j];
        const int code = evaluate(p, loss_out, p->trial_grad, p->trial);
        if (code != FASTSOFTMAX_OK) return code;
        const double end_slope = dot(p->trial_grad, p->direction, p->n);
        if (!(*loss_out <= loss + SUFFICIENT * step * slope + rounding) || !isfinite(end_slope)) {
            high = step;
        } else if (end_slope < LEFT * slope) {
            low = step;
        } else {
            return FASTSOFTMAX_OK;
        }
        step = isfinite(high) ? (low + high) / 2 : 2 * low;
    }
    return FASTSOFTMAX_NO_PROGRESS;
}

int fs_train_lbfgs(const fastsoftmax_api *api, double *theta_inout, const fastsoftmax_features *X,
                   const fastsoftmax_samples *samples, const fastsoftmax_model *model, fastsoftmax_training *training,
                   const fastsoftmax_resources *resources) {
    problem p;
    ptrdiff_t count = 0, last = -1; /* pairs, and the slot of the newest */
    double loss = 0, lowest = INFINITY, smallest = INFINITY;
    int idle = 0;
    int code = start(&p, api, 0, theta_inout, X, samples, model, training, resources);
    if (code != FASTSOFTMAX_OK) return code;
    while ((code = status(&p, theta_inout)) == GOES_ON) {
        idle = training->loss < lowest || training->grad_norm < smallest ? 0 : idle + 1;
        if (idle > MOST_IDLE) return FASTSOFTMAX_NO_PROGRESS;
        lowest = fmin(lowest, training->loss);
        smallest = fmin(smallest, training->grad_norm);
        find_direction(&p, count, last);
        code = search(&p, theta_inout, count > 0 ? 1 : 1 / training->grad_norm, &loss);
        if (code == FASTSOFTMAX_NO_PROGRESS && count > 0) { /* the pairs mislead: begin anew with the gradient */
            count = 0;
            find_direction(&p, count, last);
            code = search(&p, theta_inout, 1 / training->grad_norm, &loss);
        }
        if (code != FASTSOFTMAX_OK) return code;
        last = (last + 1) % p.pairs;
        double *s = p.steps + last * p.n, *y = p.changes + last * p.n;
        for (ptrdiff_t j = 0; j < p.n; j++) {
            s[j] = p.trial[j] - theta_inout[j];
            y[j] = p.trial_grad[j] - p.grad[j];
        }
        p.curvatures[last] = dot(s, y, p.n);
        memcpy(theta_inout, p.trial, (size_t)p.n * sizeof(double));
        memcpy(p.grad, p.trial_grad, (size_t)p.n * sizeof(double));
        training->loss = loss;
        training->n_iter++;
        if (p.curvatures[last] > 0) {
            count = count < p.pairs ? count + 1 : count;
        } else if (count == 0) { /* of a change by the gradient alone rounding has left nothing */
            training->grad_norm = largest(p.grad, p.n);
            return training->grad_norm <= training->tol ? FASTSOFTMAX_OK : FASTSOFTMAX_NO_PROGRESS;
        } else {
            count = 0;
        }
    }
    return code;
}
