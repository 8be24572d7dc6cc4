"""``python -m bench.solvers``: the time of whole fits to a given distance from the optimum, by us and by others."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .comparison import Comparison, load, save
from .curves import EPSILONS, JUDGED, Curve, Run, find_reference, measure_ours, measure_peer
from .environment import OtherLoad, describe
from .fit_problems import PROBLEMS
from .options import add_common_options, positive
from .peers import OURS, SOLVERS
from .tables import print_facts, print_table, three_digits

COLUMNS = ("solver", *(f"{epsilon:.0e} s" for epsilon in EPSILONS), "iter", "passes", "× ours", "BLAS T")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments ask for, and print, draw and store the results."""
    options = _parse(arguments)
    facts: dict[str, str] = {}
    comparisons: list[Comparison] = []
    if options.from_json:
        for stored_facts, stored in map(load, options.from_json):
            facts, comparisons = facts or stored_facts, [*comparisons, *stored]
    else:
        facts, load_meter = describe() | _versions(), OtherLoad()
        comparisons = list(_measure(options))
        facts |= {"meanwhile": load_meter.describe(), "times": _explain(options.repeats, options.budget)}
    if options.json:
        save(options.json, facts, comparisons)
    print_facts(facts, options.markdown)
    for comparison in comparisons:
        print_table(COLUMNS, list(_rows(comparison)), options.markdown, _title(comparison))
    if options.plot:
        from .solver_plot import save_figure

        save_figure(options.plot, comparisons)
    if options.shares:
        from .shares import COLUMNS as SHARE_COLUMNS
        from .shares import time_shares

        print_table(SHARE_COLUMNS, list(time_shares(comparisons, options.data, options.repeats)), options.markdown)
    if options.cv:
        from .cross_validation import COLUMNS as CV_COLUMNS
        from .cross_validation import compare_cv

        print_table(CV_COLUMNS, [compare_cv(options.data, options.cv_samples)], options.markdown)


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
    parser.add_argument("--json", type=Path, metavar="FILE", help="store what was measured")
    parser.add_argument(
        "--from-json",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="measure nothing, print and draw what is stored, under what the first says of the machine",
    )
    parser.add_argument(
        "--shares", action="store_true", help=f"tell where the time of ours goes, to a suboptimality of {JUDGED:.0e}"
    )
    parser.add_argument("--cv", action="store_true", help="compare cross-validation too, on images")
    parser.add_argument(
        "--cv-samples", type=positive, default=6000, metavar="n", help="the first of them; default: %(default)s"
    )
    return parser.parse_args(arguments)


PEERS = [name for name in SOLVERS if name != OURS]


def _versions() -> dict[str, str]:
    """Return the versions of the peers' packages that `describe` does not list."""
    return {name: _version(name) for name in ("scikit-learn", "scikit-learn-intelex")}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _explain(repeats: int, budget: int) -> str:
    return (
        "seconds of a whole fit from float32 arrays to a relative suboptimality (F − F*)/F* judged in "
        f"float64; medians of up to {repeats} fits; ✗: ends before it is there; >: not there in that time, about "
        f"{budget} s for a solver's fits together; iter(ations), passes over X where known, and times as long as ours: "
        f"to {JUDGED:.0e}; BLAS T: threads of BLAS, of one and all what is faster for a peer, all for ours"
    )


def _measure(options: argparse.Namespace) -> Iterator[Comparison]:
    """Yield a comparison for each problem; only one problem's data are in memory at a time."""
    for name in options.problem:
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
            *(_seconds(curve, comparison.first(solver, epsilon)) for epsilon in EPSILONS),
            str(judged.n_iter) if judged else "",
            str(judged.n_passes) if judged and judged.n_passes else "",
            _ratio(comparison, solver),
            str(curve.blas_threads),
        )


def _seconds(curve: Curve, run: Run | None) -> str:
    """Return the time with three digits, or that epsilon was not reached."""
    if run:
        return three_digits(run.seconds)
    return "✗" if curve.ending == "stopped" else f">{three_digits(curve.longest)}"


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
