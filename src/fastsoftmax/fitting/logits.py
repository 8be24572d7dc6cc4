"""Functions of the logits of any model: softmax, cross-entropy, and the gradient with which the chain rule starts."""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from .. import _kernels
from ..data.arguments import C_TYPE, as_matrix, is_finite, overflow_shows
from ..families import SOFTMAX
from ..runtime.arrays import FloatArray, IndexArray
from ..runtime.threads import resolve_num_threads

# Multiply-adds that an exponential costs, with the traffic around it.
EXP_WORK = 20


def softmax(logits: ArrayLike) -> FloatArray:
    """exp(z_ik) / Σ_j exp(z_ij) for every row, without overflow.

    Parameters
    ----------
    logits : array_like of shape (n_samples, n_classes)
        −∞ gives a probability of zero.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float32 if logits is, else float64.

    Raises
    ------
    ValueError
        If logits is not a non-empty matrix of real numbers, or holds NaN or infinity, or −∞ for all classes of a row.
    """
    return _softmax(logits, log=False)


def log_softmax(logits: ArrayLike) -> FloatArray:
    """z_ik − log Σ_j exp(z_ij) for every row; arguments and errors as of `softmax`."""
    return _softmax(logits, log=True)


def cross_entropy(logits: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Weighted mean of −⟨y_i, log softmax(z_i)⟩, in nats.

    Parameters
    ----------
    logits : array_like of shape (n_samples, n_classes)
        −∞ rules a class out: the loss is infinite if it is a sample's own.
    y : array_like of shape (n_samples,) or (n_samples, n_classes)
        Class indices, or rows of target probabilities or counts.
    sample_weight : array_like of shape (n_samples,), optional

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values; logits as of `softmax`.
    """
    loss, _ = _cross_entropy(logits, y, sample_weight, with_grad=False)
    return loss


def cross_entropy_grad(
    logits: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> tuple[float, FloatArray]:
    """`cross_entropy` and its gradient with respect to the logits, s_i (softmax(z_i) Σ_k y_ik − y_i) / Σs.

    The gradient starts the chain rule for any model of the logits; its rows sum to zero. Arguments and errors as of
    `cross_entropy`.

    Returns
    -------
    loss : float
    grad_logits : ndarray of shape (n_samples, n_classes)
    """
    loss, grad = _cross_entropy(logits, y, sample_weight, with_grad=True)
    return loss, cast(FloatArray, grad)


@overflow_shows
def _softmax(logits: ArrayLike, *, log: bool) -> FloatArray:
    logits = as_matrix("logits", logits)
    out = np.empty(logits.shape, dtype=logits.dtype)
    _kernels.softmax(out, logits, log, resolve_num_threads(None, logits.size * EXP_WORK))
    # Where a logit is NaN or infinity, so are all results of its row.
    if np.isnan(out[:, 0].sum()):
        _check_logits(logits)
    return out


@overflow_shows
def _cross_entropy(
    logits: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, *, with_grad: bool
) -> tuple[float, FloatArray | None]:
    logits = as_matrix("logits", logits)
    n_samples, n_classes = logits.shape
    samples = SOFTMAX.samples(y, n_samples, logits.dtype, n_outputs=n_classes, sample_weight=sample_weight)
    grad = np.empty(logits.shape, dtype=logits.dtype) if with_grad else None
    threads = resolve_num_threads(None, logits.size * EXP_WORK)
    kernel = _kernels.cross_entropy[C_TYPE[logits.dtype]]
    loss, _ = kernel(grad, logits, None, 0.0, samples, SOFTMAX.number, threads)
    if grad is not None:
        grad /= n_samples
    silent = None if samples.weight is None else samples.weight == 0
    if np.isnan(loss):
        _check_logits(logits)
        raise ValueError(f"y or logits are so large that the loss overflows {logits.dtype}; scale them")
    if silent is not None and silent.any():
        # They have no share in the loss.
        _check_logits(logits, np.flatnonzero(silent))
    # What overflows is a factor of a sample, and so of all its classes.
    if grad is not None and not is_finite(grad[:, 0]):
        raise ValueError(f"y or sample_weight are so large that the gradient overflows {logits.dtype}; scale y")
    return loss, grad


def _check_logits(logits: FloatArray, rows: IndexArray | None = None) -> None:
    """Raise ValueError if logits, or some rows of them, are NaN or infinite, or rule out all classes of a sample."""
    some = logits if rows is None else logits[rows]
    top = some.max(axis=1)
    bad = np.flatnonzero(~np.isfinite(top))
    if len(bad):
        row = int(bad[0])
        found = "-inf in all of" if np.isneginf(top[row]) else f"{top[row]} in"
        raise ValueError(
            f"logits must be finite, or -inf for some classes, found {found} row {row if rows is None else rows[row]}"
        )
