"""A converter for skl2onnx, so that pipelines with our classifiers become ONNX."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .affine import Affine
from .onnx import nodes


def register(estimators: Iterable[type], parameters_of: Callable[[Any, str], Affine]) -> None:
    """Tell skl2onnx how to convert classifiers.

    Parameters
    ----------
    estimators : iterable of classes
    parameters_of : callable
        Returns the parameters of a fitted classifier in the dtype of a name.

    Raises
    ------
    ImportError
        If the package skl2onnx is missing.
    """
    try:
        from onnx import TensorProto
        from skl2onnx import update_registered_converter
        from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
        from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
        from skl2onnx.common.utils_classifier import get_label_classes
    except ImportError as error:
        raise ImportError(
            "conversion of pipelines needs the package skl2onnx: pip install skl2onnx, or "
            'pip install ".[onnx]" in the checkout of fastsoftmax'
        ) from error

    def convert(scope: Any, operator: Any, container: Any) -> None:
        """Add the operators of a classifier to the graph that skl2onnx makes."""
        estimator, given = operator.raw_operator, operator.inputs[0]
        is_double = isinstance(given.type, DoubleTensorType)
        real = TensorProto.DOUBLE if is_double else TensorProto.FLOAT
        parameters = parameters_of(estimator, "float64" if is_double else "float32")
        names = {
            "X": given.full_name,
            "label": operator.outputs[0].full_name,
            "probabilities": operator.outputs[1].full_name,
        }

        def named(tensor: str) -> str:
            if tensor not in names:
                names[tensor] = scope.get_unique_variable_name(tensor)
            return names[tensor]

        if not isinstance(given.type, (DoubleTensorType, FloatTensorType)):
            names["X"] = scope.get_unique_variable_name("cast")
            container.add_node("Cast", [given.full_name], [names["X"]], to=real)
        for name, values in zip(Affine._fields, parameters, strict=True):
            if values is not None:
                container.add_initializer(named(name), real, values.shape, values.ravel().tolist())
        labels = np.asarray(get_label_classes(scope, estimator))
        if labels.dtype.kind in "OU":
            container.add_initializer(named("labels"), TensorProto.STRING, labels.shape, list(map(str.encode, labels)))
        else:
            container.add_initializer(named("labels"), TensorProto.INT64, labels.shape, list(map(int, labels)))
        for node in nodes(parameters):
            container.add_node(
                node.operator,
                [named(tensor) for tensor in node.inputs],
                [named(node.output)],
                name=scope.get_unique_operator_name(node.operator),
                **node.attributes,
            )

    for estimator in estimators:
        update_registered_converter(
            estimator,
            f"Fastsoftmax{estimator.__name__}",
            calculate_linear_classifier_output_shapes,
            convert,
            options={"zipmap": [True, False, "columns"], "nocl": [True, False], "output_class_labels": [False, True]},
        )
