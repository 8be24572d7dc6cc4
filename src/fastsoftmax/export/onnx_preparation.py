"""ONNX: from the columns of a table, text and missing cells among them, to the features."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..files.preprocessing import Number, Preprocessing, Text
from .affine import Affine, moments_of

# Of the operators of machine learning, which OneHotEncoder of text belongs to.
ML_DOMAIN, ML_OPSET = "ai.onnx.ml", 2

# How the tensors begin that are made here: columns may have any other name.
OWN = "prepared/"


class Node(NamedTuple):
    """An operator of the graph; tensors are known by their names."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any] = MappingProxyType({})
    domain: str = ""


class Graph(NamedTuple):
    """A part of a graph: inputs, each (n_samples, n) of text or numbers; operators, and constants by name."""

    inputs: list[Any]
    nodes: list[Node]
    constants: dict[str, np.ndarray]


def reals(onnx: Any, name: str, dtype: np.dtype, n_columns: int) -> Any:
    """Return what ONNX knows of a matrix of numbers with a row for each sample."""
    real = onnx.helper.np_dtype_to_tensor_dtype(dtype)
    return onnx.helper.make_tensor_value_info(name, real, ["n_samples", n_columns])


def features(onnx: Any, parameters: Affine, preparation: Preprocessing | None) -> Graph:
    """Return the graph that ends in X: its only input, if nothing is prepared; else one input for each column.

    A missing number is NaN, and missing text the empty string.
    """
    dtype = parameters.W.dtype
    if preparation is None:
        return Graph([reals(onnx, "X", dtype, parameters.W.shape[1])], [], {})
    columns = preparation.columns
    numbers = [column for column in columns if isinstance(column, Number)]
    real = onnx.helper.np_dtype_to_tensor_dtype(dtype)
    nodes, parts = [], []
    constants: dict[str, np.ndarray] = {}
    if numbers:
        constants |= {f"{OWN}{name}": values for name, values in moments_of(numbers, dtype).items()}
        nodes += [
            _node("Concat", tuple(column.name for column in numbers), "cells", axis=1),
            _node("IsNaN", (f"{OWN}cells",), "is_missing"),
            _node("Where", (f"{OWN}is_missing", f"{OWN}medians", f"{OWN}cells"), "imputed"),
            _node("Sub", (f"{OWN}imputed", f"{OWN}means"), "differences"),
            _node("Div", (f"{OWN}differences", f"{OWN}scales"), "numbers"),
        ]
        parts.append("numbers")
    flagged = [place for place, column in enumerate(numbers) if column.missing]
    if flagged:
        constants[f"{OWN}flagged"] = np.array(flagged, np.int64)
        nodes += [
            _node("Gather", (f"{OWN}is_missing", f"{OWN}flagged"), "missing", axis=1),
            _node("Cast", (f"{OWN}missing",), "flags", to=real),
        ]
        parts.append("flags")
    for j in preparation.texts:
        text = columns[j]
        assert isinstance(text, Text)
        levels = [level.encode() for level in (*text.levels, *([""] if text.missing else []))]
        known = {"cats_strings": levels, "zeros": 1}
        nodes += [
            Node("OneHotEncoder", (text.name,), f"{OWN}encoded_{j}", known, ML_DOMAIN),
            _node("Flatten", (f"{OWN}encoded_{j}",), f"flat_{j}", axis=1),
            _node("Cast", (f"{OWN}flat_{j}",), f"levels_{j}", to=real),
        ]
        parts.append(f"levels_{j}")
    end = _node("Concat", tuple(f"{OWN}{part}" for part in parts), "X", axis=1)
    return Graph([_input(onnx, column, dtype) for column in columns], [*nodes, end], constants)


def _node(operator: str, inputs: tuple[str, ...], output: str, **attributes: int) -> Node:
    return Node(operator, inputs, f"{OWN}{output}", attributes)


def _input(onnx: Any, column: Number | Text, dtype: np.dtype) -> Any:
    if isinstance(column, Number):
        return reals(onnx, column.name, dtype, 1)
    return onnx.helper.make_tensor_value_info(column.name, onnx.TensorProto.STRING, ["n_samples", 1])
