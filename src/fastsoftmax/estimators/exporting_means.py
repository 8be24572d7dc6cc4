"""How the estimators of the families leave Python: the mean of y as ONNX, C or SQL."""

import os
from collections.abc import Sequence

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..export.affine import DtypeName
from ..export.c_means import save_c_means
from ..export.onnx import save_onnx_means
from ..export.sql_means import select_means
from ..families import OutputsFamily
from ..files.regression_model import RegressionModel
from .base import LinearEstimator


class ExportableMeans(LinearEstimator):
    """An estimator whose exports give the means of y that it predicts, without an offset."""

    _fitted_family: OutputsFamily

    def to_onnx(self, path: str | os.PathLike[str], *, dtype: DtypeName | None = None) -> None:
        """Write the means as ONNX, operator set 13; equal models make equal files.

        Input "X", (n_samples, n_features); output "mean", (n_samples, n_outputs), of the type of X.

        Parameters
        ----------
        path : path
        dtype : {"float32", "float64"}, optional
            Of X and of all that is computed. The dtype of coef_ by default.

        Raises
        ------
        ImportError
            If the package onnx is missing.
        OSError, ValueError
            If the file cannot be written there, dtype is none of these, or the model is too large for ONNX.
        """
        model = self._model()
        save_onnx_means(path, model, dtype=self._coefficients()[0].dtype.name if dtype is None else dtype)

    def to_c(self, path: str | os.PathLike[str], *, dtype: DtypeName = "float32", name: str = "model") -> None:
        """Write the means as one file of C99, which is valid C++ too; equal models make equal files.

        It defines ``void NAME_predict(const float *x, float *means)``; with "float64", double takes the place of float.

        Parameters
        ----------
        path : path
        dtype : {"float32", "float64"}
            Of the weights.
        name : str
            What the names in the file begin with.

        Raises
        ------
        OSError, ValueError
            If the file cannot be written there, or an argument is none that is served.
        """
        save_c_means(path, self._model(), dtype=dtype, name=name)

    def to_sql(self, table: str | Sequence[str], *, columns: str | Sequence[str] = ()) -> str:
        """Return one SELECT of the means for every row of a table, in standard SQL; it runs in SQLite 3.35 or later.

        The result has the column "mean", or "mean_0", "mean_1", … of several outputs, in the order of the table's rows.
        A row in which a feature is NULL has NULL there. Everything is computed in double precision.

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
        return select_means(self._model(), table, columns)

    def _model(self) -> RegressionModel:
        """Return W and b in float64, one row per output, with the names of features."""
        check_is_fitted(self)
        W, b = (part.astype(np.float64) for part in self._coefficients())
        names = getattr(self, "feature_names_in_", None)
        return RegressionModel(W, b, self._fitted_family, None if names is None else tuple(names))
