"""The command fit: from a table to a model in a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..families import OutputsFamily, as_family
from ..files.model_file import MODEL, Model, load_model
from ..files.outputs import check_output
from ..files.reading import Reading
from ..files.regression_model import RegressionModel
from ..fitting.result import FitResult
from .choosing import Choosing
from .entry import INTERRUPTED
from .fit_options import FAMILY, LINK, Proving, Shape, Solving, Strength
from .options import FORCE, JSON, MANY_DATA, TARGET, sources_of
from .output import UNFINISHED, Report, jsonable, say, warn, working
from .reading import held_out, read_training
from .reports import fit_report
from .saving import save
from .scores import in_words, scores_of
from .searching import search_report
from .table_options import reading_options
from .wording import in_options

if TYPE_CHECKING:
    from .fitting import Fitted


@reading_options("features", "text", "drop", "weight", "offset", "id", mixed=True)
def fit_command(
    data: MANY_DATA,
    *,
    reading: Reading,
    target: TARGET = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where the model goes; an older model is overwritten.")
    ] = Path("model.safetensors"),
    force: FORCE = False,
    family: FAMILY = "softmax",
    link: LINK = None,
    warm_start: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Start from this model, of the same classes and features.")
    ] = None,
    as_json: JSON = False,
    strength: Strength,
    shape: Shape,
    choosing: Choosing,
    solving: Proving,
) -> None:
    """Fit a model to a table, or to many, and write it to a file. Ctrl-C keeps the best model so far."""
    # scikit-learn, which this needs, takes long to import: the help should not. After Ctrl-C in a fit there is a model
    # to keep, so import it before.
    from .fitting import fit_table

    report = Report(as_json)
    sources = [*sources_of(data, target), warm_start, choosing.file]
    check_output("--out", out, MODEL, sources=sources, force=force)
    of = as_family(family, link)
    strength.check(choosing.is_search)
    solving.check()
    choosing.check(of)
    numbers = of if isinstance(of, OutputsFamily) else None
    start = None if warm_start is None else _start(warm_start, numbers, choosing)
    table = read_training(data, target, report, reading, numeric_for=numbers)
    train, held = held_out(table, target, choosing.validation, solving.seed, reading, numeric=numbers is not None)
    fitted = fit_table(train, held, numbers, strength, shape, choosing, solving, start)
    about = {
        "options": _told(strength, shape, solving, fitted),
        "fit": _facts(fitted.result, solving.tol),
        "samples": train.X.n_samples if train.y is None else len(train.y),
    }
    save(out, fitted.model, jsonable(about))
    with working("evaluating"):
        scores = {"training": scores_of(fitted.model, train, solving.threads)}
        if held is not None:
            scores["validation"] = scores_of(fitted.model, held, solving.threads)
    _report(report, fitted, scores, solving.tol, out)


def _start(path: Path, numbers: OutputsFamily | None, choosing: Choosing) -> Model | RegressionModel:
    """Read the model to start from."""
    if choosing.is_search:
        raise ValueError("--warm-start must not be given where C is chosen: every fit but the first starts warm there")
    model = load_model(path)
    if isinstance(model, RegressionModel) is (numbers is None):
        found = str(model.family) if isinstance(model, RegressionModel) else "softmax"
        raise ValueError(f"--warm-start must be a model of the family {numbers or 'softmax'}, found one of {found}")
    return model


def _facts(result: FitResult, tol: float) -> dict[str, Any]:
    """Return how a fit went, as JSON has it, without what differs from run to run."""
    return {
        "status": result.status,
        "message": in_options(result.message),
        "loss": result.loss,
        "gradient_norm": result.grad_norm,
        "tol": tol,
        "iterations": result.n_iter,
        "passes": float(result.n_passes),
        "distance": result.distance,
        "duality_gap": result.duality_gap,
    }


def _told(strength: Strength, shape: Shape, solving: Solving, fitted: "Fitted") -> dict[str, Any]:
    """Return the options that the model depends on, by their names on the command line."""
    best = {} if fitted.search is None else fitted.search["best"]
    C = best.get("C", None if strength.is_direct else strength.C or 1.0)
    weights = {"C": C, "l1-ratio": None if strength.is_direct else strength.share, "l1": strength.l1, "l2": strength.l2}
    told = weights | {"group": shape.group, "bounds": shape.bounds, "penalty-factor": shape.penalty_factor}
    told |= {name.replace("_", "-"): value for name, value in vars(solving).items() if name != "threads"}
    return {name: value for name, value in told.items() if value is not None and value is not False}


def _report(report: Report, fitted: "Fitted", scores: dict[str, dict[str, float]], tol: float, out: Path) -> None:
    """Tell of a fit whose model is saved, and end with the exit code that says how it went."""
    result, model = fitted.result, fitted.model
    report.tell(**_facts(result, tol), seconds=float(result.history["seconds"][-1]), **scores)
    report.tell(out=str(out), search=fitted.search)
    if fitted.search is not None:
        report.heading("Choosing C")
        report.show(search_report(fitted.search), "")
    unit = "half of the deviance" if isinstance(model, RegressionModel) else "nats"
    words = {line: text for name, judged in scores.items() for line, text in in_words(name, judged).items()}
    chosen = {} if fitted.search is None else {"C": f"{fitted.search['best']['C']:.4g}, chosen"}
    report.show(fit_report(result, tol, chosen | words, out, unit))
    report.close()
    if result.status == "interrupted":
        say("interrupted", f"{out} holds the best model so far", "bold yellow")
        raise typer.Exit(INTERRUPTED)
    if result.status != "converged":
        warn(f"not converged: {result.message}")
        raise typer.Exit(UNFINISHED)
