"""Suboptimality over time: fits of a solver with ever more iterations, each timed as a whole from a cold start."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from time import perf_counter
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from fastsoftmax.fitting.result import FitState

from .environment import all_threads
from .fit_problems import FitProblem
from .peers import Fit, Peer, fit_ours
from .timing import time_once

# Relative suboptimality, (F − F*)/F*; solvers are judged by the time to JUDGED.
EPSILONS = (1e-2, 1e-3, 1e-4, 1e-6, 1e-8)
JUDGED = 1e-4
DECADES = tuple(10.0**-exponent for exponent in range(9))

GRID = 1.03  # our fit is judged at iterations that grow by this ratio
BISECTED = 1.1  # a peer's iterations are found to within this ratio: a smaller one would take more fits

# A fit of 4 iterations chooses the number of threads. If it takes less than TRIAL_SHARE of the budget, and less than
# TRIAL_SECONDS, double its iterations, up to 64; if it is still shorter, take the best of 5 fits.
TRIAL, LONGEST_TRIAL, SHORT_TRIALS = 4, 64, 5
TRIAL_SECONDS, TRIAL_SHARE = 0.1, 0.05

# Repeat short fits and take the median, which hides disturbances; a long fit averages over them by itself.
REPEATED_SHARE = 0.1  # all repetitions of one fit may take this share of the budget

REFERENCE_TOL = 1e-12
UNTIMED_BUDGETS = 5  # an untimed fit, which only finds the iterations to time, may take this many budgets

Ending = Literal["reached", "stopped", "budget"]


class Run(NamedTuple):
    """One fit with a limit of its iterations."""

    n_iter: int
    n_passes: int | None
    seconds: float  # median over the repetitions, with validation of the arguments
    loss: float  # F, in float64


class Curve(NamedTuple):
    """Runs of one solver with ever more iterations, and why no run has more.

    "reached": the last run is within the smallest of EPSILONS; "stopped": the solver ended before its cap; "budget":
    the time was used up. BLAS ran on blas_threads, OpenMP on all threads.
    """

    runs: list[Run]
    ending: Ending
    blas_threads: int

    @property
    def longest(self) -> float:
        """Seconds of the longest run."""
        return max(run.seconds for run in self.runs)

    def first(self, loss: float) -> Run | None:
        """Return the fastest run whose loss is at most this, or None."""
        return min((run for run in self.runs if run.loss <= loss), key=lambda run: run.seconds, default=None)


class Reference(NamedTuple):
    """The lowest known F, and how it was found."""

    loss: float
    message: str


def find_reference(problem: FitProblem, budget: float, rivals: Mapping[str, Peer] = MappingProxyType({})) -> Reference:
    """Minimise in float64, until rounding stops the fit or tol = REFERENCE_TOL is reached.

    If that is not reached, each of the rivals that can gets ever more iterations too, and the lowest F counts.
    """
    exact = problem._replace(X=problem.X.astype(np.float64))
    seconds = UNTIMED_BUDGETS * budget
    result = fit_ours(exact, 10**6, tol=REFERENCE_TOL, callback=lambda state: state.seconds > seconds)
    found = [Reference(problem.objective(result.W, result.b), result.message)]
    if result.status != "converged":
        labelled = exact.labelled()
        for name, rival in rivals.items():
            if rival.serves(exact):
                runs = _Runs(problem, partial(rival.fit, labelled), budget, repeats=1)
                ending = _double(runs, goal=-math.inf)
                lowest = min((run.loss for run in runs.by_cap.values() if math.isfinite(run.loss)), default=math.inf)
                found.append(Reference(lowest, f"by {name} in float64, ended: {ending}"))
    return min(found)


class _Runs:
    """Fits by their caps, and the total seconds that they took."""

    def __init__(self, problem: FitProblem, fit: Callable[[int], Fit], budget: float, repeats: int) -> None:
        self.by_cap: dict[int, Run] = {}
        self.budget, self.spent = budget, 0.0
        self._problem, self._fit, self._repeats = problem, fit, repeats
        fit(1)  # imports, caches, threads

    def at(self, cap: int) -> Run:
        """Return the run of this cap; the fit is repeated within REPEATED_SHARE of the budget."""
        seconds: list[float] = []
        while not seconds or (len(seconds) < self._repeats and sum(seconds) < REPEATED_SHARE * self.budget):
            elapsed, fit = time_once(partial(self._fit, cap))
            seconds.append(elapsed)
        self.spent += sum(seconds)
        run = Run(fit.n_iter, fit.n_passes, median(seconds), self._problem.objective(fit.W, fit.b))
        self.by_cap[cap] = run
        return run

    def curve(self, ending: Ending, blas_threads: int) -> Curve:
        """Return all runs, the fewest iterations first."""
        return Curve([self.by_cap[cap] for cap in sorted(self.by_cap)], ending, blas_threads)


def measure_ours(
    problem: FitProblem,
    best: float,
    budget: float,
    repeats: int,
    fit: Callable[[int], Fit],
    epsilons: Sequence[float] = DECADES,
) -> Curve:
    """Time fits with the fewest iterations that reach each of epsilons; an untimed fit finds these numbers."""
    needed, ending = _trace(problem, best, budget, epsilons)
    runs = _Runs(problem, fit, budget, repeats)
    for n_iter in needed:
        runs.at(n_iter)
    return runs.curve(ending, all_threads())


def _trace(problem: FitProblem, best: float, budget: float, epsilons: Sequence[float]) -> tuple[list[int], Ending]:
    """Return the iterations at which our fit first reaches each of epsilons, and why it went no further."""
    goal = best * (1 + min(epsilons))
    seen: list[tuple[int, float]] = []
    started = perf_counter()

    def judge(state: FitState) -> bool:
        if not seen or state.iteration >= max(GRID * seen[-1][0], seen[-1][0] + 1):
            seen.append((state.iteration, problem.objective(state.W, state.b)))
        return seen[-1][1] <= goal or perf_counter() - started > UNTIMED_BUDGETS * budget

    result = fit_ours(problem, 10**6, callback=judge)
    seen.append((result.n_iter, problem.objective(result.W, result.b)))
    firsts = (next((n_iter for n_iter, loss in seen if loss <= best * (1 + epsilon)), None) for epsilon in epsilons)
    needed = sorted({n_iter for n_iter in (*firsts, seen[-1][0]) if n_iter})
    if seen[-1][1] <= goal:
        return needed, "reached"
    return needed, "budget" if result.status == "callback" else "stopped"


def measure_peer(
    problem: FitProblem,
    best: float,
    budget: float,
    repeats: int,
    fit: Callable[[int], Fit],
    epsilons: Sequence[float] = EPSILONS,
) -> Curve:
    """Double the cap until the fit ends; then bisect, for each of epsilons, the caps between which it was reached.

    The budget ends the bisection for all of epsilons but JUDGED or, without it, the smallest.
    """
    judged = JUDGED if JUDGED in epsilons else min(epsilons)
    goal = best * (1 + min(epsilons))
    blas_threads = _choose_blas_threads(fit, min(TRIAL_SECONDS, TRIAL_SHARE * budget))
    with threadpool_limits(blas_threads, user_api="blas"):
        runs = _Runs(problem, fit, budget, repeats)
        ending = _double(runs, goal)
        for epsilon in sorted(epsilons, key=lambda epsilon: epsilon != judged):
            _bisect(runs, best * (1 + epsilon), whatever_it_takes=epsilon == judged)
    return runs.curve(ending, blas_threads)


def _choose_blas_threads(fit: Callable[[int], Fit], enough: float) -> int:
    """Return 1 or all, whichever is faster: BLAS's threads, waiting in a busy loop, may slow OpenMP's."""
    if all_threads() == 1:
        return 1
    cap = TRIAL
    while (seconds := time_once(partial(fit, cap))[0]) < enough and cap < LONGEST_TRIAL:
        cap *= 2
    trials = 1 if seconds > enough else SHORT_TRIALS
    best: dict[int, float] = {}
    for threads in (all_threads(), 1):
        with threadpool_limits(threads, user_api="blas"):
            fit(1)
            best[threads] = min(time_once(partial(fit, cap))[0] for _ in range(trials))
    return min(best, key=best.__getitem__)


def _double(runs: _Runs, goal: float) -> Ending:
    """Fit with caps 1, 2, 4, …; return why the last one is the last.

    A solver has stopped if twice the cap gives no more iterations: some that reach the cap count one less.
    """
    cap, before = 1, -1
    while True:
        run = runs.at(cap)
        if run.loss <= goal:
            return "reached"
        if run.n_iter < cap and run.n_iter == before:
            return "stopped"
        if runs.spent > runs.budget:
            return "budget"
        cap, before = 2 * cap, run.n_iter


def _bisect(runs: _Runs, loss: float, whatever_it_takes: bool) -> None:
    """Find the least cap that reaches the loss, to within a factor BISECTED; whatever_it_takes ignores the budget."""
    high = min((cap for cap, run in runs.by_cap.items() if run.loss <= loss), default=0)
    low = max((cap for cap in runs.by_cap if cap < high), default=high)
    while high - low > 1 and high > BISECTED * low and (whatever_it_takes or runs.spent <= runs.budget):
        middle = round(math.sqrt(low * high))
        if runs.at(middle).loss <= loss:
            high = middle
        else:
            low = middle
