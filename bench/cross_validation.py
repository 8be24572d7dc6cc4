"""The penalty chosen by cross-validation: ten Cs by five folds of images, ours beside scikit-learn's."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegressionCV

from fastsoftmax import SoftmaxRegressionCV

from .data import images
from .tables import three_digits
from .timing import time_once

N_CS, N_FOLDS = 10, 5
COLUMNS = ("what", "sklearn s", "sklearn C", "ours s", "ours C", "×")


def compare_cv(folder: Path | None, n_samples: int) -> tuple[str, ...]:
    """Return a row in COLUMNS, from one run of each: fifty fits and the refit."""
    name, pixels, y = images(folder)
    X, y = pixels[:n_samples] / np.float32(255), y[:n_samples]
    same: dict[str, Any] = {"Cs": N_CS, "cv": N_FOLDS, "scoring": "accuracy"}
    # l1_ratios and use_legacy_attributes are set to the defaults of scikit-learn's next version.
    theirs = _time(LogisticRegressionCV(**same, l1_ratios=(0.0,), use_legacy_attributes=False), X, y)
    ours = _time(SoftmaxRegressionCV(**same), X, y)
    what = f"{N_CS} Cs × {N_FOLDS} folds, {name} {X.shape[0]}×{X.shape[1]}"
    cells = (text for seconds, C in (theirs, ours) for text in (three_digits(seconds), f"{C:.3g}"))
    return what, *cells, f"{theirs[0] / ours[0]:.2f}"


def _time(model: Any, X: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the seconds of a fit and the C that it chose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # with the largest C, the default max_iter does not suffice to converge
        seconds, _ = time_once(lambda: model.fit(X, y))
    return seconds, float(np.ravel(model.C_)[0])
