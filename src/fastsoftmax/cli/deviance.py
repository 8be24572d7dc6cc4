"""How well a model describes a column of numbers."""

from typing import Any

import numpy as np

from ..files.regression_model import RegressionModel
from ..files.table import Table
from ..fitting.goodness import explained_deviance
from .reading import labels_of


def quality_of(model: RegressionModel, table: Table, threads: int | None) -> dict[str, float]:
    """Return how well a model describes a column of numbers: the mean deviance, and the share that is explained."""
    y, logits = labels_of(table), model.logits(table.X, num_threads=threads)
    if table.offset is not None:
        logits = logits + column_of(table.offset)
    samples = model.family.samples(y, len(y), np.float64, sample_weight=table.weight)
    loss = model.family.loss_of(samples, logits)
    share = explained_deviance(model.family, y, logits, table.weight)
    return {"deviance": 2 * float(loss), "deviance_explained": float(share)}


def column_of(offset: Any) -> Any:
    """Return an offset of every sample as that of the one output."""
    return None if offset is None else offset[:, None]


def quality_in_words(quality: dict[str, float]) -> dict[str, str]:
    """Return the same as a report has it."""
    return {
        "deviance": f"{quality['deviance']:.6g} a sample",
        "deviance explained": f"{quality['deviance_explained']:.2%}",
    }
