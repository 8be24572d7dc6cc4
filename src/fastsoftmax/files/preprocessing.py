"""What is done to the columns of a table before they are features: data, of which scikit-learn's transformers are made.

A column of numbers stays one: its median stands where cells are missing, and a second column tells where that was. A
column of text becomes a column of zeros and ones for each level, of which a missing cell is one if the fitted table had
any. Text that the fitted table had not is none of the levels: zeros in all of them.
"""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import shown


@dataclass(frozen=True)
class Number:
    """A column of numbers or booleans.

    Attributes
    ----------
    name : str
    median : float
        Of the cells that are not missing.
    missing : bool
        Whether the fitted table had missing cells here.
    mean, scale : float
        What is subtracted after that, and what the rest is divided by.
    """

    name: str
    median: float
    missing: bool = False
    mean: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        numbers = self.median, self.mean, self.scale
        if not all(type(number) is float and math.isfinite(number) for number in numbers) or self.scale <= 0:
            raise ValueError(f"column {shown(self.name)} must have a finite median, mean and scale, found {numbers}")

    @property
    def names(self) -> list[str]:
        """The name of the feature."""
        return [self.name]


@dataclass(frozen=True)
class Text:
    """A column of text.

    Attributes
    ----------
    name : str
    levels : tuple of str
        All that the fitted table had, in order.
    missing : bool
        Whether the fitted table had missing cells here.
    """

    name: str
    levels: tuple[str, ...]
    missing: bool = False

    def __post_init__(self) -> None:
        if not self.levels or not all(isinstance(level, str) for level in self.levels):
            raise ValueError(f"column {shown(self.name)} must have levels, all of them text")
        if len(set(self.levels)) < len(self.levels):
            raise ValueError(f"column {shown(self.name)} has a level twice")

    @property
    def codes(self) -> NDArray[np.float64]:
        """The number of each level, and NaN if a missing cell is one."""
        return np.array([*range(len(self.levels)), *([math.nan] if self.missing else [])])

    @property
    def names(self) -> list[str]:
        """The names of the features."""
        names = [f"{self.name}={level}" for level in self.levels]
        return [*names, *([missing_name(self.name)] if self.missing else [])]


def missing_name(column: str) -> str:
    """Return the name of the feature that tells where a column has no value."""
    return f"{column} is missing"


@dataclass(frozen=True)
class Preprocessing:
    """Columns of a table, in the order of their codes: what `fastsoftmax.files.codes` makes of the cells.

    Attributes
    ----------
    columns : tuple of Number or Text
    left_out : tuple of str
        Columns of the fitted table that tell nothing: all cells are missing, or all are equal.

    Raises
    ------
    ValueError
        If there is no column, or two features have the same name.
    """

    columns: tuple[Number | Text, ...]
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.columns:
            raise ValueError(
                f"no column tells anything: in {', '.join(map(shown, self.left_out))} all cells are missing, or equal"
            )
        names = self.feature_names
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two features would have the name {shown(twice)}; rename a column")

    @property
    def numbers(self) -> list[int]:
        """Places of the columns of numbers."""
        return [j for j, column in enumerate(self.columns) if isinstance(column, Number)]

    @property
    def flagged(self) -> list[int]:
        """Places of the columns of numbers that had missing cells."""
        return [j for j, column in enumerate(self.columns) if isinstance(column, Number) and column.missing]

    @property
    def texts(self) -> list[int]:
        """Places of the columns of text."""
        return [j for j, column in enumerate(self.columns) if isinstance(column, Text)]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features in their order: numbers, where these were missing, levels."""
        names = [self.columns[j].name for j in self.numbers]
        names += [missing_name(self.columns[j].name) for j in self.flagged]
        return (*names, *(name for j in self.texts for name in self.columns[j].names))

    def transformer(self, *, sparse: bool = False) -> Any:
        """Return scikit-learn's `ColumnTransformer` of codes (n_samples, n_columns), fitted.

        It is fitted to two rows that have just these medians and levels, so that no more than data is kept of it.
        """
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import MissingIndicator, SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        numbers = [column for column in self.columns if isinstance(column, Number)]
        steps: list[tuple[str, Any, list[int]]] = []
        if numbers:
            steps.append(("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), self.numbers))
        if self.flagged:
            steps.append(("missing", MissingIndicator(features="all"), self.flagged))
        if self.texts:
            levels = [column.codes for column in self.columns if isinstance(column, Text)]
            encoder = OneHotEncoder(categories=levels, handle_unknown="ignore", sparse_output=sparse)
            steps.append(("levels", encoder, self.texts))
        rows = np.array([column.median if isinstance(column, Number) else 0.0 for column in self.columns])
        transformer = ColumnTransformer(steps, sparse_threshold=1.0 if sparse else 0.0)
        transformer.fit(np.vstack([rows, rows]))
        if numbers:
            scaler = transformer.named_transformers_["numbers"][-1]
            scaler.mean_ = np.array([column.mean for column in numbers])
            scaler.scale_ = np.array([column.scale for column in numbers])
            scaler.var_ = scaler.scale_**2
        return transformer

    def to_json(self) -> str:
        """Return this as text."""
        columns = [{"kind": type(column).__name__.lower(), **asdict(column)} for column in self.columns]
        return json.dumps({"columns": columns, "left_out": self.left_out}, sort_keys=True)

    @classmethod
    def from_json(cls, values: Any) -> "Preprocessing":
        """Return what `to_json` wrote, of the parsed text; raise ValueError if it is not of that form."""
        if not isinstance(values, dict) or set(values) != {"columns", "left_out"}:
            raise ValueError("it must have columns and left_out")
        if not all(isinstance(part, list) for part in values.values()):
            raise ValueError("columns and left_out must be lists")
        if not all(isinstance(name, str) for name in values["left_out"]):
            raise ValueError("left_out must hold names")
        return cls(tuple(map(_column, values["columns"])), tuple(values["left_out"]))


def _column(values: Any) -> Number | Text:
    kinds: dict[object, type[Number | Text]] = {"number": Number, "text": Text}
    kind = kinds.get(values.get("kind")) if isinstance(values, dict) else None
    if kind is None:
        raise ValueError(f"a column must be of kind number or text, found {shown(values)}")
    parts = {name: value for name, value in values.items() if name != "kind"}
    fields = set(kind.__dataclass_fields__)
    if set(parts) != fields:
        raise ValueError(f"a column must have {', '.join(sorted(fields))}, found {shown(values)}")
    if not isinstance(parts["name"], str) or not isinstance(parts["missing"], bool):
        raise ValueError(f"a column must have a name and whether cells were missing, found {shown(values)}")
    if "levels" in parts:
        if not isinstance(parts["levels"], list):
            raise ValueError(f"levels must be a list, found {shown(values)}")
        parts["levels"] = tuple(parts["levels"])
    return kind(**parts)
