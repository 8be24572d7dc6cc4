"""Ordered classes, by cumulative logits (McCullagh, JRSS B 42, 1980): `python ordinal.py`.

With cut points c_1 < … < c_(K−1), c_0 = −∞ and c_K = ∞, and one vector w for all classes,

    P(y ≤ k | x) = σ(c_k − ⟨w, x⟩),     z_k = log(σ(u_k) − σ(l_k)),     u_k = c_k − ⟨w, x⟩, l_k = c_(k−1) − ⟨w, x⟩

The logits z are the logarithms of probabilities that sum to one: their cross-entropy is −log P(y | x), and the gradient
of w and of the cut points is the chain rule from `cross_entropy_grad` on.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

import fastsoftmax as fs


class Ordered(NamedTuple):
    """Estimates of w (n_features,) and of the cut points (n_classes − 1,), and the log-likelihood."""

    w: np.ndarray
    cuts: np.ndarray
    log_likelihood: float


def cuts_of(parameters):
    """Return ascending cut points of the first one and the logarithms of their distances."""
    return np.cumsum(np.r_[parameters[0], np.exp(parameters[1:])])


def logits_of(eta, cuts):
    """Return z (n_samples, n_classes) at eta = X w, and ∂z_k/∂u_k and ∂z_k/∂l_k.

    σ(u) − σ(l) = σ(u) σ(−l) (1 − exp(−(u − l))): no difference of nearly equal numbers.
    """
    upper, lower = np.r_[cuts, np.inf] - eta[:, None], np.r_[-np.inf, cuts] - eta[:, None]
    distance = np.r_[np.inf, np.diff(cuts), np.inf]
    Z = log_expit(upper) + log_expit(-lower) + np.log(-np.expm1(-distance))
    inverse = 1 / np.expm1(distance)
    return Z, expit(-upper) + inverse, -expit(lower) - inverse


def loss_grad(theta, X, y, sample_weight=None):
    """Return the mean of −log P(y_i | x_i), and its gradient in w, c_1 and the logarithms of the distances."""
    w, parameters = theta[: X.shape[1]], theta[X.shape[1] :]
    Z, by_upper, by_lower = logits_of(X @ w, cuts_of(parameters))
    loss, G = fs.cross_entropy_grad(Z, y, sample_weight=sample_weight)
    by_upper, by_lower = G * by_upper, G * by_lower
    grad_w = -X.T @ (by_upper + by_lower).sum(axis=1)
    grad_cuts = by_upper[:, :-1].sum(axis=0) + by_lower[:, 1:].sum(axis=0)
    # Cut point k is the sum of all distances up to it.
    grad_steps = np.cumsum(grad_cuts[::-1])[::-1] * np.r_[1.0, np.exp(parameters[1:])]
    return loss, np.concatenate([grad_w, grad_steps])


def estimate(X, y, sample_weight=None):
    """Return the maximum-likelihood estimate; y holds the classes 0, 1, …, K − 1, each of which occurs."""
    n_classes = int(y.max()) + 1
    start = np.r_[np.zeros(X.shape[1]), -1.0, np.full(n_classes - 2, np.log(2.0 / n_classes))]
    options = {"ftol": 0.0, "gtol": 1e-9, "maxiter": 1000, "maxcor": 30}
    found = minimize(loss_grad, start, (X, y, sample_weight), jac=True, method="L-BFGS-B", options=options)
    w, parameters = found.x[: X.shape[1]], found.x[X.shape[1] :]
    total = len(y) if sample_weight is None else sample_weight.sum()
    return Ordered(w, cuts_of(parameters), -float(found.fun) * total)


def simulate(n_samples=2000, w=(1.0, -0.5, 0.0), cuts=(-1.0, 0.2, 1.5), seed=0):
    """Return X and y of the model."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, len(w)))
    latent = X @ np.array(w) + rng.logistic(size=n_samples)
    return X, np.searchsorted(cuts, latent)


if __name__ == "__main__":
    for name, value in estimate(*simulate())._asdict().items():
        print(name, value)
