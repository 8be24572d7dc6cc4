"""The command cv: scores of many penalties on held-out folds, without a model."""

from typing import Annotated

import numpy as np
import typer

from ..files.outputs import check_output
from ..files.reading import Reading
from .fit_options import CS, SCORING, SEARCH, Cs_of, Shape, Solving, numbers_of
from .options import DATA, FORCE, JSON, PLOT, TARGET, sources_of
from .output import Report
from .pictures import PICTURE, check_png, save_figure
from .reading import read_training
from .searching import search_facts, search_report
from .table_options import reading_options


@reading_options("features", "text", "drop", "weight", "id", mixed=True)
def cv_command(
    data: DATA,
    *,
    reading: Reading,
    target: TARGET = None,
    folds: Annotated[
        int, typer.Option(min=2, metavar="N", rich_help_panel=SEARCH, help="Folds, each with all classes.")
    ] = 5,
    Cs: CS = "10",
    l1_ratios: Annotated[
        str, typer.Option(metavar="LIST", rich_help_panel=SEARCH, help="Shares of the L1 penalty, as 0,0.5,1.")
    ] = "0",
    scoring: SCORING = "neg_log_loss",
    plot: PLOT = None,
    force: FORCE = False,
    as_json: JSON = False,
    shape: Shape,
    solving: Solving,
) -> None:
    """Score values of C, and of the share of L1, by cross-validation. `fit --cv` does so too, and writes a model."""
    # scikit-learn, which this needs, takes long to import: the help should not.
    from .training import cross_validate

    report = Report(as_json)
    solving.check()
    if plot is not None:
        check_png(plot)
        check_output("--plot", plot, PICTURE, sources=sources_of(data, target), force=force)
    ratios = numbers_of("--l1-ratios", l1_ratios)
    values = Cs_of(Cs)
    table = read_training(data, target, report, reading)
    search = cross_validate(table, values, ratios, folds, scoring, shape, solving, refit=False)
    facts = search_facts(search)
    report.tell(folds=folds, passes=float(search.n_passes_), **facts)
    report.show("", search_report(facts))
    if plot is not None:
        from .plot_path import scores_figure

        save_figure(plot, scores_figure(search.Cs_, search.l1_ratios_, np.asarray(search.scores_), scoring))
        report.wrote(plot, key="plot")
    report.close()
