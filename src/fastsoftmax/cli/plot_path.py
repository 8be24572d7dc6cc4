"""Pictures over the strength of the penalty: weights and held-out loss of a path, scores of a search."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ..estimators.displays.paths import PathDisplay
from ..estimators.displays.style import BLUE, COLOURS, GREY, INK, VERMILION, style
from ..runtime.arrays import Float64Array
from .plot import new_figure
from .walking import Point, best_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRENGTH = "C, the inverse strength of the penalty  [log scale]"

# Features whose lines have colours and names; the others are grey.
NAMED = 12

# Where the colours begin again.
DASHES = ("-", (0, (4, 2)))


def path_figure(points: list[Point], softmax: bool) -> Figure:
    """Draw the weights of the strongest features, and how many features are used, with the losses, over C."""
    figure = new_figure((13.4, 5.2))
    panels = figure.add_gridspec(1, 2, width_ratios=[1.25, 1.0])
    _draw_weights(figure.add_subplot(panels[0]), points)
    right = panels[1].subgridspec(2, 1, height_ratios=[1.0, 1.0])
    used = figure.add_subplot(right[0])
    _draw_used(used, points)
    _draw_losses(figure.add_subplot(right[1], sharex=used), points, "nats per sample" if softmax else "deviance/2")
    return figure


def _draw_weights(axes: "Axes", points: list[Point]) -> None:
    """Draw the norm of each feature's weights, one of each class."""
    Cs = [point.C for point in points]
    norms = np.array([np.linalg.norm(point.model.W, axis=0) for point in points])  # (n_points, n_features)
    names = points[-1].model.feature_names or tuple(str(j + 1) for j in range(norms.shape[1]))
    n_used = int(norms.any(axis=0).sum())
    some = f"   {min(NAMED, n_used)} strongest of {norms.shape[1]} features" if norms.shape[1] > NAMED else ""
    norm = "norm of a feature's weights"
    display = PathDisplay(
        np.array(Cs), norms, feature_names=names, xlabel=STRENGTH, ylabel=norm, title=f"Weights{some}"
    )
    display.plot(NAMED, ax=axes)
    axes.set_ylim(bottom=0)
    axes.grid(color=GREY, alpha=0.35, linewidth=0.7)


def _draw_used(axes: "Axes", points: list[Point]) -> None:
    """Draw how many features have a weight other than zero."""
    style(axes, "Features in use", "", "")
    used = [int(point.model.W.any(axis=0).sum()) for point in points]
    axes.step([point.C for point in points], used, where="mid", color=BLUE, linewidth=2.0)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.tick_params(labelbottom=False)
    axes.grid(color=GREY, alpha=0.35, linewidth=0.7)


def _draw_losses(axes: "Axes", points: list[Point], unit: str) -> None:
    """Draw the objective, and the loss of held-out rows where there are any; the best C is marked."""
    Cs = [point.C for point in points]
    style(axes, "Loss", STRENGTH, unit)
    axes.plot(Cs, [point.result.loss for point in points], color=BLUE, linewidth=2.0, label="training, with penalty")
    if not np.isnan(points[0].held_out):
        held = [point.held_out for point in points]
        axes.plot(Cs, held, color=VERMILION, linestyle=(0, (5, 2)), linewidth=2.0, label="held out")
        best = best_of(points)
        axes.plot(best.C, best.held_out, "o", color=VERMILION, markersize=7, label=f"best: C = {best.C:.3g}")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.grid(color=GREY, alpha=0.35, linewidth=0.7)
    axes.legend(loc="best", fontsize=8.5, labelcolor=INK, frameon=False)


def scores_figure(Cs: Float64Array, l1_ratios: Float64Array, scores: NDArray[Any], scoring: str) -> Figure:
    """Draw the mean score over the folds and its standard error, a line for each share of L1.

    Parameters
    ----------
    Cs, l1_ratios : ndarray of shape (n_cs,) and (n_l1_ratios,)
    scores : ndarray of shape (n_folds, n_l1_ratios, n_cs)
    scoring : str
    """
    figure = new_figure((7.4, 5.0))
    axes = figure.add_subplot()
    style(axes, f"Scores of {len(scores)} folds", STRENGTH, f"{scoring}, mean and standard error")
    mean, error = scores.mean(axis=0), scores.std(axis=0, ddof=1) / np.sqrt(len(scores))
    for r, ratio in enumerate(l1_ratios.tolist()):
        colour, dashes = COLOURS[r % len(COLOURS)], DASHES[(r // len(COLOURS)) % len(DASHES)]
        axes.errorbar(
            Cs, mean[r], yerr=error[r], color=colour, linestyle=dashes, linewidth=1.8, capsize=3, label=f"{ratio:g}"
        )
    r, c = np.unravel_index(mean.argmax(), mean.shape)
    axes.plot(Cs[c], mean[r, c], "o", color=INK, markersize=8, fillstyle="none", label=f"best: C = {Cs[c]:.3g}")
    axes.set_xscale("log")
    axes.grid(color=GREY, alpha=0.35, linewidth=0.7)
    axes.legend(title="share of L1", fontsize=8.5, title_fontsize=8.5, labelcolor=INK, frameon=False)
    return figure
