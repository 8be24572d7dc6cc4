"""Data as scikit-learn's users have them: what has to be judged before scikit-learn's own validation converts it.

That validation turns text and dates into numbers without a word, and reads a class weight of "1" as one of the label 1.
"""

import datetime
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import _check_sample_weight

NUMBERS = "biufc"  # NumPy's kinds; complex numbers are refused with a message of scikit-learn's
OTHER_THAN_NUMBERS = (
    str,
    bytes,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    np.datetime64,
    np.timedelta64,
)


def as_local(name: str, array: Any) -> Any:
    """Return an array of another library, torch for one, as one of NumPy, in the same memory; all else as it is.

    Raises
    ------
    ValueError
        If it lies in another memory, that of a GPU for one, or is of a type that NumPy does not have, or is sparse.
    """
    if hasattr(array, "tocsr"):
        raise ValueError(f"{name} is a sparse matrix ({type(array).__name__}); pass {name}.toarray()")
    if isinstance(array, np.ndarray) or not hasattr(array, "__dlpack__"):
        return array
    try:
        return np.asarray(array) if hasattr(array, "__array__") else np.from_dlpack(array)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        kind = f"{type(array).__module__}.{type(array).__qualname__}"
        raise ValueError(f"{name} must be an array that NumPy can read, found a {kind}: {error}") from None


def as_weights(sample_weight: Any, X: Any) -> NDArray[np.float64]:
    """Return weights (n_samples,), finite and not negative; errors are those of scikit-learn's validation."""
    # Its sum of infinite weights of both signs would warn beside the error.
    with np.errstate(over="ignore", invalid="ignore"):
        weights: NDArray[np.float64] = _check_sample_weight(
            as_local("sample_weight", sample_weight), X, dtype=np.float64, ensure_non_negative=True
        )
    return weights


def check_numbers(X: Any) -> None:
    """Raise ValueError where a dense X, an array or a frame, holds text or dates."""
    if getattr(getattr(X, "dtype", None), "kind", "O") in NUMBERS:
        return
    if hasattr(X, "dtypes") and hasattr(X, "columns"):
        # A frame of pandas, whose dtypes have a kind as NumPy's do, or of Polars, whose columns are looked at.
        for name, dtype in zip(X.columns, X.dtypes, strict=True):
            if getattr(dtype, "kind", "O") not in NUMBERS:
                _check_values(np.asarray(X[name]), f" in column {name!r}")
    else:
        _check_values(np.asarray(X))


def check_labels(name: str, labels: NDArray[Any]) -> None:
    """Raise ValueError where a vector of labels has a missing one, or labels of kinds that have no order."""
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


def weights_of_classes(
    class_weight: Any, classes: NDArray[Any], targets: NDArray[np.intp], sample_weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the weight of each class; a dict may leave out some, whose weight is then one.

    Raises
    ------
    ValueError
        If a dict has keys that are no labels while labels are left out, or weights that are negative or not finite; or
        if "balanced" finds no weight for a class.
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
    """Whether a label is None, NaN, NaT or the NA of pandas: all but the first do not equal themselves."""
    try:
        return label is None or bool(label != label)
    except TypeError:  # NA does not tell
        return True
