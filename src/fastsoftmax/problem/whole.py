"""H itself, of all rows, for problems so small that Python takes most of the time of a fit.

What stays the same along a fit is prepared once.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from ..runtime.arrays import Float64Array, FloatArray, IndexArray
from .cholesky import Cholesky
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
    def of(cls, problem: WholeProblem, loss: Loss, theta: Float64Array, l2: FloatArray) -> "WholeCurvature | None":
        """Return H at theta; None if it is not positive definite. A pass, none where W is zero.

        Parameters
        ----------
        problem : WholeProblem
        loss : Loss
            Of categories.
        theta : (n_params,) float64
        l2 : (n_inputs,) float64
            Weights of the penalty, in the units of the inputs.
        """
        K, m, of_pairs = loss.n_outputs, len(l2), weights_of_pairs(loss.mean(theta), loss.mass)
        # 1 − ‖p_i‖² is twice the sum over pairs. A model that is sure of all rows has the curvature of logits of zero.
        is_guess = not 2 * of_pairs.sum() > SATURATED * (len(loss) if loss.mass is None else loss.mass.sum())
        if is_guess:
            at_zero = np.full((len(loss), K), loss.family.mean_at_zero(K))
            of_pairs = weights_of_pairs(at_zero, loss.mass)
        grams = gram(problem.rows, of_pairs, loss.asked_threads).reshape(len(of_pairs), -1)
        blocks = (in_directions(K) @ grams).reshape(K - 1, K - 1, m, m)
        blocks *= 1 / len(loss)
        diagonal = np.einsum("ccjj->cj", blocks)  # a view
        diagonal += l2
        of_inputs = diagonal.sum(axis=0)
        # An input without curvature gets the largest one: its gradient is a rounding error, not to be magnified.
        most = of_inputs.max()
        flat = of_inputs <= EPS[loss.X.dtype] * most
        if flat.any():
            diagonal[:, flat] += most or 1.0
        hessian = blocks.transpose(0, 2, 1, 3).reshape(diagonal.size, -1)
        factor = Cholesky.of(np.ascontiguousarray(hessian), loss.X.dtype)
        return None if factor is None else cls(problem, factor, is_guess)

    def solve(self, v: Float64Array) -> Float64Array:
        """Multiply a vector of parameters with the inverse."""
        inputs = self.problem.to_inputs @ v
        size = len(self.factor.factor)
        inputs[:size] = self.factor.solve(inputs[:size])
        found: Float64Array = inputs @ self.problem.to_inputs
        return found


def weights_of_pairs(probabilities: FloatArray, mass: Float64Array | None) -> Float64Array:
    """m_i p_ik p_il of every pair of classes k < l, (n_pairs, n_samples)."""
    by_class = np.ascontiguousarray(probabilities.T, np.float64)
    first, second = pairs(len(by_class))
    products: Float64Array = by_class[first]
    products *= by_class[second]
    if mass is not None:
        products *= mass
    return products


@cache
def pairs(n_classes: int) -> tuple[IndexArray, IndexArray]:
    """Return the first and the second classes of all pairs, (n_pairs,) each."""
    return np.triu_indices(n_classes, 1)


@cache
def directions(n_classes: int) -> Float64Array:
    """Orthonormal directions of classes, (n_classes, n_classes): contrasts after Helmert, and all classes alike."""
    k = np.arange(1, n_classes)
    columns = np.triu(np.ones((n_classes, n_classes)))
    columns[k, k - 1] = -k
    columns[:, -1] = 1
    columns /= np.sqrt(np.append(k * (k + 1), n_classes))
    return columns


@cache
def in_directions(n_classes: int) -> Float64Array:
    """What a pair adds to H in directions c and d, (n_directions², n_pairs).

    diag(p) − p pᵀ is Σ_k<l p_k p_l (e_k − e_l)(e_k − e_l)ᵀ: all terms are positive, so that nothing cancels.
    """
    first, second = pairs(n_classes)
    matrix = directions(n_classes)[:, :-1]
    along = (matrix[first] - matrix[second]).T
    return np.ascontiguousarray((along[:, None] * along).reshape(-1, len(first)))
