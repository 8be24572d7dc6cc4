"""The work of the command fit: one fit, or the search for C and the fit with the best."""

from dataclasses import replace
from typing import Any, NamedTuple

from ..families import OutputsFamily
from ..files.model_file import Model
from ..files.regression_model import RegressionModel
from ..files.table import Table
from ..fitting.result import FitResult
from ..leaves import is_chunks
from .choosing import Choosing
from .fit_options import Cs_of, Shape, Solving, Strength
from .regression import fit_regression
from .searching import search_facts
from .searching_chunks import cross_validate_chunks
from .training import cross_validate, fit_classifier
from .walking import best_of, walk_path

# What --Cs tries if a search is wanted and it is not given.
DEFAULT_CS = "10"


class Fitted(NamedTuple):
    """A fit, its model, and what a search for C has found."""

    result: FitResult
    model: Model | RegressionModel
    search: dict[str, Any] | None = None


def fit_table(
    train: Table,
    held: Table | None,
    numbers: OutputsFamily | None,
    strength: Strength,
    shape: Shape,
    choosing: Choosing,
    solving: Solving,
    start: Any,
) -> Fitted:
    """Fit to a table, with the C that is given or chosen; numbers are the family if the target holds numbers.

    Raises
    ------
    ValueError
        If an option has a wrong value, or nothing could be fitted.
    KeyboardInterrupt
        On Ctrl-C before there is a model to keep.
    """
    if choosing.is_search:
        Cs = Cs_of(choosing.Cs or DEFAULT_CS)
        if choosing.cv is not None and is_chunks(train.X):
            folds = cross_validate_chunks(train, Cs, strength.share, choosing.cv, choosing.scoring, shape, solving)
            facts = search_facts(folds)
            best_strength = replace(strength, C=facts["best"]["C"])
            return Fitted(*fit_classifier(train, best_strength, shape, solving, start), facts)
        if choosing.cv is not None:
            ratios = [strength.share]
            found = cross_validate(train, Cs, ratios, choosing.cv, choosing.scoring, shape, solving, refit=True)
            result = found.result_
            return Fitted(result, Model(result.W, result.b, found.classes_, **train.for_model), search_facts(found))
        points = walk_path(train, held, numbers, Cs, strength.share, shape, solving)
        best = best_of(points)
        scores = [{"C": point.C, "l1_ratio": strength.share, "score": -point.held_out} for point in points]
        facts = {"scoring": "neg_log_loss" if numbers is None else "neg_deviance", "scores": scores}
        return Fitted(best.result, best.model, {**facts, "best": {"C": best.C, "l1_ratio": strength.share}})
    if numbers is not None:
        return Fitted(*fit_regression(train, numbers, strength, shape, solving, start))
    return Fitted(*fit_classifier(train, strength, shape, solving, start))
