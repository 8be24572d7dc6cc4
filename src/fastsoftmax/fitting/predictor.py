"""Predictions from one model, again and again."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _kernels
from ..data.arguments import C_TYPE, as_array, as_matrix, as_parameters, check_finite, in_dtype
from ..data.features import AnyMatrix, bind_features
from ..families import SOFTMAX
from ..runtime.arrays import FloatArray
from ..runtime.precision import Precision
from .passes import predict_features


class Predictor:
    """A softmax model that predicts single samples fast, because W is packed once, for all calls.

    Every result has the same bits as `predict_proba` of the same W and b.

    Parameters
    ----------
    W, b : array_like of shape (n_classes, n_features) and (n_classes,)
        Copied: later changes of these arrays have no effect.
    num_threads : int, optional
        For many samples at once; one sample takes one thread.

    Raises
    ------
    ValueError
        If an argument has the wrong shape or type, or W or b holds NaN or infinity.

    Notes
    -----
    X, in all methods, is one sample, (n_features,), or many, (n_samples, n_features), of any kind that `predict_proba`
    takes. float64 is computed with in float64, all others in float32, whatever W is. All methods raise ValueError as
    `predict_proba` does. Any number of Python threads may share a Predictor, and it can be pickled.
    """

    def __init__(self, W: ArrayLike, b: ArrayLike, *, num_threads: int | None = None) -> None:
        W = as_matrix("W", W)
        self._W, self._b = (part.copy() for part in as_parameters(W, b, W.shape[1]))
        check_finite("W", self._W)
        check_finite("b", self._b)
        self._num_threads = num_threads
        # By the dtype of a sample: the model, packed for what is computed in, and the dtype of that.
        self._models: dict[np.dtype[Any], tuple[_kernels.PackedModel, np.dtype[Any]]] = {}

    def predict_proba(self, X: AnyMatrix) -> FloatArray:
        """Probabilities of the classes: (n_classes,) of one sample, (n_samples, n_classes) of many."""
        return self._predict(X, True)

    def decision_function(self, X: AnyMatrix) -> FloatArray:
        """Logits W x + b, of the shapes of `predict_proba`."""
        return self._predict(X, False)

    def predict(self, X: AnyMatrix) -> Any:
        """Index of the likeliest class: a number for one sample, (n_samples,) for many."""
        return self._predict(X, False).argmax(axis=-1)

    def _predict(self, X: AnyMatrix, mean: bool) -> FloatArray:
        if type(X) is np.ndarray and X.ndim == 1:
            found = self._models.get(X.dtype) or self._pack(X.dtype)
            if found is not None:
                model, dtype = found
                out = np.empty(len(self._b), dtype)
                total = model.predict_row(out, X, mean, SOFTMAX.number)
                if total is not None and math.isfinite(total):
                    return out
        # The ordinary pass, which also says what is wrong with a sample.
        single = not hasattr(X, "tocsr") and (array := as_array("X", X)).ndim == 1
        out = predict_features(
            bind_features(array[None] if single else X),
            self._W,
            self._b,
            SOFTMAX,
            mean=mean,
            precision=Precision.EXACT,
            num_threads=self._num_threads,
        )
        return out[0] if single else out

    def _pack(self, stored: np.dtype[Any]) -> tuple[_kernels.PackedModel, np.dtype[Any]] | None:
        """Pack the model for samples that are stored so; None if they are not read as they are."""
        if not stored.isnative or stored.char not in "fdeBb?":
            return None
        dtype = np.dtype(np.float64 if stored.char == "d" else np.float32)
        found = [known for known in self._models.values() if known[1] == dtype]
        if not found:
            model = _kernels.pack[C_TYPE[dtype]](in_dtype(self._W, dtype), in_dtype(self._b, dtype))
            found = [(model, dtype)]
        self._models[stored] = found[0]
        return found[0]

    def __getstate__(self) -> tuple[FloatArray, FloatArray, int | None]:
        return self._W, self._b, self._num_threads

    def __setstate__(self, state: tuple[FloatArray, FloatArray, int | None]) -> None:
        self._W, self._b, self._num_threads = state
        self._models = {}
