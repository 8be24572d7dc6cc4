"""Separated classes: without a penalty the likelihood then has no maximum, and no parameters are the answer.

The classes are separated if some direction D of the parameters, not the same for all classes on all samples, never
lowers the label's logit against another's (Albert & Anderson, Biometrika 71, 1984):

    ⟨d_{y_i} − d_k, (x_i, 1)⟩ ≥ 0 for every sample i and class k, not all of them zero

along it the loss falls for ever. Whether there is one is a linear program (Konis, Linear programming algorithms for
detecting separated data in binary logistic regression models, 2007).
"""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

# The probability of a label that a fit gives to some sample where classes are separated, and seldom where they are not.
NEARLY_SURE = 0.99

# Coefficients of the linear program beyond which it is not solved: it takes seconds.
MOST_COEFFICIENTS = 2_000_000

# Steps of the simplex method at most. Programs of that size take some hundreds, and a few take a minute's worth.
MOST_ITERATIONS = 3_000

OPTIMAL = 0  # SciPy's status

# A margin of the program's solution, whose entries are at most one for features of size one, that is not zero.
MARGIN = 1e-6


def program_size(n_samples: int, n_inputs: int, n_classes: int) -> int:
    """Return how many coefficients the linear program has."""
    return 2 * n_samples * (n_classes - 1) * n_inputs


def separated_classes(inputs: Vector, labels: NDArray[np.intp], n_classes: int) -> NDArray[np.intp]:
    """Return the classes that some direction tells from another class without an exception.

    None if there is none, or if it would take too long to tell.

    Parameters
    ----------
    inputs : (n_samples, n_inputs) float64
        Features, and a column of ones where there is an intercept.
    labels : (n_samples,)
    n_classes : int
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    n_samples, n_inputs = inputs.shape
    largest = np.abs(inputs).max(axis=0)
    inputs = inputs / np.where(largest > 0, largest, 1)
    # A row for each sample and each class but its own: + inputs at the label's parameters, − inputs at the other's.
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
