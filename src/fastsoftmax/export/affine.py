"""The parameters of a model in the dtype in which another program computes."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from ..files.model_parts import LinearModel
from ..files.preprocessing import Number
from ..runtime.arrays import Float64Array, FloatArray

DTYPES = ("float32", "float64")
DtypeName = Literal["float32", "float64"]


class Affine(NamedTuple):
    """Logits z = W (x − center) + b, all in one dtype.

    Attributes
    ----------
    W : ndarray of shape (n_outputs, n_features)
    b : ndarray of shape (n_outputs,)
        The logits at the center.
    center : ndarray of shape (n_features,), optional
        Missing where it is zero.
    """

    W: FloatArray
    b: FloatArray
    center: FloatArray | None


def affine(model: LinearModel, center: Float64Array | None, dtype: str) -> Affine:
    """Return the parameters of a model in a dtype.

    The difference to the center is taken before the product: in float32, features that are large and near each other
    would otherwise lose their digits.

    Raises
    ------
    ValueError
        If dtype is not "float32" or "float64", or if a parameter overflows in it.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, found {dtype!r}")
    if center is not None:
        center = center.astype(dtype)
    b = model.b if center is None else model.b + model.W @ center
    with np.errstate(over="ignore"):
        parameters = Affine(model.W.astype(dtype), b.astype(dtype), center)
    for name, values in zip(Affine._fields, parameters, strict=True):
        if values is not None and not np.isfinite(values).all():
            raise ValueError(f"dtype must be one that holds the model: {name} overflows in it, found {dtype!r}")
    return parameters


def moments_of(columns: Sequence[Number], dtype: np.dtype) -> dict[str, FloatArray]:
    """Return medians, means and scales of columns in a dtype; raise ValueError if one overflows in it, or vanishes."""
    found = {}
    for name in ("median", "mean", "scale"):
        with np.errstate(over="ignore"):
            values = np.array([getattr(column, name) for column in columns]).astype(dtype)
        if not np.isfinite(values).all() or (name == "scale" and not values.all()):
            raise ValueError(f"dtype must be one that holds the {name}s of the columns, found {dtype.name!r}")
        found[f"{name}s"] = values
    return found
