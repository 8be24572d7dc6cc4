"""Separated classes: without a penalty the likelihood then has no maximum, so no parameters are optimal.

The classes are separated if along some direction D of the parameters no label's logit falls relative to that of another
class, and at least one rises (Albert & Anderson, Biometrika 71, 1984):

    ⟨d_{y_i} − d_k, (x_i, 1)⟩ ≥ 0 for every sample i and class k, not all of them zero

Along D the loss falls without end. A linear program finds D if there is one (Konis, Linear programming algorithms for
detecting separated data in binary logistic regression models, 2007).
"""

import math

import numpy as np

from ..data.features import Features
from ..data.samples import Samples
from ..runtime.arrays import Float64Array, FloatArray, IndexArray

# If classes are separated, a fit gives at least one label a probability above this; otherwise it seldom does.
NEARLY_SURE = 0.99

# A linear program with more coefficients is not solved: it would take seconds.
MOST_COEFFICIENTS = 2_000_000

# Stop the simplex method after this many steps. Most programs of this size take hundreds, but a few run for a minute.
MOST_ITERATIONS = 3_000

OPTIMAL = 0  # SciPy's status

# A larger margin is not zero: features are scaled to at most 1, and the entries of D lie between −1 and 1.
MARGIN = 1e-6


def loss_of_separated(samples: Samples, n_samples: int) -> float:
    """Return a loss that proves, where it is reached, that every label has a probability above ½; −∞ if none does."""
    if samples.labels is None:
        return -np.inf
    smallest = 1.0 if samples.weight is None else samples.weight[samples.weight > 0].min()
    # A sample whose label has a probability of ½ adds log 2; half of that leaves room for the rounding of the loss.
    return 0.5 * math.log(2) * float(smallest) / n_samples


def can_be_told(samples: Samples, n_samples: int, n_inputs: int) -> bool:
    """Whether the linear program is small enough to be solved."""
    size = 2 * n_samples * (samples.n_outputs - 1) * n_inputs
    return samples.labels is not None and size <= MOST_COEFFICIENTS


def may_be_separated(samples: Samples, probabilities: FloatArray) -> bool:
    """Whether a sample is so sure of its label that there may be no optimum."""
    return bool(probabilities[np.arange(len(probabilities)), samples.labels].max() >= NEARLY_SURE)


def separated_outputs(X: Features, samples: Samples, fit_intercept: bool) -> IndexArray:
    """`separated_classes` of samples as they are bound; a pass over X."""
    if samples.labels is None:
        return np.empty(0, np.intp)
    inputs = X.finite_values().astype(np.float64)
    if fit_intercept:
        inputs = np.hstack([inputs, np.ones((len(inputs), 1))])
    weighs = slice(None) if samples.weight is None else samples.weight > 0
    return separated_classes(inputs[weighs], samples.labels[weighs], samples.n_outputs)


def separated_classes(inputs: Float64Array, labels: IndexArray, n_classes: int) -> IndexArray:
    """Return the classes that a direction D separates from another class, no sample lying on the wrong side.

    Parameters
    ----------
    inputs : (n_samples, n_inputs) float64
        Features, and a column of ones if there is an intercept.
    labels : (n_samples,)
    n_classes : int

    Returns
    -------
    ndarray of shape (n_separated,)
        Class indices, ascending; empty if there is no such direction or the search takes too many steps.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    n_samples, n_inputs = inputs.shape
    largest = np.abs(inputs).max(axis=0)
    inputs = inputs / np.where(largest > 0, largest, 1)
    # A row for each sample and each class but its label: + inputs at the label's parameters, − inputs at the other's.
    samples = np.repeat(np.arange(n_samples), n_classes - 1)
    others = np.nonzero(np.arange(n_classes) != labels[:, None])[1]
    columns = np.arange(n_inputs)
    indices = np.hstack([labels[samples, None] * n_inputs + columns, others[:, None] * n_inputs + columns])
    values = np.hstack([inputs[samples], -inputs[samples]])
    indptr = np.arange(len(samples) + 1) * 2 * n_inputs
    margins = csr_array((values.ravel(), indices.ravel(), indptr), shape=(len(samples), n_classes * n_inputs))
    solution = linprog(
        -margins.sum(axis=0),
        A_ub=-margins,
        b_ub=np.zeros(len(samples)),
        bounds=(-1, 1),
        method="highs-ds",
        options={"maxiter": MOST_ITERATIONS},
    )
    if solution.status != OPTIMAL:
        return np.empty(0, np.intp)
    apart = margins @ solution.x > MARGIN
    return np.unique(np.concatenate([labels[samples[apart]], others[apart]]))
