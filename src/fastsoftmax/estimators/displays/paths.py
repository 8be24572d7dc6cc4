"""PathDisplay: how coefficients grow as the penalty gets weaker."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ...fitting.path import PathResult
from ...runtime.arrays import Float64Array, FloatArray
from .style import COLOURS, FONT_SIZE, GREY, INK, LINES, POINTS_PER_INCH, axes_of, label, labels, style
from .unwrap import names_of, strongest, unwrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class PathDisplay:
    """The coefficients of features along a path of penalties, from the strongest on the left to the weakest.

    With several outputs, such as classes, a line is the norm of a feature's coefficients, ‖W_:j‖₂, unless one output is
    chosen. `from_estimator` and `from_path` make one.

    Parameters
    ----------
    strengths : ndarray of shape (n_penalties,)
    coefs : ndarray of shape (n_penalties, n_features)
        Coefficients, or norms.
    feature_names : sequence of str, optional
        x0, x1, … by default.
    xlabel, ylabel, title : str
    grows : bool
        Whether a larger strength is a weaker penalty, as of C.
    chosen : float, optional
        The strength that a vertical line marks.

    Attributes
    ----------
    ax_, figure_
        What the last `plot` drew into.
    """

    def __init__(
        self,
        strengths: Float64Array,
        coefs: FloatArray,
        *,
        feature_names: Any = None,
        xlabel: str = "C",
        ylabel: str = "coefficient",
        title: str = "Path of coefficients",
        grows: bool = True,
        chosen: float | None = None,
    ) -> None:
        order = np.argsort(strengths if grows else -np.asarray(strengths), kind="stable")
        self.strengths, self.coefs = np.asarray(strengths)[order], np.asarray(coefs)[order]
        self.feature_names = names_of(feature_names, self.coefs.shape[1])
        self.xlabel, self.ylabel, self.title = xlabel, ylabel, title
        self.grows, self.chosen = grows, chosen

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        class_label: Any = None,
        feature_names: Any = None,
        n_features: int = 10,
        ax: "Axes | None" = None,
    ) -> "PathDisplay":
        """Draw the path of a cross-validated classifier: means over the folds, at the l1_ratio that was chosen.

        Parameters
        ----------
        estimator : SoftmaxRegressionCV, a pipeline that ends in one, or a search that has found one
        class_label : optional
            Draw the coefficients of this class; by default, of more than two classes, the norm over the classes.
        feature_names : sequence of str, optional
            By default those that the estimator knows.
        n_features : int
            How many features, those of the largest coefficients, have a colour and a name; the others are grey.
        ax : matplotlib.axes.Axes, optional
            A new figure by default.

        Returns
        -------
        PathDisplay

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the estimator has no path, or an argument does not fit it.
        """
        known = unwrapped(estimator, feature_names)
        model: Any = known.estimator
        if not hasattr(model, "coefs_paths_"):
            raise ValueError(f"estimator must be a SoftmaxRegressionCV, which has a path, found {type(model).__name__}")
        r = int(np.abs(model.l1_ratios_ - model.l1_ratio_).argmin())
        paths = model.coefs_paths_[:, r, :, :, : known.coef.shape[1]].mean(axis=0)
        classes = model.classes_.tolist()
        row = None
        if class_label is not None:
            if class_label not in classes:
                raise ValueError(f"class_label must be one of the classes, found {class_label!r}")
            row = classes.index(class_label)
            if len(classes) == 2:  # one row: that of the second class
                row, paths = 0, paths if row else -paths
        elif len(classes) == 2:
            class_label = classes[1]
        ratio = f", l1_ratio = {model.l1_ratios_[r]:.3g}" if model.l1_ratios_.any() else ""
        return cls(
            model.Cs_,
            _lines(paths, row),
            ylabel=_ylabel(paths.shape[1], class_label, "classes"),
            title=f"Path of coefficients, mean of {len(model.coefs_paths_)} folds{ratio}",
            feature_names=known.feature_names,
            xlabel="C: the penalty is weaker to the right",
            chosen=model.C_,
        ).plot(n_features, ax=ax)

    @classmethod
    def from_path(
        cls,
        path: PathResult,
        *,
        output: int | None = None,
        feature_names: Any = None,
        n_features: int = 10,
        ax: "Axes | None" = None,
    ) -> "PathDisplay":
        """Draw what `fastsoftmax.path` returned.

        Parameters
        ----------
        path : PathResult
        output : int, optional
            Draw the coefficients of this output or class; by default, of several, the norm over them.
        feature_names, n_features, ax
            As of `from_estimator`, which also says what is returned and raised.
        """
        W = path.W
        if output is not None and not 0 <= output < W.shape[1]:
            raise ValueError(f"output must be from 0 to {W.shape[1] - 1}, found {output}")
        name = "l1" if len(np.unique(path.l1s)) > 1 or len(np.unique(path.l2s)) == 1 else "l2"
        strengths = path.l1s if name == "l1" else path.l2s
        return cls(
            strengths,
            _lines(W, output),
            feature_names=feature_names,
            xlabel=f"{name}: the penalty is weaker to the right",
            ylabel=_ylabel(W.shape[1], None if output is None else f"output {output}", "outputs"),
            grows=False,
        ).plot(n_features, ax=ax)

    def plot(self, n_features: int = 10, *, ax: "Axes | None" = None) -> "PathDisplay":
        """Draw the path; parameters as of `from_estimator`."""
        self.ax_ = axes = axes_of(ax, (7.6, 4.8))
        self.figure_ = axes.figure
        style(axes, self.title, self.xlabel, self.ylabel)
        named = strongest(self.coefs, n_features)
        named = named[self.coefs[:, named].any(axis=0)]  # a name needs a line that leaves zero
        others = np.setdiff1d(np.arange(self.coefs.shape[1]), named)
        if len(others):
            axes.plot(self.strengths, self.coefs[:, others], color=GREY, linewidth=0.7, alpha=0.7)
        colours = [COLOURS[place % len(COLOURS)] for place in range(len(named))]
        for place, j in enumerate(named):
            line = LINES[place // len(COLOURS) % len(LINES)]
            axes.plot(self.strengths, self.coefs[:, j], color=colours[place], linewidth=1.6, linestyle=line)
        axes.axhline(0, color=GREY, linewidth=0.8)
        self._scale(axes)
        if self.chosen is not None:
            axes.axvline(self.chosen, color=INK, linewidth=0.9, linestyle=(0, (2, 3)))
            axes.annotate(
                f"chosen: {self.chosen:.3g}",
                (self.chosen, 0.99),
                xycoords=("data", "axes fraction"),
                xytext=(3, 0),
                textcoords="offset points",
                va="top",
                fontsize=FONT_SIZE,
                color=INK,
            )
        self._name(axes, named, colours)
        return self

    def _scale(self, axes: "Axes") -> None:
        """Space the strengths by their logarithms, a zero being a step below the smallest other one."""
        positive = self.strengths[self.strengths > 0]
        if len(positive) == len(self.strengths):
            axes.set_xscale("log")
        elif len(positive):
            axes.set_xscale("symlog", linthresh=positive.min())
        first, last = float(self.strengths[0]), float(self.strengths[-1])
        if first != last:
            axes.set_xlim(first, last)

    def _name(self, axes: "Axes", named: np.ndarray, colours: list[str]) -> None:
        """Write the names at the ends of the lines, moved apart, with a thin line from each end to its name."""
        ends = self.coefs[-1, named]
        names = labels([self.feature_names[j] for j in named])
        to_axes = axes.transData + axes.transAxes.inverted()
        heights = np.array([to_axes.transform((self.strengths[-1], end))[1] for end in ends])
        inches = axes.get_window_extent().height / axes.figure.dpi
        apart = 1.15 * FONT_SIZE / POINTS_PER_INCH / inches
        for place, height in zip(range(len(named)), moved_apart(heights, apart), strict=True):
            axes.annotate(
                names[place],
                xy=(1, heights[place]),
                xytext=(1.04, height),
                xycoords="axes fraction",
                textcoords="axes fraction",
                va="center",
                fontsize=FONT_SIZE,
                color=colours[place],
                arrowprops={"arrowstyle": "-", "color": colours[place], "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
                annotation_clip=False,
            )


def moved_apart(heights: np.ndarray, apart: float) -> np.ndarray:
    """Return heights, in the same order, that are `apart` or more, moved as little as this takes, around their mean."""
    order = np.argsort(heights, kind="stable")
    # Without gaps the order is all that matters: the nearest non-decreasing values to what is left of the heights.
    left = heights[order] - apart * np.arange(len(heights))
    blocks: list[tuple[float, int]] = []
    for value in left.tolist():
        mean, count = value, 1
        while blocks and blocks[-1][0] > mean:
            before, n_before = blocks.pop()
            mean, count = (mean * count + before * n_before) / (count + n_before), count + n_before
        blocks.append((mean, count))
    moved = np.empty(len(heights))
    moved[order] = np.repeat([mean for mean, _ in blocks], [count for _, count in blocks]) + apart * np.arange(
        len(left)
    )
    return moved


def _lines(W: FloatArray, row: int | None) -> FloatArray:
    """Return the coefficients of a row, or of the only one, else the norms over the rows; (n_penalties, n_features)."""
    if row is None and W.shape[1] > 1:
        return np.linalg.norm(W, axis=1)
    return W[:, row or 0]


def _ylabel(n_rows: int, name: Any, norm: str) -> str:
    """Say what the lines are."""
    if name is not None:
        return f"coefficient, of {label(name)}"
    return "coefficient" if n_rows == 1 else f"norm of the coefficients over the {norm}"
