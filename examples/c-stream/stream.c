/* Train on a file that is read block by block, once for each step of gradient descent: only one block is in memory.
 *
 * The file holds rows of doubles: N features, then the class. The gradient of all rows is the mean of the blocks',
 * each times its number of rows.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <fastsoftmax/fastsoftmax.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_ROWS = 64, NO_MEMORY = -1, NO_FILE = -2, BAD_FILE = -3 };

static const fastsoftmax_api *fs;

typedef struct {
    ptrdiff_t n_features, n_classes, n; /* n numbers in theta: W, then b */
    double l2, learning_rate, tol;
    long max_iter;
    double *theta, *grad, *sum, *rows;
    ptrdiff_t labels[BLOCK_ROWS];
    fastsoftmax_features X;
    fastsoftmax_samples samples;
    fastsoftmax_model model;
    fastsoftmax_resources resources;
} trainer;

/* The sum over all rows of the gradient, and how many rows there are. */
static int read_through(trainer *t, FILE *file, ptrdiff_t *count_out) {
    const size_t width = (size_t)t->n_features + 1;
    size_t rows;
    rewind(file);
    for (ptrdiff_t j = 0; j < t->n; j++) t->sum[j] = 0;
    *count_out = 0;
    while ((rows = fread(t->rows, width * sizeof(double), BLOCK_ROWS, file)) > 0) {
        double loss;
        for (size_t i = 0; i < rows; i++) t->labels[i] = (ptrdiff_t)t->rows[i * width + width - 1];
        t->X.n_samples = (ptrdiff_t)rows;
        const int code = fs->loss_grad(&loss, t->grad, t->grad + t->n - t->n_classes, &t->X, &t->samples, &t->model,
                                       &t->resources);
        if (code != FASTSOFTMAX_OK) return code;
        for (ptrdiff_t j = 0; j < t->n; j++) t->sum[j] += (double)rows * t->grad[j];
        *count_out += (ptrdiff_t)rows;
    }
    return *count_out > 0 && !ferror(file) ? FASTSOFTMAX_OK : BAD_FILE;
}

/* while not converged: theta -= learning_rate * gradient */
static int descend(trainer *t, FILE *file) {
    for (long step = 0; step < t->max_iter; step++) {
        ptrdiff_t count;
        double largest = 0;
        const int code = read_through(t, file, &count);
        if (code != FASTSOFTMAX_OK) return code;
        for (ptrdiff_t j = 0; j < t->n; j++) {
            const double slope = t->sum[j] / (double)count + (j < t->n - t->n_classes ? t->l2 * t->theta[j] : 0);
            largest = fmax(largest, fabs(slope));
            t->theta[j] -= t->learning_rate * slope;
        }
        if (!isfinite(largest)) return FASTSOFTMAX_NOT_FINITE;
        if (largest <= t->tol) return FASTSOFTMAX_OK;
    }
    return FASTSOFTMAX_MAX_ITER;
}

static int run(trainer *t, const char *path) {
    fastsoftmax_features_init(&t->X);
    fastsoftmax_samples_init(&t->samples);
    fastsoftmax_model_init(&t->model);
    fastsoftmax_resources_init(&t->resources);
    t->X.n_samples = BLOCK_ROWS;
    t->X.n_features = t->n_features;
    t->X.row_stride = t->n_features + 1; /* the class stands between the rows */
    t->X.storage = FASTSOFTMAX_F64;
    t->samples.labels = t->labels;
    t->model.n_outputs = t->n_classes;
    int code = fs->workspace_size(&t->resources.workspace_size, FASTSOFTMAX_LOSS_GRAD, &t->X, &t->model, 1);
    if (code != FASTSOFTMAX_OK) return code;
    t->grad = calloc((size_t)t->n, sizeof(double));
    t->sum = calloc((size_t)t->n, sizeof(double));
    t->rows = calloc(BLOCK_ROWS * ((size_t)t->n_features + 1), sizeof(double));
    t->resources.workspace = malloc(t->resources.workspace_size);
    t->X.data = t->rows;
    t->model.W = t->theta;
    t->model.b = t->theta + t->n - t->n_classes;
    FILE *file = fopen(path, "rb");
    code = NO_MEMORY;
    if (t->grad != NULL && t->sum != NULL && t->rows != NULL && t->resources.workspace != NULL)
        code = file != NULL ? descend(t, file) : NO_FILE;
    if (file != NULL) fclose(file);
    free(t->grad);
    free(t->sum);
    free(t->rows);
    free(t->resources.workspace);
    return code;
}

static PyObject *train(PyObject *self, PyObject *arguments) {
    trainer t;
    Py_buffer theta;
    const char *path;
    int code;
    (void)self;
    memset(&t, 0, sizeof t);
    if (!PyArg_ParseTuple(arguments, "w*snnddd:train", &theta, &path, &t.n_features, &t.n_classes, &t.l2,
                          &t.learning_rate, &t.tol))
        return NULL;
    t.theta = theta.buf;
    t.n = t.n_classes * (t.n_features + 1);
    t.max_iter = 20000;
    if (t.n_features < 1 || t.n_classes < 1 || theta.len != t.n * (Py_ssize_t)sizeof(double)) {
        PyBuffer_Release(&theta);
        PyErr_SetString(PyExc_ValueError, "theta must hold n_classes * (n_features + 1) doubles");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = run(&t, path);
    Py_END_ALLOW_THREADS;
    PyBuffer_Release(&theta);
    if (code == FASTSOFTMAX_OK) Py_RETURN_NONE;
    if (code == NO_MEMORY) return PyErr_NoMemory();
    return PyErr_Format(PyExc_ValueError, "%s: %s", path,
                        code == NO_FILE || code == BAD_FILE ? "cannot be read" : fs->error_name(code));
}

static PyMethodDef methods[] = {
    {"train", train, METH_VARARGS,
     "train(theta, path, n_features, n_classes, l2, learning_rate, tol): write W and then b to theta"},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "stream", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_stream(void) {
    fs = fastsoftmax_import();
    return fs != NULL ? PyModule_Create(&module) : NULL;
}
