"""The dispersion of a fitted family: what its variance function is to be multiplied with."""

import numpy as np

from ..data.arguments import overflow_shows
from ..families import OutputsFamily
from ..problem.loss import Loss
from ..runtime.arrays import Float64Array


@overflow_shows
def pearson_dispersion(loss: Loss, theta: Float64Array) -> Float64Array | None:
    """Return Σ_i s_i (y_ik − m_ik)²/V(m_ik) / (n − p_k) of every output; None for a family without a dispersion.

    p_k are the parameters of output k that are not zero, V the family's variance; s_i have mean one. One pass over X.

    Returns
    -------
    ndarray of shape (n_outputs,), float64, or None
        NaN where there are as many parameters as samples.
    """
    family, samples = loss.family, loss.samples
    if not isinstance(family, OutputsFamily) or not family.has_dispersion:
        return None
    assert samples.targets is not None
    sums = np.zeros(loss.n_outputs)
    for rows, block in loss.means(theta):
        mean = block.astype(np.float64)
        squares = (samples.targets[rows] - mean) ** 2 / family.variance(mean)
        sums += squares.sum(axis=0) if samples.weight is None else samples.weight[rows] @ squares
    freedom = len(loss) - np.count_nonzero(loss.split(theta).W, axis=1) - float(loss.fit_intercept)
    return np.where(freedom > 0, sums / np.maximum(freedom, 1), np.nan)
