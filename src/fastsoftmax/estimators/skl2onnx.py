"""Pipelines with our classifiers become ONNX by skl2onnx."""

from ..export.skl2onnx import register
from .exporting import ExportableClassifier
from .softmax_regression import SoftmaxRegression
from .softmax_regression_cv import SoftmaxRegressionCV


def register_skl2onnx() -> None:
    """Tell skl2onnx how to convert our classifiers; to be called once before ``convert_sklearn`` or ``to_onnx``.

    skl2onnx's converter of linear classifiers, which is registered by hand at times, does not fit: for two classes its
    probabilities are those of twice the log-odds.

    Raises
    ------
    ImportError
        If the package skl2onnx is missing.
    """
    register((SoftmaxRegression, SoftmaxRegressionCV), ExportableClassifier._parameters_in)
