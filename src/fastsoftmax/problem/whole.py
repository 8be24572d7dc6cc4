"""H itself, of all rows, for problems so small that Python takes most of the time of a fit.

What stays the same along a fit is prepared once.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from .. import _coordinates
from ..runtime.arrays import Float64Array, FloatArray
from .cholesky import RIDGE, Cholesky
from .inputs import Inputs
from .loss import Loss
from .products import gram
from .sample import SATURATED, Sample

# Parameters at most: to multiply twice with `to_inputs` (512 kB) takes as long as a small pass.
MOST_PARAMETERS = 256

EPS = {np.dtype(kind): float(np.finfo(kind).eps) for kind in (np.float32, np.float64)}


class WholeProblem(NamedTuple):
    """What the curvatures of a fit have in common."""

    inputs: Inputs
    rows: Float64Array  # (n_samples, n_inputs), the inputs of all samples
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
        directions = np.column_stack([contrasts(n_classes), np.full(n_classes, 1 / math.sqrt(n_classes))])
        products = directions.T[:, None, :, None] * of_class[:, None]
        by_class = products.reshape(-1, n_classes, n_inputs)[: n_classes * n_inputs - (n_inputs - n_features)]
        # To the order of parameters: all of W, then all of b.
        parts = by_class[:, :, :n_features], by_class[:, :, n_features:]
        to_inputs = np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
        return cls(inputs, np.asarray(inputs.of_rows(sample.X), np.float64), to_inputs, price)


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
    def of(cls, problem: WholeProblem, loss: Loss, theta: Float64Array, l2: FloatArray) -> "WholeCurvature | None":
        """Return H at theta; None if it is not positive definite. A pass, none where W is zero.

        Parameters
        ----------
        problem : WholeProblem
        loss : Loss
            Of categories.
        theta : (n_params,) float64
        l2 : (n_inputs,)
            Weights of the penalty, in the units of the inputs.
        """
        of_pairs = np.empty((loss.n_outputs * (loss.n_outputs - 1) // 2, len(loss)))
        mass = 1.0 if loss.mass is None else float(loss.mass.mean())
        # 1 − ‖p_i‖² is twice the sum over pairs.
        spread = 2 * _coordinates.weigh_pairs(of_pairs, loss.mean(theta), loss.mass, 1 / len(loss))
        is_guess = not spread > SATURATED * mass
        if is_guess:
            at_zero = loss.family.mean_at_zero(loss.n_outputs)
            of_pairs[:] = at_zero**2 / len(loss) * (1.0 if loss.mass is None else loss.mass)
        grams = np.asarray(gram(problem.rows, of_pairs, loss.asked_threads), np.float64)
        size = len(l2) * (loss.n_outputs - 1)
        factor, precision = np.empty((size, size)), loss.X.dtype
        of_inputs = contrasts(loss.n_outputs), np.asarray(l2, np.float64)
        found = _coordinates.factor_pairs(factor, grams, *of_inputs, EPS[precision], RIDGE[precision])
        return cls(problem, Cholesky.of_factor(factor), is_guess) if found else None

    def solve(self, v: Float64Array) -> Float64Array:
        """Multiply a vector of parameters with the inverse."""
        inputs = self.problem.to_inputs @ v
        size = len(self.factor.factor)
        inputs[:size] = self.factor.solve(inputs[:size])
        found: Float64Array = inputs @ self.problem.to_inputs
        return found


@cache
def contrasts(n_classes: int) -> Float64Array:
    """Orthonormal directions of classes whose sum is zero, (n_classes, n_classes − 1), after Helmert."""
    k = np.arange(1, n_classes)
    columns = np.triu(np.ones((n_classes, n_classes - 1)))
    columns[k, k - 1] = -k
    columns /= np.sqrt(k * (k + 1))
    return columns
