"""ONNX: the graph of a softmax regression, W (x − center) + b, softmax and argmax."""

import json
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from .. import _build_config
from ..files.atomic import atomic_path
from ..files.model_file import Model
from ..runtime.arrays import Float64Array
from .affine import Affine, affine

# The first operator set whose Softmax is over one axis, and the version of the format that came with it.
OPSET, IR_VERSION = 13, 7

PRODUCER = "fastsoftmax"

# Protocol buffers are at most 2 GiB; graph and labels need some of it.
MOST_BYTES = 2**31 - 2**24


class Node(NamedTuple):
    """An operator of the graph; tensors are known by their names."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, int] = MappingProxyType({})


def nodes(parameters: Affine) -> list[Node]:
    """Return the graph from the input "X" to the outputs "label" and "probabilities".

    Its constants are "W", "b", "labels" and, where the parameters have one, "center".
    """
    x = "X" if parameters.center is None else "centered"
    return [
        *([] if parameters.center is None else [Node("Sub", ("X", "center"), x)]),
        Node("Gemm", (x, "W", "b"), "logits", {"transB": 1}),
        Node("Softmax", ("logits",), "probabilities", {"axis": 1}),
        # Of logits, not of probabilities, which round to ties; the first of equal ones.
        Node("ArgMax", ("logits",), "index", {"axis": 1, "keepdims": 0}),
        Node("Gather", ("labels", "index"), "label"),
    ]


def save_onnx(path: str | os.PathLike[str], model: Model, *, center: Float64Array | None, dtype: str) -> None:
    """Write a model as ONNX, whole or not at all; equal models make equal files.

    Raises
    ------
    ImportError
        If the package onnx is missing.
    OSError, ValueError
        If the file cannot be written there, dtype is none that is served, or the model is too large for the format.
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            'ONNX needs the package onnx: pip install onnx, or pip install ".[onnx]" in the checkout of fastsoftmax'
        ) from error
    parameters = affine(model, center, dtype)
    if parameters.W.nbytes > MOST_BYTES:
        raise ValueError(
            f"the model must take less than 2 GiB in ONNX, found coef_ of {parameters.W.nbytes / 2**30:.2f} GiB"
        )
    graph = _graph(onnx, model, parameters)
    proto = onnx.helper.make_model(
        graph,
        producer_name=PRODUCER,
        producer_version=_build_config.version,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    if model.feature_names is not None:
        onnx.helper.set_model_props(proto, {"feature_names": json.dumps(model.feature_names)})
    onnx.checker.check_model(proto, full_check=True)
    contents = proto.SerializeToString(deterministic=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(contents)


def holds_onnx(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one that `save_onnx` wrote: the format's version and the producer stand first."""
    start = bytes([8, IR_VERSION, 18, len(PRODUCER)]) + PRODUCER.encode()
    with open(path, "rb") as file:
        return file.read(len(start)) == start


def _graph(onnx: Any, model: Model, parameters: Affine) -> Any:
    labels = model.classes
    kind = onnx.TensorProto.STRING if labels.dtype == object else onnx.helper.np_dtype_to_tensor_dtype(labels.dtype)
    real = onnx.helper.np_dtype_to_tensor_dtype(parameters.W.dtype)
    n_classes, n_features = parameters.W.shape
    constants = [
        onnx.numpy_helper.from_array(np.ascontiguousarray(values), name)
        for name, values in zip(Affine._fields, parameters, strict=True)
        if values is not None
    ]
    return onnx.helper.make_graph(
        [
            onnx.helper.make_node(node.operator, node.inputs, [node.output], **node.attributes)
            for node in nodes(parameters)
        ],
        "softmax_regression",
        [onnx.helper.make_tensor_value_info("X", real, ["n_samples", n_features])],
        [
            onnx.helper.make_tensor_value_info("label", kind, ["n_samples"]),
            onnx.helper.make_tensor_value_info("probabilities", real, ["n_samples", n_classes]),
        ],
        [*constants, onnx.numpy_helper.from_array(labels, "labels")],
    )
