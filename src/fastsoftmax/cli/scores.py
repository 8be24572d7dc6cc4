"""How good a model is on a table, in the few numbers that a fit tells."""

from typing import Any

import numpy as np

from ..files.model_file import Model
from ..files.regression_model import RegressionModel
from ..files.table import Table
from ..fitting.logits import cross_entropy
from ..leaves import is_chunks
from .deviance import filled, quality_of
from .metrics import class_indices
from .reading import labels_of
from .wording import share_in_words


def scores_of(model: Model | RegressionModel, table: Table, threads: int | None) -> dict[str, float]:
    """Return accuracy and log-loss, of chunks together; or deviance and its explained share, of numbers.

    Raises
    ------
    ValueError
        If the table has a class that the model does not know.
    """
    if isinstance(model, RegressionModel):
        return quality_of(model, table, threads)
    chunks: Any = table.X if is_chunks(table.X) else ((table.X, labels_of(table)),)
    right = count = 0
    loss = 0.0
    for chunk in filled(chunks):
        X, y = chunk[:2]  # weights may follow
        truth, logits = class_indices(np.asarray(y), model.classes), model.logits(X, num_threads=threads)
        right += int((logits.argmax(axis=1) == truth).sum())
        loss += float(cross_entropy(logits, truth)) * len(truth)
        count += len(truth)
    return {"samples": count, "accuracy": right / count, "log_loss": loss / count}


def in_words(name: str, scores: dict[str, float]) -> dict[str, str]:
    """Return the same for people, each line with the name of the table."""
    lines = {}
    if "accuracy" in scores:
        lines[f"{name} accuracy"] = f"{share_in_words(scores['accuracy'])} of {scores['samples']} samples"
        lines[f"{name} log-loss"] = f"{scores['log_loss']:.6g} nats"
    else:
        lines[f"{name} deviance"] = f"{scores['deviance']:.6g} a sample"
        lines[f"{name} deviance explained"] = f"{scores['deviance_explained']:.2%}"
    return lines
