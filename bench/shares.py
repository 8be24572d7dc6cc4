"""How the time of our fits divides into passes over the data, computing the curvature, and the rest."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

from fastsoftmax.data.features import CsrFeatures, DenseFeatures
from fastsoftmax.problem.curvature import DirectionsCurvature
from fastsoftmax.problem.objective import Objective

from .comparison import Comparison
from .curves import JUDGED
from .fit_problems import PROBLEMS, FitProblem
from .peers import OURS, fit_ours
from .tables import three_digits
from .timing import time_once

PASSES, CURVATURE, REST = "passes", "curvature", "rest"
COLUMNS = ("problem", "iterations", "s", f"{PASSES} %", f"{CURVATURE} %", f"{REST} %")

# The methods that are timed, and the part that they count to. Computing the curvature includes its own passes; solving
# with it counts to the rest.
TIMED: Mapping[tuple[type, str], str] = {
    **{
        (features, method): PASSES
        for features in (DenseFeatures, CsrFeatures)
        for method in ("loss_grad", "predict", "dual_ascent")
    },
    (Objective, "curvature"): CURVATURE,
    (Objective, "diagonal"): CURVATURE,
    (DirectionsCurvature, "solve"): REST,
}


def time_shares(comparisons: Iterable[Comparison], folder: Path | None, repeats: int) -> Iterator[tuple[str, ...]]:
    """Yield a row in COLUMNS for each problem, from fits with the iterations that ours needs to reach JUDGED."""
    for comparison in comparisons:
        run = comparison.first(OURS, JUDGED)
        if run is not None:
            name = comparison.problem.split()[0].rstrip(",")
            yield _row(PROBLEMS[name](name, folder), run.n_iter, repeats)


def _row(problem: FitProblem, n_iter: int, repeats: int) -> tuple[str, ...]:
    """Return the row of the fit with the median time."""
    fit_ours(problem, n_iter)  # imports, caches, threads
    fits = sorted((_time_fit(problem, n_iter) for _ in range(repeats)), key=lambda fit: fit[0])
    seconds, parts = fits[len(fits) // 2]
    passes, curvature = parts[PASSES], parts[CURVATURE]
    shares = (f"{100 * part / seconds:.0f}" for part in (passes, curvature, seconds - passes - curvature))
    return problem.describe(), str(n_iter), three_digits(seconds), *shares


def _time_fit(problem: FitProblem, n_iter: int) -> tuple[float, dict[str, float]]:
    with _stopwatch() as seconds:
        return time_once(lambda: fit_ours(problem, n_iter))[0], seconds


@contextmanager
def _stopwatch() -> Iterator[dict[str, float]]:
    """Time the methods in TIMED; of nested calls only the outermost."""
    seconds: dict[str, float] = defaultdict(float)
    running: list[str] = []

    def timed(function: Callable[..., Any], part: str) -> Callable[..., Any]:
        def wrapper(*arguments: Any) -> Any:
            if running:
                return function(*arguments)
            running.append(part)
            start = perf_counter()
            try:
                return function(*arguments)
            finally:
                seconds[part] += perf_counter() - start
                running.pop()

        return wrapper

    with ExitStack() as stack:
        for (owner, method), part in TIMED.items():
            stack.enter_context(patch.object(owner, method, timed(getattr(owner, method), part)))
        yield seconds
