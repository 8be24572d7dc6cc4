"""SQL: one SELECT that gives the means of a regression for every row of a table."""

from collections.abc import Sequence

from .. import _build_config
from ..files.regression_model import RegressionModel
from .inverse_links import INVERSE_LINKS
from .sql import MARK, check_outputs, check_table, null_rule
from .sql_words import in_brackets, literal, quoted

MEAN = "mean"

FRAME = """\
{mark} {version}: {family} regression, {n_features} features; outputs: {n_outputs}.
-- For each row of the table, in its order: the mean of each output. {null}
WITH
fastsoftmax_samples AS (
  SELECT ROW_NUMBER() OVER () AS i, {inputs}
  FROM {table} AS t
),
fastsoftmax_logits AS (
  SELECT {keys}i,
{logits}
  FROM fastsoftmax_samples
)
SELECT
{outputs}
FROM fastsoftmax_logits
ORDER BY i
"""


def select_means(model: RegressionModel, table: str | Sequence[str], columns: str | Sequence[str]) -> str:
    """Return a SELECT of the means for every row of a table: "mean", or "mean_0", "mean_1", … of several outputs.

    Parameters and errors are those of `fastsoftmax.export.sql.select`.
    """
    n_outputs, n_features = model.W.shape
    means = [MEAN] if n_outputs == 1 else [f"{MEAN}_{k}" for k in range(n_outputs)]
    features, kept, place = check_table(model, table, columns)
    check_outputs([*kept, *means])
    inputs = [f"t.{quoted(name)} AS key{c}" for c, name in enumerate(kept)]
    inputs += [f"{feature} AS x{j}" for j, feature in enumerate(features)]
    logits = []
    for k, (row, intercept) in enumerate(zip(model.W.tolist(), model.b.tolist(), strict=True)):
        sums = in_brackets([f"x{j} * {literal(weight)}" for j, weight in enumerate(row)])
        logits.append(f"    {literal(intercept)}\n{sums} AS z{k}")
    outputs = [f"key{c} AS {quoted(name)}" for c, name in enumerate(kept)]
    mean_of = INVERSE_LINKS[model.family.link].sql
    outputs += [f"{mean_of.format(z=f'z{k}')} AS {quoted(name)}" for k, name in enumerate(means)]
    return FRAME.format(
        mark=MARK,
        version=_build_config.version,
        family=str(model.family),
        null=null_rule(model, "It is"),
        n_outputs=n_outputs,
        n_features=n_features,
        inputs=", ".join(inputs),
        table=place,
        keys="".join(f"key{c}, " for c in range(len(kept))),
        logits=",\n".join(logits),
        outputs=",\n".join(f"  {text}" for text in outputs),
    )
