"""Functions of the logits of any model: softmax, cross-entropy, and the gradient with which the chain rule starts."""

import math
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from .. import _kernels
from ..data.arguments import C_TYPE, as_matrix, check_finite, is_finite, overflow_shows
from ..data.samples import Samples
from ..families import SOFTMAX, Family, as_family
from ..runtime.arrays import Float64Array, FloatArray, IndexArray
from ..runtime.threads import resolve_num_threads
from .logit_options import (
    CrossEntropy,
    CrossEntropyOptions,
    as_out,
    check_reduction,
    cross_entropy_of,
    weighted_samples,
)

# Multiply-adds that an exponential costs, with the traffic around it.
EXP_WORK = 20

# From this many classes on, the lanes of a vector are classes; below, they are samples, whose logits are transposed.
MANY_CLASSES = 48

TOO_LARGE = "y, sample_weight or logits are so large that the loss or its gradient overflows {}; scale them"


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


def cross_entropy(
    logits: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    class_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    temperature: float = 1.0,
    reduction: str = "mean",
    num_threads: int | None = None,
) -> float | Float64Array:
    """Weighted mean of −⟨q_i, log softmax(z_i / t)⟩, in nats.

    With the weights w of the classes, the label smoothing ε and the temperature t, q_ik = w_k ((1 − ε) y_ik + ε / K); a
    label stands for y_ik = 1 at its class and 0 elsewhere.

    Parameters
    ----------
    logits : array_like of shape (n_samples, n_classes)
        −∞ rules a class out: its probability is zero, and the loss is infinite if q_ik is not.
    y : array_like of shape (n_samples,) or (n_samples, n_classes)
        Class indices, or rows of target probabilities or counts.
    sample_weight : array_like of shape (n_samples,), optional
    class_weight : array_like of shape (n_classes,), optional
    ignore_index : int, optional
        A label whose samples count for nothing; their logits are not looked at.
    label_smoothing : float, default=0.0
        Between 0 and 1.
    temperature : float, default=1.0
    reduction : {"mean", "sum", "none"}, default="mean"
        "mean" divides Σ_i s_i L_i by Σ_i s_i w_(y_i) over the labels that are not ignored, or by Σ_i s_i where y is
        rows; "none" returns s_i L_i of every sample.
    num_threads : int, optional
        All available threads by default, or one for small arrays. No result depends on it.

    Returns
    -------
    float, or ndarray of shape (n_samples,) of float64 for reduction="none".

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values; logits as of `softmax`. If no sample is left for the mean.
    """
    options = CrossEntropyOptions(sample_weight, class_weight, ignore_index, label_smoothing, temperature, reduction)
    loss, _ = cross_entropy_of_options(logits, y, options, num_threads, with_grad=False)
    return loss


def cross_entropy_grad(
    logits: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    class_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    temperature: float = 1.0,
    reduction: str = "mean",
    out: FloatArray | None = None,
    num_threads: int | None = None,
) -> tuple[float | Float64Array, FloatArray]:
    """`cross_entropy` and its gradient with respect to the logits, s_i (softmax(z_i / t) Σ_k q_ik − q_i) / t.

    The gradient starts the chain rule for any model of the logits; its rows sum to zero. For the mean it is divided as
    the loss is. One reading of the logits and one writing of the gradient, where a row fits in the cache. Other
    arguments and errors as of `cross_entropy`.

    Parameters
    ----------
    out : ndarray of shape (n_samples, n_classes), optional
        Where the gradient is written: of the dtype that logits are computed in. It may be logits itself, which then
        have no meaning after an error.

    Returns
    -------
    loss : float, or ndarray of shape (n_samples,) of float64 for reduction="none"
    grad_logits : ndarray of shape (n_samples, n_classes)
        out, where it is given.
    """
    options = CrossEntropyOptions(sample_weight, class_weight, ignore_index, label_smoothing, temperature, reduction)
    loss, grad = cross_entropy_of_options(logits, y, options, num_threads, with_grad=True, out=out)
    return loss, cast(FloatArray, grad)


@overflow_shows
def loss_grad_logits(
    logits: ArrayLike,
    y: ArrayLike,
    *,
    family: str | Family = "softmax",
    link: str | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
    out: FloatArray | None = None,
    num_threads: int | None = None,
) -> tuple[float, FloatArray]:
    """Loss of a family and its gradient with respect to the logits: what `cross_entropy_grad` is for softmax.

    Parameters
    ----------
    logits : array_like of shape (n_samples, n_outputs)
        What the family has its natural parameters from; finite for all families but softmax.
    y : array_like
        As of `fit` for the family.
    family, link
        As of `fit`.
    sample_weight : array_like of shape (n_samples,), optional
    reduction : {"mean", "sum"}, default="mean"
        Of s_i L_i; "mean" divides by Σ_i s_i.
    out, num_threads
        As of `cross_entropy_grad`.

    Returns
    -------
    loss : float
    grad_logits : ndarray of shape (n_samples, n_outputs)
        s_i ∂L_i/∂z_i, divided as the loss is.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values.
    """
    of = as_family(family, link)
    check_reduction(reduction, ("mean", "sum"))
    if of is SOFTMAX:
        options = CrossEntropyOptions(sample_weight, reduction=reduction)
        of_softmax = cross_entropy_of_options(logits, y, options, num_threads, with_grad=True, out=out)
        return cast(tuple[float, FloatArray], of_softmax)
    logits = as_matrix("logits", logits)
    samples = weighted_samples(of, logits.shape, logits.dtype, y, sample_weight, reduction)
    grad = as_out(out, logits)
    if samples.weight is not None:
        check_finite("logits", logits[samples.weight == 0])
    loss = _by_tiles(grad, logits, samples, float(len(logits)) if reduction == "mean" else 1.0, of, num_threads)
    if not math.isfinite(loss) and out is None:
        check_finite("logits", logits)
    if math.isnan(loss):
        raise ValueError(f"logits or y are not finite, or so large that the loss overflows {logits.dtype}")
    return loss, grad


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
def cross_entropy_of_options(
    logits: ArrayLike,
    y: ArrayLike,
    options: CrossEntropyOptions,
    num_threads: int | None,
    *,
    with_grad: bool,
    out: FloatArray | None = None,
) -> tuple[float | Float64Array, FloatArray | None]:
    """Return the loss, and its gradient or None; arguments and errors as of `cross_entropy_grad`."""
    logits = as_matrix("logits", logits)
    of = cross_entropy_of(logits.shape, logits.dtype, y, options)
    grad = as_out(out, logits) if with_grad else None
    if options.sample_weight is not None:
        # They have no share in the loss, and are not read.
        _check_logits(logits, np.flatnonzero(np.asarray(options.sample_weight) == 0))
    if logits.shape[1] >= MANY_CLASSES or options.reduction == "none" or of.inverse_temperature != 1:
        losses = by_rows(grad, logits, of, num_threads)
        bad = np.flatnonzero(np.isnan(losses))
        if len(bad):
            _check_logits(logits, bad)
            raise ValueError(TOO_LARGE.format(logits.dtype))
        return losses if options.reduction == "none" else float(losses.sum() / of.total), grad
    samples = of.plain_samples()
    loss = _by_tiles(grad, logits, samples, of.total, SOFTMAX, num_threads)
    if grad is not None and of.ignored is not None:
        grad[of.ignored] = 0
    if np.isnan(loss):
        _check_logits(logits)
    # What overflows is a factor of a sample, and so of all its classes.
    if np.isnan(loss) or (grad is not None and not is_finite(grad[:, 0])):
        raise ValueError(TOO_LARGE.format(logits.dtype))
    return loss, grad


def by_rows(grad_out: FloatArray | None, logits: FloatArray, of: CrossEntropy, num_threads: int | None) -> Float64Array:
    """Return s_i L_i of every sample, NaN where it or its gradient overflows, and write its gradient over of.total."""
    losses = np.empty(len(logits))
    kernel = _kernels.cross_entropy_rows[C_TYPE[logits.dtype]]
    threads = resolve_num_threads(num_threads, logits.size * EXP_WORK)
    kernel(losses, grad_out, logits, of.samples, of.kept, of.share, of.inverse_temperature, 1 / of.total, threads)
    return losses


def _by_tiles(
    grad_out: FloatArray | None,
    logits: FloatArray,
    samples: Samples,
    total: float,
    family: Family,
    num_threads: int | None,
) -> float:
    """Return Σ_i s_i L_i / total, and write its gradient."""
    kernel = _kernels.cross_entropy[C_TYPE[logits.dtype]]
    threads = resolve_num_threads(num_threads, logits.size * EXP_WORK)
    mean, _ = kernel(grad_out, logits, None, 0.0, samples, family.number, threads, 1 / total)
    return mean * (len(logits) / total)


def _check_logits(logits: FloatArray, rows: IndexArray | None = None) -> None:
    """Raise ValueError if logits, or some rows of them, are NaN or infinite, or rule out all classes of a sample."""
    if rows is not None and not len(rows):
        return
    some = logits if rows is None else logits[rows]
    top = some.max(axis=1)
    bad = np.flatnonzero(~np.isfinite(top))
    if len(bad):
        row = int(bad[0])
        found = "-inf in all of" if np.isneginf(top[row]) else f"{top[row]} in"
        raise ValueError(
            f"logits must be finite, or -inf for some classes, found {found} row {row if rows is None else rows[row]}"
        )
