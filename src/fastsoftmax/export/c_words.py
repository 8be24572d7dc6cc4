"""C: names, numbers and strings, as it writes them."""

import re

import numpy as np

from ..files.columns import shown

# Bytes of a string that every compiler of C99 takes.
MOST_LETTERS = 4095

NUMBERS_A_LINE = 8


def check_name(name: str) -> None:
    """Raise ValueError for what names in C cannot begin with."""
    if not isinstance(name, str) or not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name, flags=re.ASCII):
        raise ValueError(f"name must be a name in C: a letter, then letters, digits or underscores; found {name!r}")


def real_of(values: np.ndarray) -> str:
    """Return the type of numbers in C."""
    return "float" if values.dtype == np.float32 else "double"


def lines_of(values: np.ndarray, indent: str) -> str:
    """Return numbers as C writes them, in the fewest digits that give the same number again."""
    suffix = "f" if values.dtype == np.float32 else ""
    numbers = [f"{number}{suffix}" for number in map(str, values)]
    starts = range(0, len(numbers), NUMBERS_A_LINE)
    return ",\n".join(indent + ", ".join(numbers[start : start + NUMBERS_A_LINE]) for start in starts)


def of_vector(name: str, suffix: str, values: np.ndarray, size: str) -> str:
    """Return the definition of a vector, whose length has a name of that suffix."""
    return f"static const {real_of(values)} {name}_{suffix}[{name}_{size}] = {{\n{lines_of(values, '    ')}\n}};"


def of_matrix(name: str, W: np.ndarray, size: str) -> str:
    """Return the definition of W, whose number of rows has a name of that suffix."""
    kind = "signed char" if W.dtype == np.int8 else real_of(W)
    rows = ",\n".join(f"    {{\n{lines_of(row, '        ')}\n    }}" for row in W)
    return f"static const {kind} {name}_W[{name}_{size}][{name}_n_features] = {{\n{rows}\n}};"


def escaped(what: str, text: str) -> str:
    """Return what stands between the quotes of a string in C; bytes beyond ASCII, in UTF-8, are written in octal."""
    letters = text.encode()
    if 0 in letters or len(letters) > MOST_LETTERS:
        raise ValueError(f"{what} must have names of 1 to {MOST_LETTERS} bytes without NUL in C, found {shown(text)}")
    # A question mark may begin a trigraph.
    return "".join(chr(c) if 32 <= c < 127 and c not in b'"\\\\?' else f"\\{c:03o}" for c in letters)
