"""What may be said of a loss of given logits beside y: weights, ignored labels, smoothing, temperature, reduction."""

import operator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data.arguments import as_array, as_number, as_numbers, is_readable
from ..data.samples import Samples, as_sample_weight, as_weights
from ..families import SOFTMAX, Family
from ..runtime.arrays import Float64Array, FloatArray

REDUCTIONS = ("mean", "sum", "none")


class CrossEntropyOptions(NamedTuple):
    """Options of `cross_entropy`, as users pass them."""

    sample_weight: ArrayLike | None = None
    class_weight: ArrayLike | None = None
    ignore_index: int | None = None
    label_smoothing: float = 0.0
    temperature: float = 1.0
    reduction: str = "mean"


class CrossEntropy(NamedTuple):
    """A cross-entropy as the kernel computes it: that of the targets kept_k y_ik + share_k.

    Attributes
    ----------
    samples : Samples
        Their weights as the user gives them, or with mean one, and zero for ignored labels.
    kept : (n_classes,) of the logits' dtype
    share : (n_classes,) of the logits' dtype, or None for labels without smoothing
    inverse_temperature : float
    total : float
        By what the mean divides the sum of the losses; 1 for another reduction.
    ignored : (n_samples,) bool, or None for none
    """

    samples: Samples
    kept: FloatArray
    share: FloatArray | None
    inverse_temperature: float
    total: float
    ignored: NDArray[np.bool_] | None

    def rows(self, rows: slice) -> "CrossEntropy":
        """Return some of the samples; the mean is still that of all."""
        ignored = None if self.ignored is None else self.ignored[rows]
        return self._replace(samples=self.samples.rows(rows), ignored=ignored)

    def plain_samples(self) -> Samples:
        """Return samples whose targets are kept_k y_ik + share_k themselves, or whose labels have that weight."""
        samples, kept, share = self.samples, self.kept, self.share
        labels, targets, weight = samples.labels, samples.targets, samples.weight
        if (kept == 1).all() and (share is None or not share.any()):
            return samples
        if targets is not None and share is not None:
            return samples._replace(targets=kept * targets + share)
        assert labels is not None
        if share is None:
            return samples.weighted(np.multiply(kept[labels], 1.0 if weight is None else weight, dtype=np.float64))
        smooth = np.tile(share, (len(labels), 1))
        smooth[np.arange(len(labels)), labels] += kept[labels]
        return samples._replace(labels=None, targets=smooth)


def cross_entropy_of(
    shape: tuple[int, int], dtype: np.dtype[Any], y: ArrayLike, options: CrossEntropyOptions
) -> CrossEntropy:
    """Check y and the options of logits, and return what they mean together; errors as of `cross_entropy`."""
    check_reduction(options.reduction, REDUCTIONS)
    n_samples, n_classes = shape
    smoothing = as_number("label_smoothing", options.label_smoothing)
    if smoothing > 1:
        raise ValueError(f"label_smoothing must be between 0 and 1, found {options.label_smoothing!r}")
    class_weight = as_class_weight("class_weight", options.class_weight, n_classes, dtype)
    labels, ignored = _without_ignored(as_array("y", y), options.ignore_index)
    samples = weighted_samples(SOFTMAX, shape, dtype, labels, options.sample_weight, options.reduction)
    weight = samples.weight
    if ignored is not None:
        weight = np.where(ignored, 0.0, 1.0 if weight is None else weight)
        samples = samples.weighted(weight)
    total = 1.0
    if options.reduction == "mean":
        factor = class_weight[samples.labels] if samples.labels is not None else np.ones(1, dtype)
        total = _total(weight, factor, n_samples)
        if total == 0:
            raise ValueError(
                "the mean is over samples of a positive weight, and y has none that ignore_index, sample_weight and "
                "class_weight leave"
            )
    kept, share = class_weight * dtype.type(1 - smoothing), None
    if smoothing or samples.targets is not None:
        share = class_weight * dtype.type(smoothing / n_classes)
    colder = 1 / as_number("temperature", options.temperature, positive=True)
    return CrossEntropy(samples, kept, share, colder, total, ignored)


def weighted_samples(
    family: Family,
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    reduction: str,
) -> Samples:
    """Return the samples of a loss whose sum over them uses weights as they are; the mean, relative ones."""
    n_samples, n_outputs = shape
    samples = family.samples(y, n_samples, dtype, n_outputs=n_outputs)
    if sample_weight is None:
        return samples
    as_used = as_sample_weight if reduction == "mean" else as_weights
    return samples.weighted(as_used(sample_weight, n_samples))


def check_reduction(reduction: object, reductions: tuple[str, ...]) -> None:
    """Raise ValueError for what is no reduction."""
    if not isinstance(reduction, str) or reduction not in reductions:
        raise ValueError(f"reduction must be one of {', '.join(map(repr, reductions))}, found {reduction!r}")


def as_out(out: object, logits: FloatArray) -> FloatArray:
    """Return the array that the gradient is written to: a new one for None."""
    if out is None:
        return np.empty(logits.shape, dtype=logits.dtype)
    if not isinstance(out, np.ndarray):
        raise ValueError(f"out must be a NumPy array, found {type(out).__name__}")
    if out.shape != logits.shape or out.dtype != logits.dtype:
        raise ValueError(
            f"out must have the shape and dtype that logits are computed in, {logits.shape} and {logits.dtype}, found "
            f"{out.shape} and {out.dtype}"
        )
    if not (out.flags.writeable and is_readable(out)):
        raise ValueError("out must be writeable and aligned")
    same = out.ctypes.data == logits.ctypes.data and out.strides == logits.strides
    if not same and np.may_share_memory(out, logits):
        raise ValueError("out must be logits itself, or share no memory with it")
    return out


def as_class_weight(name: str, class_weight: ArrayLike | None, n_classes: int, dtype: np.dtype[Any]) -> FloatArray:
    """Return the weights of the classes, ones for None."""
    if class_weight is None:
        return np.ones(n_classes, dtype)
    weights = as_numbers(name, class_weight, ndim=1, dtype=dtype)
    if weights.shape != (n_classes,):
        raise ValueError(f"{name} must have shape ({n_classes},), one entry a class, found {weights.shape}")
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise ValueError(f"{name} must be finite and not negative, found {weights[bad[0]]} at class {bad[0]}")
    return weights


def _without_ignored(y: NDArray[Any], ignore_index: int | None) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return y with a class in the place of every ignored label, and which these are, None for none."""
    if ignore_index is None:
        return y, None
    try:
        index = operator.index(ignore_index)
    except TypeError:
        raise ValueError(f"ignore_index must be a whole number or None, found {ignore_index!r}") from None
    if y.ndim != 1:
        raise ValueError(f"ignore_index is for class indices, (n_samples,), found y of shape {y.shape}")
    ignored = y == index
    return (np.where(ignored, 0, y), ignored) if ignored.any() else (y, None)


def _total(weight: Float64Array | None, factor: FloatArray, n_samples: int) -> float:
    """Return Σ_i weight_i factor_i."""
    products = np.broadcast_to(factor, n_samples) if weight is None else weight * factor
    return float(products.sum(dtype=np.float64))
