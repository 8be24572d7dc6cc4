"""CoefficientDisplay: which features speak for which class."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ...runtime.arrays import FloatArray
from .style import (
    BLUE,
    GREY,
    LINE_SPACING,
    POINTS_PER_INCH,
    SMALLEST,
    VERMILION,
    axes_of,
    colour_bar,
    label,
    name_ticks,
    style,
)
from .unwrap import names_of, strongest, unwrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches that a name takes in a new figure, and the width of the widest one; where they are more, some are not written.
PER_NAME = 1.45 * LINE_SPACING * SMALLEST / POINTS_PER_INCH
WIDEST = 24.0


class CoefficientDisplay:
    """The coefficients of the strongest features: bars for one output, a matrix of colours for more.

    `from_estimator` makes one.

    Parameters
    ----------
    coef : ndarray of shape (n_outputs, n_features)
    feature_names : sequence of str, optional
        x0, x1, … by default.
    output_names : sequence, optional
        The class, or the output, of each row. For one row that of positive coefficients.

    Attributes
    ----------
    ax_, figure_
        What the last `plot` drew into.
    """

    def __init__(self, coef: FloatArray, *, feature_names: Any = None, output_names: Any = None) -> None:
        self.coef = np.atleast_2d(coef)
        self.feature_names = names_of(feature_names, self.coef.shape[1])
        self.output_names = None if output_names is None else list(output_names)
        if self.output_names is not None and len(self.output_names) != len(self.coef):
            raise ValueError(f"output_names must have {len(self.coef)} names, found {len(self.output_names)}")

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, feature_names: Any = None, n_features: int = 20, ax: "Axes | None" = None
    ) -> "CoefficientDisplay":
        """Draw the coefficients of a fitted estimator.

        Parameters
        ----------
        estimator : an estimator of this package, a pipeline that ends in one, or a search that has found one
        feature_names : sequence of str, optional
            By default those that the estimator knows.
        n_features : int
            How many features are drawn, the strongest first.
        ax : matplotlib.axes.Axes, optional
            A new figure by default, whose size follows from the number of names.

        Returns
        -------
        CoefficientDisplay

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the estimator is not of this package, or the names are not as many as the features.
        """
        known = unwrapped(estimator, feature_names)
        names = getattr(known.estimator, "classes_", None)
        if names is not None:
            names = names.tolist()[-len(known.coef) :]
        return cls(known.coef, feature_names=known.feature_names, output_names=names).plot(n_features, ax=ax)

    def plot(self, n_features: int = 20, *, ax: "Axes | None" = None) -> "CoefficientDisplay":
        """Draw the strongest features; parameters as of `from_estimator`."""
        shown = strongest(self.coef, n_features)
        names = [self.feature_names[j] for j in shown]
        n_outputs = len(self.coef)
        wide = min(max(6.4, 2.8 + PER_NAME * n_outputs), WIDEST)
        size = (6.4 if n_outputs == 1 else wide, max(2.4, 1.3 + 0.22 * len(shown)))
        self.ax_ = axes_of(ax, size)
        self.figure_ = self.ax_.figure
        some = "" if len(shown) == self.coef.shape[1] else f"   {len(shown)} strongest of {self.coef.shape[1]} features"
        title = f"Coefficients{some}"
        (self._draw_bars if n_outputs == 1 else self._draw_matrix)(self.coef[:, shown], names, title)
        return self

    def _draw_bars(self, coef: FloatArray, names: list[str], title: str) -> None:
        values = coef[0]
        of = "" if self.output_names is None else f"\nabove zero it speaks for {label(self.output_names[0])}"
        style(self.ax_, title, f"coefficient{of}", "")
        self.ax_.barh(np.arange(len(values)), values, color=np.where(values < 0, BLUE, VERMILION), height=0.7)
        self.ax_.axvline(0, color=GREY, linewidth=1)
        self.ax_.set_ylim(len(values) - 0.4, -0.6)
        name_ticks(self.ax_, "y", names)

    def _draw_matrix(self, coef: FloatArray, names: list[str], title: str) -> None:
        from matplotlib.colors import CenteredNorm

        style(self.ax_, title, "", "")
        norm = CenteredNorm(halfrange=float(np.abs(coef).max()) or 1.0)
        image = self.ax_.imshow(coef.T, cmap="RdBu_r", norm=norm, aspect="auto", interpolation="none")
        name_ticks(self.ax_, "y", names)
        name_ticks(self.ax_, "x", range(len(coef)) if self.output_names is None else self.output_names)
        meaning = "coefficient" if self.output_names is None else "red speaks for the class, blue against it"
        colour_bar(image, self.ax_, meaning)
