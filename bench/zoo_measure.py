"""Measure one problem of the zoo: the lowest F, all solvers to each distance from it, and where ours ends by itself."""

import math
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from .comparison import Comparison
from .curves import Curve, Reference, find_reference, measure_ours, measure_peer
from .fit_problems import FitProblem
from .peers import OURS, fit_by_default, fit_sklearn_by_default
from .timing import time_once
from .zoo_peers import RIVALS, ZOO_SOLVERS
from .zoo_problems import ZooProblem
from .zoo_results import EPSILONS, Ending, Found

HOPELESS = 20  # a peer is given up when its fits together have taken so many times as long as one of ours that arrives
LEAST_BUDGET = 0.2  # seconds, of any peer: clocks and caches need as much
BEATEN = 1e-9  # a solver that finds F lower by this share shows that the reference is not the minimum


def measure(zoo_problem: ZooProblem, folder: Path | None, peers: Sequence[str], budget: float, repeats: int) -> Found:
    """Return what is found on one problem; if a solver beats the reference, measure again with the lower F."""
    problem = zoo_problem.make(folder)
    report(f"{problem.describe()}: reference")
    reference = find_reference(problem, budget, RIVALS)
    while True:
        failed: dict[str, str] = {}
        curves = {epsilon: _race(problem, reference, epsilon, peers, budget, repeats, failed) for epsilon in EPSILONS}
        best, solver = min(
            (
                (run.loss, solver)
                for all_of in curves.values()
                for solver, curve in all_of.items()
                for run in curve.runs
            ),
        )
        if best >= reference.loss * (1 - BEATEN):
            break
        report(f"F* = {reference.loss:.12g} is not the minimum: {solver} finds {best:.12g}; again")
        reference = Reference(best, f"by {solver}, timed")
    best = min(best, reference.loss)
    comparisons = {
        epsilon: Comparison(problem.describe(), reference._replace(loss=best), by_solver)
        for epsilon, by_solver in curves.items()
    }
    return Found(zoo_problem.family, zoo_problem.C, _ending(problem, best), comparisons, failed)


def report(message: str) -> None:
    """Tell how far the zoo is, beside the output."""
    print(f"bench.zoo: {message}", file=sys.stderr, flush=True)


def _race(
    problem: FitProblem,
    reference: Reference,
    epsilon: float,
    peers: Sequence[str],
    budget: float,
    repeats: int,
    failed: dict[str, str],
) -> dict[str, Curve]:
    """Return the curve of each solver that serves the problem; `failed` gets what the others raise."""
    problem = problem._replace(X=problem.X.astype(EPSILONS[epsilon]))
    labelled = problem.labelled()
    curves: dict[str, Curve] = {}
    ours_seconds = math.inf
    for solver in (OURS, *peers):
        peer = ZOO_SOLVERS[solver]
        if not peer.serves(problem):
            continue
        ours = solver == OURS
        fit = partial(peer.fit, problem if ours else labelled)
        allowed = budget if ours else min(budget, max(HOPELESS * ours_seconds, LEAST_BUDGET))
        try:
            curves[solver] = (measure_ours if ours else measure_peer)(
                problem, reference.loss, allowed, repeats, fit, epsilons=(epsilon,)
            )
        except Exception as error:
            if ours:
                raise
            # A peer's own failure, which the table tells, must not end an hour's run.
            failed[solver] = f"{type(error).__name__}: {error}"
            report(f"{solver} failed: {failed[solver]}")
            continue
        if ours and (arrived := curves[solver].first(reference.loss * (1 + epsilon))):
            ours_seconds = arrived.seconds
        last = curves[solver].runs[-1]
        report(
            f"to {epsilon:.0e}: {solver}: {last.n_iter} iterations, {last.seconds:.3g} s; "
            f"(F − F*)/F* = {last.loss / reference.loss - 1:.1e}; {curves[solver].ending}"
        )
    return curves


def _ending(problem: FitProblem, best: float) -> Ending:
    seconds, result = time_once(partial(fit_by_default, problem))
    theirs = fit_sklearn_by_default(problem.labelled())
    gaps = (problem.objective(fit.W, fit.b) / best - 1 for fit in (result, theirs))
    return Ending(result.status, result.n_passes, seconds, *gaps)
