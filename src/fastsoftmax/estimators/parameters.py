"""The parameters that the estimators share, with their defaults and what they may be."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from ..fitting.solving import SOLVERS
from ..solvers import SGD
from .progress import ProgressLine
from .spellings import SOLVERS_OF_SKLEARN


@dataclass(kw_only=True, eq=False, repr=False)
class FitParameters:
    """What both estimators hand on to a fit; their docstrings say what each parameter means."""

    tol: float = 1e-4
    fit_intercept: bool = True
    penalty_factor: Any = None
    group: str | None = None
    bounds: Any = None
    class_weight: dict | str | None = None
    random_state: Any = None
    solver: str | SGD = "auto"
    learning_rate: float | str = "auto"
    max_iter: int = 100
    verbose: int = 0
    n_jobs: int | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "penalty_factor": ["array-like", None],
        "group": [StrOptions({"classes"}), None],
        "bounds": [tuple, list, None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state", np.random.Generator],
        "solver": [StrOptions({*SOLVERS, *SOLVERS_OF_SKLEARN}), SGD],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
        "n_jobs": [None, Integral],
    }

    def _progress(self) -> ProgressLine | None:
        """Return what is told of every iteration, and closed with the outcome; None for nothing."""
        return ProgressLine() if self.verbose else None
