"""ONNX: the graph of a softmax regression, W (x − center) + b, softmax and argmax, or of the mean of a regression."""

import json
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from .. import _build_config
from ..files.atomic import atomic_path
from ..files.model_file import Model
from ..files.regression_model import RegressionModel
from ..runtime.arrays import Float64Array
from .affine import Affine, affine
from .inverse_links import INVERSE_LINKS

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
    onnx = _onnx()
    parameters = _that_fit(affine(model, center, dtype))
    labels = model.classes
    kind = onnx.TensorProto.STRING if labels.dtype == object else onnx.helper.np_dtype_to_tensor_dtype(labels.dtype)
    outputs = [
        onnx.helper.make_tensor_value_info("label", kind, ["n_samples"]),
        _reals(onnx, "probabilities", parameters, len(labels)),
    ]
    constants = [onnx.numpy_helper.from_array(labels, "labels")]
    _write(onnx, path, "softmax_regression", model.feature_names, parameters, nodes(parameters), outputs, constants)


def save_onnx_means(path: str | os.PathLike[str], model: RegressionModel, *, dtype: str) -> None:
    """Write a regression as ONNX: from the input "X" to the output "mean", (n_samples, n_outputs).

    Errors are those of `save_onnx`.
    """
    onnx = _onnx()
    parameters = _that_fit(affine(model, None, dtype))
    inverse = INVERSE_LINKS[model.family.link].onnx
    graph = [Node("Gemm", ("X", "W", "b"), "logits" if inverse else "mean", {"transB": 1})]
    if inverse:
        graph.append(Node(inverse, ("logits",), "mean"))
    outputs = [_reals(onnx, "mean", parameters, len(parameters.W))]
    name = f"{model.family.name}_regression".replace("-", "_")
    _write(onnx, path, name, model.feature_names, parameters, graph, outputs, [])


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            'ONNX needs the package onnx: pip install onnx, or pip install ".[onnx]" in the checkout of fastsoftmax'
        ) from error
    return onnx


def _that_fit(parameters: Affine) -> Affine:
    """Return the parameters; raise ValueError if they are too large for the format."""
    if parameters.W.nbytes > MOST_BYTES:
        raise ValueError(
            f"the model must take less than 2 GiB in ONNX, found coef_ of {parameters.W.nbytes / 2**30:.2f} GiB"
        )
    return parameters


def _reals(onnx: Any, name: str, parameters: Affine, n_columns: int) -> Any:
    """Return what ONNX knows of a matrix with a row for each sample, of the parameters' dtype."""
    real = onnx.helper.np_dtype_to_tensor_dtype(parameters.W.dtype)
    return onnx.helper.make_tensor_value_info(name, real, ["n_samples", n_columns])


def _write(
    onnx: Any,
    path: str | os.PathLike[str],
    name: str,
    feature_names: Sequence[str] | None,
    parameters: Affine,
    graph_nodes: Sequence[Node],
    outputs: Sequence[Any],
    constants: Sequence[Any],
) -> None:
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(node.operator, node.inputs, [node.output], **node.attributes) for node in graph_nodes],
        name,
        [_reals(onnx, "X", parameters, parameters.W.shape[1])],
        outputs,
        [
            *(
                onnx.numpy_helper.from_array(np.ascontiguousarray(values), constant)
                for constant, values in zip(Affine._fields, parameters, strict=True)
                if values is not None
            ),
            *constants,
        ],
    )
    proto = onnx.helper.make_model(
        graph,
        producer_name=PRODUCER,
        producer_version=_build_config.version,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    if feature_names is not None:
        onnx.helper.set_model_props(proto, {"feature_names": json.dumps(feature_names)})
    onnx.checker.check_model(proto, full_check=True)
    contents = proto.SerializeToString(deterministic=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(contents)


def holds_onnx(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one that `save_onnx` wrote: the format's version and the producer stand first."""
    start = bytes([8, IR_VERSION, 18, len(PRODUCER)]) + PRODUCER.encode()
    with open(path, "rb") as file:
        return file.read(len(start)) == start
