"""A network with one hidden layer in NumPy: `python network.py mnist.npz`, or without a file to download MNIST.

hidden layer    h = max(A x + a, 0)
logits          z = B h + b
loss            cross_entropy_grad gives ∂L/∂z, and the chain rule goes on from there
"""

import sys
import time

import numpy as np

import fastsoftmax as fs


def start(n_features, n_hidden, n_classes, rng):
    """Return A, a, B, b of float32; the weights as He et al. (2015) draw them for this activation."""
    A = rng.standard_normal((n_hidden, n_features), dtype=np.float32) * np.float32(np.sqrt(2 / n_features))
    B = rng.standard_normal((n_classes, n_hidden), dtype=np.float32) * np.float32(np.sqrt(2 / n_hidden))
    return [A, np.zeros(n_hidden, np.float32), B, np.zeros(n_classes, np.float32)]


def logits(parameters, X):
    """Return z and h of all rows of X."""
    A, a, B, b = parameters
    H = np.maximum(X @ A.T + a, 0)
    return H @ B.T + b, H


def loss_grad(parameters, X, y):
    """Return the mean loss, and its gradient with respect to every parameter."""
    _, _, B, _ = parameters
    Z, H = logits(parameters, X)
    loss, grad_Z = fs.cross_entropy_grad(Z, y, out=Z)
    grad_H = (grad_Z @ B) * (H > 0)
    return loss, [grad_H.T @ X, grad_H.sum(axis=0), grad_Z.T @ H, grad_Z.sum(axis=0)]


def train(X, y, n_classes, n_hidden=256, n_epochs=4, batch=128, learning_rate=0.1, momentum=0.9, seed=0):
    """Return the parameters after stochastic gradient descent whose steps fall to zero."""
    rng = np.random.default_rng(seed)
    parameters = start(X.shape[1], n_hidden, n_classes, rng)
    speeds = [np.zeros_like(parameter) for parameter in parameters]
    n_steps = n_epochs * (len(X) // batch)
    for step in range(n_steps):
        if step % (len(X) // batch) == 0:
            order = rng.permutation(len(X))
        first = step % (len(X) // batch) * batch
        rows = order[first : first + batch]
        _, grads = loss_grad(parameters, X[rows], y[rows])
        rate = np.float32(learning_rate * (1 - step / n_steps))
        for parameter, speed, grad in zip(parameters, speeds, grads, strict=True):
            speed *= momentum
            speed -= rate * grad
            parameter += speed
    return parameters


def accuracy(parameters, X, y):
    """Return the share of the rows whose largest logit is that of their class."""
    return (logits(parameters, X)[0].argmax(axis=1) == y).mean()


def mnist(path=None):
    """Return X_train, y_train, X_test, y_test from a file, or from OpenML; pixels from 0 to 1."""
    if path is not None:
        data = np.load(path)
        X, y = [data["X_train"], data["X_test"]], [data["y_train"], data["y_test"]]
    else:
        from sklearn.datasets import fetch_openml

        images, labels = fetch_openml("mnist_784", return_X_y=True, as_frame=False)
        X, y = [images[:60000], images[60000:]], [labels[:60000], labels[60000:]]
    X_train, X_test = (part.astype(np.float32) / np.float32(255) for part in X)
    return X_train, y[0].astype(np.intp), X_test, y[1].astype(np.intp)


if __name__ == "__main__":
    X, y, X_test, y_test = mnist(*sys.argv[1:])
    began = time.perf_counter()
    trained = train(X, y, 10)
    print(f"{time.perf_counter() - began:.1f} s, accuracy on the test images {accuracy(trained, X_test, y_test):.4f}")
