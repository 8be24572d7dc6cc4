"""The picture of performance profiles: the share of the problems that each solver solves within τ × the fastest."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from fastsoftmax.cli.pictures import DPI
from fastsoftmax.estimators.displays.style import GREY, INK

from .peers import OURS
from .performance_profile import PerformanceProfile
from .solver_plot import STYLES
from .zoo_peers import ZOO_SOLVERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 2
PANEL = (4.6, 3.4)  # inches
TICKS = (1, 2, 5, 10, 20, 50, 100)

# Solvers that the pictures of `bench.solvers` know keep their colour; the others are told by dashes too.
_OTHERS = [solver for solver in ZOO_SOLVERS if solver not in STYLES]
COLOURS = {solver: STYLES[solver][0] for solver in ZOO_SOLVERS if solver in STYLES} | dict(
    zip(_OTHERS, ("#E69F00", "#D55E00", "#009E73", "#009E73", "#CC79A7"), strict=True)
)
LINES = dict.fromkeys(STYLES, "-") | dict(zip(_OTHERS, ("--", "--", "--", ":", "--"), strict=True))


def save_profiles(path: Path, profiles: Mapping[str, PerformanceProfile]) -> None:
    """Write the picture, a panel for each profile by its title, in the format that the file's name ends in."""
    draw_profiles(profiles).savefig(path, dpi="figure")


def draw_profiles(profiles: Mapping[str, PerformanceProfile]) -> Figure:
    """Draw a panel for each profile, below a legend of all solvers."""
    columns = min(COLUMNS, len(profiles))
    rows = -(-len(profiles) // columns)
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, wspace=0.03, hspace=0.04)
    size = (max(columns, 2) * PANEL[0], rows * PANEL[1] + 0.7)
    figure = Figure(figsize=size, layout=layout, facecolor="white", dpi=DPI)
    for position, (title, profile) in enumerate(profiles.items()):
        axes = figure.add_subplot(rows, columns, position + 1)
        _draw_profile(axes, profile)
        axes.set_title(title, fontsize=9.5, color=INK, loc="left")
        if position % columns == 0:
            axes.set_ylabel("share of the problems", fontsize=9.5, color=INK)
        if position + columns >= len(profiles):
            axes.set_xlabel("τ: time, relative to the fastest solver's", fontsize=9.5, color=INK)
    shown = [solver for solver in ZOO_SOLVERS if any(solver in profile.ratios for profile in profiles.values())]
    figure.legend(
        handles=[Line2D([], [], **_style(solver), label=solver) for solver in shown],
        loc="outside upper left",
        ncols=4,
        fontsize=9,
        labelcolor=INK,
        frameon=False,
    )
    return figure


def _draw_profile(axes: "Axes", profile: PerformanceProfile) -> None:
    # Ours is drawn last, on top.
    for solver in reversed(profile.ratios):
        taus, shares = profile.steps(solver)
        axes.plot([*taus, 2 * TICKS[-1]], [*shares, shares[-1]], drawstyle="steps-post", **_style(solver))
    axes.set(xscale="log", xlim=(1, TICKS[-1]), ylim=(0, 1.02))
    axes.xaxis.set_major_locator(FixedLocator(TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tau, _: f"{tau:g}"))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.tick_params(colors=INK, labelsize=8.5, length=3)
    axes.grid(color=GREY, alpha=0.4, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)


def _style(solver: str) -> dict[str, Any]:
    width = 2.4 if solver == OURS else 1.3
    return {"color": COLOURS[solver], "linestyle": LINES[solver], "linewidth": width}
