"""The command show: what a model is, and how it was fitted."""

from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table as Grid
from rich.text import Text

from ..files.columns import listed
from ..files.model_file import Model, load_about, load_model
from ..files.regression_model import RegressionModel
from .names import distinct
from .options import FITTED, JSON
from .output import Report
from .reports import two_columns
from .wording import plain

NAME = 22


def show_command(
    model: FITTED,
    *,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="Coefficients of each class.")] = 5,
    label: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="CLASS", help="Only of this class; may come several times."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Show a model: classes, strongest coefficients, how it was fitted."""
    report = Report(as_json)
    fitted, about = load_model(model), load_about(model)
    outputs = _outputs(fitted)
    rows = np.arange(len(outputs))
    if label:
        for wanted in label:
            if wanted not in outputs:
                raise ValueError(f"--class must be one of: {listed(outputs)}; found {wanted!r}")
        rows = np.array([outputs.index(wanted) for wanted in label])
    strongest = [_strongest(fitted, k, top) for k in rows.tolist()]
    report.tell(
        family="softmax" if isinstance(fitted, Model) else str(fitted.family),
        classes=fitted.classes if isinstance(fitted, Model) else None,
        features=fitted.n_features,
        feature_names=fitted.feature_names,
        zero_weights=float(np.mean(fitted.W == 0)),
        strongest=[
            {"class": outputs[k], "intercept": fitted.b[k], "coefficients": dict(pairs)}
            for k, pairs in zip(rows.tolist(), strongest, strict=True)
        ],
        about=about,
    )
    report.show(two_columns(_description(fitted, about)))
    report.heading("Strongest coefficients, for one unit of the feature")
    report.show(_grid([outputs[k] for k in rows.tolist()], fitted.b[rows], strongest))
    report.close()


def _outputs(fitted: Model | RegressionModel) -> list[str]:
    """Return a name for each row of W."""
    if isinstance(fitted, Model):
        return [str(label) for label in fitted.classes.tolist()]
    return ["target"] if len(fitted.W) == 1 else [str(k + 1) for k in range(len(fitted.W))]


def _strongest(fitted: Model | RegressionModel, k: int, top: int) -> list[tuple[str, float]]:
    """Return names and values of the weights that are largest in absolute value, without zeros."""
    order = np.argsort(-np.abs(fitted.W[k]), kind="stable")[:top]
    names = fitted.feature_names
    return [
        (str(j + 1) if names is None else names[j], float(fitted.W[k, j])) for j in order.tolist() if fitted.W[k, j]
    ]


def _description(fitted: Model | RegressionModel, about: dict[str, Any]) -> dict[str, str]:
    """Return what a model is, in words."""
    zeros = float(np.mean(fitted.W == 0))
    words = {}
    if isinstance(fitted, Model):
        words["classes"] = f"{len(fitted.classes)}: {listed(fitted.classes.tolist())}"
    else:
        words["family"] = f"{fitted.family}, link {fitted.family.link}"
    named = "" if fitted.feature_names is None else f": {listed(list(fitted.feature_names))}"
    words["features"] = f"{fitted.n_features}{named}"
    words["weights"] = f"{fitted.W.size}, of which {zeros:.1%} are zero"
    if not about:
        return words | {"fitted": "the file does not tell how"}
    options = " ".join(_option(name, value) for name, value in about.get("options", {}).items())
    of_fit = about.get("fit", {})
    words["samples"] = str(about.get("samples", "not told"))
    words["fitted with"] = options
    words["status"] = str(of_fit.get("status", "not told"))
    words["message"] = str(of_fit.get("message", "not told"))
    return words


def _option(name: str, value: Any) -> str:
    """Return an option as it is typed."""
    if value is True:
        return f"--{name}"
    if isinstance(value, list):
        several = name in ("penalty-factor", "class-weight")
        return " ".join(f"--{name} {item}" for item in value) if several else f"--{name} {' '.join(map(str, value))}"
    return f"--{name} {value:g}" if isinstance(value, float) else f"--{name} {value}"


def _grid(outputs: list[str], intercepts: Any, strongest: list[list[tuple[str, float]]]) -> Grid:
    """Return a block for each class: its intercept, and its coefficients with bars."""
    names = distinct([plain(name) for pairs in strongest for name, _ in pairs], NAME)
    titles = distinct([plain(output) for output in outputs], NAME)
    largest = max((abs(value) for pairs in strongest for _, value in pairs), default=1.0)
    grid = Grid(box=None)
    for heading, justify in (("class", "left"), ("feature", "left"), ("weight", "right"), ("", "left")):
        grid.add_column(heading, justify=justify, header_style="dim", no_wrap=True)  # type: ignore[arg-type]
    position = 0
    for title, intercept, pairs in zip(titles, intercepts.tolist(), strongest, strict=True):
        grid.add_row(Text(title, style="bold"), Text("intercept", style="dim"), f"{intercept:+.4g}", "")
        for _, value in pairs:
            bar = Text("█" * max(1, round(12 * abs(value) / largest)), style="red" if value > 0 else "blue")
            grid.add_row("", Text(names[position]), f"{value:+.4g}", bar)
            position += 1
    return grid
