"""Performance profiles, by Dolan and Moré (Mathematical Programming 91, 2002), https://doi.org/10.1007/s101070100263.

On each problem a solver's ratio is its time divided by that of the fastest solver, infinity where it does not get
there. The profile of a solver is ρ(τ): the share of the problems on which its ratio is at most τ. Here it is of the
problems that the solver serves and that some solver solves: most solvers do not serve all.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np

Seconds = Mapping[str, float]  # of each solver that serves a problem; infinity if it does not get there


class PerformanceProfile:
    """The ratios of all solvers on all problems that one of them solves.

    Parameters
    ----------
    problems : sequence of mappings
        For each problem, the seconds of each solver that serves it.

    Attributes
    ----------
    ratios : dict
        Solver → its ratios, sorted, in the order of the solvers' first problems.
    unsolved : int
        Number of problems that no solver solves; they are left out.
    """

    def __init__(self, problems: Sequence[Seconds]) -> None:
        ratios: dict[str, list[float]] = {}
        self.unsolved = 0
        for seconds in problems:
            best = min(seconds.values(), default=math.inf)
            if math.isinf(best):
                self.unsolved += 1
                continue
            for solver, own in seconds.items():
                ratios.setdefault(solver, []).append(own / best)
        self.ratios = {solver: sorted(own) for solver, own in ratios.items()}

    def share(self, solver: str, tau: float) -> float:
        """Return ρ(τ) of a solver."""
        return float(np.searchsorted(self.ratios[solver], tau, side="right")) / len(self.ratios[solver])

    def solved(self, solver: str) -> float:
        """Return the share of the problems that the solver solves at all."""
        return sum(map(math.isfinite, self.ratios[solver])) / len(self.ratios[solver])

    def median(self, solver: str) -> float:
        """Return the median ratio, infinity if less than half are solved."""
        return median(self.ratios[solver])

    def steps(self, solver: str) -> tuple[list[float], list[float]]:
        """Return τ and ρ(τ) at the corners of the profile, for a picture: ρ holds until the next τ."""
        taus = sorted({1.0, *filter(math.isfinite, self.ratios[solver])})
        return taus, [self.share(solver, tau) for tau in taus]
