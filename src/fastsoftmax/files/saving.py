"""`save_model` and `load_model` for all that is fitted: estimators, results of `fit`, and models from files."""

import os
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..families import OutputsFamily
from ..fitting.result import FitResult
from . import model_file
from .model_file import Model
from .regression_model import RegressionModel


@runtime_checkable
class Saveable(Protocol):
    """An estimator that knows what a file holds of it."""

    def _saved_model(self) -> Model | RegressionModel: ...


def save_model(path: str | os.PathLike[str], model: Saveable | FitResult | Model | RegressionModel) -> None:
    """Write a fitted model to a file, whole or not at all; equal models make equal files.

    The file is in the format safetensors: it holds the coefficients in float64, the names of classes and features and
    the family, but no parameters of the fit, and no code. The command line reads it.

    Parameters
    ----------
    path : path
    model : fitted estimator, FitResult, or what `load_model` returned
        A softmax classifier or a regression of one family. The classes of a `FitResult` are their numbers.

    Raises
    ------
    ImportError
        If the package safetensors is missing.
    OSError, ValueError
        If the file cannot be written there, or the model is none that a file can hold.
    """
    _check_safetensors()
    model_file.save_model(path, _as_model(model))


def load_model(path: str | os.PathLike[str]) -> Model | RegressionModel:
    """Read a model file.

    Returns
    -------
    Model or RegressionModel
        W, b, the names and, for a regression, the family; with `predict` and, for a softmax regression,
        `predict_proba`.

    Raises
    ------
    ImportError
        If the package safetensors is missing.
    OSError
        If there is no such file, or no permission to read it.
    ValueError
        If the file is not a complete and consistent model; the message names the path and the fault.
    """
    _check_safetensors()
    return model_file.load_model(path)


def _as_model(model: Any) -> Model | RegressionModel:
    if isinstance(model, Model | RegressionModel):
        return model
    if isinstance(model, FitResult):
        if isinstance(model.family, OutputsFamily):
            return RegressionModel(model.W, model.b, model.family)
        return Model(model.W, model.b, np.arange(len(model.W)))
    if isinstance(model, Saveable) and not isinstance(model, type):
        return model._saved_model()
    kind = model.__name__ if isinstance(model, type) else type(model).__name__
    raise ValueError(
        f"model must be a fitted softmax classifier or regression of fastsoftmax, a FitResult or a loaded model, "
        f"found {kind}"
    )


def _check_safetensors() -> None:
    try:
        import safetensors  # noqa: F401
    except ImportError as error:
        raise ImportError("model files need the package safetensors: pip install safetensors") from error
