"""A fitted model goes to its file, and is kept elsewhere if that fails, since the fit may have taken long."""

import tempfile
from pathlib import Path
from typing import Any

from ..files.model_file import Model, save_model
from ..files.regression_model import RegressionModel
from .output import describe


def save(out: Path, model: Model | RegressionModel, about: dict[str, Any]) -> None:
    """Save a model and what is told about its fit; if that fails, save it in a temporary directory, and raise.

    Raises
    ------
    OSError
        If it cannot be written to `out`; the message says where it is instead.
    """
    try:
        save_model(out, model, about)
    except (OSError, ValueError) as error:
        raise OSError(f"{describe(error)}; {_keep(out.name, model, about)}") from error


def _keep(name: str, model: Model | RegressionModel, about: dict[str, Any]) -> str:
    """Save a model in a new temporary directory; return a sentence that says where, or why it failed."""
    try:
        directory = tempfile.mkdtemp(prefix="fastsoftmax-")
        try:
            save_model(Path(directory, name), model, about)
        except OSError:
            Path(directory).rmdir()
            raise
    except OSError as error:
        return f"nor could the fitted model be kept in a temporary directory: {describe(error)}"
    return f"the fitted model is in {Path(directory, name)}: copy it from there"
