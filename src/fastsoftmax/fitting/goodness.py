"""How well a fitted family describes y: the dispersion, and the share of the deviance that is explained."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data.arguments import overflow_shows
from ..families import OutputsFamily
from ..problem.loss import Loss
from ..runtime.arrays import Float64Array, FloatArray


def has_dispersion(loss: Loss) -> bool:
    """Whether the family has a dispersion, and a pass to find it is possible."""
    family = loss.family
    return isinstance(family, OutputsFamily) and family.has_dispersion and loss.can_pass


@overflow_shows
def pearson_dispersion(loss: Loss, theta: Float64Array) -> Float64Array | None:
    """Return Σ_i s_i (y_ik − m_ik)²/V(m_ik) / (n − p_k) of every output; None where there is no dispersion.

    p_k are the parameters of output k that are not zero, V the family's variance; s_i have mean one. One pass over X.

    Returns
    -------
    ndarray of shape (n_outputs,), float64, or None
        NaN where there are as many parameters as samples.
    """
    if not has_dispersion(loss):
        return None
    (sums,) = loss.sums(partial(_pearson, theta=theta))
    freedom = len(loss) - np.count_nonzero(loss.split(theta).W, axis=1) - float(loss.fit_intercept)
    return np.where(freedom > 0, sums / np.maximum(freedom, 1), np.nan)


def _pearson(part: Loss, theta: Float64Array) -> tuple[Float64Array]:
    """Return Σ_i s_i (y_ik − m_ik)²/V(m_ik), (n_outputs,)."""
    family, samples = part.family, part.samples
    assert isinstance(family, OutputsFamily)
    assert samples.targets is not None
    sums = np.zeros(part.n_outputs)
    for rows, block in part.means(theta):
        mean = block.astype(np.float64)
        with np.errstate(divide="ignore"):  # a variance may underflow
            squares = (samples.targets[rows] - mean) ** 2 / family.variance(mean)
        sums += squares.sum(axis=0) if samples.weight is None else samples.weight[rows] @ squares
    return (sums,)


def explained_deviance(
    family: OutputsFamily, y: NDArray[Any], logits: FloatArray, sample_weight: ArrayLike | None = None
) -> float:
    """Return D² = 1 − D(y, m)/D(y, mean of y), the share of the deviance that a model explains; R² for Gaussian.

    Where y is constant it is 1 if the model is exact, else 0.

    Parameters
    ----------
    family : OutputsFamily
    y : array of shape (n_samples,) or (n_samples, n_outputs)
        Of several outputs D² is the mean.
    logits : array of shape (n_samples, n_outputs)
    sample_weight : array_like of shape (n_samples,), optional

    Raises
    ------
    ValueError
        If y has another shape, or values that the family does not have.
    """
    columns = y.reshape(len(y), -1)
    if columns.shape != logits.shape:
        raise ValueError(f"y must have shape {logits.shape}, found {columns.shape}")
    shares = []
    for of_output, z in zip(columns.T, logits.T, strict=True):
        samples = family.samples(of_output, len(z), np.float64, sample_weight=sample_weight)
        loss, is_constant = family.loss_of(samples, z[:, None]), bool((of_output == of_output[0]).all())
        of_mean = 0.0 if is_constant else family.loss_of(samples, family.intercept(samples))
        shares.append(1 - loss / of_mean if of_mean else float(loss == 0))
    return float(np.mean(shares))
