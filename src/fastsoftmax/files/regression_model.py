"""A fitted model of a family of numbers, as it is kept in a file."""

from dataclasses import dataclass

from numpy.typing import ArrayLike

from ..families import OutputsFamily
from ..fitting.passes import predict_mean
from ..runtime.arrays import FloatArray
from .model_parts import LinearModel, check_feature_names, check_parameters


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

    Raises
    ------
    ValueError
        If the parts disagree, or W or b holds NaN or infinity.
    """

    family: OutputsFamily
    feature_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_parameters(self.W, self.b, 1, "an output")
        check_feature_names(self.feature_names, self.W.shape[1])

    def predict(self, X: ArrayLike, *, num_threads: int | None = None) -> FloatArray:
        """Return the mean of y for every sample, (n_samples, n_outputs)."""
        return predict_mean(X, self.W, self.b, family=self.family, num_threads=num_threads)
