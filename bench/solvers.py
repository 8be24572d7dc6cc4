"""``python -m bench.solvers``: the time of whole fits to a given distance from the optimum, by us and by others."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from .ceilings import Ceilings, CeilingsError
from .comparison import Comparison, from_json, to_json
from .curves import EPSILONS, JUDGED, Curve, find_reference, measure_ours, measure_peer
from .environment import OtherLoad, all_threads, describe, versions
from .fit_problems import PROBLEMS
from .options import add_common_options, positive
from .peers import OURS, SOLVERS
from .results import Report, add_from_results_option, add_results_options, load

COLUMNS = ("solver", *(f"{epsilon:.0e} s" for epsilon in EPSILONS), "iter", "passes", "× ours", "BLAS T")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments ask for, print it, draw it and keep it."""
    options = _parse(arguments)
    report = Report("solvers", options)
    try:
        facts, comparisons, ceilings = (_read if options.from_results else _run)(options)
    except CeilingsError as error:
        sys.exit(f"bench.solvers: {error}")
    report.add_facts(facts)
    for comparison in comparisons:
        report.add_table(COLUMNS, list(_rows(comparison)), _title(comparison))
    if options.plot:
        from .solver_plot import save_figure

        save_figure(options.plot, comparisons)
    if options.shares:
        from .shares import COLUMNS as SHARE_COLUMNS
        from .shares import time_shares

        report.add_table(SHARE_COLUMNS, list(time_shares(comparisons, options.data, options.repeats)))
    if options.cv:
        from .cross_validation import COLUMNS as CV_COLUMNS
        from .cross_validation import compare_cv

        report.add_table(CV_COLUMNS, [compare_cv(options.data, options.cv_samples)])
    report.save(ceilings, to_json(comparisons))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.solvers",
        description="Measure how long whole fits take to come near the optimum, by fastsoftmax and by its peers.",
    )
    parser.add_argument("--problem", nargs="*", choices=PROBLEMS, default=list(PROBLEMS), help="default: all")
    parser.add_argument("--peer", nargs="*", choices=PEERS, default=PEERS, help="default: all that are installed")
    parser.add_argument(
        "--budget",
        type=positive,
        default=60,
        metavar="S",
        help="seconds for the fits of a peer on a problem, the last of which may exceed it; default: %(default)s",
    )
    add_common_options(parser, repeats=3)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves, as .png or .svg")
    add_from_results_option(parser)
    parser.add_argument(
        "--shares", action="store_true", help=f"tell where the time of ours goes, to a suboptimality of {JUDGED:.0e}"
    )
    parser.add_argument("--cv", action="store_true", help="compare cross-validation too, on images")
    parser.add_argument(
        "--cv-samples", type=positive, default=6000, metavar="n", help="the first of them; default: %(default)s"
    )
    add_results_options(parser)
    options = parser.parse_args(arguments)
    if options.from_results:
        if options.shares or options.cv:
            parser.error("--shares and --cv measure, and --from-results does not: choose one of them")
        options.no_save = True
    return options


PEERS = [name for name in SOLVERS if name != OURS]


def _explain(repeats: int, budget: int) -> str:
    return (
        "seconds of a whole fit from float32 arrays to a relative suboptimality (F − F*)/F* judged in "
        f"float64; medians of up to {repeats} fits; ✗: ends before it is there; >: not there in that time, about "
        f"{budget} s for a solver's fits together; iter(ations), passes over X where known, and times as long as ours: "
        f"to {JUDGED:.0e}; BLAS T: threads of BLAS, of one and all what is faster for a peer, all for ours"
    )


def _read(options: argparse.Namespace) -> tuple[dict[str, str], list[Comparison], None]:
    """Return what the first file says of the machine, and the comparisons of all."""
    try:
        files = [load(path, "solvers") for path in options.from_results]
    except (OSError, ValueError) as error:
        sys.exit(f"bench.solvers: {error}")
    return files[0]["environment"], [from_json(problem) for file in files for problem in file["details"]], None


def _run(options: argparse.Namespace) -> tuple[dict[str, str], list[Comparison], Ceilings]:
    """Measure; return what the times depend on, the comparisons, and what the machine can do at all."""
    facts, load_meter, ceilings = describe() | versions("scikit-learn", "scikit-learn-intelex"), OtherLoad(), Ceilings()
    comparisons = list(_measure(options, ceilings))
    facts |= ceilings.describe() | {"meanwhile": load_meter.describe()}
    return facts | {"times": _explain(options.repeats, options.budget)}, comparisons, ceilings


def _measure(options: argparse.Namespace, ceilings: Ceilings) -> Iterator[Comparison]:
    """Yield a comparison for each problem, and measure the ceilings in between; the data of one exist at a time."""
    for name in options.problem:
        ceilings.measure("float32", sorted({1, all_threads()}))
        problem = PROBLEMS[name](name, options.data)
        _report(f"{problem.describe()}: reference")
        reference = find_reference(problem, options.budget)
        _report(f"F* = {reference.loss:.12g}, {reference.message}")
        curves: dict[str, Curve] = {}
        for solver in (OURS, *options.peer):
            if not SOLVERS[solver].serves(problem):
                continue
            measure = measure_ours if solver == OURS else measure_peer
            fit = partial(SOLVERS[solver].fit, problem)
            curve = measure(problem, reference.loss, options.budget, options.repeats, fit)
            curves[solver] = curve
            last = curve.runs[-1]
            _report(
                f"{solver}: fits: {len(curve.runs)}, of at most {last.n_iter} iterations, {last.seconds:.3g} s; "
                f"(F − F*)/F* = {last.loss / reference.loss - 1:.1e}; {curve.ending}"
            )
        yield Comparison(problem.describe(), reference, curves)


def _report(message: str) -> None:
    print(f"bench.solvers: {message}", file=sys.stderr, flush=True)


def _title(comparison: Comparison) -> str:
    return f"{comparison.problem}: F* = {comparison.best:.10g}; reference: {comparison.reference.message}"


def _rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    """Yield a row for each solver, in COLUMNS."""
    for solver, curve in comparison.curves.items():
        judged = comparison.first(solver, JUDGED)
        yield (
            solver,
            *(comparison.time(solver, epsilon) for epsilon in EPSILONS),
            str(judged.n_iter) if judged else "",
            str(judged.n_passes) if judged and judged.n_passes else "",
            _ratio(comparison, solver),
            str(curve.blas_threads),
        )


def _ratio(comparison: Comparison, solver: str) -> str:
    """Return the ratio of a solver's time to ours, to reach JUDGED; a lower bound if the solver did not reach it."""
    ours = comparison.first(OURS, JUDGED)
    theirs = comparison.first(solver, JUDGED)
    curve = comparison.curves[solver]
    if solver == OURS or ours is None or (theirs is None and curve.ending == "stopped"):
        return ""
    return f"{theirs.seconds / ours.seconds:.2f}" if theirs else f">{curve.longest / ours.seconds:.2f}"


if __name__ == "__main__":
    main()
