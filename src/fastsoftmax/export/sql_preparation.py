"""SQL: the features of a table with text and missing cells, an expression for each."""

from ..files.columns import shown
from ..files.preprocessing import Number, Preprocessing, Text
from .sql_words import literal, quoted


def expressions(preparation: Preprocessing) -> list[str]:
    """Return an expression for each feature, in their order; t is the table.

    Text that the fitted table had not is none of the levels, as NULL is where that had no missing cells.

    Raises
    ------
    ValueError
        If a level holds NUL.
    """
    columns = preparation.columns
    for level in (level for column in columns if isinstance(column, Text) for level in column.levels):
        if "\0" in level:
            raise ValueError(f"levels must hold no NUL in SQL, found {shown(level)}")
    numbers = [_number(column) for column in columns if isinstance(column, Number)]
    flags = [_is_null(columns[j].name) for j in preparation.flagged]
    levels: list[str] = []
    for j in preparation.texts:
        text = columns[j]
        assert isinstance(text, Text)
        levels += [_flag(f"t.{quoted(text.name)} = {literal(level)}") for level in text.levels]
        levels += [_is_null(text.name)] if text.missing else []
    return numbers + flags + levels


def _number(column: Number) -> str:
    value = f"COALESCE(t.{quoted(column.name)}, {literal(column.median)})"
    if (column.mean, column.scale) == (0, 1):
        return value
    return f"({value} - {literal(column.mean)}) / {literal(column.scale)}"


def _is_null(name: str) -> str:
    return _flag(f"t.{quoted(name)} IS NULL")


def _flag(condition: str) -> str:
    return f"CASE WHEN {condition} THEN 1 ELSE 0 END"
