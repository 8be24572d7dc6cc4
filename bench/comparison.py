"""The results of a comparison of solvers, and the file that keeps them for another table or picture."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from .curves import Curve, Reference, Run


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


def save(path: Path, facts: dict[str, str], comparisons: list[Comparison]) -> None:
    """Write facts and comparisons as JSON."""
    problems = [
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
    path.write_text(json.dumps({"facts": facts, "problems": problems}, indent=1, ensure_ascii=False) + "\n")


def load(path: Path) -> tuple[dict[str, str], list[Comparison]]:
    """Return the facts and comparisons that `save` has written."""
    content = json.loads(path.read_text())
    return content["facts"], [_comparison(problem) for problem in content["problems"]]


def _comparison(problem: dict[str, Any]) -> Comparison:
    curves = {
        name: Curve(**curve | {"runs": [Run(**run) for run in curve["runs"]]})
        for name, curve in problem["curves"].items()
    }
    return Comparison(problem["problem"], Reference(**problem["reference"]), curves)
