"""Softmax (multinomial logistic) regression and generalised linear models on CPUs: one fused pass over the data.

The functional interface needs only NumPy. The scikit-learn classes, such as `SoftmaxRegression` and
`PoissonRegression`, are imported at their first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from . import families
from ._build_config import version as __version__
from .capi import get_include
from .fitting.fit import fit
from .fitting.logits import cross_entropy, cross_entropy_grad, log_softmax, loss_grad_logits, softmax
from .fitting.passes import gram, loss_grad, predict_mean, predict_proba, standardization
from .fitting.path import PathResult, path
from .fitting.predictor import Predictor
from .fitting.result import FitResult
from .leaves import Chunks
from .runtime.config import show_config
from .solvers import SGD

if TYPE_CHECKING:
    from . import chunks
    from .estimators.multilabel import MultilabelRegression
    from .estimators.regressions import (
        GammaRegression,
        GaussianRegression,
        NegativeBinomialRegression,
        PoissonRegression,
        TweedieRegression,
    )
    from .estimators.softmax_regression import SoftmaxRegression
    from .estimators.softmax_regression_cv import SoftmaxRegressionCV

__all__ = [
    "SGD",
    "Chunks",
    "FitResult",
    "GammaRegression",
    "GaussianRegression",
    "MultilabelRegression",
    "NegativeBinomialRegression",
    "PathResult",
    "PoissonRegression",
    "Predictor",
    "SoftmaxRegression",
    "SoftmaxRegressionCV",
    "TweedieRegression",
    "__version__",
    "chunks",
    "cross_entropy",
    "cross_entropy_grad",
    "families",
    "fit",
    "get_include",
    "gram",
    "log_softmax",
    "loss_grad",
    "loss_grad_logits",
    "path",
    "predict_mean",
    "predict_proba",
    "show_config",
    "softmax",
    "standardization",
]


# Modules of the scikit-learn classes, which are imported at their first use.
_ESTIMATORS = {
    "GammaRegression": "regressions",
    "GaussianRegression": "regressions",
    "MultilabelRegression": "multilabel",
    "NegativeBinomialRegression": "regressions",
    "PoissonRegression": "regressions",
    "SoftmaxRegression": "softmax_regression",
    "SoftmaxRegressionCV": "softmax_regression_cv",
    "TweedieRegression": "regressions",
}


def __getattr__(name: str) -> object:
    if name in _ESTIMATORS:
        module = import_module(f".estimators.{_ESTIMATORS[name]}", __name__)
        return getattr(module, name)
    if name == "chunks":
        return import_module(".chunks", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
