"""H itself, of all rows, for problems so small that Python takes most of the time of a fit.

What stays the same along a fit is prepared once, and the inverse is one matrix of the parameters.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from ..runtime.arrays import Float64Array, FloatArray
from .cholesky import RIDGE
from .hessian import NO_DAMPING, paired_hessian
from .inputs import Inputs
from .loss import Loss
from .sample import unsaturated

# The inverse has at most this many rows (512 kB): to multiply with it takes as long as a small pass.
MOST_PARAMETERS = 256


class WholeProblem(NamedTuple):
    """What the curvatures of a fit have in common.

    M⁻¹ = Tᵀ H⁻¹ T + `alike` for features that are centred if there is an intercept, H being that of inputs and
    directions.
    """

    inputs: Inputs
    rows: FloatArray  # (n_samples, n_inputs), the inputs of all samples
    to_inputs: Float64Array  # T, (n_directions · n_inputs, n_params), by columns
    alike: Float64Array  # (n_params, n_params), the inverse where all classes move alike, which only rounding does

    @classmethod
    def of(cls, X: FloatArray, inputs: Inputs, n_classes: int) -> "WholeProblem":
        """Prepare the fits of features X, (n_samples, n_features)."""
        n_features, n_inputs = len(inputs.mean), len(inputs.unit)
        of_class = np.diag(inputs.unit)  # what a gradient by the parameters of one class is by inputs
        # By classes, each with its W and b, to the order of parameters: all of W, then all of b.
        columns = np.arange(n_classes * n_inputs).reshape(n_classes, n_inputs)
        order = np.concatenate([columns[:, :n_features].ravel(), columns[:, n_features:].ravel()])
        directions = contrasts(n_classes).T
        to_inputs = (directions[:, None, :, None] * of_class[:, None]).reshape(-1, columns.size)[:, order]
        shift = np.tile(of_class[:n_features] / math.sqrt(n_classes), n_classes)[:, order]
        return cls(inputs, inputs.of_rows(X), np.asfortranarray(to_inputs), shift.T @ shift)


class WholeCurvature:
    """H of all rows.

    Parameters
    ----------
    inverse : (n_params, n_params) float64
        That for centred features.
    mean : (n_features,) float64, or None
        Of the features, if they are.
    price : float
        In passes.
    is_guess : bool
        Whether it is that of logits of zero, because the model is sure of all rows.
    """

    is_exact, better_at = True, math.inf
    better_below: float | None = None

    def __init__(self, inverse: Float64Array, mean: Float64Array | None, price: float, is_guess: bool) -> None:
        self.inverse, self.mean, self.price, self.is_guess = inverse, mean, price, is_guess

    @classmethod
    def of(
        cls, problem: WholeProblem, loss: Loss, theta: Float64Array, l2: FloatArray, price: float
    ) -> "WholeCurvature | None":
        """Return H at theta; None if it is not positive definite.

        Parameters
        ----------
        problem : WholeProblem
        loss : Loss
            Of categories.
        l2 : (n_inputs,) float64
            Weights of the penalty, in the units of the inputs.
        price : float
            In passes.
        """
        from scipy.linalg.blas import dtrsm
        from scipy.linalg.lapack import dpotrf

        means = loss.mean(theta).astype(np.float64)
        mass = np.full(len(means), 1 / len(means)) if loss.mass is None else loss.mass / len(means)
        unsure, _ = unsaturated(loss.family, means, mass)
        directions = contrasts(loss.n_outputs)
        hessian = paired_hessian(unsure, mass, directions, NO_DAMPING, problem.rows, loss.asked_threads)
        diagonal = np.einsum("cjcj->cj", hessian)  # a view
        diagonal += l2
        of_inputs = diagonal.sum(axis=0)
        # An input without curvature gets the largest one: its gradient is a rounding error, not to be magnified.
        most = of_inputs.max()
        diagonal[:, of_inputs <= np.finfo(loss.X.dtype).eps * most] += most or 1.0
        diagonal *= 1 + RIDGE[loss.X.dtype]
        # LAPACK stores matrices by columns: its upper triangle is the lower one here.
        size = len(problem.to_inputs)
        factor, failed = dpotrf(hessian.reshape(size, size).T, lower=False, overwrite_a=True, clean=False)
        if failed:
            return None
        half = dtrsm(1.0, factor, problem.to_inputs, trans_a=True)
        mean = problem.inputs.mean if loss.fit_intercept else None
        return cls(half.T @ half + problem.alike, mean, price, unsure is not means)

    def solve(self, v: Float64Array) -> Float64Array:
        """Multiply a vector of parameters with the inverse."""
        if self.mean is None:
            return self.inverse @ v
        # Centred here, not by the inverse: it would have entries of mean², from whose rounding nothing is left of W.
        n_classes = len(v) // (len(self.mean) + 1)
        split = n_classes * len(self.mean)
        centred = v.copy()
        centred[:split].reshape(n_classes, -1)[:] -= np.multiply.outer(v[split:], self.mean)
        out: Float64Array = self.inverse @ centred
        out[split:] -= out[:split].reshape(n_classes, -1) @ self.mean
        return out


@cache
def contrasts(n_classes: int) -> Float64Array:
    """Orthonormal directions of classes whose sum is zero, (n_classes, n_classes − 1), after Helmert."""
    k = np.arange(1, n_classes)
    directions = np.triu(np.ones((n_classes, n_classes - 1)))
    directions[k, k - 1] = -k
    directions /= np.sqrt(k * (k + 1))
    return directions
