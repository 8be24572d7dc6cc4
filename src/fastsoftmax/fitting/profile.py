"""The dispersion of a negative binomial family by maximum likelihood, together with W and b.

In turns: W and b for a dispersion, and the likeliest dispersion for the means that they give. The two are nearly
independent (their cross information is zero), so a few turns suffice.
"""

from collections.abc import Callable
from copy import copy

import numpy as np

from ..data.arguments import overflow_shows
from ..families import NegativeBinomial
from ..problem.loss import Loss
from ..runtime.arrays import Float64Array
from .result import FitResult

# The dispersion is between these: below, the family is Poisson's; and how near two turns must be, at most so many.
LEAST, MOST = 1e-6, 1e6
SAME, MOST_TURNS = 1e-9, 50


def fit_dispersion(
    loss: Loss, theta: Float64Array, solve: Callable[[Loss, Float64Array], tuple[FitResult, Float64Array]]
) -> tuple[FitResult, Float64Array, Loss]:
    """Return the fit whose dispersion is the likeliest, its theta, and its loss; a pass more than fits for each turn.

    Parameters
    ----------
    loss : Loss
        Of a negative binomial family, whose dispersion is the first one.
    theta : (n_params,)
    solve : callable
        Minimises the objective of a loss from theta on.

    Raises
    ------
    ValueError
        If the rows are read in passes: the means of all of them are needed together, again and again.
    """
    if loss.in_chunks:
        raise ValueError(
            'dispersion must be a number where rows come in chunks, for finding it takes all means; found "auto"'
        )
    for _ in range(MOST_TURNS):
        result, theta = solve(loss, theta)
        if result.status in ("interrupted", "callback", "diverged"):
            break
        assert isinstance(loss.family, NegativeBinomial)
        before, dispersion = loss.family.parameter, _likeliest(loss, theta)
        if abs(dispersion - before) <= SAME * before:
            break
        loss = _with_dispersion(loss, dispersion)
    return result, theta, loss


def _with_dispersion(loss: Loss, dispersion: float) -> Loss:
    other = copy(loss)
    other.family = NegativeBinomial(dispersion)
    other.samples = loss.samples._replace(parameter=dispersion)
    vars(other).pop("floor", None)
    return other


@overflow_shows
def _likeliest(loss: Loss, theta: Float64Array) -> float:
    """Return the dispersion of the greatest likelihood, given the means at theta; a pass over X.

    With r = 1/α, the slope is Σ_i s_i (ψ(y_i + r) − ψ(r) + log(r/(r + m_i)) + 1 − (y_i + r)/(r + m_i)).
    """
    from scipy.optimize import brentq
    from scipy.special import digamma

    assert loss.samples.targets is not None
    y, weight = loss.samples.targets.astype(np.float64), loss.samples.weight
    mean = np.concatenate([block for _, block in loss.means(theta)]).astype(np.float64)

    def slope(log_r: float) -> float:
        r = np.exp(log_r)
        terms = digamma(y + r) - digamma(r) + np.log(r / (r + mean)) + 1 - (y + r) / (r + mean)
        sums = terms.sum(axis=1)
        return float(sums.sum() if weight is None else weight @ sums)

    lowest, highest = -np.log(MOST), -np.log(LEAST)
    if slope(lowest) <= 0:
        return MOST
    if slope(highest) >= 0:
        return LEAST
    return float(np.exp(-brentq(slope, lowest, highest, xtol=1e-13, rtol=1e-13)))
