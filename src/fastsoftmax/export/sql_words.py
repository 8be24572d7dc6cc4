"""SQL: names, numbers and sums, as it writes them."""

from collections.abc import Sequence

# Terms of a sum in one pair of brackets: databases limit how deep expressions may be, SQLite to 1,000.
TERMS = 32


def in_brackets(terms: Sequence[str]) -> str:
    """Return a sum of terms, some in each pair of brackets."""
    sums = [" + ".join(terms[start : start + TERMS]) for start in range(0, len(terms), TERMS)]
    return "\n".join(f"    + ({text})" for text in sums)


def quoted(name: str) -> str:
    """Return a name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: bool | float | str) -> str:
    """Return a class or a number in SQL; floats with an exponent, which makes them floating-point numbers."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return str(value).upper()
    text = repr(value)
    return f"{text}e0" if isinstance(value, float) and "e" not in text else text
