"""A fitted model, and its file in the format safetensors, which holds only numbers and text: loading runs no code."""

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..families import OutputsFamily, as_family
from ..fitting.logits import softmax
from ..runtime.arrays import Float64Array, FloatArray
from .atomic import atomic_path, check_source
from .columns import as_texts, shown
from .model_parts import LinearModel, check_feature_names, check_parameters
from .outputs import Kind
from .preprocessing import Preprocessing
from .regression_model import RegressionModel

FORMAT = "fastsoftmax.model"
# Of a softmax regression; of a model of another family; and of either if a table is prepared for it, or counts features
# from 0. Readers that know earlier versions alone must refuse later ones.
VERSION, REGRESSION, PREPARED = "1", "2", "3"

# Kinds of class labels by NumPy's letter: their type in JSON, its name in messages, and their dtype in arrays.
CLASS_KINDS: dict[str, tuple[type, str, type]] = {
    "b": (bool, "booleans", np.bool_),
    "i": (int, "integers", np.int64),
    "f": (float, "numbers", np.float64),
    "U": (str, "strings", object),
}


@dataclass(frozen=True, eq=False)
class Model(LinearModel):
    """Parameters of a softmax regression, with the names of its classes and features.

    Attributes
    ----------
    W : ndarray of shape (n_classes, n_features), float64
    b : ndarray of shape (n_classes,), float64
    classes : ndarray of shape (n_classes,)
        Booleans, int64, float64 or strings (stored as objects); all different.
    feature_names : tuple of str, optional
        The names of W's columns, if the data had any.
    preprocessing : Preprocessing, optional
        How the features are made of the columns of a table, if they are not its columns.
    counts_from_zero : bool
        Whether .svm files of this model count features from 0.

    Raises
    ------
    ValueError
        If the parts disagree, or W or b holds NaN or infinity.
    """

    classes: NDArray[Any]
    feature_names: tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None
    counts_from_zero: bool = False

    def __post_init__(self) -> None:
        check_parameters(self.W, self.b, 2, "a class")
        if self.classes.ndim != 1:
            raise ValueError(f"classes must have 1 dimensions, found shape {self.classes.shape}")
        n_classes, n_features = self.W.shape
        if len(self.classes) != n_classes:
            raise ValueError(f"W has {n_classes} rows, but there are {len(self.classes)} classes")
        if self.classes.dtype.kind in "UO":
            object.__setattr__(self, "classes", as_texts("classes", self.classes.tolist()))
        elif self.classes.dtype.kind not in CLASS_KINDS:
            raise ValueError(
                f"classes must be booleans, signed integers, floats or strings, found dtype {self.classes.dtype}"
            )
        if self.classes.dtype.kind == "f" and not np.isfinite(self.classes).all():
            raise ValueError("classes hold NaN or infinity")
        values, counts = np.unique(self.classes, return_counts=True)
        if len(values) < n_classes:
            raise ValueError(f"class {shown(values[counts > 1].tolist()[0])} appears more than once")
        check_feature_names(self.feature_names, n_features, self.preprocessing)

    def predict_proba(self, X: ArrayLike, *, num_threads: int | None = None) -> FloatArray:
        """Probabilities of the classes, (n_samples, n_classes)."""
        return softmax(self.logits(X, num_threads=num_threads))

    def predict(self, X: ArrayLike, *, num_threads: int | None = None) -> NDArray[Any]:
        """Return the likeliest class of every sample, (n_samples,)."""
        # Compare logits: probabilities near one would round to ties.
        return self.classes[self.logits(X, num_threads=num_threads).argmax(axis=1)]


def save_model(
    path: str | os.PathLike[str], model: Model | RegressionModel, about: dict[str, Any] | None = None
) -> None:
    """Write a model to a file, whole or not at all; equal models make equal files.

    Parameters
    ----------
    path : path
    model : Model or RegressionModel
    about : dict, optional
        How the model was fitted, for people: values that JSON has, which `load_about` reads.

    Raises
    ------
    OSError, ValueError
        If the file cannot be written there.
    """
    from safetensors.numpy import save

    metadata = {"format": FORMAT, "feature_names": json.dumps(model.feature_names), **_metadata(model)}
    if about is not None:
        metadata["about"] = json.dumps(about)
    tensors = {"W": np.ascontiguousarray(model.W), "b": np.ascontiguousarray(model.b)}
    contents = _in_order(save(tensors, metadata))
    with atomic_path(path) as temporary:
        temporary.write_bytes(contents)


def _metadata(model: Model | RegressionModel) -> dict[str, str]:
    """Return the version, and what that version tells."""
    if isinstance(model, RegressionModel):
        metadata = {"version": REGRESSION, "family": str(model.family), "link": model.family.link}
    else:
        kind = "U" if model.classes.dtype == object else model.classes.dtype.kind
        metadata = {"version": VERSION, "classes_kind": kind, "classes": json.dumps(model.classes.tolist())}
    if model.preprocessing is not None:
        metadata |= {"version": PREPARED, "preprocessing": model.preprocessing.to_json()}
    if model.counts_from_zero:
        metadata |= {"version": PREPARED, "counts_from_zero": "true"}
    return metadata


def _in_order(contents: bytes) -> bytes:
    """Return a safetensors file with its header sorted by name; the writer's own order changes from call to call."""
    start = 8 + int.from_bytes(contents[:8], "little")
    header = json.dumps(json.loads(contents[8:start]), sort_keys=True, separators=(",", ":")).encode()
    # The format requires that the numbers begin at a multiple of 8 bytes.
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + contents[start:]


def holds_model(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a model, of any version."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except (SafetensorError, OSError):
        return False


MODEL = Kind("a model that fastsoftmax wrote", holds_model)


def load_model(path: str | os.PathLike[str]) -> Model | RegressionModel:
    """Read a model that `save_model` wrote.

    Raises
    ------
    FileNotFoundError, PermissionError
        If there is no such file, or no permission to read it.
    ValueError
        If the file is not a complete and consistent model; the message names the path and the fault.
    """
    from safetensors import SafetensorError, safe_open

    check_source(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            _check_version(metadata)
            known: NDArray[Any] | OutputsFamily
            of_family = metadata["version"] == REGRESSION or "family" in metadata
            known = _read_family(metadata) if of_family else _read_classes(metadata)
            parts = _read_preparation(metadata)
            feature_names = _read_feature_names(metadata)
            W, b = _read_tensors(file)
        if isinstance(known, OutputsFamily):
            return RegressionModel(W, b, known, feature_names, **parts)
        return Model(W, b, known, feature_names, **parts)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a model file, or is damaged: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path} is not a valid model file: {error}") from None


def load_about(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what a model file tells of the fit; empty if it tells nothing. Errors as of `load_model`."""
    from safetensors import SafetensorError, safe_open

    check_source(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is not a model file, or is damaged: {error}") from None
    about = _from_json(metadata, "about") if "about" in metadata else {}
    if not isinstance(about, dict):
        raise ValueError(f"{path} is not a valid model file: about must be an object, found {type(about).__name__}")
    return about


def load_classifier(path: str | os.PathLike[str]) -> Model:
    """Read a softmax regression; errors as of `load_model`, and for a model of another family."""
    model = load_model(path)
    if isinstance(model, RegressionModel):
        raise ValueError(f"{path} must hold a softmax regression, found one of family {str(model.family)!r}")
    return model


def _check_version(metadata: dict[str, str]) -> None:
    if metadata.get("format") != FORMAT:
        raise ValueError(f"its format must be {FORMAT!r}, found {metadata.get('format')!r}")
    if metadata.get("version") not in (VERSION, REGRESSION, PREPARED):
        raise ValueError(
            f"its version must be {VERSION!r}, {REGRESSION!r} or {PREPARED!r}, which are what this fastsoftmax reads, "
            f"found {metadata.get('version')!r}"
        )


def _read_family(metadata: dict[str, str]) -> OutputsFamily:
    family = as_family(metadata.get("family"), metadata.get("link"))
    if not isinstance(family, OutputsFamily):
        raise ValueError(f"family must be another one than {family.name!r} in a file of version {REGRESSION!r}")
    return family


def _read_preparation(metadata: dict[str, str]) -> dict[str, Any]:
    """Return how features are made of tables: arguments of the models."""
    if metadata["version"] != PREPARED:
        return {}
    preprocessing = None
    if "preprocessing" in metadata:
        try:
            preprocessing = Preprocessing.from_json(_from_json(metadata, "preprocessing"))
        except ValueError as error:
            raise ValueError(f"preprocessing: {error}") from None
    counts_from_zero = metadata.get("counts_from_zero", "false")
    if counts_from_zero not in ("true", "false"):
        raise ValueError(f"counts_from_zero must be true or false, found {counts_from_zero!r}")
    return {"preprocessing": preprocessing, "counts_from_zero": counts_from_zero == "true"}


def _read_feature_names(metadata: dict[str, str]) -> tuple[str, ...] | None:
    names = _from_json(metadata, "feature_names")
    if names is not None and not isinstance(names, list):
        raise ValueError(f"feature_names must be null or a list, found {type(names).__name__}")
    return None if names is None else tuple(names)


def _read_classes(metadata: dict[str, str]) -> NDArray[Any]:
    kind = metadata.get("classes_kind")
    if kind not in CLASS_KINDS:
        raise ValueError(f"classes_kind must be one of {', '.join(CLASS_KINDS)}, found {kind!r}")
    values = _from_json(metadata, "classes")
    expected, in_words, dtype = CLASS_KINDS[kind]
    # Compare the exact type: in Python, True is an integer too.
    if not isinstance(values, list) or any(type(value) is not expected for value in values):
        raise ValueError(f"classes must be a list of {in_words}, as classes_kind says")
    try:
        return np.array(values, dtype)
    except OverflowError as error:
        raise ValueError(f"classes cannot be represented: {error}") from None


def _from_json(metadata: dict[str, str], key: str) -> object:
    if key not in metadata:
        raise ValueError(f"it has no {key}")
    try:
        return json.loads(metadata[key])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{key} is not valid JSON: {error}") from None


def _read_tensors(file: Any) -> tuple[Float64Array, Float64Array]:
    names = sorted(file.keys())
    if names != ["W", "b"]:
        raise ValueError(f"it must hold the tensors W and b, found {', '.join(names) or 'none'}")
    for name in names:
        # Check before reading: NumPy lacks some dtypes of the format.
        dtype = file.get_slice(name).get_dtype()
        if dtype != "F64":
            raise ValueError(f"{name} must be F64, found {dtype}")
    return file.get_tensor("W"), file.get_tensor("b")
