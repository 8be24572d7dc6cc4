"""The search for C by cross-validation over many files: a path for each fold, whose rows are never all in memory."""

from typing import NamedTuple

import numpy as np

from ..files.table import Table
from ..runtime.arrays import Float64Array
from .fit_options import Shape, Solving
from .reading import chunks_apart
from .scores import scores_of
from .walking import walk_path

# What a held-out fold is judged by: what is a sum over rows.
SUMS = {"neg_log_loss": ("log_loss", -1.0), "accuracy": ("accuracy", 1.0)}


class Search(NamedTuple):
    """What a search has found, by the names of `SoftmaxRegressionCV`."""

    scores_: Float64Array  # (n_folds, 1, n_cs)
    Cs_: Float64Array
    l1_ratios_: Float64Array
    scoring: str


def cross_validate_chunks(
    table: Table, Cs: Float64Array, l1_ratio: float, folds: int, scoring: str, shape: Shape, solving: Solving
) -> Search:
    """Score every C on held-out folds, whose rows are drawn without regard to their classes.

    Raises
    ------
    ValueError
        If an option has a wrong value, or the rows of a fold have a class that all others lack.
    KeyboardInterrupt
        On Ctrl-C.
    """
    if scoring not in SUMS:
        raise ValueError(
            f"--scoring must be one of {', '.join(SUMS)} for many files, whose rows are not all in memory, "
            f"found {scoring!r}"
        )
    name, sign = SUMS[scoring]
    scores = np.empty((folds, 1, len(Cs)))
    for fold in range(folds):
        # Another seed than that of a share for --validation, which the folds are drawn from.
        train, held = chunks_apart(table, fold / folds, (fold + 1) / folds, solving.seed + 1)
        points = walk_path(train, None, None, Cs, l1_ratio, shape, solving)
        if len(points) < len(Cs):
            raise KeyboardInterrupt("ended by Ctrl-C before the search was done; no model was written")
        scores[fold, 0] = [sign * scores_of(point.model, held, solving.threads)[name] for point in points]
    return Search(scores, Cs, np.array([l1_ratio]), scoring)
