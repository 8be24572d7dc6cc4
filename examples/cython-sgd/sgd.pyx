"""Stochastic gradient descent whose noise vanishes (SVRG: Johnson & Zhang, NeurIPS 2013), without Python in its loop.

Once an epoch the gradient of all samples is computed at a point. A step takes a batch, and corrects the batch's
gradient by how much it was wrong at that point.
"""

cimport fastsoftmax.capi as fs
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

import numpy as np


cdef struct Problem:
    fs.fastsoftmax_features X
    fs.fastsoftmax_samples samples
    fs.fastsoftmax_model model
    fs.fastsoftmax_resources resources
    Py_ssize_t n_weights


cdef int gradient(double* grad_out, Problem* p, const double* theta, Py_ssize_t start, Py_ssize_t rows) noexcept nogil:
    """The mean gradient of some samples: a batch is the same struct with another start."""
    cdef fs.fastsoftmax_features batch = p.X
    cdef fs.fastsoftmax_samples labels = p.samples
    cdef fs.fastsoftmax_model model = p.model
    cdef double loss
    batch.data = <const double*> p.X.data + start * p.X.row_stride
    batch.n_samples = rows
    labels.labels = p.samples.labels + start
    model.W = theta
    model.b = theta + p.n_weights
    return fs.loss_grad(&loss, grad_out, grad_out + p.n_weights, &batch, &labels, &model, &p.resources)


cdef int descend(double* theta, double* work, Problem* p, double l2, double learning_rate, Py_ssize_t batch_rows,
                 Py_ssize_t n_epochs) noexcept nogil:
    cdef:
        Py_ssize_t n = p.n_weights + p.model.n_outputs, n_batches = p.X.n_samples // batch_rows
        Py_ssize_t j, _step, start, _epoch
        double* point = work
        double* whole = work + n
        double* here = work + 2 * n
        double* there = work + 3 * n
        uint64_t state = 1
        int code
    for _epoch in range(n_epochs):
        memcpy(point, theta, n * sizeof(double))
        code = gradient(whole, p, point, 0, n_batches * batch_rows)
        for _step in range(2 * n_batches):
            state ^= state << 13    # xorshift (Marsaglia, Journal of Statistical Software 8, 2003)
            state ^= state >> 7
            state ^= state << 17
            start = <Py_ssize_t> (state % <uint64_t> n_batches) * batch_rows
            code |= gradient(here, p, theta, start, batch_rows) | gradient(there, p, point, start, batch_rows)
            if code:
                return code
            for j in range(n):
                theta[j] -= learning_rate * (here[j] - there[j] + whole[j] + (l2 * theta[j] if j < p.n_weights else 0))
    return 0


def train(const double[:, ::1] X, const Py_ssize_t[::1] y, Py_ssize_t n_classes, double l2=0.1,
          double learning_rate=0.1, Py_ssize_t batch_rows=20, Py_ssize_t n_epochs=200):
    """Return W and b after some epochs; the number of samples is a multiple of batch_rows."""
    cdef:
        Problem p
        Py_ssize_t n
        int code
        double* work
    if X.shape[0] % batch_rows or X.shape[0] != y.shape[0]:
        raise ValueError("X must have as many rows as y, and whole batches")
    fs.fastsoftmax_features_init(&p.X)
    fs.fastsoftmax_samples_init(&p.samples)
    fs.fastsoftmax_model_init(&p.model)
    fs.fastsoftmax_resources_init(&p.resources)
    p.X.n_samples, p.X.n_features, p.X.row_stride = X.shape[0], X.shape[1], X.shape[1]
    p.X.storage = fs.FASTSOFTMAX_F64
    p.X.data = &X[0, 0]
    p.samples.labels = &y[0]
    p.model.n_outputs = n_classes
    p.n_weights = n_classes * X.shape[1]
    n = p.n_weights + n_classes
    theta = np.zeros(n)
    cdef double[::1] at = theta
    code = fs.workspace_size(&p.resources.workspace_size, fs.FASTSOFTMAX_LOSS_GRAD, &p.X, &p.model, 1)
    if code:
        raise ValueError(fs.error_name(code).decode())
    p.resources.workspace = malloc(p.resources.workspace_size)
    work = <double*> malloc(4 * n * sizeof(double))
    try:
        if p.resources.workspace == NULL or work == NULL:
            raise MemoryError
        with nogil:
            code = descend(&at[0], work, &p, l2, learning_rate, batch_rows, n_epochs)
    finally:
        free(p.resources.workspace)
        free(work)
    if code:
        raise ValueError(fs.error_name(code).decode())
    return theta[: p.n_weights].reshape(n_classes, -1), theta[p.n_weights :]
