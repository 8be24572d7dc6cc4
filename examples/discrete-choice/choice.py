"""McFadden's conditional logit: attributes vary by alternative, coefficients do not: `python choice.py`.

Person i has alternatives k with attributes a_ik, and chooses k with the probability softmax(z_i)_k of the utilities

    z_ik = ⟨a_ik, β⟩,     −∞ where the alternative is not available.

The derivative of the loss in β is Σ_ik (∂L/∂z_ik) a_ik: the chain rule from `cross_entropy_grad` on.
"""

from typing import NamedTuple

import numpy as np

import fastsoftmax as fs


class Choice(NamedTuple):
    """Estimates of β (n_attributes,), their standard errors, and the log-likelihood."""

    beta: np.ndarray
    standard_errors: np.ndarray
    log_likelihood: float


def utilities(attributes, beta, available=None):
    """Return z (n_people, n_alternatives) of attributes (n_people, n_alternatives, n_attributes)."""
    Z = attributes @ beta
    if available is not None:
        Z[~available] = -np.inf
    return Z


def loss_grad(beta, attributes, chosen, available=None):
    """Return the negative log-likelihood and its gradient."""
    Z = utilities(attributes, beta, available)
    loss, G = fs.cross_entropy_grad(Z, chosen, reduction="sum", out=Z)
    return loss, np.einsum("ik,ikj->j", G, attributes)


def information(beta, attributes, available=None):
    """Return the Hessian, Σ_i Σ_k p_ik (a_ik - ā_i)(a_ik - ā_i)ᵀ with the means ā_i of the attributes."""
    P = fs.softmax(utilities(attributes, beta, available))
    centred = attributes - np.einsum("ik,ikj->ij", P, attributes)[:, None]
    return np.einsum("ik,ikj,ikl->jl", P, centred, centred)


def estimate(attributes, chosen, available=None, tol=1e-16, max_iter=50):
    """Return the maximum-likelihood estimate by Newton's method; the loss is convex in β."""
    beta = np.zeros(attributes.shape[2])
    loss, grad = loss_grad(beta, attributes, chosen, available)
    for _ in range(max_iter):
        hessian = information(beta, attributes, available)
        step = np.linalg.solve(hessian, grad)
        if grad @ step <= tol * (1 + loss):
            return Choice(beta, np.sqrt(np.diag(np.linalg.inv(hessian))), -loss)
        length = 1.0
        while (found := loss_grad(beta - length * step, attributes, chosen, available))[0] > loss:
            length /= 2
        beta, (loss, grad) = beta - length * step, found
    raise ValueError(f"no convergence in {max_iter} steps: some attribute may decide every choice")


def simulate(n_people=500, beta=(-1.0, 0.5, 2.0), n_alternatives=4, seed=0):
    """Return attributes, the chosen alternatives, and which are available: at least two to each person."""
    rng = np.random.default_rng(seed)
    attributes = rng.standard_normal((n_people, n_alternatives, len(beta)))
    available = rng.random((n_people, n_alternatives)) < 0.7
    available[:, :2] = True
    Z = utilities(attributes, np.array(beta), available)
    chosen = (Z + rng.gumbel(size=Z.shape)).argmax(axis=1)
    return attributes, chosen, available


if __name__ == "__main__":
    found = estimate(*simulate())
    for name, value in found._asdict().items():
        print(name, value)
