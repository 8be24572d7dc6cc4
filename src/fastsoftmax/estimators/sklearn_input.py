"""Checks of data that must come before scikit-learn's own validation.

That validation silently turns text and dates into numbers, and takes the key "1" of class_weight for the label 1.
"""

import datetime
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import _check_sample_weight

from ..data.arguments import as_array, as_numbers
from ..runtime.arrays import Float64Array, IndexArray

NUMBERS = "biufc"  # NumPy's kinds; scikit-learn itself refuses complex numbers, with a clear message
OTHER_THAN_NUMBERS = (
    str,
    bytes,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    np.datetime64,
    np.timedelta64,
)


# DLPack's numbers of the memories that the processor reads: its own, and pages of it that a GPU reads too.
HOST_DEVICES = (1, 3, 11)


def as_local(name: str, array: Any) -> Any:
    """Return an array of another library, such as torch, as a NumPy array in the same memory; all else unchanged.

    Raises
    ------
    ValueError
        If the array lies in other memory, such as a GPU's, or has a dtype that NumPy lacks, or is sparse.
    """
    if hasattr(array, "tocsr"):
        raise ValueError(f"{name} is a sparse matrix ({type(array).__name__}); pass {name}.toarray()")
    if isinstance(array, np.ndarray) or not hasattr(array, "__dlpack__"):
        return array
    kind = f"{type(array).__module__}.{type(array).__qualname__}"
    try:
        # Some libraries would copy from a GPU here: only who called can know that this is worth its time.
        if array.__dlpack_device__()[0] not in HOST_DEVICES:
            device = getattr(array, "device", "another device")
            raise ValueError(f"it is on {device}, copy it to the CPU first")
        if str(array.dtype) == "torch.bfloat16":
            return _of_bfloat16(array)
        return np.asarray(array) if hasattr(array, "__array__") else np.from_dlpack(array)
    except (BufferError, ImportError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array that NumPy can read, found a {kind}: {error}") from None


def _of_bfloat16(tensor: Any) -> NDArray[Any]:
    """Return a tensor of torch, whose bfloat16 NumPy lacks, as an array of `ml_dtypes`."""
    import ml_dtypes
    import torch

    return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)


def as_weights(sample_weight: Any, X: Any) -> Float64Array:
    """Return weights (n_samples,), finite and not negative; errors are those of scikit-learn's validation."""
    # It sums the weights: infinities of both signs would give a warning besides the error.
    with np.errstate(over="ignore", invalid="ignore"):
        weights: Float64Array = _check_sample_weight(
            as_local("sample_weight", sample_weight), X, dtype=np.float64, ensure_non_negative=True
        )
    return weights


def as_logits(offset: Any, n_classes: int) -> Any:
    """Return an offset with a column for each class; that of two classes may be log-odds of the second, (n_samples,).

    Raises
    ------
    ValueError
        If it is no array of numbers, or lies in memory that NumPy cannot read.
    """
    if offset is None:
        return None
    values = as_array("offset", as_local("offset", offset))
    if values.ndim != 1 or n_classes != 2:
        return values
    odds = as_numbers("offset", values, ndim=1)
    return np.column_stack([-0.5 * odds, 0.5 * odds])


def check_numbers(X: Any) -> None:
    """Raise ValueError if a dense X (an array or a frame) holds text or dates."""
    if getattr(getattr(X, "dtype", None), "kind", "O") in NUMBERS:
        return
    if hasattr(X, "dtypes") and hasattr(X, "columns"):
        # A frame: pandas's dtypes have a kind as NumPy's do; Polars's have none, so the column itself is checked.
        for name, dtype in zip(X.columns, X.dtypes, strict=True):
            if getattr(dtype, "kind", "O") not in NUMBERS:
                _check_values(np.asarray(X[name]), f" in column {name!r}")
    else:
        _check_values(np.asarray(X))


def check_labels(name: str, labels: NDArray[Any]) -> None:
    """Raise ValueError if a label is missing, or if text is mixed with other labels, so that they cannot be sorted."""
    if labels.dtype.kind in "fMm":
        missing = np.flatnonzero((np.isnan if labels.dtype.kind == "f" else np.isnat)(labels))
    elif labels.dtype.kind == "O":
        missing = np.flatnonzero([_is_missing(label) for label in labels])
        others = [label for label in labels if isinstance(label, str) != isinstance(labels[0], str)]
        if not len(missing) and others:
            raise ValueError(f"{name} must hold labels of one kind, found {labels[0]!r} and {others[0]!r}")
    else:
        return
    if len(missing):
        row = int(missing[0])
        raise ValueError(f"Input {name} contains NaN where a label must be, found {labels[row]!r} at row {row}")


def classes_of(y: NDArray[Any]) -> tuple[NDArray[Any], IndexArray]:
    """Return the labels that y has, sorted, and the place of each y_i among them, as `np.unique` does.

    Whole numbers near to each other are counted, which is faster than to sort them.
    """
    if y.dtype.kind not in "iu" or not len(y):
        return np.unique(y, return_inverse=True)
    low, high = int(y.min()), int(y.max())
    if high - low > len(y) or high > np.iinfo(np.intp).max:
        return np.unique(y, return_inverse=True)
    above = y.astype(np.intp, copy=False) - low
    counts = np.bincount(above)
    classes = np.flatnonzero(counts)
    labels = above if len(classes) == len(counts) else (np.cumsum(counts > 0) - 1)[above]
    return (classes + low).astype(y.dtype), labels


def weights_of_classes(
    class_weight: Any, classes: NDArray[Any], targets: IndexArray, sample_weight: Float64Array | None
) -> Float64Array:
    """Return the weight of each class, (n_classes,); a class that a dict leaves out has weight one.

    Raises
    ------
    ValueError
        If a dict lacks a label and has a key that is no label, or if it holds weights that are negative or not finite;
        or if class_weight is "balanced" and a class has no samples of positive weight.
    """
    if not isinstance(class_weight, dict):
        mass = np.bincount(targets, sample_weight, minlength=len(classes))
        silent = classes[mass == 0]
        if len(silent):
            raise ValueError(
                f"class_weight={class_weight!r} needs samples of each class whose sample_weight is not zero, "
                f"found none of the class {silent.tolist()[0]!r}"
            )
        y = classes[targets]
        return compute_class_weight(class_weight, classes=classes, y=y, sample_weight=sample_weight)
    labels = classes.tolist()
    unknown = [key for key in class_weight if key not in labels]
    left_out = [label for label in labels if label not in class_weight]
    if unknown and left_out:
        raise ValueError(
            f"class_weight must have labels as its keys, found {unknown[0]!r} "
            f"and no weight of the class {left_out[0]!r}"
        )
    for key, weight in class_weight.items():
        try:
            valid = math.isfinite(weight) and weight >= 0
        except TypeError:
            valid = False
        if not valid:
            raise ValueError(f"class_weight must hold finite numbers, not negative, found {weight!r} for {key!r}")
    return np.array([class_weight.get(label, 1.0) for label in labels], dtype=np.float64)


def _check_values(values: NDArray[Any], where: str = "") -> None:
    if values.dtype.kind == "O":
        for place, value in np.ndenumerate(values):
            if isinstance(value, OTHER_THAN_NUMBERS):
                if not where and len(place) == 2:
                    where = f" at row {place[0]}, column {place[1]}"
                raise ValueError(f"X must hold real numbers, found {value!r}{where}")
    elif values.dtype.kind in "USTMm":
        raise ValueError(f"X must hold real numbers, found dtype {values.dtype}{where}")


def _is_missing(label: object) -> bool:
    """Whether a label is None, NaN, NaT or pandas's NA: all but None do not equal themselves."""
    try:
        return label is None or bool(label != label)
    except TypeError:  # bool(NA)
        return True
