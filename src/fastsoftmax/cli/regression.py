"""The commands' work where the target is numbers, which a family other than softmax describes."""

from typing import Any

import numpy as np

from ..families import OutputsFamily
from ..files.data_file import Table
from ..files.regression_model import RegressionModel
from ..fitting.fit import fit
from ..fitting.goodness import explained_deviance
from ..fitting.passes import standardization
from ..fitting.result import FitResult
from .options import check_choice


def fit_regression(
    table: Table, family: OutputsFamily, *, C: float, standardize: bool, threads: int | None, **options: Any
) -> tuple[FitResult, RegressionModel]:
    """Fit to a column of numbers; the penalty is 1/(C · n_samples), and options are those of `fastsoftmax.fit`."""
    check_choice("--class-weight", options.pop("class_weight"), (None,))
    scale = shift = None
    if standardize:
        scale, shift = standardization(table.X, center=options["fit_intercept"], num_threads=threads)
    of_data: dict[str, Any] = {"family": family, "scale": scale, "shift": shift}
    of_data |= {"sample_weight": table.weight, "offset": _column(table.offset)}
    l2 = 1 / (C * table.X.shape[0])
    result = fit(table.X, np.asarray(table.y), **of_data, l2=l2, random_state=0, num_threads=threads, **options)
    if result.status == "interrupted" and not result.n_iter:
        raise KeyboardInterrupt("ended by Ctrl-C before anything was fitted; no model was written")
    if not np.isfinite(result.loss):
        raise ValueError(f"nothing was fitted and no model was written: {result.message}")
    W, b = result.W, result.b
    if scale is not None and shift is not None:
        W, b = W * scale, b + W @ shift
    assert isinstance(result.family, OutputsFamily)
    return result, RegressionModel(W, b, result.family, **table.for_model)


def quality_of(model: RegressionModel, table: Table, threads: int | None) -> dict[str, str]:
    """Return how well a model describes a column of numbers, in words."""
    y, logits = np.asarray(table.y), model.logits(table.X, num_threads=threads)
    offset = _column(table.offset)
    if offset is not None:
        logits = logits + offset
    samples = model.family.samples(y, len(y), np.float64, sample_weight=table.weight)
    loss = model.family.loss_of(samples, logits)
    share = explained_deviance(model.family, y, logits, table.weight)
    return {"deviance": f"{2 * loss:.6g} a sample", "deviance explained": f"{share:.2%}"}


def _column(offset: Any) -> Any:
    """Return an offset of every sample as that of the one output."""
    return None if offset is None else offset[:, None]
