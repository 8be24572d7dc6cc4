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
    from .estimators.displays.coefficients import CoefficientDisplay
    from .estimators.displays.paths import PathDisplay
    from .estimators.displays.reliability import ReliabilityDisplay
    from .estimators.generalized_linear_cv import GeneralizedLinearRegressionCV
    from .estimators.loaded import to_sklearn
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
    from .estimators.table_preprocessor import TablePreprocessor
    from .files.saving import load_model, save_model

__all__ = [
    "SGD",
    "Chunks",
    "CoefficientDisplay",
    "FitResult",
    "GammaRegression",
    "GaussianRegression",
    "GeneralizedLinearRegressionCV",
    "MultilabelRegression",
    "NegativeBinomialRegression",
    "PathDisplay",
    "PathResult",
    "PoissonRegression",
    "Predictor",
    "ReliabilityDisplay",
    "SoftmaxRegression",
    "SoftmaxRegressionCV",
    "TablePreprocessor",
    "TweedieRegression",
    "__version__",
    "chunks",
    "cross_entropy",
    "cross_entropy_grad",
    "families",
    "fit",
    "get_include",
    "gram",
    "load_model",
    "log_softmax",
    "loss_grad",
    "loss_grad_logits",
    "path",
    "predict_mean",
    "predict_proba",
    "save_model",
    "show_config",
    "softmax",
    "standardization",
    "to_sklearn",
]


# Modules of what needs scikit-learn, which are imported at their first use.
_ESTIMATORS = {
    "CoefficientDisplay": "displays.coefficients",
    "GammaRegression": "regressions",
    "GaussianRegression": "regressions",
    "GeneralizedLinearRegressionCV": "generalized_linear_cv",
    "MultilabelRegression": "multilabel",
    "NegativeBinomialRegression": "regressions",
    "PathDisplay": "displays.paths",
    "PoissonRegression": "regressions",
    "ReliabilityDisplay": "displays.reliability",
    "SoftmaxRegression": "softmax_regression",
    "SoftmaxRegressionCV": "softmax_regression_cv",
    "TablePreprocessor": "table_preprocessor",
    "TweedieRegression": "regressions",
    "to_sklearn": "loaded",
}


def __getattr__(name: str) -> object:
    if name in _ESTIMATORS:
        module = import_module(f".estimators.{_ESTIMATORS[name]}", __name__)
        return getattr(module, name)
    if name in ("load_model", "save_model"):
        return getattr(import_module(".files.saving", __name__), name)
    if name == "chunks":
        return import_module(".chunks", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
