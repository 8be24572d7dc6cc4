"""Turn the arguments that users pass into the arrays that the kernels read; every error names the argument.

X may have many dtypes and has its own file, features/binding.py. Other arrays become float32 or float64: integers and
booleans become float64, float16 becomes float32.
"""

import functools
import itertools
import math
import numbers
import operator
import reprlib
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..runtime.precision import Precision

FloatArray = NDArray[np.floating[Any]]
P = ParamSpec("P")
R = TypeVar("R")

# The kernels' name of a dtype. Use kernel[C_TYPE[dtype]] if an argument may be None: Cython cannot tell the dtype then.
C_TYPE = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}

DIMENSIONS = {1: "one-dimensional", 2: "two-dimensional"}

# Without n_classes, the classes are 0, 1, …, the largest label. If these are more than 10 000 and more than 10 times as
# many as the samples, the labels must be identifiers, not indices: W would get a row for each number up to the largest.
FEW_CLASSES, MOST_CLASSES = 10_000, 10


class Targets(NamedTuple):
    """The targets of all samples, as labels or as rows: the other of the two is None."""

    labels: NDArray[np.intp] | None  # (n_samples,), class indices in [0, n_classes)
    rows: FloatArray | None  # (n_samples, n_classes), probabilities or counts
    n_classes: int


def overflow_shows(function: Callable[P, R]) -> Callable[P, R]:
    """Silence NumPy's overflow warnings in a function whose callers check its result for infinity and NaN."""

    @functools.wraps(function)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> R:
        with np.errstate(over="ignore", invalid="ignore"):
            return function(*args, **kwargs)

    return quiet


def as_matrix(name: str, array: ArrayLike, *, dtype: DTypeLike | None = None) -> FloatArray:
    """Return a two-dimensional, non-empty array that the kernels can read: of `dtype`, or else float32 or float64."""
    matrix = as_numbers(name, array, ndim=2, dtype=dtype)
    if 0 in matrix.shape:
        raise ValueError(f"{name} must not be empty, found shape {matrix.shape}")
    return matrix


def as_numbers(name: str, array: ArrayLike, *, ndim: int, dtype: DTypeLike | None = None) -> FloatArray:
    """Return an aligned float32 or float64 array of `ndim` dimensions, without a copy if possible."""
    numbers_ = as_array(name, array)
    check_real(name, numbers_)
    if numbers_.ndim != ndim:
        raise ValueError(f"{name} must be {DIMENSIONS[ndim]}, found shape {numbers_.shape}")
    if dtype is None:
        single = numbers_.dtype.kind == "f" and numbers_.dtype.itemsize <= 4
        dtype = np.float32 if single else np.float64
    numbers_ = in_dtype(numbers_, dtype)
    return numbers_ if is_readable(numbers_) else numbers_.copy()


def as_array(name: str, value: ArrayLike) -> NDArray[Any]:
    """Return an argument as a NumPy array of any dtype; raise ValueError if the conversion would lose something."""
    if type(value) is np.ndarray:
        return value
    if hasattr(value, "tocsr"):
        raise ValueError(f"{name} is a sparse matrix ({type(value).__name__}); pass {name}.toarray()")
    refuse_masked(name, value)
    try:
        return np.asarray(value)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # the last: a tensor with a gradient
        raise ValueError(f"{name} is not an array of numbers: {error}") from None


def refuse_masked(name: str, value: Any) -> None:
    """Raise ValueError if an array has masked values: np.asarray would return the numbers behind the mask."""
    n_masked = np.ma.count_masked(value) if isinstance(value, np.ma.MaskedArray) else 0
    if n_masked:
        raise ValueError(f"{name} must not have masked values, found {n_masked} of {np.size(value)}")


def check_real(name: str, array: NDArray[Any], what: str = "real numbers", hint: str = "") -> None:
    """Raise ValueError unless the array holds real numbers; the message says `what` it must hold, and then `hint`."""
    if array.dtype.kind in "biuf":
        return
    found = f"dtype {array.dtype}"
    if array.dtype.kind in "OSU":
        others = ((place, value) for place, value in np.ndenumerate(array) if not isinstance(value, numbers.Real))
        # Empty if all objects are numbers, but too large or of mixed types.
        for place, value in itertools.islice(others, 1):
            value = value.item() if isinstance(value, np.generic) else value
            found += f" with {reprlib.repr(value)}{_where(place)}"
    raise ValueError(f"{name} must hold {what}, found {found}{hint}")


def _where(place: tuple[int, ...]) -> str:
    """Return the position of an entry, in words."""
    if len(place) == 2:
        return f" at row {place[0]}, column {place[1]}"
    return f" at entry {', '.join(map(str, place))}" if place else ""


def is_readable(array: NDArray[Any]) -> bool:
    """Whether the kernels can read the array without a copy: aligned, all strides multiples of the element size."""
    flags = array.flags
    return flags.aligned and (flags.forc or not any(s % array.itemsize for s in array.strides))


def in_dtype(array: NDArray[Any], dtype: DTypeLike) -> FloatArray:
    """Return the array in a dtype; values too large for it become infinite, without a warning."""
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def is_finite(array: FloatArray) -> bool:
    """Whether all entries are finite."""
    # A finite sum decides quickly; an infinite one may have overflowed, so look at the entries.
    return math.isfinite(array.sum()) or bool(np.isfinite(array).all())


def check_finite(name: str, array: FloatArray, first_row: int = 0) -> None:
    """Raise ValueError if a vector or a matrix holds NaN or infinity.

    The message names the place; its row number is counted from first_row.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum()):
            return
    # The sum may have overflowed although every term is finite, so look at the entries; in blocks, to save memory.
    for start in range(0, len(array), 1024):
        bad = np.argwhere(~np.isfinite(array[start : start + 1024]))
        if len(bad):
            place = (start + int(bad[0][0]), *map(int, bad[0][1:]))
            value = "NaN" if np.isnan(array[place]) else "infinity"
            raise ValueError(f"Input {name} contains {value}{_where((first_row + place[0], *place[1:]))}")


def as_targets(y: ArrayLike, n_samples: int, n_classes: int | None, dtype: DTypeLike, name: str = "y") -> Targets:
    """Return class indices (n_samples,) or rows of target probabilities (n_samples, n_classes).

    If n_classes is None, it is taken from y: the largest index plus one, or the number of columns.
    """
    values = as_array(name, y)
    what = "class indices 0, 1, ... or rows of target probabilities"
    check_real(name, values, what, "; np.unique(y, return_inverse=True) or SoftmaxRegression turn labels into indices")
    if values.ndim not in (1, 2):
        raise ValueError(f"{name} must have shape (n_samples,) or (n_samples, n_classes), found {values.shape}")
    if len(values) != n_samples:
        raise ValueError(f"{name} must have one row for each of the {n_samples} samples, found {len(values)}")
    if values.ndim == 2:
        return _probability_targets(values, n_classes, dtype, name)
    return _label_targets(values, n_classes, name)


def _label_targets(values: NDArray[Any], n_classes: int | None, name: str) -> Targets:
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
    if n_classes is None and labels.min() == highest:
        raise ValueError(f"{name} must hold at least two classes, found only class {highest}")
    return Targets(labels, None, n_classes if n_classes is not None else highest + 1)


def _as_indices(values: NDArray[Any]) -> NDArray[np.intp]:
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


def _probability_targets(values: NDArray[Any], n_classes: int | None, dtype: DTypeLike, name: str) -> Targets:
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
        sums = rows.sum(axis=1)
    empty, infinite = np.flatnonzero(sums == 0), np.flatnonzero(np.isinf(sums))
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
    return Targets(None, rows, values.shape[1])


def as_sample_weight(sample_weight: ArrayLike | None, n_samples: int) -> NDArray[np.float64] | None:
    """Return weights (n_samples,) scaled to mean one, or None; the scale changes no result but avoids overflow."""
    if sample_weight is None:
        return None
    weights = as_numbers("sample_weight", sample_weight, ndim=1, dtype=np.float64)
    if weights.shape != (n_samples,):
        raise ValueError(f"sample_weight must have shape ({n_samples},), found {weights.shape}")
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise ValueError(f"sample_weight must be finite and not negative, found {weights[bad[0]]} at row {bad[0]}")
    largest = weights.max()
    if largest == 0:
        raise ValueError("sample_weight must not be zero for all samples")
    relative = weights / largest
    return np.ascontiguousarray(relative / relative.mean())


def as_offset(offset: ArrayLike | None, shape: tuple[int, int], dtype: DTypeLike) -> FloatArray | None:
    """Return an offset (n_samples, n_classes) of the data's dtype, or None; −∞ excludes a class for a sample."""
    if offset is None:
        return None
    matrix = as_matrix("offset", offset, dtype=dtype)
    if matrix.shape != shape:
        raise ValueError(f"offset must have shape {shape}, found {matrix.shape}")
    bad = np.argwhere(np.isnan(matrix) | (matrix == np.inf))
    if len(bad):
        row, column = bad[0]
        raise ValueError(f"offset must be finite or -inf, found {matrix[row, column]} at row {row}, column {column}")
    ruled_out = np.flatnonzero(np.isneginf(matrix).all(axis=1))
    if len(ruled_out):
        raise ValueError(f"offset must leave a class to every sample, found -inf in all of row {ruled_out[0]}")
    return matrix


def as_parameters(
    W: ArrayLike, b: ArrayLike, n_features: int, names: tuple[str, str] = ("W", "b")
) -> tuple[FloatArray, FloatArray]:
    """Return W (n_classes, n_features) and b (n_classes,), each float32 or float64."""
    W_name, b_name = names
    weights = as_matrix(W_name, W)
    if weights.shape[1] != n_features:
        raise ValueError(
            f"{W_name} must have a column for each of the {n_features} features, found shape {weights.shape}"
        )
    intercept = as_numbers(b_name, b, ndim=1)
    if intercept.shape != (len(weights),):
        raise ValueError(f"{b_name} must have shape ({len(weights)},), one entry a class, found {intercept.shape}")
    return weights, intercept


PRECISIONS = {precision.name.lower(): precision for precision in Precision}


def as_precision(precision: object) -> Precision:
    """Return the Precision named "exact", "fast" or "rough"."""
    if not isinstance(precision, str) or precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(map(repr, PRECISIONS))}, found {precision!r}")
    return PRECISIONS[precision]


def as_number(name: str, value: object, *, positive: bool = False) -> float:
    """Return a finite float that is not negative, or that is positive."""
    if type(value) is float and 0 < value < math.inf:
        return value
    kind = "positive" if positive else "non-negative"
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise ValueError(f"{name} must be a {kind} number, found {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = np.inf
    if not np.isfinite(number) or number < 0 or (positive and number == 0):
        raise ValueError(f"{name} must be a {kind} finite number, found {value!r}")
    return number


def as_count(name: str, value: object) -> int:
    """Return a whole number that is not negative."""
    try:
        count = -1 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        count = -1
    if count < 0:
        raise ValueError(f"{name} must be a whole number that is not negative, found {value!r}")
    return count


def as_generator(name: str, random_state: object) -> np.random.Generator:
    """Return random_state itself if it is a Generator, else a new Generator seeded by it, or at random for None."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**32, 4, dtype=np.uint32))
    if random_state is None:
        return np.random.default_rng()
    try:
        return np.random.default_rng(as_count(name, random_state))
    except ValueError:
        raise ValueError(
            f"{name} must be None, a whole number that is not negative, a numpy.random.Generator or a RandomState, "
            f"found {random_state!r}"
        ) from None
