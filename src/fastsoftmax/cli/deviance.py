"""How well a model describes a column of numbers."""

from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np

from ..data.samples import Samples
from ..files.regression_model import RegressionModel
from ..files.table import Table
from ..fitting.goodness import explained_deviance
from ..leaves import is_chunks
from ..leaves.means import Means
from .reading import labels_of


def quality_of(model: RegressionModel, table: Table, threads: int | None) -> dict[str, float]:
    """Return how well a model describes a column of numbers: the mean deviance, and the share that is explained."""
    if is_chunks(table.X):
        return _quality_of_chunks(model, table.X, threads)
    y, logits = labels_of(table), model.logits(table.X, num_threads=threads)
    if table.offset is not None:
        logits = logits + column_of(table.offset)
    samples = model.family.samples(y, len(y), np.float64, sample_weight=table.weight)
    loss = model.family.loss_of(samples, logits)
    share = explained_deviance(model.family, y, logits, table.weight)
    return {"deviance": 2 * float(loss), "deviance_explained": float(share)}


def _quality_of_chunks(model: RegressionModel, chunks: Any, threads: int | None) -> dict[str, float]:
    """Return the same of chunks together, which are read twice: the mean of y is needed first."""
    family = model.family

    def samples_of(chunk: tuple[Any, ...]) -> Samples:
        weight = chunk[2] if len(chunk) > 2 else None
        return family.check_part(np.asarray(chunk[1]), 1, np.float64)._replace(weight=weight)

    pairs = ((Means.of(samples_of(chunk), are_factors=False), len(chunk[1])) for chunk in filled(chunks))
    means, n_samples = reduce(lambda a, b: (a[0] + b[0], a[1] + b[1]), pairs)
    b, sums = family.intercept_of(2 * means.half, n_samples), np.zeros(2)
    for chunk in filled(chunks):
        samples, logits = samples_of(chunk), model.logits(chunk[0], num_threads=threads)
        if len(chunk) > 3 and chunk[3] is not None:
            logits = logits + chunk[3]
        sums += len(logits) * np.array([family.loss_of(samples, logits), family.loss_of(samples, b)])
    loss, of_mean = (sums / means.weight).tolist()
    return {"deviance": 2 * loss, "deviance_explained": 1 - loss / of_mean if of_mean else float(loss == 0)}


def filled(chunks: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the chunks that have rows."""
    return (chunk for chunk in chunks if len(chunk[1]))


def column_of(offset: Any) -> Any:
    """Return an offset of every sample as that of the one output."""
    return None if offset is None else offset[:, None]


def quality_in_words(quality: dict[str, float]) -> dict[str, str]:
    """Return the same as a report has it."""
    return {
        "deviance": f"{quality['deviance']:.6g} a sample",
        "deviance explained": f"{quality['deviance_explained']:.2%}",
    }
