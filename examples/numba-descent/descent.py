"""Gradient descent in numba, over the pass of fastsoftmax: `python descent.py`."""

import ctypes

import numba
import numpy as np

from fastsoftmax import capi

F64, LOSS_GRAD = 1, 0  # of fastsoftmax.h


class Features(ctypes.Structure):
    """X, dense or sparse."""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("n_samples", ctypes.c_ssize_t),
        ("n_features", ctypes.c_ssize_t),
        ("layout", ctypes.c_int),
        ("storage", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("row_stride", ctypes.c_ssize_t),
        ("column_stride", ctypes.c_ssize_t),
        ("indices", ctypes.c_void_p),
        ("indptr", ctypes.c_void_p),
        ("index_kind", ctypes.c_int),
        ("trusted", ctypes.c_int),
    ]


class Samples(ctypes.Structure):
    """Targets, weights and an offset."""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("labels", ctypes.c_void_p),
        ("targets", ctypes.c_void_p),
        ("targets_stride", ctypes.c_ssize_t),
        ("weight", ctypes.c_void_p),
        ("offset", ctypes.c_void_p),
        ("offset_stride", ctypes.c_ssize_t),
    ]


class Model(ctypes.Structure):
    """The model, and what is computed in."""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("n_outputs", ctypes.c_ssize_t),
        ("family", ctypes.c_int),
        ("dtype", ctypes.c_int),
        ("precision", ctypes.c_int),
        ("W", ctypes.c_void_p),
        ("b", ctypes.c_void_p),
    ]


class Resources(ctypes.Structure):
    """What a call may use."""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("workspace", ctypes.c_void_p),
        ("workspace_size", ctypes.c_size_t),
        ("num_threads", ctypes.c_int),
    ]


def function(name, *argument_types):
    """Return the C function of that name, which numba can call; all that do some work return a code."""
    capsule = capi.__pyx_capi__[name]
    get_name, get_pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    prototype = ctypes.CFUNCTYPE(ctypes.c_int, *argument_types)
    return prototype(get_pointer(capsule, get_name(capsule)))


POINTER = ctypes.c_void_p
loss_grad = function("loss_grad", *[POINTER] * 7)
workspace_size = function("workspace_size", POINTER, ctypes.c_int, POINTER, POINTER, ctypes.c_int)


@numba.njit
def descend(theta, n_weights, X, samples, model, resources, l2, learning_rate, tol, max_iter):
    """While not converged: theta -= learning_rate * gradient. The last four of the pointers are structs' addresses."""
    loss, grad = np.empty(1), np.empty_like(theta)
    grad_b = grad[n_weights:]
    for _ in range(max_iter):
        code = loss_grad(loss.ctypes, grad.ctypes, grad_b.ctypes, X, samples, model, resources)
        if code != 0:
            return code
        grad[:n_weights] += l2 * theta[:n_weights]
        if np.abs(grad).max() <= tol:
            return 0
        theta -= learning_rate * grad
    return -1


def train(X, y, n_classes, l2=0.1, learning_rate=0.5, tol=1e-12, max_iter=20000):
    """Return W and b for X (n_samples, n_features) of float64 and labels y."""
    X, y = np.ascontiguousarray(X, np.float64), np.ascontiguousarray(y, np.intp)
    n, n_features = X.shape
    theta = np.zeros(n_classes * (n_features + 1))
    n_weights = n_classes * n_features
    features = Features(ctypes.sizeof(Features), n, n_features, 0, F64, X.ctypes.data, n_features, 1, None, None, 0, 0)
    samples = Samples(ctypes.sizeof(Samples), y.ctypes.data, None, 0, None, None, 0)
    W_at = theta.ctypes.data
    model = Model(ctypes.sizeof(Model), n_classes, 0, F64, 0, W_at, W_at + n_weights * theta.itemsize)
    size = ctypes.c_size_t()
    addresses = [ctypes.addressof(struct) for struct in (features, samples, model)]
    if workspace_size(ctypes.addressof(size), LOSS_GRAD, addresses[0], addresses[2], 1):
        raise ValueError("the shapes or strides are wrong")
    workspace = np.empty(size.value, np.uint8)
    resources = Resources(ctypes.sizeof(Resources), workspace.ctypes.data, size.value, 1)
    addresses.append(ctypes.addressof(resources))
    code = descend(theta, n_weights, *addresses, l2, learning_rate, tol, max_iter)
    if code:
        raise ValueError("no convergence" if code < 0 else f"fastsoftmax returned the code {code}")
    return theta[:n_weights].reshape(n_classes, n_features), theta[n_weights:]


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    W, b = train(rng.standard_normal((300, 4)), rng.integers(0, 3, 300), 3)
    print(W, b, sep="\n")
