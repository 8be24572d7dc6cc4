"""Tables as people have them for scikit-learn's pipelines."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..files.arrow_source import ArrowSource, as_arrow
from ..files.cells import Cells
from ..files.codes import Codes, design, place_of, prepare, read_codes
from ..files.columns import check_names, listed, refuse_missing
from ..files.preprocessing import Number, Preprocessing
from ..files.reading import Reading
from ..runtime.override import override
from .bound import set_features


class TablePreprocessor(TransformerMixin, BaseEstimator):
    """Make features of the columns of a table: numbers, one-hot text, and where cells are missing.

    The work is done by scikit-learn's `ColumnTransformer`, `SimpleImputer`, `MissingIndicator`, `OneHotEncoder` and
    `StandardScaler`. No formula says what is done, but the types of the columns:

    - numbers stay; a missing cell becomes the median, and a further feature tells where that was;
    - booleans are 0 and 1, or levels if cells are missing;
    - text and categories become a feature for each level, in order; a missing cell is a level of its own;
    - a level that `fit` has not seen is none of the levels: zeros in all of them. `unseen_` counts such cells;
    - a column all of whose cells are missing or equal is left out, and named in `preprocessing_.left_out`;
    - dates, and text that is numbers with a fault, are refused by name.

    Parameters
    ----------
    standardize : bool
        Whether numbers get mean 0 and standard deviation 1.
    missing : {"impute", "refuse"}
        Whether `fit` and `transform` raise for a missing cell.
    texts : sequence of str
        Columns of text whose cells may look like numbers or dates, such as postal codes.
    sparse : bool, optional
        Whether features are a sparse matrix. By default they are if that is much smaller, and large.

    Attributes
    ----------
    preprocessing_ : Preprocessing
        Medians and levels: plain data, as model files hold it.
    transformer_ : sklearn.compose.ColumnTransformer
        Of a matrix of numbers and codes of levels.
    unseen_ : dict of str to int
        Cells of the last table of `transform` by column, if they hold a level that `fit` has not seen.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Of a table with names.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> import fastsoftmax as fs
    >>> model = make_pipeline(fs.TablePreprocessor(standardize=True), fs.SoftmaxRegression())
    """

    def __init__(
        self, *, standardize: bool = False, missing: str = "impute", texts: Any = (), sparse: bool | None = None
    ) -> None:
        self.standardize = standardize
        self.missing = missing
        self.texts = texts
        self.sparse = sparse

    def fit(self, X: Any, y: Any = None) -> "TablePreprocessor":
        """Find medians and levels.

        Parameters
        ----------
        X : table of shape (n_samples, n_columns)
            Of pandas, polars, Arrow or DuckDB, or whatever narwhals knows; or a matrix.
        y : ignored

        Raises
        ------
        ValueError
            If a column holds dates, or text that is numbers with a fault, or is not of one type.
        """
        self._fit(X)
        return self

    @override
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        return self._design(self._fit(X))

    def transform(self, X: Any) -> Any:
        """Return the features of a table.

        Parameters
        ----------
        X : table of shape (n_samples, n_columns)
            With the columns of the fitted table, in any order; others are ignored. A matrix must have as many columns.

        Returns
        -------
        ndarray or scipy.sparse.csr_matrix of shape (n_samples, n_features), float64

        Raises
        ------
        ValueError
            If a column is missing, or text stands where the fitted table had numbers.
        """
        check_is_fitted(self)
        table = as_arrow("X", X)
        if not _has_names(X):
            if table.num_columns != self.n_features_in_:
                raise ValueError(
                    f"X has {table.num_columns} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                    "features as input"
                )
            table = table.rename_columns(self._columns)
        codes = self._codes(ArrowSource("X", table), self.preprocessing_)
        self.unseen_: dict[str, int] = {name: levels.unseen for name, levels in codes.levels.items() if levels.unseen}
        return self._design(codes.cells)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the features: that of a column, "column=level", "column is missing".

        Parameters
        ----------
        input_features : sequence of str, optional
            None, or the names of the fitted columns.
        """
        check_is_fitted(self)
        if input_features is not None and list(input_features) != self._columns:
            raise ValueError(f"input_features is not equal to feature_names_in_, found {listed(input_features)}")
        return np.array(self.preprocessing_.feature_names, dtype=object)

    @override
    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing == "impute"
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    @classmethod
    def from_preprocessing(cls, preprocessing: Preprocessing) -> "TablePreprocessor":
        """Return a fitted preprocessor of what a model file holds, `load_model(path).preprocessing`."""
        standardize = any(isinstance(column, Number) and column.scale != 1 for column in preprocessing.columns)
        fitted = cls(standardize=standardize)
        fitted.n_features_in_ = len(preprocessing.columns) + len(preprocessing.left_out)
        fitted._columns = [column.name for column in preprocessing.columns] + list(preprocessing.left_out)
        fitted.feature_names_in_ = np.array(fitted._columns, dtype=object)
        fitted._keep(preprocessing)
        return fitted

    def _fit(self, X: Any) -> Cells:
        """Fit, and return the cells of the columns that matter."""
        if self.missing not in ("impute", "refuse"):
            raise ValueError(f"missing must be 'impute' or 'refuse', found {self.missing!r}")
        source = ArrowSource("X", as_arrow("X", X))
        self._columns = list(source.names)
        check_names("X", self._columns)
        unknown = [name for name in self.texts if name not in self._columns]
        if unknown:
            raise ValueError(
                f"texts must name columns of X, found {unknown[0]!r}; its columns are {listed(self._columns)}"
            )
        if not source.table.num_rows or not self._columns:
            shape = np.shape(X) or (source.table.num_rows, len(self._columns))
            what = "sample(s)" if self._columns else "feature(s)"
            raise ValueError(f"Found array with 0 {what} (shape={shape}) while a minimum of 1 is required.")
        codes = self._codes(source, None)
        set_features(self, len(self._columns), self._columns if _has_names(X) else None)
        preprocessing, cells = prepare(source, codes, self._columns, standardize=self.standardize)
        self._keep(preprocessing)
        return cells

    def _codes(self, source: ArrowSource, known: Preprocessing | None) -> Codes:
        names = self._columns if known is None else [column.name for column in known.columns]
        lacking = [name for name in names if name not in source.names]
        if lacking:
            raise ValueError(
                f"X lacks {listed(lacking)} of the columns that were fitted; it has {listed(source.names)}"
            )
        codes = read_codes(source, source.survey(names), names, (), Reading(texts=tuple(self.texts)), known)
        if self.missing == "refuse":
            for j, name in enumerate(names):
                refuse_missing(place_of(source, name), codes.cells.is_missing(j))
        return codes

    def _keep(self, preprocessing: Preprocessing) -> None:
        self.preprocessing_ = preprocessing
        self.transformer_ = preprocessing.transformer()
        self.unseen_ = {}

    def _design(self, cells: Cells) -> Any:
        return design(self.preprocessing_, cells, sparse=self.sparse, dtype=np.float64)


def _has_names(X: Any) -> bool:
    """Whether X is a table; asked of its class, since a lazy table would look for its names."""
    return any(hasattr(type(X), name) for name in ("columns", "column_names", "schema"))
