"""The command path: how weights and loss change with the strength of the penalty."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table as Grid

from ..families import OutputsFamily, as_family
from ..files.outputs import check_output
from ..files.reading import Reading
from .fit_options import CS, FAMILY, LINK, PENALTY, VALIDATION, Cs_of, Shape, Solving, share_of
from .options import FORCE, JSON, MANY_DATA, PLOT, TARGET, sources_of
from .output import UNFINISHED, Report, warn
from .pictures import PICTURE, check_png, save_figure
from .reading import held_out, read_training
from .table_options import reading_options

if TYPE_CHECKING:
    from .walking import Point


@reading_options("features", "text", "drop", "weight", "offset", "id", mixed=True)
def path_command(
    data: MANY_DATA,
    *,
    reading: Reading,
    target: TARGET = None,
    family: FAMILY = "softmax",
    link: LINK = None,
    Cs: CS = "20",
    l1_ratio: Annotated[
        float,
        typer.Option(min=0, max=1, metavar="SHARE", rich_help_panel=PENALTY, help="Share of the L1 penalty."),
    ] = 1.0,
    validation: VALIDATION = None,
    plot: PLOT = None,
    force: FORCE = False,
    as_json: JSON = False,
    shape: Shape,
    solving: Solving,
) -> None:
    """Fit with many penalties, from the strongest to the weakest, and show which features come in when."""
    # scikit-learn, which this needs, takes long to import: the help should not.
    from .walking import best_of, walk_path

    report = Report(as_json)
    solving.check()
    file = None if validation is None or share_of(validation) is not None else Path(validation)
    if plot is not None:
        check_png(plot)
        check_output("--plot", plot, PICTURE, sources=[*sources_of(data, target), file], force=force)
    of = as_family(family, link)
    numbers = of if isinstance(of, OutputsFamily) else None
    values = Cs_of(Cs)
    table = read_training(data, target, report, reading, numeric_for=numbers)
    table, held = held_out(table, target, validation, solving.seed, reading, numeric=numbers is not None)
    points = walk_path(table, held, numbers, values, l1_ratio, shape, solving)
    report.tell(path=[_facts(point) for point in points], l1_ratio=l1_ratio)
    best = None if held is None else best_of(points)
    report.show("", _grid(points, best, numbers is None))
    if plot is not None:
        from .plot_path import path_figure

        save_figure(plot, path_figure(points, numbers is None))
        report.wrote(plot, key="plot")
    report.close()
    if len(points) < len(values):
        warn(f"ended by Ctrl-C after {len(points)} of {len(values)} fits")
    missed = [point for point in points if point.result.status != "converged"]
    if missed:
        warn(f"not converged: {len(missed)} of {len(points)} fits; the first: {missed[0].result.message}")
        raise typer.Exit(UNFINISHED)


def _used(point: "Point") -> int:
    """Features with a weight other than zero."""
    return int(point.model.W.any(axis=0).sum())


def _facts(point: "Point") -> dict[str, Any]:
    """Return a fit as JSON has it."""
    result, model = point.result, point.model
    return {
        "C": point.C,
        "status": result.status,
        "loss": result.loss,
        "features": _used(point),
        "passes": float(result.n_passes),
        "held_out_loss": point.held_out,
        "W": model.W,
        "b": model.b,
    }


def _grid(points: list["Point"], best: "Point | None", softmax: bool) -> Grid:
    """Return a row for each fit; the best on held-out rows is marked."""
    grid = Grid(box=None)
    held = [f"held-out {'log-loss' if softmax else 'deviance'}", ""] if best is not None else []
    for heading in ("C", "features", "loss with penalty", "passes", *held):
        grid.add_column(heading, justify="right", header_style="dim", no_wrap=True)
    for point in points:
        cells = [f"{point.C:.4g}", str(_used(point)), f"{point.result.loss:.6g}", f"{point.result.n_passes:.4g}"]
        if best is not None:
            cells += [f"{point.held_out:.6g}", "← best" if point is best else ""]
        grid.add_row(*cells, style="bold" if point is best else "")
    return grid
