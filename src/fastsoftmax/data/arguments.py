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
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..runtime.arrays import FloatArray
from ..runtime.precision import Precision
from ..runtime.vectors import LONG, assign

P = ParamSpec("P")
R = TypeVar("R")

# The kernels' name of a dtype. Use kernel[C_TYPE[dtype]] if an argument may be None: Cython cannot tell the dtype then.
C_TYPE = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}

DIMENSIONS = {1: "one-dimensional", 2: "two-dimensional"}


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
    if dtype is None and numbers_.dtype in C_TYPE and numbers_.ndim == ndim and is_readable(numbers_):
        return numbers_
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
    n_masked = int(np.ma.getmaskarray(value).sum()) if isinstance(value, np.ma.MaskedArray) else 0
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


def in_dtype(array: NDArray[Any], dtype: DTypeLike, num_threads: int = 1) -> FloatArray:
    """Return the array in a dtype; values too large for it become infinite, without a warning.

    Long vectors of parameters are converted on so many threads.
    """
    if array.dtype == dtype:
        return array
    if array.size >= LONG and array.dtype == np.float64 and array.flags.c_contiguous:
        out = np.empty(array.shape, dtype)
        assign(out.reshape(-1), array.reshape(-1), num_threads)
        return out
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
