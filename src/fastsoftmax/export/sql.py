"""SQL: one SELECT that predicts for every row of a table."""

import os
from collections import Counter
from collections.abc import Sequence

from .. import _build_config
from ..files.atomic import atomic_path
from ..files.columns import shown
from ..files.data_file import PREDICTION, PROBABILITY
from ..files.model_file import Model
from ..files.regression_model import RegressionModel
from .sql_preparation import expressions
from .sql_words import in_brackets, literal, quoted

# How a file begins, so that it is known again.
MARK = "-- Exported by fastsoftmax"

# Below this, exp rounds a logit's share of the sum to zero or nearly so; some databases raise an error instead.
LEAST_EXPONENT = -700

FRAME = """\
{mark} {version}: softmax regression, {n_classes} classes, {n_features} features.
-- For each row of the table, in its order: the likeliest class, and the probability of each class. {null}
WITH
fastsoftmax_model (k, intercept, {weights}) AS (
  VALUES
{rows}
),
fastsoftmax_samples AS (
  SELECT ROW_NUMBER() OVER () AS i, {inputs}
  FROM {table} AS t
),
fastsoftmax_logits AS (
  SELECT i, {keys}k,
    intercept
{terms} AS logit
  FROM fastsoftmax_samples CROSS JOIN fastsoftmax_model
),
fastsoftmax_tops AS (
  SELECT i, {keys}k, logit, MAX(logit) OVER (PARTITION BY i) AS top
  FROM fastsoftmax_logits
),
fastsoftmax_shares AS (
  SELECT i, {keys}k,
    MIN(CASE WHEN logit = top THEN k END) OVER (PARTITION BY i) AS best,
    CASE WHEN logit - top < {least} THEN 0e0 ELSE EXP(logit - top) END AS share
  FROM fastsoftmax_tops
)
SELECT
{outputs}
FROM fastsoftmax_shares
GROUP BY i, {keys}best
ORDER BY i
"""


def select(model: Model, table: str | Sequence[str], columns: str | Sequence[str]) -> str:
    """Return a SELECT that predicts for every row of a table.

    Parameters
    ----------
    model : Model
        Its features are columns of the table, "x0", "x1", … where they have no names.
    table : str or sequence of str
        A name, or the names of a schema and of a table in it.
    columns : sequence of str
        Columns of the table that the result has too, in front.

    Raises
    ------
    ValueError
        If a name is empty, not a string or holds NUL, or if two columns of the result would have one name.
    """
    n_classes, n_features = model.W.shape
    features, columns, place = check_table(model, table, columns)
    probabilities = _names("classes_", [f"{PROBABILITY}{label}" for label in model.classes.tolist()])
    check_outputs([*columns, PREDICTION, *probabilities])
    inputs = [f"t.{quoted(name)} AS key{c}" for c, name in enumerate(columns)]
    inputs += [f"{feature} AS x{j}" for j, feature in enumerate(features)]
    outputs = [f"key{c} AS {quoted(name)}" for c, name in enumerate(columns)]
    cases = " ".join(f"WHEN {k} THEN {literal(label)}" for k, label in enumerate(model.classes.tolist()))
    outputs += [f"CASE best {cases} END AS {quoted(PREDICTION)}"]
    outputs += [
        f"MAX(CASE WHEN k = {k} THEN share END) / SUM(share) AS {quoted(name)}" for k, name in enumerate(probabilities)
    ]
    return FRAME.format(
        mark=MARK,
        version=_build_config.version,
        null=null_rule(model, "They are"),
        n_classes=n_classes,
        n_features=n_features,
        weights=", ".join(f"w{j}" for j in range(n_features)),
        rows=",\n".join(
            f"  ({k}, {literal(intercept)}, {', '.join(map(literal, row))})"
            for k, (intercept, row) in enumerate(zip(model.b.tolist(), model.W.tolist(), strict=True))
        ),
        inputs=", ".join(inputs),
        table=place,
        keys="".join(f"key{c}, " for c in range(len(columns))),
        terms=in_brackets([f"x{j} * w{j}" for j in range(n_features)]),
        least=LEAST_EXPONENT,
        outputs=",\n".join(f"  {text}" for text in outputs),
    )


def save_sql(path: str | os.PathLike[str], statement: str) -> None:
    """Write a statement to a file, whole or not at all.

    Raises
    ------
    OSError, ValueError
        If the file cannot be written there.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(statement, encoding="utf-8", newline="\n")


def check_table(
    model: Model | RegressionModel, table: str | Sequence[str], columns: str | Sequence[str]
) -> tuple[list[str], list[str], str]:
    """Return the features as expressions of a table t, the columns to keep, and the table's name in SQL.

    Raises
    ------
    ValueError
        If one of the names is none.
    """
    named = model.feature_names
    if model.preprocessing is not None:
        named = tuple(column.name for column in model.preprocessing.columns)
    names = _names("feature_names_in_", [f"x{j}" for j in range(model.n_features)] if named is None else named)
    kept, path = _names("columns", columns), _names("table", table)
    if not path:
        raise ValueError("table must be a name, or names of which the last is the table's, found ()")
    # A qualified name is a column or an error. SQLite takes another one that is no column for a string.
    features = [f"t.{quoted(name)}" for name in names]
    if model.preprocessing is not None:
        features = expressions(model.preprocessing)
    return features, kept, ".".join(map(quoted, path))


def null_rule(model: Model | RegressionModel, subject: str) -> str:
    """Return what NULL does, a comment."""
    if model.preprocessing is None:
        return f"{subject} NULL where\n-- a feature is NULL."
    unseen = "text that the fit had not seen is none of its levels"
    return f"Text and missing\n-- cells (NULL) are prepared as for the fit; {unseen}."


def check_outputs(names: Sequence[str]) -> None:
    """Raise ValueError if two columns of the result would have one name."""
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(f"columns must not have the name of another column of the result, found {shown(name)}")


def holds_sql(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one that `save_sql` wrote."""
    with open(path, "rb") as file:
        return file.read(len(MARK)) == MARK.encode()


def _names(argument: str, names: str | Sequence[str]) -> list[str]:
    """Return names, or one name as a list."""
    listed = [names] if isinstance(names, str) else list(names)
    for name in listed:
        if not isinstance(name, str) or not name or "\0" in name:
            raise ValueError(
                f"{argument} must be names, strings that are not empty and hold no NUL, found {shown(name)}"
            )
    return listed
