"""Softmax (multinomial logistic) regression on CPUs: one fused pass over the data, exact answers.

The functional interface needs only NumPy. The scikit-learn classifiers `SoftmaxRegression` and `SoftmaxRegressionCV`
are imported at their first use.
"""

from typing import TYPE_CHECKING

from ._build_config import version as __version__
from .capi import get_include
from .fitting.fit import fit
from .fitting.logits import cross_entropy, cross_entropy_grad, log_softmax, softmax
from .fitting.passes import gram, loss_grad, predict_proba, standardization
from .fitting.path import PathResult, path
from .fitting.result import FitResult
from .leaves import Chunks
from .runtime.config import show_config
from .solvers import SGD

if TYPE_CHECKING:
    from . import chunks
    from .estimators.softmax_regression import SoftmaxRegression
    from .estimators.softmax_regression_cv import SoftmaxRegressionCV

__all__ = [
    "SGD",
    "Chunks",
    "FitResult",
    "PathResult",
    "SoftmaxRegression",
    "SoftmaxRegressionCV",
    "__version__",
    "chunks",
    "cross_entropy",
    "cross_entropy_grad",
    "fit",
    "get_include",
    "gram",
    "log_softmax",
    "loss_grad",
    "path",
    "predict_proba",
    "show_config",
    "softmax",
    "standardization",
]


def __getattr__(name: str) -> object:
    if name == "SoftmaxRegression":
        from .estimators.softmax_regression import SoftmaxRegression

        return SoftmaxRegression
    if name == "SoftmaxRegressionCV":
        from .estimators.softmax_regression_cv import SoftmaxRegressionCV

        return SoftmaxRegressionCV
    if name == "chunks":
        from importlib import import_module

        return import_module(".chunks", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
