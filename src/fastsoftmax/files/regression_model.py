"""A fitted model of a family of numbers, as it is kept in a file."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..families import OutputsFamily
from ..fitting.passes import predict_mean
from ..runtime.arrays import Float64Array, FloatArray
from .model_parts import LinearModel, check_feature_names, check_parameters
from .preprocessing import Preprocessing


@dataclass(frozen=True, eq=False)
class RegressionModel(LinearModel):
    """Parameters of a generalised linear model, with its family and the names of its features.

    Attributes
    ----------
    W : ndarray of shape (n_outputs, n_features), float64
    b : ndarray of shape (n_outputs,), float64
    family : OutputsFamily
    feature_names : tuple of str, optional
        The names of W's columns, if the data had any.
    preprocessing : Preprocessing, optional
        How the features are made of the columns of a table, if they are not its columns.
    counts_from_zero : bool
        Whether .svm files of this model count features from 0.

    Raises
    ------
    ValueError
        If the parts disagree, or W or b holds NaN or infinity.
    """

    family: OutputsFamily
    feature_names: tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None
    counts_from_zero: bool = False

    def __post_init__(self) -> None:
        check_parameters(self.W, self.b, 1, "an output")
        check_feature_names(self.feature_names, self.W.shape[1], self.preprocessing)

    def predict(
        self, X: ArrayLike, *, offset: Float64Array | None = None, num_threads: int | None = None
    ) -> FloatArray:
        """Return the mean of y for every sample, (n_samples, n_outputs); an offset (n_samples,) adds to logits."""
        added = None if offset is None else np.repeat(offset[:, None], len(self.W), axis=1)
        return predict_mean(X, self.W, self.b, family=self.family, offset=added, num_threads=num_threads)
