"""
The kernel inside your own C loop
=================================

The pass over the data, from X to loss and gradient, is a C function. A program in C calls it without Python, gives it
its memory, and does what it likes with the gradient: here, gradient descent with momentum.

The header needs nothing but the standard library, and there is nothing to link with: the functions come in a struct.
"""

import ctypes
import subprocess
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import fastsoftmax as fs
from fastsoftmax import capi

SOURCE = r"""
#include <fastsoftmax/fastsoftmax.h>
#include <stdlib.h>

/* theta holds W and then b; losses has room for one number a step. */
int descend(const fastsoftmax_api *fs, double *theta, double *losses, const double *X, const ptrdiff_t *labels,
            ptrdiff_t n, ptrdiff_t N, ptrdiff_t K, double l2, double rate, double momentum, int steps) {
    fastsoftmax_features features;
    fastsoftmax_samples samples;
    fastsoftmax_model model;
    fastsoftmax_resources resources;
    fastsoftmax_features_init(&features);
    fastsoftmax_samples_init(&samples);
    fastsoftmax_model_init(&model);
    fastsoftmax_resources_init(&resources);
    features.n_samples = n; features.n_features = features.row_stride = N;
    features.storage = FASTSOFTMAX_F64; features.data = X;
    samples.labels = labels;
    model.n_outputs = K; model.W = theta; model.b = theta + K * N;
    int code = fs->workspace_size(&resources.workspace_size, FASTSOFTMAX_LOSS_GRAD, &features, &model, 1);
    const ptrdiff_t size = K * N + K;
    double *grad = malloc(size * sizeof *grad), *step = calloc(size, sizeof *step);
    resources.workspace = malloc(resources.workspace_size);
    for (int t = 0; t < steps && code == FASTSOFTMAX_OK; t++) {
        code = fs->loss_grad(&losses[t], grad, grad + K * N, &features, &samples, &model, &resources);
        for (ptrdiff_t j = 0; j < size; j++) {
            if (j < K * N) { losses[t] += 0.5 * l2 * theta[j] * theta[j]; grad[j] += l2 * theta[j]; }
            step[j] = momentum * step[j] - rate * grad[j];
            theta[j] += step[j];
        }
    }
    free(grad); free(step); free(resources.workspace);
    return code;
}
"""

# %%
# Compile it to a shared library, and give it the struct of functions.

with tempfile.TemporaryDirectory() as folder:
    source, library = Path(folder, "descend.c"), Path(folder, "descend.so")
    source.write_text(SOURCE)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", f"-I{fs.get_include()}", source, "-o", library], check=True)
    descend = ctypes.CDLL(str(library)).descend

ctypes.pythonapi.PyCapsule_GetPointer.restype = ctypes.c_void_p
ctypes.pythonapi.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
api = ctypes.c_void_p(ctypes.pythonapi.PyCapsule_GetPointer(capi._API, b"fastsoftmax.capi._API"))

X, y = load_digits(return_X_y=True)
X, y = X / 16, y.astype(np.intp)
sizes = [ctypes.c_ssize_t(size) for size in (*X.shape, 10)]
minimum = fs.fit(X, y, l2=1e-3, tol=1e-8).loss

figure, axes = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
for momentum in (0.0, 0.9):
    theta, losses = np.zeros(10 * 64 + 10), np.empty(300)
    arrays = [ctypes.c_void_p(array.ctypes.data) for array in (theta, losses, X, y)]
    numbers = [ctypes.c_double(number) for number in (1e-3, 0.3, momentum)]
    code = descend(api, *arrays, *sizes, *numbers, len(losses))
    print(f"momentum {momentum}: code {code}, loss {losses[-1]:.4f}; the minimum is {minimum:.4f}")
    axes.semilogy(losses - minimum, label=f"momentum {momentum}")

axes.set(xlabel="steps, each one pass over X", ylabel="loss above its minimum")
axes.set_title("The update is written in C; the pass is the package's")
axes.legend()
plt.show()
