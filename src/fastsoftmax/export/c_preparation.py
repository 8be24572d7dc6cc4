"""C: the function that makes features of the cells of a row, text and missing ones among them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..files.preprocessing import Number, Preprocessing, Text
from .affine import moments_of
from .c_words import escaped, lines_of, real_of

DECLARATION = """
/* Make the features x, {name}_n_features numbers, of the cells of a row. Not for -ffast-math, which knows no NaN.
 *
 * numbers: {n_numbers} columns of numbers, NaN where a cell is missing{numbers}
 * texts: {n_texts} columns of text in UTF-8, NULL where a cell is missing{texts}
 */
void {name}_prepare(const {real} *numbers, const char *const *texts, {real} *x);
"""

NUMBERS = """\
static const {real} {name}_medians[{n}] = {{
{medians}
}};

static const {real} {name}_means[{n}] = {{
{means}
}};

static const {real} {name}_scales[{n}] = {{
{scales}
}};
"""

FLAGGED = """\
/* Columns of numbers of which a feature tells where they are missing. */
static const int {name}_flagged[{n}] = {{ {flagged} }};
"""

LEVELS = """\
/* The levels of all columns of text; how many a column has; whether a missing cell is one more. */
static const char *const {name}_levels[{n_levels}] = {{
{levels}
}};

static const int {name}_n_levels[{n}] = {{ {counts} }};

static const int {name}_has_missing[{n}] = {{ {missing} }};
"""

FUNCTION = """\
void {name}_prepare(const {real} *numbers, const char *const *texts, {real} *x) {{
{body}}}
"""

NUMBERS_BODY = """\
    int j;
    for (j = 0; j < {n}; ++j) {{
        const {real} number = numbers[j] != numbers[j] ? {name}_medians[j] : numbers[j];
        *x++ = (number - {name}_means[j]) / {name}_scales[j];
    }}
"""

FLAGGED_BODY = """\
    int j;
    for (j = 0; j < {n}; ++j) {{
        *x++ = ({real})(numbers[{name}_flagged[j]] != numbers[{name}_flagged[j]]);
    }}
"""

LEVELS_BODY = """\
    const char *const *level = {name}_levels;
    int i, k;
    for (i = 0; i < {n}; ++i) {{
        for (k = 0; k < {name}_n_levels[i]; ++k, ++level) {{
            *x++ = ({real})(texts[i] && strcmp(texts[i], *level) == 0);
        }}
        if ({name}_has_missing[i]) {{
            *x++ = ({real})!texts[i];
        }}
    }}
"""


class PreparationInC(NamedTuple):
    """What a file has beside the model."""

    include: str = ""
    declaration: str = ""
    definition: str = ""


def preparation_in_c(preparation: Preprocessing | None, name: str, dtype: np.dtype) -> PreparationInC:
    """Return the parts of a file, empty without a preparation.

    Raises
    ------
    ValueError
        If a level is too long for C, or holds NUL; or a number overflows in the dtype.
    """
    if preparation is None:
        return PreparationInC()
    columns = preparation.columns
    numbers = [column for column in columns if isinstance(column, Number)]
    texts = [column for column in columns if isinstance(column, Text)]
    words = {"name": name, "real": real_of(np.empty(0, dtype))}
    constants, loops = [], []
    if numbers:
        values = {name: lines_of(vector, "    ") for name, vector in moments_of(numbers, dtype).items()}
        constants.append(NUMBERS.format(n=len(numbers), **values, **words))
        loops.append(NUMBERS_BODY.format(n=len(numbers), **words))
    flagged = [place for place, column in enumerate(numbers) if column.missing]
    if flagged:
        constants.append(FLAGGED.format(n=len(flagged), flagged=", ".join(map(str, flagged)), **words))
        loops.append(FLAGGED_BODY.format(n=len(flagged), **words))
    if texts:
        levels = [f'    "{escaped("levels", level)}"' for column in texts for level in column.levels]
        constants.append(
            LEVELS.format(
                n=len(texts),
                n_levels=len(levels),
                levels=",\n".join(levels),
                counts=", ".join(str(len(column.levels)) for column in texts),
                missing=", ".join(str(int(column.missing)) for column in texts),
                **words,
            )
        )
        loops.append(LEVELS_BODY.format(n=len(texts), **words))
    unused = [] if numbers else ["    (void)numbers;\n"]
    unused += [] if texts else ["    (void)texts;\n"]
    # Each loop is a block, with its own declarations.
    body = "".join([*map(_block, loops), *unused])
    declaration = DECLARATION.format(
        n_numbers=len(numbers), n_texts=len(texts), numbers=_listed(numbers), texts=_listed(texts), **words
    )
    definition = "\n".join([*constants, FUNCTION.format(body=body, **words)])
    return PreparationInC("#include <string.h>\n" if texts else "", declaration, f"\n{definition}")


def _block(text: str) -> str:
    """Return a loop as a block of its own."""
    return "    {\n" + "".join(f"    {line}\n" for line in text.splitlines()) + "    }\n"


def _listed(columns: Sequence[Number | Text]) -> str:
    """Return the names of columns in a comment, a line each."""
    return "".join(f"\n *   {place}: {_in_comment(column.name)}" for place, column in enumerate(columns))


def _in_comment(name: str) -> str:
    """Return a name in ASCII that ends no comment."""
    return ascii(name).replace("*/", "* /").replace("/*", "/ *")
