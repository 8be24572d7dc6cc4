"""``python -m bench.zoo``: fits of every kind of data, by us and by others, at penalties from strong to weak."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .ceilings import Ceilings, CeilingsError
from .environment import OtherLoad, all_threads, describe, versions
from .options import add_common_options, positive
from .pinning import restart_on
from .results import Report, add_from_results_option, add_results_options, load
from .zoo_measure import HOPELESS, LEAST_BUDGET, measure
from .zoo_peers import DISTRIBUTIONS, ZOO_PEERS, ZOO_SOLVERS
from .zoo_problems import CS, SMALL, available, select
from .zoo_results import EPSILONS, Found, found_from_json, found_to_json
from .zoo_tables import profile_of, tables

BUDGET, SMALL_BUDGET = 2, 1
SLOW = "sklearn-sag"  # never among the fastest, and of the kind of saga, which stays


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments ask for, print it, draw it and keep it."""
    options = _parse(arguments)
    if not options.from_results and options.threads != all_threads():
        restart_on(options.threads, "bench.zoo", sys.argv[1:] if arguments is None else arguments)
    report = Report("zoo", options)
    try:
        facts, found, ceilings = (_read if options.from_results else _run)(options)
    except CeilingsError as error:
        sys.exit(f"bench.zoo: {error}")
    report.add_facts(facts)
    for title, columns, rows in tables(found):
        report.add_table(columns, rows, title)
    if options.plot:
        from .profile_plot import save_profiles

        groups = {penalty: [one for one in found if one.penalty == penalty] for penalty in ("L2", "L1 and elastic net")}
        profiles = {
            f"{penalty}, to {epsilon:.0e} in {dtype}": profile_of(group, epsilon)
            for penalty, group in groups.items()
            if group
            for epsilon, dtype in EPSILONS.items()
        }
        save_profiles(options.plot, profiles)
    report.save(ceilings, [found_to_json(one) for one in found])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.zoo",
        description="Measure how long fits take to come near the optimum, on every kind of data.",
    )
    parser.add_argument("--small", action="store_true", help="a selection that takes about a quarter of an hour")
    parser.add_argument(
        "--problem",
        nargs="+",
        default=["*"],
        metavar="PATTERN",
        help="names, or parts of them up to a slash, such as digits, digits/z, '*/l1-*' or digits/raw/l2/C-1",
    )
    parser.add_argument(
        "--peer", nargs="*", choices=ZOO_PEERS, help=f"default: all installed; without {SLOW} for --small"
    )
    parser.add_argument("--C", nargs="+", type=float, choices=CS, default=CS)
    parser.add_argument("--list", action="store_true", help="print the names of the problems only")
    parser.add_argument(
        "--threads",
        type=positive,
        default=all_threads(),
        metavar="T",
        help="processors that all solvers may use; default: %(default)s",
    )
    parser.add_argument(
        "--budget",
        type=positive,
        metavar="S",
        help="seconds for the fits of a peer on a problem, the last of which may exceed it; "
        f"default: {BUDGET}, for --small {SMALL_BUDGET}",
    )
    add_common_options(parser, repeats=3)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the performance profiles, as .png or .svg")
    add_from_results_option(parser)
    add_results_options(parser)
    options = parser.parse_args(arguments)
    options.budget = options.budget or (SMALL_BUDGET if options.small else BUDGET)
    if options.peer is None:
        options.peer = [name for name in ZOO_PEERS if not (options.small and name == SLOW)]
    options.no_save = options.no_save or bool(options.from_results)
    problems, options.missing = available(options.data)
    options.problems = [
        problem
        for problem in select(problems, options.problem, options.C)
        if not options.small or problem.name in SMALL
    ]
    if not options.problems:
        parser.error("no problem has that name and C; --list prints all")
    if options.list:
        print("\n".join(problem.name for problem in options.problems))
        parser.exit()
    return options


def _read(options: argparse.Namespace) -> tuple[dict[str, str], list[Found], None]:
    """Return what the first file says of the machine, and what all have found."""
    try:
        files = [load(path, "zoo") for path in options.from_results]
    except (OSError, ValueError) as error:
        sys.exit(f"bench.zoo: {error}")
    return files[0]["environment"], [found_from_json(one) for file in files for one in file["details"]], None


def _run(options: argparse.Namespace) -> tuple[dict[str, str], list[Found], Ceilings]:
    """Measure; return what the times depend on, what was found, and what the machine can do at all."""
    facts, load_meter, ceilings = describe() | versions(*DISTRIBUTIONS), OtherLoad(), Ceilings()
    ceilings.measure("float32", sorted({1, all_threads()}))
    found = [
        measure(problem, options.data, options.peer, options.budget, options.repeats) for problem in options.problems
    ]
    facts |= ceilings.describe() | {"meanwhile": load_meter.describe()}
    absent = [name for name in options.peer if not ZOO_SOLVERS[name].installed]
    facts["left out"] = "; ".join([*options.missing, *(f"{name}: not installed" for name in absent)]) or "nothing"
    return facts | {"times": _explain(options.repeats, options.budget)}, found, ceilings


def _explain(repeats: int, budget: int) -> str:
    types = ", ".join(f"to {epsilon:.0e} from {dtype}" for epsilon, dtype in EPSILONS.items())
    return (
        f"seconds of a whole fit to a relative suboptimality (F − F*)/F* judged in float64, {types} arrays; medians of "
        f"up to {repeats} fits, each with the fewest iterations or the loosest tolerance that gets there; ✗: ends "
        f"before it is there; >: not there in that time, about {budget} s for a solver's fits together, for a peer's "
        f"at most {HOPELESS} × the time of ours or {LEAST_BUDGET} s"
    )


if __name__ == "__main__":
    main()
