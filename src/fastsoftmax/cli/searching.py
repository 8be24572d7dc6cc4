"""How the command line tells of a search for C."""

from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table as Grid

if TYPE_CHECKING:
    from ..estimators.softmax_regression_cv import SoftmaxRegressionCV
    from .searching_chunks import Search


def search_facts(search: "SoftmaxRegressionCV | Search") -> dict[str, Any]:
    """Return the scores of a search, as JSON has them."""
    scores = search.scores_  # (n_folds, n_l1_ratios, n_cs)
    mean, error = scores.mean(axis=0), scores.std(axis=0, ddof=1) / np.sqrt(len(scores))
    Cs, ratios = search.Cs_.tolist(), search.l1_ratios_.tolist()
    # As the estimator: of equal scores the first C, then the first l1_ratio.
    c, r = np.unravel_index(scores.sum(axis=0).T.argmax(), mean.T.shape)
    return {
        "scoring": search.scoring,
        "best": {"C": Cs[c], "l1_ratio": ratios[r]},
        "scores": [
            {"C": C, "l1_ratio": ratio, "score": mean[r, c], "standard_error": error[r, c], "folds": scores[:, r, c]}
            for r, ratio in enumerate(ratios)
            for c, C in enumerate(Cs)
        ],
    }


def search_report(facts: dict[str, Any]) -> Grid:
    """Return a row for each C and l1_ratio of `search_facts`; the best is marked."""
    several = len({row["l1_ratio"] for row in facts["scores"]}) > 1
    grid = Grid(box=None)
    folds = "standard_error" in facts["scores"][0]
    headings = ["C", *(["l1 ratio"] if several else []), facts["scoring"], *(["± error"] if folds else []), ""]
    for heading in headings:
        grid.add_column(heading, justify="right", header_style="dim", no_wrap=True)
    for row in facts["scores"]:
        best = {"C": row["C"], "l1_ratio": row["l1_ratio"]} == facts["best"]
        cells = [f"{row['C']:.4g}", *([f"{row['l1_ratio']:g}"] if several else []), f"{row['score']:.5f}"]
        cells += [f"{row['standard_error']:.5f}"] if folds else []
        grid.add_row(*cells, "← best" if best else "", style="bold" if best else "")
    return grid
