"""H itself, of all rows, for problems so small that Python takes most of the time of a fit.

What stays the same along a fit is prepared once.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from ..runtime.arrays import Float64Array, FloatArray
from .cholesky import Cholesky
from .hessian import paired_hessian
from .inputs import Inputs
from .loss import Loss
from .sample import Sample, unsaturated, weights_of

# Parameters at most: to multiply twice with `to_inputs` (512 kB) takes as long as a small pass.
MOST_PARAMETERS = 256


class Thought(NamedTuple):
    """What the model thinks of all rows: the part of a `Sample` that changes along a fit."""

    probabilities: Float64Array  # (n_samples, n_classes)
    weights: Float64Array  # (n_samples,)
    precision: np.dtype[np.floating]
    is_guess: bool

    @classmethod
    def at(cls, loss: Loss, theta: Float64Array) -> "Thought":
        """Return it at theta; a pass."""
        means, weights = loss.mean(theta).astype(np.float64, copy=False), weights_of(loss)
        unsure, _ = unsaturated(loss.family, means, weights)
        return cls(unsure, weights, loss.X.dtype, unsure is not means)


class WholeProblem(NamedTuple):
    """What the curvatures of a fit have in common."""

    inputs: Inputs
    rows: FloatArray  # (n_samples, n_inputs), the inputs of all samples
    # What a gradient is by inputs in directions of classes, (n_classes · n_inputs, n_params). The last direction is
    # that in which all classes move alike, as only rounding does; without the intercept.
    to_inputs: Float64Array
    price: float  # of a curvature, in passes

    @classmethod
    def of(cls, sample: Sample, inputs: Inputs, price: float) -> "WholeProblem":
        """Prepare the fits of a sample of all rows."""
        n_features, n_inputs, n_classes = len(inputs.mean), len(inputs.unit), sample.probabilities.shape[1]
        of_class = np.diag(inputs.unit)  # what a gradient by the parameters of one class, its W and b, is by inputs
        if n_inputs > n_features:
            of_class[:-1, -1] = -inputs.unit[:-1] * inputs.mean
        products = directions(n_classes).T[:, None, :, None] * of_class[:, None]
        by_class = products.reshape(-1, n_classes, n_inputs)[: n_classes * n_inputs - (n_inputs - n_features)]
        # To the order of parameters: all of W, then all of b.
        parts = by_class[:, :, :n_features], by_class[:, :, n_features:]
        to_inputs = np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
        return cls(inputs, inputs.of_rows(sample.X), to_inputs, price)


class WholeCurvature:
    """H of all rows.

    Parameters
    ----------
    problem : WholeProblem
    factor : Cholesky
        Of H in inputs and directions of classes.
    is_guess : bool
        Whether it is that of logits of zero, because the model is sure of all rows.
    """

    is_exact, better_at = True, math.inf
    better_below: float | None = None

    def __init__(self, problem: WholeProblem, factor: Cholesky, is_guess: bool) -> None:
        self.problem, self.factor, self.price, self.is_guess = problem, factor, problem.price, is_guess

    @classmethod
    def of(
        cls, problem: WholeProblem, sample: Sample | Thought, l2: FloatArray, num_threads: int | None
    ) -> "WholeCurvature | None":
        """Return H where the model thinks so of all rows; None if it is not positive definite.

        Parameters
        ----------
        problem : WholeProblem
        sample : Sample or Thought
        l2 : (n_inputs,) float64
            Weights of the penalty, in the units of the inputs.
        num_threads : int or None
        """
        classes = directions(sample.probabilities.shape[1])[:, :-1]
        hessian = paired_hessian(sample.probabilities, sample.weights, classes, None, problem.rows, num_threads)
        diagonal = np.einsum("cjcj->cj", hessian)  # a view
        diagonal += l2
        of_inputs = diagonal.sum(axis=0)
        # An input without curvature gets the largest one: its gradient is a rounding error, not to be magnified.
        most = of_inputs.max()
        flat = of_inputs <= np.finfo(sample.precision).eps * most
        if flat.any():
            diagonal[:, flat] += most or 1.0
        factor = Cholesky.of(hessian.reshape(diagonal.size, -1), sample.precision)
        return None if factor is None else cls(problem, factor, sample.is_guess)

    def solve(self, v: Float64Array) -> Float64Array:
        """Multiply a vector of parameters with the inverse."""
        inputs = self.problem.to_inputs @ v
        size = len(self.factor.factor)
        inputs[:size] = self.factor.solve(inputs[:size])
        found: Float64Array = inputs @ self.problem.to_inputs
        return found


@cache
def directions(n_classes: int) -> Float64Array:
    """Orthonormal directions of classes, (n_classes, n_classes): contrasts after Helmert, and all classes alike."""
    k = np.arange(1, n_classes)
    matrix = np.triu(np.ones((n_classes, n_classes)), k=0)
    matrix = np.hstack([matrix[:, : n_classes - 1], np.ones((n_classes, 1))])
    matrix[k, k - 1] = -k
    matrix /= np.sqrt(np.append(k * (k + 1), n_classes))
    return matrix
