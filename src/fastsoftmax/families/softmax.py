"""The softmax: categorical targets, given as class indices, or as probabilities or counts of the classes."""

import math
from collections.abc import Iterator
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..data.arguments import as_numbers, check_finite, check_real
from ..data.features import Features, Parameters
from ..data.samples import Samples
from ..penalties import ElasticNet
from ..runtime.arrays import Float64Array, FloatArray, IndexArray
from ..runtime.override import override
from .ascent import ascend
from .duality import duality_gap
from .family import Family
from .separation import can_be_told, loss_of_separated, may_be_separated, separated_outputs

# Without n_classes, the classes are 0, 1, …, the largest label. If these are more than 10 000 and more than 10 times as
# many as the samples, the labels must be identifiers, not indices: W would get a row for each number up to the largest.
FEW_CLASSES, MOST_CLASSES = 10_000, 10


# Fits start at the logarithms of the classes' shares if the cross-entropy is there at most this share of that at zero.
RARE = 0.2

# Probabilities whose squares are summed at a time: they stay in the second-level cache.
BLOCK_NUMBERS = 1 << 16


class Softmax(Family):
    """P(y | z) = softmax(z); with counts y_ik of the classes, L_i = logΣ_k exp z_ik · Σ_k y_ik − Σ_k y_ik z_ik."""

    name = "softmax"
    links: ClassVar[dict[str, str]] = {"logit": "softmax"}
    link = "logit"
    floor = 0.0
    is_categorical = True
    has_duality_gap = True

    @property
    @override
    def max_curvature(self) -> float:
        # diag(p) − p pᵀ ⪯ ½ (Böhning, Annals of the Institute of Statistical Mathematics 44, 1992).
        return 0.5

    @override
    def check_targets(
        self, values: NDArray[Any], n_samples: int, n_outputs: int | None, dtype: DTypeLike, name: str = "y"
    ) -> Samples:
        what = "class indices 0, 1, ... or rows of target probabilities"
        check_real(
            name, values, what, "; np.unique(y, return_inverse=True) or SoftmaxRegression turn labels into indices"
        )
        if values.ndim not in (1, 2):
            raise ValueError(f"{name} must have shape (n_samples,) or (n_samples, n_classes), found {values.shape}")
        if len(values) != n_samples:
            raise ValueError(f"{name} must have one row for each of the {n_samples} samples, found {len(values)}")
        if values.ndim == 2:
            return _probability_targets(values, n_outputs, dtype, name)
        return _label_targets(values, n_outputs, name)

    @override
    def check_offset(self, offset: FloatArray) -> None:
        ruled_out = np.flatnonzero(np.isneginf(offset).all(axis=1))
        if len(ruled_out):
            raise ValueError(f"offset must leave a class to every sample, found -inf in all of row {ruled_out[0]}")

    @override
    def mean_at_zero(self, n_outputs: int) -> float:
        return 1 / n_outputs

    @override
    def curvature(self, mean: FloatArray) -> FloatArray:
        return mean * (1 - mean)

    @override
    def trace(self, mean: FloatArray) -> FloatArray:
        # 1 − ‖p_i‖², without cancellation; by blocks: to make an array as large as mean takes longer than the sums.
        trace, step = np.empty(len(mean), mean.dtype), max(1, BLOCK_NUMBERS // mean.shape[1])
        for start in range(0, len(mean), step):
            rows = mean[start : start + step]
            np.einsum("ik,ik->i", rows, 1 - rows, out=trace[start : start + step])
        return trace

    @override
    def intercept(self, samples: Samples) -> Float64Array | None:
        labels, targets, weight = samples.labels, samples.targets, samples.weight
        if samples.offset is not None:
            return None
        if labels is not None:
            of_classes = np.bincount(labels, weight, samples.n_outputs).astype(np.float64)
        else:
            assert targets is not None
            of_classes = (np.ones(len(targets)) if weight is None else weight) @ targets
        return self.intercept_of(of_classes, len(of_classes))

    @override
    def intercept_of(
        self, mean: Float64Array, n_samples: int, offset: tuple[Float64Array, Float64Array] | None = None
    ) -> Float64Array | None:
        # From zero is better for W, unless nearly all samples have one class: b would take many steps.
        if offset is not None:
            return None
        shares = mean / mean.sum()
        if not shares.all():
            return None
        logs: Float64Array = np.log(shares)
        return logs - logs.mean() if -shares @ logs < RARE * math.log(len(shares)) else None

    @override
    def loss_of_separated(self, samples: Samples, n_samples: int) -> float:
        return loss_of_separated(samples, n_samples)

    @override
    def separated_message(self, loss: float) -> str:
        return (
            "every sample has a probability above ½ for its class: all classes are separated, and without a penalty "
            f"the loss, now {loss:.3g}, falls for ever; use a positive l2"
        )

    @override
    def tells_separated(self, samples: Samples, n_samples: int, n_inputs: int) -> bool:
        return can_be_told(samples, n_samples, n_inputs)

    @override
    def may_be_separated(self, samples: Samples, mean: FloatArray) -> bool:
        return may_be_separated(samples, mean)

    @override
    def separated_outputs(self, X: Features, samples: Samples, fit_intercept: bool) -> IndexArray:
        return separated_outputs(X, samples, fit_intercept)

    @override
    def ascend(
        self,
        X: Features,
        samples: Samples,
        l2: float,
        at_out: Parameters,
        fit_intercept: bool,
        n_epochs: int,
        num_threads: int,
    ) -> Iterator[int] | None:
        if not X.serves_dual_ascent or samples.offset is not None:
            return None
        return ascend(X, samples, l2, at_out, fit_intercept, n_epochs, num_threads)

    @override
    def duality_gap(
        self, X: Features, samples: Samples, at: Parameters, penalty: ElasticNet, fit_intercept: bool
    ) -> float:
        return duality_gap(X, samples, at, penalty, fit_intercept)


def _label_targets(values: NDArray[Any], n_classes: int | None, name: str) -> Samples:
    labels = _as_indices(values)
    # The conversion to integers changes fractions, NaN and integers that are too large.
    differ = np.flatnonzero(labels != values) if values.dtype != labels.dtype else labels[:0]
    if len(differ):
        found = values[differ[0]].item()
        if np.isfinite(found) and found == np.floor(found):
            _refuse_label(name, found, int(differ[0]), n_classes, len(values))
        raise ValueError(f"{name} must hold class indices, which are whole numbers, found {found} at row {differ[0]}")
    highest = int(labels.view(np.uintp).max())  # as unsigned, a negative label is larger than all others
    bound = n_classes if n_classes is not None else max(FEW_CLASSES, MOST_CLASSES * len(labels))
    if highest >= bound:
        row = int(np.argmax((labels < 0) | (labels >= bound)))
        _refuse_label(name, int(labels[row]), row, n_classes, len(labels))
    if n_classes is None and labels[0] == highest and labels.min() == highest:
        raise ValueError(f"{name} must hold at least two classes, found only class {highest}")
    return Samples(labels, None, n_classes if n_classes is not None else highest + 1)


def _as_indices(values: NDArray[Any]) -> IndexArray:
    """Return the values as intp, aligned and contiguous; without a copy if they are so already."""
    if values.dtype == np.intp and values.flags.c_contiguous and values.flags.aligned:
        return values
    with np.errstate(invalid="ignore"):
        return np.require(values, np.intp, ["C_CONTIGUOUS", "ALIGNED"])


def _refuse_label(name: str, label: float, row: int, n_classes: int | None, n_samples: int) -> NoReturn:
    """Raise ValueError for a label that is negative or too large."""
    if n_classes is None and label > 0:
        raise ValueError(
            f"{name} must hold class indices 0, 1, ..., found {label} at row {row}, which makes {label + 1} classes "
            f"of {n_samples} samples; np.unique(y, return_inverse=True) or SoftmaxRegression turn labels into indices"
        )
    limit = f"between 0 and {n_classes - 1}" if n_classes is not None else "not negative"
    raise ValueError(f"{name} must hold class indices that are {limit}, found {label} at row {row}")


def _probability_targets(values: NDArray[Any], n_classes: int | None, dtype: DTypeLike, name: str) -> Samples:
    if values.shape[1] < 2 and n_classes is None:
        raise ValueError(f"{name} must have a column for each of at least two classes, found shape {values.shape}")
    if n_classes is not None and values.shape[1] != n_classes:
        raise ValueError(f"{name} must have {n_classes} columns, one a class, found shape {values.shape}")
    rows = as_numbers(name, values, ndim=2, dtype=dtype)
    check_finite(name, rows)
    if (rows < 0).any():
        row, column = np.argwhere(rows < 0)[0]
        raise ValueError(f"{name} must not be negative, found {rows[row, column]} at row {row}, column {column}")
    with np.errstate(over="ignore"):
        sums = rows.sum(axis=1, dtype=np.float64)
    empty, infinite = np.flatnonzero(sums == 0), np.flatnonzero(sums > np.finfo(rows.dtype).max)
    if len(empty):
        raise ValueError(f"{name} must not have rows that sum to zero, found row {empty[0]}")
    if len(infinite):
        raise ValueError(f"{name} must not have rows whose sum overflows {rows.dtype}, found row {infinite[0]}")
    unlike = np.flatnonzero(sums != sums[0]) if values.dtype.kind in "biu" else empty
    if len(unlike):
        # Whole numbers may be counts of the classes, or several columns of labels, which fit cannot use.
        raise ValueError(
            f"{name} has {values.shape[1]} columns of whole numbers, and its rows have unlike sums, {sums[0]:g} in row "
            f"0 and {sums[unlike[0]]:g} in row {unlike[0]}: a column of labels must stand alone; counts of the classes "
            f"must be floats, {name}.astype(float)"
        )
    return Samples(None, rows, values.shape[1], trials=sums)
