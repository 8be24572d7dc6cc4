"""ReliabilityDisplay: whether predictions are as often right as they are sure."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...fitting.calibration import N_BINS, calibration, reliability
from .style import COLOURS, GREY, INK, POINTS_PER_INCH, SMALL, axes_of, label, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# Points from the axis to what stands below its name.
BELOW = 36


class ReliabilityDisplay:
    """Accuracy against confidence, in bins, with 95 % intervals; a bin has 20 samples or more.

    `from_estimator` and `from_predictions` make one.

    Parameters
    ----------
    bins : structured ndarray
        from, to, confidence, accuracy, low, high and count of each bin.
    calibration_error : float
        Mean over the samples of |accuracy − confidence| of their bin, before bins are merged.
    class_label : optional
        The class whose probability it is; by default that of the likeliest class.

    Attributes
    ----------
    ax_, figure_
        What the last `plot` drew into.
    """

    def __init__(self, bins: NDArray[np.void], calibration_error: float, *, class_label: Any = None) -> None:
        self.bins, self.calibration_error, self.class_label = bins, calibration_error, class_label

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        class_label: Any = None,
        n_bins: int | None = None,
        name: str | None = None,
        ax: "Axes | None" = None,
    ) -> "ReliabilityDisplay":
        """Draw how reliable the probabilities of a classifier are on samples that it was not fitted to.

        Parameters
        ----------
        estimator : a fitted classifier, or a pipeline that ends in one, with `predict_proba`
        X : array_like, frame or sparse matrix of shape (n_samples, n_features)
        y : array_like of shape (n_samples,)
            Labels.
        class_label : optional
            Draw the probability of this class; by default that of each sample's likeliest class.
        n_bins : int, optional
            Bins of equal width from 0 to 1, before those of few samples are merged. By default 15; of a `class_label`
            whose probabilities are all small as many more as give 15 up to the largest.
        name : str, optional
            In the legend.
        ax : matplotlib.axes.Axes, optional
            A new figure by default; that of another display, to compare the two.

        Returns
        -------
        ReliabilityDisplay

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If an argument has the wrong shape or values, such as a class that the classifier does not know.
        """
        options = {"class_label": class_label, "n_bins": n_bins, "name": name, "ax": ax}
        return cls.from_predictions(y, estimator.predict_proba(X), classes=estimator.classes_, **options)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_prob: Any,
        *,
        classes: Any = None,
        class_label: Any = None,
        n_bins: int | None = None,
        name: str | None = None,
        ax: "Axes | None" = None,
    ) -> "ReliabilityDisplay":
        """Draw how reliable probabilities are.

        Parameters
        ----------
        y_true : array_like of shape (n_samples,)
            Labels.
        y_prob : array_like of shape (n_samples, n_classes)
            Probabilities of the classes.
        classes : array_like of shape (n_classes,), optional
            The label of each column; 0, 1, … by default.
        class_label, n_bins, name, ax
            As of `from_estimator`, which also says what is returned and raised.
        """
        y, probabilities = np.asarray(y_true), np.asarray(y_prob, dtype=np.float64)
        if probabilities.ndim != 2:
            raise ValueError(f"y_prob must have a column for each class, found shape {probabilities.shape}")
        if y.shape != (len(probabilities),) or not len(y):
            raise ValueError(f"y_true must have a label for each of the {len(probabilities)} samples, found {y.shape}")
        if not ((probabilities >= 0) & (probabilities <= 1)).all():
            raise ValueError("y_prob must hold probabilities, from 0 to 1")
        if n_bins is not None and n_bins < 1:
            raise ValueError(f"n_bins must be positive, found {n_bins}")
        labels_ = np.arange(probabilities.shape[1]) if classes is None else np.asarray(classes)
        if labels_.shape != (probabilities.shape[1],):
            raise ValueError(f"classes must have a label for each of the {probabilities.shape[1]} columns of y_prob")
        unknown = y[~np.isin(y, labels_)]
        if len(unknown):
            raise ValueError(f"y_true must hold the classes alone, found {unknown.tolist()[0]!r}")
        if class_label is None:
            confidence, right = probabilities.max(axis=1), labels_[probabilities.argmax(axis=1)] == y
        else:
            (column,) = np.nonzero(labels_ == class_label)
            if len(column) != 1:
                raise ValueError(f"class_label must be one of the classes, found {class_label!r}")
            confidence, right = probabilities[:, column[0]], y == class_label
        if n_bins is None:
            n_bins = N_BINS if class_label is None else math.ceil(N_BINS / max(float(confidence.max()), 1e-3))
        bins, error = calibration(confidence, right, n_bins)
        return cls(reliability(bins), error, class_label=class_label).plot(name=name, ax=ax)

    def plot(self, *, name: str | None = None, ax: "Axes | None" = None) -> "ReliabilityDisplay":
        """Draw the bins; parameters as of `from_estimator`."""
        number = 0 if ax is None else len(ax.containers)
        self.ax_ = axes_of(ax, (5.6, 5.8))
        self.figure_ = self.ax_.figure
        top = self.ax_.get_xlim()[1] if number else 0.0
        if not number:
            what = "the likeliest class" if self.class_label is None else label(self.class_label)
            rate = "share that is right" if self.class_label is None else "share of the class"
            style(self.ax_, "Reliability", f"probability of {what}", rate)
            draw_diagonal(self.ax_)
            self.ax_.set_aspect("equal")
        bins = self.bins
        words = f"calibration error {self.calibration_error:.3f}, {bins['count'].sum():,} samples"
        draw_bins(self.ax_, bins, COLOURS[number % len(COLOURS)], f"{name}: {words}" if name else words)
        largest = float(max(bins["to"].max(), bins["high"].max()))
        top = 1.0 if self.class_label is None else max(largest, top)
        self.ax_.set(xlim=(0, top), ylim=(0, top))
        self._explain()
        return self

    def _explain(self) -> None:
        """Draw the legend below the axis' name: inside it could cover data."""
        from matplotlib.transforms import ScaledTranslation

        axes = self.ax_
        below = ScaledTranslation(0, -BELOW / POINTS_PER_INCH, axes.figure.dpi_scale_trans)
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(0, 0),
            bbox_transform=axes.transAxes + below,
            borderaxespad=0,
            fontsize=SMALL,
            labelcolor=INK,
            frameon=False,
        )


def draw_diagonal(axes: "Axes") -> None:
    """Draw where accuracy and confidence are equal."""
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.5, linestyle=(0, (4, 3)), label="as right as sure")
    axes.grid(color=GREY, alpha=0.35, linewidth=0.7)


def draw_bins(axes: "Axes", bins: NDArray[np.void], colour: str, words: str) -> None:
    """Draw the accuracy of bins over their confidence, with intervals; `words` are for the legend."""
    below, above = bins["accuracy"] - bins["low"], bins["high"] - bins["accuracy"]
    drawn = axes.errorbar(
        *(bins["confidence"], bins["accuracy"]),
        yerr=np.maximum([below, above], 0),
        fmt="o-",
        color=colour,
        linewidth=1.2,
        markersize=5,
        capsize=2.5,
        label=words,
    )
    for edge in (drawn[0], *drawn[1]):
        edge.set_clip_on(False)
