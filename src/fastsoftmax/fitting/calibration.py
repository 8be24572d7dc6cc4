"""Whether predictions are as often right as they are sure."""

import numpy as np
from numpy.typing import NDArray

from ..runtime.arrays import FloatArray

N_BINS = 15

# An interval of fewer samples says nothing: such a bin is merged with the next.
FEWEST = 20

BIN_DTYPE = np.dtype([("confidence", np.float64), ("accuracy", np.float64), ("count", np.int64)])

RELIABILITY_DTYPE = np.dtype(
    [
        *(("from", np.float64), ("to", np.float64), ("confidence", np.float64), ("accuracy", np.float64)),
        *(("low", np.float64), ("high", np.float64), ("count", np.int64)),
    ]
)


def calibration(
    confidence: FloatArray, correct: NDArray[np.bool_], n_bins: int = N_BINS
) -> tuple[NDArray[np.void], float]:
    """Compare the confidence of predictions with their accuracy, in bins of equal width.

    See Guo et al., "On calibration of modern neural networks", 2017, equations 2 and 3.

    Parameters
    ----------
    confidence : ndarray of shape (n_samples,)
        Probability of the likeliest class.
    correct : ndarray of shape (n_samples,)
        Whether the likeliest class is the true one.
    n_bins : int

    Returns
    -------
    bins : structured ndarray of shape (n_bins,)
        The mean confidence and the accuracy of each bin, both NaN if it is empty, and its count. Bins are closed on
        the right.
    calibration_error : float
        Expected calibration error: mean over the samples of |accuracy − confidence| of their bin.
    """
    confidence = confidence.astype(np.float64)
    # Bin m holds confidences in (m / n_bins, (m + 1) / n_bins].
    which = np.clip(np.ceil(confidence * n_bins).astype(np.intp) - 1, 0, n_bins - 1)
    bins = np.empty(n_bins, dtype=BIN_DTYPE)
    bins["count"] = np.bincount(which, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        for field, values in (("confidence", confidence), ("accuracy", correct)):
            bins[field] = np.bincount(which, values, minlength=n_bins) / bins["count"]
    gap = np.abs(bins["accuracy"] - bins["confidence"])
    return bins, float(np.nansum(gap * bins["count"]) / len(confidence))


def reliability(bins: NDArray[np.void]) -> NDArray[np.void]:
    """Merge neighbouring bins until each has 20 samples, or all, and give the accuracy of each an interval.

    Parameters
    ----------
    bins : structured ndarray
        As `calibration` returns them.

    Returns
    -------
    structured ndarray of shape (n_merged,)
        from and to, the edges; the mean confidence; the accuracy, with low and high, its 95 % interval; the count.
    """
    edges = np.linspace(0, 1, len(bins) + 1)
    groups: list[list[int]] = [[]]
    for m in np.flatnonzero(bins["count"]).tolist():
        if bins["count"][groups[-1]].sum() >= FEWEST:
            groups.append([])
        groups[-1].append(m)
    if len(groups) > 1 and bins["count"][groups[-1]].sum() < FEWEST:
        last = groups.pop()
        groups[-1] += last
    merged = np.empty(len(groups), dtype=RELIABILITY_DTYPE)
    for row, group in zip(merged, groups, strict=True):
        some = bins[group]
        count = int(some["count"].sum())
        right = round(float(some["accuracy"] @ some["count"]))
        row["from"], row["to"] = edges[group[0]], edges[group[-1] + 1]
        row["confidence"], row["accuracy"] = float(some["confidence"] @ some["count"]) / count, right / count
        row["low"], row["high"] = wilson(right, count)
        row["count"] = count
    return merged


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)
