"""MultilabelRegression: a logistic regression for each label, all of them in one pass."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from ..data.arguments import refuse_masked
from ..export.sklearn import logistic_regression
from ..families import Bernoulli, OutputsFamily
from ..files.regression_model import RegressionModel
from ..leaves import Labels, is_chunks
from .generalized_linear import GeneralizedLinearModel, serves_streams
from .sklearn_input import as_local, check_labels


@dataclass(kw_only=True, eq=False, repr=False)
class MultilabelRegression(ClassifierMixin, GeneralizedLinearModel):
    """A logistic regression for each column of an indicator matrix, or for each class against all others.

    What ``OneVsRestClassifier(LogisticRegression())`` fits, with a penalty of alpha = 1/(C · n_samples); all outputs
    share each pass over X. The parameters are those of `PoissonRegression`, but for the default of alpha.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels; of indicators the numbers of the columns.
    coef_ : ndarray of shape (n_classes, n_features), or (1, n_features) for two classes
    intercept_ : ndarray of shape (n_classes,), or (1,)
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
    result_ : FitResult
    """

    alpha: float = 1e-4

    def _family(self) -> OutputsFamily:
        return Bernoulli()

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "MultilabelRegression":
        """Fit to indicators, (n_samples, n_labels) of 0 and 1, or to labels, (n_samples,); or to Chunks that hold them.

        Raises
        ------
        ValueError
            If an argument has the wrong shape, type or values.
        KeyboardInterrupt
            On Ctrl-C. The fitted attributes then hold the best coefficients so far.
        """
        self._validate_params()
        if is_chunks(X):
            loss = self._fit_chunks(X, Labels(_check_labels), y=y, sample_weight=sample_weight)
            classes = loss.binding.classes
            self._know("y", np.eye(loss.n_outputs, dtype=np.intp) if classes is None else classes)
            return self
        X = self._validate_X(X, reset=True)
        y = self._as_labels(y)
        self._know("y", y)
        self._fit_targets(X, self._indicators(y), self._checked_weights(sample_weight, X), None)
        return self

    @available_if(serves_streams)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> "MultilabelRegression":
        """Take one epoch of mini-batch steps over a part of the data, as `PoissonRegression.partial_fit` does.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`; labels may lack some of the classes.
        classes : array_like of shape (n_classes,), optional
            All labels that may ever come. Required in the first call if y holds labels.

        Raises
        ------
        ValueError
            If an argument has the wrong shape, type or values.
        """
        self._validate_params()
        first = not hasattr(self, "coef_")
        X = self._validate_X(X, reset=first)
        y = self._as_labels(y)
        if classes is not None:
            classes = np.unique(column_or_1d(as_local("classes", classes)))
        if first:
            if y.ndim == 1 and classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit, found None")
            self._know("classes", y if classes is None or y.ndim == 2 else classes)
        if classes is not None and not np.array_equal(classes, self.classes_):
            known = self.classes_.tolist()
            raise ValueError(f"classes must be {known!r}, those of y or of the call before, found {classes.tolist()!r}")
        self._fit_part(X, self._indicators(y), self._checked_weights(sample_weight, X), None)
        return self

    def _as_labels(self, y: Any) -> np.ndarray:
        """Return indicators, (n_samples, n_labels), or labels, (n_samples,)."""
        refuse_masked("y", y)
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        y = np.asarray(as_local("y", y))
        if y.ndim == 1 or y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
            check_labels("y", y)
        check_classification_targets(y)
        return y

    def _know(self, name: str, y: np.ndarray) -> None:
        """Take the classes from labels, or from indicators."""
        self._binarizer = LabelBinarizer().fit(y)
        self.classes_ = self._binarizer.classes_
        if len(self.classes_) < 2 and y.ndim == 1:
            found = self.classes_.tolist()[0]
            raise ValueError(f"{name} must hold at least two classes, found one class only: {found!r}")

    def _indicators(self, y: np.ndarray) -> np.ndarray:
        if y.ndim != (2 if self._is_multilabel else 1) or (y.ndim == 2 and y.shape[1] != len(self.classes_)):
            kind = f"a column for each of {len(self.classes_)} labels" if self._is_multilabel else "a label a sample"
            raise ValueError(f"y must hold {kind}, as before, found shape {y.shape}")
        unknown = np.setdiff1d(y, self.classes_) if y.ndim == 1 else y[:0]
        if len(unknown):
            raise ValueError(f"y must hold the classes {self.classes_.tolist()!r}, found {unknown.tolist()[0]!r}")
        return self._binarizer.transform(y).astype(np.float32)

    def decision_function(self, X: Any) -> np.ndarray:
        """Log-odds of the labels, (n_samples, n_classes); for two classes those of the second, (n_samples,)."""
        logits = self._logits(X)
        return logits if self._is_multilabel or logits.shape[1] > 1 else logits[:, 0]

    def predict(self, X: Any) -> np.ndarray:
        """Return indicators where y was some, of a probability above ½, else the likeliest class of every sample."""
        scores = self.decision_function(X)
        return self._binarizer.inverse_transform(scores, threshold=0)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each label, (n_samples, n_classes); of classes, scaled to sum to one."""
        means = self._means(X)
        if self._is_multilabel:
            return means
        if means.shape[1] == 1:
            return np.hstack([1 - means, means])
        return means / means.sum(axis=1, keepdims=True)

    def to_sklearn(self) -> OneVsRestClassifier:
        """Return scikit-learn's OneVsRestClassifier of LogisticRegression with the coefficients of this classifier."""
        check_is_fitted(self)
        W, b = self._coefficients()
        parameters = {
            "C": 1 / (self.alpha * self._stream.weight) if self.alpha else np.inf,
            **{name: getattr(self, name) for name in ("fit_intercept", "tol", "max_iter")},
        }
        fitted = OneVsRestClassifier(LogisticRegression(**parameters))
        ones = [
            logistic_regression(parameters, w[None], intercept[None], np.array([0, 1]), self.n_iter_, None)
            for w, intercept in zip(W, b, strict=True)
        ]
        binarizer = deepcopy(self._binarizer).set_params(sparse_output=True)
        fitted.estimators_, fitted.label_binarizer_, fitted.classes_ = ones, binarizer, self.classes_.copy()
        fitted.n_features_in_ = self.n_features_in_
        if hasattr(self, "feature_names_in_"):
            fitted.feature_names_in_ = self.feature_names_in_.copy()
        return fitted

    def _model(self) -> RegressionModel:
        model = super()._model()
        if not self._is_multilabel:
            raise ValueError(
                "labels of classes leave Python by to_sklearn, or from SoftmaxRegression, found no indicators"
            )
        return model

    @property
    def _is_multilabel(self) -> bool:
        return self._binarizer.y_type_.startswith("multilabel")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _check_labels(y: np.ndarray) -> None:
    """Raise ValueError for a part of y that holds neither labels, (n,), nor indicators, (n, n_labels)."""
    if y.ndim == 1:
        check_labels("y", y)
        check_classification_targets(y)
    elif y.ndim != 2 or y.shape[1] < 2 or not np.isin(y, (0, 1)).all():
        raise ValueError(
            f"y must hold labels, or 0 and 1 in a column for each of several labels, found shape {y.shape}"
        )
