"""What the scikit-learn classifiers share: checks of their data, predictions, coefficients."""

import math
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from ..data.arguments import refuse_masked
from ..data.samples import as_offset
from ..families import SOFTMAX
from ..fitting.logits import log_softmax, softmax
from ..fitting.passes import decision_function
from ..fitting.predictor import Predictor
from ..penalties import ElasticNet, as_bounds
from ..runtime.vectors import project
from .base import LinearEstimator
from .sklearn_input import as_local, as_logits, as_weights, check_labels, classes_of, weights_of_classes


class SoftmaxClassifier(ClassifierMixin, LinearEstimator):
    """A softmax regression that predicts from its coefficients; the subclass fits them."""

    # Whether a fit computes the duality gap without an L1 penalty, too.
    _certify = False

    def decision_function(self, X: Any, offset: Any = None) -> np.ndarray:
        """Logits, (n_samples, n_classes); for two classes the log-odds of the second, (n_samples,).

        Parameters
        ----------
        X : array_like, frame or sparse matrix of shape (n_samples, n_features)
        offset : array_like of shape (n_samples, n_classes), optional
            Added to the logits, as in `fit`; for two classes it may be log-odds, (n_samples,).
        """
        check_is_fitted(self)
        X = self._validate_X(X, reset=False)
        center = getattr(self, "_center", None) if isinstance(X, np.ndarray) else None
        coef, intercept = self._coefficients()
        never = np.isneginf(intercept)  # classes that are ruled out
        finite = np.where(never, 0, intercept) if never.any() else intercept
        logits = decision_function(X, coef, finite, center=center, num_threads=self._num_threads())
        logits[:, never] = -np.inf
        n_classes = len(self.classes_)
        added = as_offset(as_logits(offset, n_classes), (len(logits), n_classes), logits.dtype)
        if added is not None:
            SOFTMAX.check_offset(added)
            logits += added[:, 1:] - added[:, :1] if logits.shape[1] == 1 else added
        return logits.ravel() if logits.shape[1] == 1 else logits

    def predict_proba(self, X: Any, offset: Any = None) -> np.ndarray:
        """Probabilities of the classes, (n_samples, n_classes), columns in the order of classes_."""
        return softmax(self._class_logits(X, offset))

    def predict_log_proba(self, X: Any, offset: Any = None) -> np.ndarray:
        """Logarithms of `predict_proba`, (n_samples, n_classes), exact even where a probability rounds to zero."""
        return log_softmax(self._class_logits(X, offset))

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:
        """Return the likeliest class of every sample, (n_samples,)."""
        scores = self.decision_function(X, offset)
        best = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[best]

    def predictor(self) -> Predictor:
        """Return a `Predictor` of the coefficients as they are now, which predicts single samples fast.

        Its columns and class indices are in the order of classes_. It copies the coefficients: the methods of the
        estimator use none, since coef_ may be changed in place. With `standardize`, they subtract the means of the
        features from X, so that float32 rounds less; a Predictor does not. A class that is ruled out, with an intercept
        of −∞, raises ValueError.
        """
        check_is_fitted(self)
        coef, intercept = self._coefficients()
        return Predictor(*rows_of(coef, intercept), num_threads=self._num_threads())

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """Return the share of samples whose likeliest class is right."""
        y, sample_weight = as_local("y", y), as_local("sample_weight", sample_weight)
        return float(accuracy_score(y, self.predict(X, offset), sample_weight=sample_weight))

    def _class_logits(self, X: Any, offset: Any = None) -> np.ndarray:
        """Logits with a column for each class, even for two classes."""
        scores = self.decision_function(X, offset)
        if scores.ndim > 1:
            return scores
        # An offset may rule a class out: +∞ is no logit, but −∞ of the other class is.
        return np.minimum(np.column_stack([-0.5 * scores, 0.5 * scores]), np.finfo(scores.dtype).max)

    def _encode(self, y: Any, n_samples: int, known: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the targets as `fit` takes them, and the classes: the known ones, or else all that are found in y."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        refuse_masked("y", y)
        y = as_local("y", y)
        values = np.asarray(y)
        if values.ndim == 2 and values.shape[1] > 1:
            columns = np.arange(values.shape[1])
            if known is not None and not np.array_equal(known, columns):
                raise ValueError(
                    f"y must have a column for each of the classes {known.tolist()!r}, found {values.shape}"
                )
            return values, columns
        check_labels("y", values.ravel())
        if values.dtype.kind == "T":  # NumPy's StringDType, which scikit-learn does not know
            y = values.astype(object)
        if type(y) is not np.ndarray or y.ndim != 1 or y.dtype.kind not in "biuf":
            y = column_or_1d(y, warn=True)
        are_integers = y.dtype.kind in "biu"
        if not are_integers:
            with np.errstate(invalid="ignore", over="ignore"):  # scikit-learn casts all floats to integers and back
                check_classification_targets(y)
        if len(y) != n_samples:
            raise ValueError(
                "Found input variables with inconsistent numbers of samples: "
                f"y must have one label for each of the {n_samples} samples, found {len(y)}"
            )
        classes, labels = classes_of(y)
        if are_integers and 2 * len(classes) > len(y):
            check_classification_targets(y)  # which warns: integers are labels, but so many may be numbers
        if known is not None:
            unknown = classes[~np.isin(classes, known)]
            if len(unknown):
                raise ValueError(f"y must hold the classes {known.tolist()!r}, found {unknown[0]!r}")
            return np.searchsorted(known, classes)[labels], known
        if len(classes) < 2:
            raise ValueError(f"y must hold at least two classes, found one class only: {classes[0]!r}")
        return labels, classes

    def _weights(
        self, sample_weight: Any, X: np.ndarray, targets: np.ndarray, classes: np.ndarray
    ) -> np.ndarray | None:
        refuse_masked("sample_weight", sample_weight)
        if sample_weight is not None:
            sample_weight = as_weights(sample_weight, X)
            if not sample_weight.any():
                raise ValueError("sample_weight must not be zero for all samples")
        if self.class_weight is None:
            return sample_weight
        if targets.ndim == 2:
            raise ValueError("class_weight must be None where y holds probabilities; weigh their columns instead")
        weights = weights_of_classes(self.class_weight, classes, targets, sample_weight)[targets]
        if sample_weight is not None:
            with np.errstate(over="ignore", under="ignore"):
                weights = sample_weight * weights
        if not (weights.any() and np.isfinite(weights).all()):
            raise ValueError(
                f"class_weight must leave finite weights to the samples, not all zero, found {self.class_weight!r}"
            )
        return weights


def fitted_attributes(
    W: np.ndarray,
    b: np.ndarray,
    n_iter: int,
    classes: np.ndarray,
    dtype: np.dtype,
    center: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return the fitted attributes that `predict` needs; b is the logits at x = center, or at x = 0 without a center.

    With a center, intercept_ is float64 and belongs to the rounded coef_: rounding then changes no logit at the center.
    """
    coef, intercept = coefficients_of(W, b)
    coef = coef.astype(dtype)
    return {
        "classes_": classes,
        "n_iter_": np.array([n_iter], dtype=np.int32),
        "coef_": coef,
        "intercept_": intercept.astype(dtype) if center is None else intercept - project(coef, center),
        "_center": center,
    }


def total_of(weights: np.ndarray) -> float:
    """Return the sum of finite weights.

    Raises
    ------
    ValueError
        If it overflows.
    """
    with np.errstate(over="ignore"):
        total = float(weights.sum())
    if total == np.inf:
        raise ValueError(f"sample_weight must have a finite sum, found weights of up to {weights.max()}")
    return total


def penalty_of(C: float, l1_ratio: float, total_weight: float, n_classes: int, group: str | None = None) -> ElasticNet:
    """Return the strengths, for the mean loss, of the penalty that equals scikit-learn's C and l1_ratio.

    Raises
    ------
    ValueError
        If l1 or l2 overflows.
    """
    # A softmax of two rows ±w/2 is the logistic regression of w: ½‖w‖² = ½ · 2 · (‖w/2‖² + ‖w/2‖²), and
    # ‖w‖₁ = ‖w/2‖₁ + ‖w/2‖₁. A group of the two is of norm |w|/√2.
    rows_share_penalty = 2 if n_classes == 2 else 1
    norm_of_rows = math.sqrt(2) if n_classes == 2 and group is not None else 1.0
    inverse = float(C) * float(total_weight)
    strength = 1 / inverse if inverse else np.inf
    if rows_share_penalty * strength == np.inf:
        raise ValueError(f"C must not be so small that 1/(C · Σ sample_weight) overflows, found {C} · {total_weight}")
    return ElasticNet(l2=(1 - l1_ratio) * rows_share_penalty * strength, l1=l1_ratio * norm_of_rows * strength)


def bounds_of(bounds: Any, n_classes: int, n_features: int) -> Any:
    """Return bounds of coef_ as bounds of W, which for two classes has the rows ±coef_/2.

    Raises
    ------
    ValueError
        If they have the wrong shape, type or values.
    """
    if bounds is None:
        return None
    lower, upper = as_bounds(bounds, (1 if n_classes == 2 else n_classes, n_features))
    if n_classes > 2:
        return lower, upper
    return np.vstack([-upper, lower]) / 2, np.vstack([-lower, upper]) / 2


def coefficients_of(W: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return W and b in scikit-learn's form: one row for two classes, the second less the first."""
    return (W[1:] - W[:1], b[1:] - b[:1]) if len(W) == 2 else (W, b)


def rows_of(coef: np.ndarray, intercept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return parameters with one row per class: the inverse of `coefficients_of`."""
    if len(coef) > 1:
        return coef, intercept
    return np.vstack([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2
