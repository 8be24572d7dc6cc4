"""How a table is read, and which of its columns are what: what the user says about a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .columns import listed, suggestion

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True)
class Reading:
    r"""What is said about a table beside its target.

    Attributes
    ----------
    features : tuple of str, optional
        The columns to learn from, in this order; by default all that have no other role.
    drop : tuple of str
        Columns to leave out; "" is a column without a name.
    weight, offset : str, optional
        The columns of sample weights, not negative, and of offsets of the logits.
    ids : tuple of str
        Columns that name the rows: no features, but kept for whoever writes predictions.
    texts : tuple of str
        Columns whose cells are names, such as postal codes, even where they look like numbers.
    mixed : bool
        Whether text becomes one-hot, and missing cells are imputed. If not, both are refused.
    delimiter : str, optional
        Of a CSV file: "," ";" "\\t" or "|"; found in its header by default.
    encoding : str
        Of a CSV file, by Python's names.
    na : tuple of str
        Further marks of a missing cell in a CSV file, beside those of Arrow: empty, NA, NaN, NULL, N/A and the like.
    decimal : str, optional
        "." or ","; by default "," is accepted in columns of numbers where it does not separate cells.
    """

    features: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    weight: str | None = None
    offset: str | None = None
    ids: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    mixed: bool = False
    delimiter: str | None = None
    encoding: str = "utf-8"
    na: tuple[str, ...] = ()
    decimal: str | None = None

    def __post_init__(self) -> None:
        if self.delimiter is not None and self.delimiter not in DELIMITERS:
            raise ValueError(f"delimiter must be one of {listed(DELIMITERS)}, found {self.delimiter!r}")
        if self.decimal not in (None, ".", ","):
            raise ValueError(f"decimal must be '.' or ',', found {self.decimal!r}")
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(f"encoding must be one that Python knows, found {self.encoding!r}") from None


class Roles(NamedTuple):
    """Which columns of a table are what."""

    features: tuple[str, ...]
    target: str | None
    weight: str | None
    offset: str | None
    ids: tuple[str, ...]

    @classmethod
    def choose(cls, place: Any, names: Sequence[str], target: str | None, reading: Reading) -> "Roles":
        """Return the roles of columns; a column that has no other role is a feature.

        Raises
        ------
        ValueError
            If a column is missing, or has two roles.
        """
        others = {"weight": reading.weight, "offset": reading.offset}
        said = [("target", target), *others.items(), *(("id", name) for name in reading.ids)]
        said += [("drop", name) for name in reading.drop] + [("text", name) for name in reading.texts]
        said += [("features", name) for name in reading.features or ()]
        taken: dict[str, str] = {}
        for role, name in said:
            if name is None:
                continue
            if name not in names:
                raise ValueError(
                    f"{place} has no {'' if role in ('drop', 'text', 'features') else f'{role} '}column "
                    f"{name!r}{suggestion(name, names)}; its columns are {listed(names)}"
                )
            if role == "text":
                continue
            if name in taken and {role, taken[name]} != {"id", "features"}:
                raise ValueError(f"column {name!r} of {place} cannot be both {taken[name]} and {role}")
            taken[name] = role
        features = reading.features
        if features is None:
            features = tuple(name for name in names if name not in taken)
        if not features:
            raise ValueError(f"{place} has no feature columns, only {listed(names)}")
        return cls(features, target, reading.weight, reading.offset, reading.ids)

    @property
    def others(self) -> tuple[str, ...]:
        """The columns beside the features, each once."""
        single = [name for name in (self.target, self.weight, self.offset) if name is not None]
        return tuple(dict.fromkeys([*single, *self.ids]))
