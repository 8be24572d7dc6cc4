"""How near the optimum a solver comes in which time: fits of ever more iterations, each from nothing, timed whole."""

import math
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Literal, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from fastsoftmax.fitting.fit import FitState

from .environment import all_threads
from .fit_problems import FitProblem
from .peers import Fit, fit_ours
from .timing import time_once

# Relative suboptimality, (F − F*)/F*; solvers are judged by the time to JUDGED.
EPSILONS = (1e-2, 1e-3, 1e-4, 1e-6, 1e-8)
JUDGED = 1e-4
DECADES = tuple(10.0**-exponent for exponent in range(9))

GRID = 1.03  # ratio of the iterations at which ours is judged, and
BISECTED = 1.1  # of those between which a peer's must lie: ever less would take ever more fits

# Iterations of the fits that choose the number of threads; more of them, and more fits, where they are short.
TRIAL, LONGEST_TRIAL, SHORT_TRIALS = 4, 64, 5
TRIAL_SECONDS = 0.1

# A disturbance counts less in a median; a fit that is long by itself averages over it.
REPEATED_SHARE = 0.1  # of the budget: the most that the repetitions of one fit may take together

REFERENCE_TOL = 1e-12
UNTIMED_BUDGETS = 5  # the most that a fit may take which only tells what the others are measured by

Ending = Literal["reached", "stopped", "budget"]


class Run(NamedTuple):
    """One fit, by a cap of iterations."""

    n_iter: int
    n_passes: int | None
    seconds: float  # the median of some fits, validation and all
    loss: float  # F, in float64


class Curve(NamedTuple):
    """Runs of one solver, of ever more iterations, and why there is none with more iterations.

    "reached": the last is within the smallest of EPSILONS; "stopped": the solver has ended before its cap; "budget":
    time was used up. BLAS ran on blas_threads, OpenMP on all.
    """

    runs: list[Run]
    ending: Ending
    blas_threads: int

    @property
    def longest(self) -> float:
        """Seconds of the longest run."""
        return max(run.seconds for run in self.runs)

    def first(self, loss: float) -> Run | None:
        """Return the run of the least time that has come to the loss, if one has."""
        return min((run for run in self.runs if run.loss <= loss), key=lambda run: run.seconds, default=None)


class Reference(NamedTuple):
    """The lowest F that is known, and how it was found."""

    loss: float
    message: str


def find_reference(problem: FitProblem, budget: float) -> Reference:
    """Minimise in float64, as far as it goes."""
    exact = problem._replace(X=problem.X.astype(np.float64))
    seconds = UNTIMED_BUDGETS * budget
    result = fit_ours(exact, 10**6, tol=REFERENCE_TOL, callback=lambda state: state.seconds > seconds)
    return Reference(problem.objective(result.W, result.b), result.message)


class _Runs:
    """Fits by their caps, and the seconds that they took altogether."""

    def __init__(self, problem: FitProblem, fit: Callable[[int], Fit], budget: float, repeats: int) -> None:
        self.by_cap: dict[int, Run] = {}
        self.budget, self.spent = budget, 0.0
        self._problem, self._fit, self._repeats = problem, fit, repeats
        fit(1)  # imports, caches, threads

    def at(self, cap: int) -> Run:
        """Return the run of this cap; the fit is repeated while that takes little of the budget."""
        seconds: list[float] = []
        while not seconds or (len(seconds) < self._repeats and sum(seconds) < REPEATED_SHARE * self.budget):
            elapsed, fit = time_once(partial(self._fit, cap))
            seconds.append(elapsed)
        self.spent += sum(seconds)
        run = Run(fit.n_iter, fit.n_passes, median(seconds), self._problem.objective(fit.W, fit.b))
        self.by_cap[cap] = run
        return run

    def curve(self, ending: Ending, blas_threads: int) -> Curve:
        """Return all, the fewest iterations first."""
        return Curve([self.by_cap[cap] for cap in sorted(self.by_cap)], ending, blas_threads)


def measure_ours(problem: FitProblem, best: float, budget: float, repeats: int, fit: Callable[[int], Fit]) -> Curve:
    """Time fits of just as many iterations as each decade needs; an untimed fit has told how many."""
    needed, ending = _trace(problem, best, budget)
    runs = _Runs(problem, fit, budget, repeats)
    for n_iter in needed:
        runs.at(n_iter)
    return runs.curve(ending, all_threads())


def _trace(problem: FitProblem, best: float, budget: float) -> tuple[list[int], Ending]:
    """Return the iterations at which ours first is within each decade of the optimum, and why it went no further."""
    seen: list[tuple[int, float]] = []
    started = perf_counter()

    def judge(state: FitState) -> bool:
        if not seen or state.iteration >= max(GRID * seen[-1][0], seen[-1][0] + 1):
            seen.append((state.iteration, problem.objective(state.W, state.b)))
        return seen[-1][1] <= best * (1 + DECADES[-1]) or perf_counter() - started > UNTIMED_BUDGETS * budget

    result = fit_ours(problem, 10**6, callback=judge)
    seen.append((result.n_iter, problem.objective(result.W, result.b)))
    firsts = (next((n_iter for n_iter, loss in seen if loss <= best * (1 + decade)), None) for decade in DECADES)
    needed = sorted({n_iter for n_iter in (*firsts, seen[-1][0]) if n_iter})
    if seen[-1][1] <= best * (1 + DECADES[-1]):
        return needed, "reached"
    return needed, "budget" if result.status == "callback" else "stopped"


def measure_peer(problem: FitProblem, best: float, budget: float, repeats: int, fit: Callable[[int], Fit]) -> Curve:
    """Double the cap until nothing is left to reach, then halve the gap in which each epsilon was reached."""
    blas_threads = _choose_blas_threads(fit)
    with threadpool_limits(blas_threads, user_api="blas"):
        runs = _Runs(problem, fit, budget, repeats)
        cap, ending = 1, _ending(runs, 1, best)
        while not ending:
            cap *= 2
            ending = _ending(runs, cap, best)
        for epsilon in sorted(EPSILONS, key=lambda epsilon: epsilon != JUDGED):
            _bisect(runs, best * (1 + epsilon), whatever_it_takes=epsilon == JUDGED)
    return runs.curve(ending, blas_threads)


def _choose_blas_threads(fit: Callable[[int], Fit]) -> int:
    """Return one or all, what is faster: threads of BLAS that wait in a busy loop take the time of OpenMP's."""
    cap = TRIAL
    while (seconds := time_once(partial(fit, cap))[0]) < TRIAL_SECONDS and cap < LONGEST_TRIAL:
        cap *= 2
    trials = 1 if seconds > TRIAL_SECONDS else SHORT_TRIALS
    best: dict[int, float] = {}
    for threads in (all_threads(), 1):
        with threadpool_limits(threads, user_api="blas"):
            fit(1)
            best[threads] = min(time_once(partial(fit, cap))[0] for _ in range(trials))
    return min(best, key=best.__getitem__)


def _ending(runs: _Runs, cap: int, best: float) -> Ending | None:
    """Fit by a cap, and say why no larger one is to be tried."""
    run = runs.at(cap)
    if run.loss <= best * (1 + EPSILONS[-1]):
        return "reached"
    if run.n_iter < cap:
        return "stopped"
    return "budget" if runs.spent > runs.budget else None


def _bisect(runs: _Runs, loss: float, whatever_it_takes: bool) -> None:
    """Find the least cap that comes to the loss, as exactly as BISECTED; without whatever_it_takes, within budget."""
    high = min((cap for cap, run in runs.by_cap.items() if run.loss <= loss), default=0)
    low = max((cap for cap in runs.by_cap if cap < high), default=high)
    while high - low > 1 and high > BISECTED * low and (whatever_it_takes or runs.spent <= runs.budget):
        middle = round(math.sqrt(low * high))
        if runs.at(middle).loss <= loss:
            high = middle
        else:
            low = middle
