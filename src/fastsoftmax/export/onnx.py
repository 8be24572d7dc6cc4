"""ONNX: the graph of a softmax regression, W (x − center) + b, softmax and argmax, or of the mean of a regression."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import _build_config
from ..files.atomic import atomic_path
from ..files.model_file import Model
from ..files.regression_model import RegressionModel
from ..runtime.arrays import Float64Array
from .affine import Affine, affine
from .inverse_links import INVERSE_LINKS
from .onnx_preparation import ML_DOMAIN, ML_OPSET, OWN, Node, features, reals

# The first operator set whose Softmax is over one axis, and the version of the format that came with it.
OPSET, IR_VERSION = 13, 7

PRODUCER = "fastsoftmax"

# Protocol buffers are at most 2 GiB; graph and labels need some of it.
MOST_BYTES = 2**31 - 2**24


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
        reals(onnx, "probabilities", parameters.W.dtype, len(labels)),
    ]
    _write(onnx, path, "softmax_regression", model, parameters, nodes(parameters), outputs, {"labels": labels})


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
    outputs = [reals(onnx, "mean", parameters.W.dtype, len(parameters.W))]
    name = f"{model.family.name}_regression".replace("-", "_")
    _write(onnx, path, name, model, parameters, graph, outputs, {})


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


def _write(
    onnx: Any,
    path: str | os.PathLike[str],
    name: str,
    model: Model | RegressionModel,
    parameters: Affine,
    graph_nodes: Sequence[Node],
    outputs: Sequence[Any],
    constants: Mapping[str, Any],
) -> None:
    prepared = features(onnx, parameters, model.preprocessing)
    # Where columns are inputs, all that is neither an input nor an output begins so that it has the name of none.
    own = "" if model.preprocessing is None else OWN
    shown = {output.name for output in outputs}
    all_nodes = list(prepared.nodes)
    for node in graph_nodes:
        output = node.output if node.output in shown else own + node.output
        all_nodes.append(node._replace(inputs=tuple(own + name for name in node.inputs), output=output))
    for place in prepared.inputs:
        if place.name in shown:
            raise ValueError(f"columns must not be named {', '.join(sorted(shown))} in ONNX, found {place.name!r}")
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node(node.operator, node.inputs, [node.output], domain=node.domain, **node.attributes)
            for node in all_nodes
        ],
        name,
        prepared.inputs,
        outputs,
        [
            *(onnx.numpy_helper.from_array(values, constant) for constant, values in prepared.constants.items()),
            *(
                onnx.numpy_helper.from_array(np.ascontiguousarray(values), own + constant)
                for constant, values in (*zip(Affine._fields, parameters, strict=True), *constants.items())
                if values is not None
            ),
        ],
    )
    proto = onnx.helper.make_model(
        graph,
        producer_name=PRODUCER,
        producer_version=_build_config.version,
        opset_imports=[
            onnx.helper.make_opsetid("", OPSET),
            *([] if model.preprocessing is None else [onnx.helper.make_opsetid(ML_DOMAIN, ML_OPSET)]),
        ],
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
