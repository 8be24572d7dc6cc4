"""What a comparison of solvers has found, and its form in a file, for another table or picture."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .curves import Curve, Reference, Run
from .tables import three_digits


class Comparison(NamedTuple):
    """The curves of all solvers on one problem."""

    problem: str  # in words
    reference: Reference
    curves: dict[str, Curve]

    @property
    def best(self) -> float:
        """F*: the lowest F of the reference and of all runs."""
        return min([self.reference.loss, *(run.loss for curve in self.curves.values() for run in curve.runs)])

    def first(self, solver: str, epsilon: float) -> Run | None:
        """Return the fastest run of a solver that reached relative suboptimality epsilon, or None."""
        return self.curves[solver].first(self.best * (1 + epsilon))

    def time(self, solver: str, epsilon: float, write: Callable[[float], str] = three_digits) -> str:
        """Return the seconds to epsilon as `write` does, or that it was not reached: ✗ if the solver ended before."""
        run, curve = self.first(solver, epsilon), self.curves[solver]
        if run:
            return write(run.seconds)
        return "✗" if curve.ending == "stopped" else f">{write(curve.longest)}"


def to_json(comparisons: Iterable[Comparison]) -> list[dict[str, Any]]:
    """Return all in lists, dictionaries, numbers and text."""
    return [
        {
            "problem": problem,
            "reference": reference._asdict(),
            "curves": {
                name: curve._asdict() | {"runs": [run._asdict() for run in curve.runs]}
                for name, curve in curves.items()
            },
        }
        for problem, reference, curves in comparisons
    ]


def from_json(problem: dict[str, Any]) -> Comparison:
    """Return one of those that `to_json` has made."""
    curves = {
        name: Curve(**curve | {"runs": [Run(**run) for run in curve["runs"]]})
        for name, curve in problem["curves"].items()
    }
    return Comparison(problem["problem"], Reference(**problem["reference"]), curves)
