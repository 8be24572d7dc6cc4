"""What the zoo has found on each problem, and its form in a file."""

import math
from typing import Any, NamedTuple

from .comparison import Comparison, from_json, to_json
from .curves import JUDGED
from .peers import OURS
from .performance_profile import Seconds

EPSILONS = {JUDGED: "float32", 1e-8: "float64"}  # relative suboptimality → type of X


class Ending(NamedTuple):
    """A fit of ours with its default stopping, beside scikit-learn's."""

    status: str
    n_passes: int
    seconds: float
    gap: float  # (F − F*)/F*
    sklearn_gap: float


class Found(NamedTuple):
    """All that was measured on one problem."""

    family: str  # the name without C
    C: float
    ending: Ending
    comparisons: dict[float, Comparison]  # by epsilon
    failed: dict[str, str]  # solver → what it raised

    @property
    def name(self) -> str:
        """The name of the problem."""
        return f"{self.family}/C-{self.C:g}"

    @property
    def penalty(self) -> str:
        """The group of problems that the same solvers serve."""
        return "L2" if self.family.endswith("/l2") else "L1 and elastic net"

    def seconds(self, epsilon: float) -> Seconds:
        """Return the time of each solver to epsilon, infinity if it does not get there."""
        comparison = self.comparisons[epsilon]
        runs = {solver: comparison.first(solver, epsilon) for solver in comparison.curves}
        return {solver: run.seconds if run else math.inf for solver, run in runs.items()}

    def best_peer(self, epsilon: float) -> tuple[str, float]:
        """Return the fastest peer and its seconds; no name and infinity if none gets to epsilon."""
        seconds = {solver: own for solver, own in self.seconds(epsilon).items() if solver != OURS}
        solver = min(seconds, key=seconds.__getitem__, default="")
        return (solver, seconds[solver]) if solver and math.isfinite(seconds[solver]) else ("", math.inf)

    def advantage(self, epsilon: float) -> float:
        """Return how many times as long as ours the best peer takes: 0 if only a peer, NaN if nobody gets there."""
        ours, peer = self.seconds(epsilon)[OURS], self.best_peer(epsilon)[1]
        if math.isinf(ours):
            return math.nan if math.isinf(peer) else 0.0
        return peer / ours

    def passes(self, epsilon: float) -> float:
        """Return the passes of ours to epsilon, infinity if it does not get there."""
        run = self.comparisons[epsilon].first(OURS, epsilon)
        return math.inf if run is None or run.n_passes is None else run.n_passes


def found_to_json(found: Found) -> dict[str, Any]:
    """Return all in lists, dictionaries, numbers and text."""
    return {
        "family": found.family,
        "C": found.C,
        "ending": found.ending._asdict(),
        "comparisons": dict(zip(map(str, found.comparisons), to_json(found.comparisons.values()), strict=True)),
        "failed": found.failed,
    }


def found_from_json(stored: dict[str, Any]) -> Found:
    """Return one of those that `found_to_json` has made."""
    comparisons = {float(epsilon): from_json(comparison) for epsilon, comparison in stored["comparisons"].items()}
    return Found(stored["family"], stored["C"], Ending(**stored["ending"]), comparisons, stored["failed"])
