"""What every kind of model has: parameters and names of features, and the checks of these."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..fitting.passes import decision_function
from ..runtime.arrays import Float64Array, FloatArray
from .columns import shown
from .preprocessing import Preprocessing


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Logits that are linear in the features."""

    W: Float64Array  # (n_outputs, n_features)
    b: Float64Array  # (n_outputs,)

    @property
    def n_features(self) -> int:
        """Columns of W."""
        return self.W.shape[1]

    def logits(self, X: ArrayLike, *, num_threads: int | None = None) -> FloatArray:
        """W x_i + b, (n_samples, n_outputs), in float64."""
        return decision_function(X, self.W, self.b, num_threads=num_threads)


def features_of(model: Any) -> dict[str, Any]:
    """Return the arguments of `read_table` that take from a table the features of a model."""
    names = ("feature_names", "n_features", "preprocessing", "counts_from_zero")
    return {name: getattr(model, name) for name in names}


def check_parameters(W: Float64Array, b: Float64Array, least_rows: int, row: str) -> None:
    """Raise ValueError unless W is (rows, n_features) and b (rows,), finite float64; `row` says what a row is."""
    for name, array, ndim in (("W", W, 2), ("b", b, 1)):
        if array.ndim != ndim:
            raise ValueError(f"{name} must have {ndim} dimensions, found shape {array.shape}")
    for name, array in (("W", W), ("b", b)):
        if array.dtype != np.float64:
            raise ValueError(f"{name} must be float64, found {array.dtype}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity")
    if len(W) < least_rows or W.shape[1] < 1:
        rows = {1: "one row", 2: "two rows"}[least_rows]
        raise ValueError(f"W must have {rows} or more, one {row}, and a column for each feature, found shape {W.shape}")
    if b.shape != (len(W),):
        raise ValueError(f"b must have an entry for each of the {len(W)} rows of W, found {b.shape}")


def check_feature_names(
    names: tuple[str, ...] | None, n_features: int, preprocessing: Preprocessing | None = None
) -> None:
    """Raise ValueError unless there are no names, or a different one for each feature, as the preprocessing says."""
    if preprocessing is not None and names != preprocessing.feature_names:
        raise ValueError("feature_names must be those that the preprocessing makes")
    if names is None:
        return
    if not all(isinstance(name, str) for name in names):
        raise ValueError("feature_names must be strings")
    if len(names) != n_features:
        raise ValueError(f"W has {n_features} columns, but there are {len(names)} feature names")
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(f"feature name {shown(name)} appears more than once")
