"""From passes over rows to their loss."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data.features import as_factors
from ..families import Family
from ..families.softmax import FEW_CLASSES, MOST_CLASSES
from ..runtime.arrays import Float64Array
from ..runtime.threads import resolve_num_threads
from .binding import Binding
from .exact import rounded
from .held import loss_of
from .loss import LeavesLoss
from .moments import standardization_of
from .reading import Passes
from .survey import CheckLabels, Survey, survey


class Labels(NamedTuple):
    """How a y of one dimension, with labels of any kind, becomes class indices.

    Attributes
    ----------
    check : callable
        Raises ValueError for what cannot be labels, nor rows that may stand for them; can be pickled.
    classes : (n_classes,), optional
        All labels there may be, sorted; any by default. Those that are found become the classes.
    weights : callable, optional
        Returns a weight for each class, (n_classes,), from the classes and the weight of the samples of each.
    """

    check: CheckLabels
    classes: NDArray[Any] | None = None
    weights: Callable[[NDArray[Any], Float64Array], Float64Array | None] | None = None


def bind_passes(
    passes: Passes,
    family: Family,
    *,
    labels: Labels | None = None,
    fit_intercept: bool = True,
    scale: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    standardize: bool = False,
    num_threads: int | None = None,
) -> LeavesLoss:
    """Return the loss of rows that are read in passes; the first pass is done here.

    Parameters
    ----------
    labels : Labels, optional
        By default, y is what the family takes.
    standardize : bool
        Whether to find scale and shift, in a pass.

    Raises
    ------
    ValueError
        If an argument, or a chunk, has the wrong shape, type or values.
    """
    resolve_num_threads(num_threads)
    found = survey(passes, family, *(labels or (None, None))[:2])
    n_features, total_weight, classes, weights = found.facts.form.n_features, found.total_weight, None, None
    if found.classes is None:
        n_outputs = Binding(family).samples(found.drawn.settled()[0], np.dtype(np.float64)).n_outputs
    elif labels is None:
        n_outputs = _number_of(found)
    else:
        classes, masses = found.classes.labels, rounded(found.classes.weight)
        if len(classes) < 2:
            raise ValueError(f"y must hold at least two classes, found one class only: {classes.tolist()[0]!r}")
        n_outputs = len(classes) if family.is_categorical or len(classes) > 2 else 1
        weights = None if labels.weights is None else labels.weights(classes, masses)
        total_weight = total_weight if weights is None else float(weights @ masses)
    binding = Binding(
        family,
        classes=classes,
        n_outputs=n_outputs,
        scale=as_factors("scale", scale, n_features),
        shift=as_factors("shift", shift, n_features),
        mean_weight=total_weight / found.facts.n_rows,
        class_weight=weights,
        fit_intercept=fit_intercept,
        num_threads=num_threads,
    )
    loss = loss_of(passes, binding, found)
    loss.count_pass()  # the first one
    if standardize:
        scale, shift = standardization_of(loss, fit_intercept)
        loss = loss_of(passes, replace(binding, scale=scale, shift=shift), found, loss.ledger)
    return loss


def _number_of(found: Survey) -> int:
    """Return the number of classes, whose indices y holds."""
    assert found.classes is not None
    indices, n_rows = found.classes.labels, found.facts.n_rows
    highest = int(indices[-1])
    if highest >= max(FEW_CLASSES, MOST_CLASSES * n_rows):
        raise ValueError(
            f"y must hold class indices 0, 1, ..., found {highest}, which makes {highest + 1} classes of {n_rows} "
            "samples; SoftmaxRegression turns labels into indices"
        )
    if len(indices) < 2:
        raise ValueError(f"y must hold at least two classes, found only class {highest}")
    return highest + 1
