"""The levels of a column of text, as codes; and text that is no level: numbers with a fault, dates, names of rows."""

import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .columns import shown

if TYPE_CHECKING:
    import pyarrow as pa

# A column of text with more levels is refused: its features would be too many.
MOST_LEVELS = 10_000

# Up to so many levels a column may have a level a row.
FEW_LEVELS = 20

NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")

# How numbers and dates are written that are read as text: what they are, and what helps.
FORMS = (
    (re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d.*)?\s*"), "dates", ""),
    (re.compile(r"\s*\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*"), "times", ""),
    (
        re.compile(r"\s*[-+]?\d{1,3}([,.' ’]\d{3})+([.,]\d+)?\s*"),
        "numbers with thousands separators",
        "write them without these",
    ),
    (re.compile(r"\s*[-+]?\d+,\d+\s*"), "numbers with decimal commas", "say so (--decimal ,)"),
    (
        re.compile(r"\s*([-+]?[$€£]\s?[-+]?[\d.,]*\d|[-+]?[\d.,]*\d\s?[%€$£])\s*"),
        "numbers with signs of percent or currency",
        "write them without these",
    ),
)


def refuse_dates(place: str, example: object) -> ValueError:
    """Return the error of a column of dates or times."""
    return ValueError(
        f"{place} holds dates or times, such as {shown(example)}; make numbers of them, such as the year or the days "
        "since a first day, or leave the column out (--drop)"
    )


class Levels:
    """Codes of the levels of a column, in the order of their first appearance, or of given levels.

    Parameters
    ----------
    place : str
        Names the column in messages.
    given : sequence of str, optional
        If given, all other text is unseen: −1.
    checked : bool
        Whether text that looks like numbers or dates is refused.
    """

    def __init__(self, place: str, given: Sequence[str] | None = None, *, checked: bool = True) -> None:
        self.place, self.checked, self.fixed = place, checked, given is not None
        self.codes = {level: code for code, level in enumerate(given or ())}
        self.counts: list[int] = []
        self.first_rows: list[int] = []
        self.of_numbers = False
        self.unseen = 0
        self.first_unseen: tuple[str, int] | None = None

    def of(self, column: "pa.ChunkedArray", start: int) -> NDArray[np.float64]:
        """Return the codes of cells, NaN where one is missing; `start` is the number of the first row, from 0."""
        import pyarrow as pa

        array = column.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        words = array.dictionary.to_pylist()
        places = array.indices.fill_null(len(words)).to_numpy(zero_copy_only=False).astype(np.intp)
        present, first, counts = np.unique(places, return_index=True, return_counts=True)
        codes = np.full(len(words) + 1, np.nan)
        for word, row, count in zip(present.tolist(), first.tolist(), counts.tolist(), strict=True):
            if word < len(words) and words[word] is not None:
                codes[word] = self._code(_text(words[word]), start + row, count)
        if not self.fixed and len(self.codes) > MOST_LEVELS:
            if not self.checked or not all(map(NUMBER.fullmatch, self.codes)):
                self.check(start + len(places))
            # So far these are all numbers, and text comes later: forget them until it is found.
            self.of_numbers = True
            self.codes, self.counts, self.first_rows = {}, [], []
        return codes[places]

    def _code(self, level: str, row: int, count: int) -> int:
        if self.fixed:
            code = self.codes.get(level, -1)
            if code < 0:
                self.unseen += count
                self.first_unseen = self.first_unseen or (level, row)
            return code
        code = self.codes.setdefault(level, len(self.codes))
        if code == len(self.counts):
            self.counts.append(0)
            self.first_rows.append(row)
        self.counts[code] += count
        return code

    def check(self, n_rows: int) -> None:
        """Raise ValueError if this is no column of levels: its cells are numbers or dates, or differ in most rows."""
        if self.checked:
            self._check_forms()
        if self.of_numbers:
            raise ValueError(
                f"{self.place} holds more than {MOST_LEVELS} different numbers that are stored as text; convert them, "
                "or leave the column out (--drop)"
            )
        if len(self.codes) <= FEW_LEVELS or (len(self.codes) <= MOST_LEVELS and 2 * len(self.codes) <= n_rows):
            return
        raise ValueError(
            f"{self.place} has {len(self.codes)} different texts in {n_rows} rows, such as "
            f"{shown(next(iter(self.codes)))}: they tell rows apart and say nothing of others; leave it out (--drop), "
            "or keep it beside the predictions (--id)"
        )

    def _check_forms(self) -> None:
        numbers = [bool(NUMBER.fullmatch(level)) for level in self.codes]
        for form, what, remedy in FORMS:
            of_form = [form.fullmatch(level) is not None for level in self.codes]
            of_form = [one and not is_number for one, is_number in zip(of_form, numbers, strict=True)]
            both = [one or other for one, other in zip(of_form, numbers, strict=True)]
            if any(of_form) and self._most(both if remedy else of_form):
                level, row = self._first(of_form)
                if not remedy:
                    raise refuse_dates(self.place, level)
                raise ValueError(
                    f"{self.place} holds {what}, such as {shown(level)} in row {row + 1}; {remedy}, or leave the "
                    "column out (--drop)"
                )
        if self.of_numbers or self._most(numbers):
            self.refuse_text()

    def refuse_text(self) -> None:
        """Raise ValueError if a cell is no number."""
        numbers = [bool(NUMBER.fullmatch(level)) for level in self.codes]
        if not all(numbers):
            level, row = self._first([not is_number for is_number in numbers])
            raise ValueError(no_number(self.place, level, row))

    def _most(self, chosen: list[bool]) -> bool:
        """Whether at least half of the cells have one of these levels."""
        return 2 * sum(count for count, one in zip(self.counts, chosen, strict=True) if one) >= sum(self.counts)

    def _first(self, chosen: list[bool]) -> tuple[str, int]:
        """Return the level of these that comes first, and its row."""
        rows = [(row, level) for row, level, one in zip(self.first_rows, self.codes, chosen, strict=True) if one]
        row, level = min(rows)
        return level, row

    def sorted(self) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Return the levels in the order of text, and the new code of each old one."""
        levels = sorted(self.codes)
        order = np.empty(len(levels))
        order[[self.codes[level] for level in levels]] = np.arange(len(levels))
        return tuple(levels), order


def no_number(place: str, cell: object, row: int) -> str:
    """Return the message about text among numbers; rows count from 0 here, and from 1 in the message."""
    return (
        f"{shown(cell)} in row {row + 1} of {place} is no number; correct it, or say that it marks a missing cell "
        f"(--na {shlex.quote(str(cell))}), or that the column holds names (--text)"
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
