"""Separated classes: without a penalty the likelihood then has no maximum, so no parameters are optimal.

The classes are separated if along some direction D of the parameters no label's logit falls relative to that of another
class, and at least one rises (Albert & Anderson, Biometrika 71, 1984):

    ⟨d_{y_i} − d_k, (x_i, 1)⟩ ≥ 0 for every sample i and class k, not all of them zero

Along D the loss falls without end. A linear program finds D if there is one (Konis, Linear programming algorithms for
detecting separated data in binary logistic regression models, 2007).
"""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

# If classes are separated, a fit gives at least one label a probability above this; otherwise it seldom does.
NEARLY_SURE = 0.99

# A linear program with more coefficients is not solved: it would take seconds.
MOST_COEFFICIENTS = 2_000_000

# Stop the simplex method after this many steps. Most programs of this size take hundreds, but a few run for a minute.
MOST_ITERATIONS = 3_000

OPTIMAL = 0  # SciPy's status

# A larger margin is not zero: features are scaled to at most 1, and the entries of D lie between −1 and 1.
MARGIN = 1e-6


def program_size(n_samples: int, n_inputs: int, n_classes: int) -> int:
    """Return how many coefficients the linear program has."""
    return 2 * n_samples * (n_classes - 1) * n_inputs


def separated_classes(inputs: Vector, labels: NDArray[np.intp], n_classes: int) -> NDArray[np.intp]:
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
