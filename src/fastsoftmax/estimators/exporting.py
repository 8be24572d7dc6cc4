"""How the classifiers leave Python: as ONNX, C, SQL, or scikit-learn's own class."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..export.affine import Affine, DtypeName, affine
from ..export.c import save_c
from ..export.onnx import save_onnx
from ..export.sklearn import logistic_regression
from ..export.sql import select
from ..files.columns import as_labels
from ..files.model_file import Model
from ..runtime.arrays import Float64Array
from .classifier import SoftmaxClassifier, rows_of

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

# Parameters that mean the same in LogisticRegression; C and l1_ratio are those of the fit.
SHARED = ("tol", "fit_intercept", "class_weight", "max_iter")


class ExportableClassifier(SoftmaxClassifier):
    """A classifier with exports, which predict as it does."""

    def to_onnx(self, path: str | os.PathLike[str], *, dtype: DtypeName | None = None) -> None:
        """Write the classifier as ONNX, operator set 13; equal classifiers make equal files.

        Input "X", (n_samples, n_features); outputs "label", (n_samples,), of the type of the classes, and
        "probabilities", (n_samples, n_classes), of the type of X.

        Parameters
        ----------
        path : path
        dtype : {"float32", "float64"}, optional
            Of X and of all that is computed. The dtype of coef_ by default: float64 if the classifier was fitted to
            float64, else float32. X of another dtype, such as bytes, must be converted by the caller.

        Raises
        ------
        ImportError
            If the package onnx is missing.
        OSError, ValueError
            If the file cannot be written there, dtype is none of these, or the classifier is too large for ONNX.
        """
        model = self._model()
        computed = self._coefficients()[0].dtype.name if dtype is None else dtype
        save_onnx(path, model, center=self._features_center(), dtype=computed)

    def to_c(
        self,
        path: str | os.PathLike[str],
        *,
        dtype: Literal["float32", "float64", "int8"] = "float32",
        name: str = "model",
        X: Any = None,
        y: Any = None,
    ) -> None:
        """Write the classifier as one file of C99, which is valid C++ too; equal classifiers make equal files.

        It defines ``int NAME_predict(const float *x)``, the number of the class, ``void NAME_predict_proba(const float
        *x, float *probabilities)`` and ``NAME_labels``; with "float64", double takes the place of float.

        Parameters
        ----------
        path : path
        dtype : {"float32", "float64", "int8"}
            Of the weights. "int8" rounds them to 255 steps, with a scale for each class.
        name : str
            What the names in the file begin with.
        X : array_like, frame or sparse matrix of shape (n_samples, n_features), optional
            Samples on which to measure what "int8" loses; a comment at the top of the file tells it. Without them, the
            comment bounds the error of the weights and says that nothing was measured.
        y : array_like of shape (n_samples,), optional
            Their labels.

        Raises
        ------
        OSError, ValueError
            If the file cannot be written there, or an argument is none that is served.
        """
        model, labels = self._model(), None
        if X is not None and y is not None:
            X = self._validate_X(X, reset=False)
            labels, _ = self._encode(y, X.shape[0], self.classes_)
            if labels.ndim != 1:
                raise ValueError(f"y must hold a label for each sample, found shape {labels.shape}")
        elif y is not None:
            labels = y
        save_c(path, model, center=self._features_center(), dtype=dtype, name=name, X=X, labels=labels)

    def to_sql(self, table: str | Sequence[str], *, columns: str | Sequence[str] = ()) -> str:
        """Return one SELECT that predicts for every row of a table, in standard SQL; it runs in SQLite 3.35 or later.

        The result has the columns "prediction" and "probability_CLASS" for each class, in the order of the table's
        rows. A row in which a feature is NULL has NULL in all of them. Everything is computed in double precision.

        Parameters
        ----------
        table : str or sequence of str
            The table's name, or the names of a schema and of a table in it. Its columns have the names in
            feature_names_in_, or x0, x1, … if there are none.
        columns : str or sequence of str
            Columns of the table that the result has too, in front.

        Raises
        ------
        ValueError
            If a name is empty, not a string or holds NUL, or if two columns of the result would have one name.
        """
        return select(self._model(), table, columns)

    def to_sklearn(self) -> "LogisticRegression":
        """Return scikit-learn's LogisticRegression with the coefficients of this classifier.

        It takes the parameters that it has in common with this classifier. What only this one has (`standardize`,
        `penalty_factor`, its solvers) is in the coefficients, but a new fit would not know it.
        """
        check_is_fitted(self)
        coef, intercept = self._coefficients()
        if self._features_center() is not None:
            # Without a center, float32 would lose the digits that the estimator keeps.
            coef = coef.astype(np.float64)
        l1_ratio = float(self.l1_ratio_ if hasattr(self, "l1_ratio_") else self.l1_ratio)
        parameters = {name: getattr(self, name) for name in SHARED}
        parameters |= {"C": float(self.C_ if hasattr(self, "C_") else self.C), "l1_ratio": l1_ratio}
        parameters["solver"] = "saga" if l1_ratio else "lbfgs"
        n_iter = int(np.max(self.n_iter_))
        return logistic_regression(
            parameters, coef, intercept, self.classes_, n_iter, getattr(self, "feature_names_in_", None)
        )

    def _model(self) -> Model:
        """Return W and b in float64, one row per class, with the names of classes and features."""
        check_is_fitted(self)
        coef, intercept = self._coefficients()
        W, b = rows_of(coef.astype(np.float64), intercept.astype(np.float64))
        names = getattr(self, "feature_names_in_", None)
        return Model(W, b, as_labels("classes_", np.asarray(self.classes_)), None if names is None else tuple(names))

    def _saved_model(self) -> Model:
        return self._model()

    def _features_center(self) -> Float64Array | None:
        """Return what predictions subtract from dense features before the product, (n_features,)."""
        return getattr(self, "_center", None)

    def _parameters_in(self, dtype: str) -> Affine:
        return affine(self._model(), self._features_center(), dtype)
