"""Softmax regression in NumPy, float64, written for reading: the judge of every kernel.

X (n, N) samples, Y (n, K) target probabilities or counts (one-hot for labels), W (K, N), b (K,), s (n,) weights.
"""

from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

# Run what we compare with on one BLAS thread: if other processes want the processors too, these small products wait for
# each other's threads a hundred times as long as they compute.
ONE_BLAS_THREAD = partial(threadpool_limits, 1, user_api="blas")


def softmax(Z):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def log_softmax(Z):
    Z = Z - Z.max(axis=1, keepdims=True)
    return Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))


def loss_grad(X, Y, W, b, s=None, offset=0.0, l2=0.0):
    X, Y, W, b = (np.asarray(a, dtype=np.float64) for a in (X, Y, W, b))
    s = np.ones(len(X)) if s is None else np.asarray(s, dtype=np.float64)
    Z = X @ W.T + b + offset
    terms = np.where(Y > 0, Y * log_softmax(Z), 0.0)  # 0 · log 0 = 0
    residual = s[:, None] * (softmax(Z) * Y.sum(axis=1, keepdims=True) - Y) / s.sum()
    loss = -(s @ terms.sum(axis=1)) / s.sum() + 0.5 * l2 * (W**2).sum()
    return loss, residual.T @ X + l2 * W, residual.sum(axis=0)


def hess_vec(X, Y, W, b, V, v, *, s=None, offset=0.0, l2=0.0):
    X, W, b, V, v = (np.asarray(a, dtype=np.float64) for a in (X, W, b, V, v))
    s = np.ones(len(X)) if s is None else np.asarray(s, dtype=np.float64)
    P, U = softmax(X @ W.T + b + offset), X @ V.T + v
    residual = (s * Y.sum(axis=1) / s.sum())[:, None] * P * (U - (P * U).sum(axis=1, keepdims=True))
    return residual.T @ X + l2 * V, residual.sum(axis=0)


def gram(X, s):
    X, s = np.asarray(X, dtype=np.float64), np.asarray(s, dtype=np.float64)
    with ONE_BLAS_THREAD():
        return np.stack([(X * w[:, None]).T @ X for w in s])


def gradient_descent(X, Y, learning_rate, n_steps, l2=0.0):
    W, b = np.zeros((Y.shape[1], X.shape[1])), np.zeros(Y.shape[1])
    for _ in range(n_steps):
        _, grad_W, grad_b = loss_grad(X, Y, W, b, l2=l2)
        W, b = W - learning_rate * grad_W, b - learning_rate * grad_b
    return W, b
