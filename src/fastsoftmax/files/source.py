"""What every kind of table offers: names, a survey of its columns, and batches of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class Column:
    """What a survey finds.

    Attributes
    ----------
    kind : str
        Arrow's name of the type, or "comma" for numbers with decimal commas.
    missing : int
        Cells that are missing.
    example : object
        A cell of a column that is not of numbers.
    is_byte : bool
        Whether all cells of a column without a type are whole numbers from 0 to 255.
    """

    kind: str
    missing: int = 0
    example: object = None
    is_byte: bool = True


class Survey(NamedTuple):
    """The number of rows, and the columns by name."""

    n_rows: int
    columns: dict[str, Column]


class Source(Protocol):
    """A table that can be read several times.

    Attributes
    ----------
    path : path or str
        For messages.
    names : sequence of str
    members : dict of str to tuple of str
        The names that a column of lists stands for.
    has_types : bool
        Whether the table says of what type its numbers are.
    """

    path: Any
    names: Sequence[str]
    members: dict[str, tuple[str, ...]]
    has_types: bool

    def survey(self, names: Sequence[str]) -> Survey:
        """Look at all cells of some columns."""

    def batches(self, survey: Survey, names: Sequence[str]) -> Iterator["pa.Table"]:
        """Yield the rows of some columns, in order."""
