"""The folds of a cross-validation: the whole X, in which the held-out samples have weight zero.

X is bound once and never copied. All folds are fitted with one penalty before any is fitted with the next. The
components of the preconditioner depend on the penalty far more than on the fold, so all folds share them; where each
fold has a scale of its own, they do not.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..data.samples import as_sample_weight
from ..fitting.binding import start
from ..fitting.path import walk
from ..fitting.result import FitResult
from ..fitting.solving import Settings
from ..problem.objective import Objective
from .classifier import penalty_of
from .scaling import Scaling
from .softmax_regression import SoftmaxRegression


class Part(NamedTuple):
    """The objective of some samples, and how their features are scaled."""

    objective: Objective
    total_weight: float
    scaling: Scaling


class Fold(NamedTuple):
    """The training samples and the test rows of a fold."""

    train: Part
    test: np.ndarray  # indices or a mask


class HeldOut(SoftmaxRegression):
    """A model of one fold, as a scorer sees it: it knows the offset of the rows that it is asked for."""

    rows_offset: Any = None

    def decision_function(self, X: Any, offset: Any = None) -> np.ndarray:
        """Logits, as of `SoftmaxRegression`."""
        return super().decision_function(X, self.rows_offset if offset is None else offset)


def train_weights(weights: np.ndarray, train: Any) -> np.ndarray:
    """Return the weights of all samples in a fold; train holds indices or is a mask, and may name a row twice."""
    n_samples = len(weights)
    return weights * np.bincount(np.arange(n_samples)[train], minlength=n_samples)


def same_features(whole: Part, weights: np.ndarray) -> Part:
    """Return the data with other weights, features scaled as they are."""
    objective = whole.objective
    weight = as_sample_weight(weights, len(weights))
    return Part(objective.variant(objective.penalty, weight), float(weights.sum()), whole.scaling)


def fits(
    parts: list[Part], Cs: np.ndarray, l1_ratios: np.ndarray, kind: tuple[int, str | None], settings: Settings
) -> Iterator[tuple[tuple[int, int, int], FitResult]]:
    """Yield the fit of each part, l1_ratio and C, and its place in arrays of (n_folds, n_l1_ratios, n_cs).

    kind is the number of classes, and the group.
    """
    order = np.argsort(Cs, kind="stable")
    for r, l1_ratio in enumerate(l1_ratios):
        walks = [
            walk(
                part.objective,
                [
                    part.objective.penalty.of_strength(penalty_of(C, l1_ratio, part.total_weight, *kind))
                    for C in Cs[order]
                ],
                start(None, part.objective.loss),
                settings,
            )
            for part in parts
        ]
        for c in order:
            for f, steps in enumerate(walks):
                yield (f, r, c), checked(next(steps))


def checked(result: FitResult) -> FitResult:
    """Return the result, or raise KeyboardInterrupt if the fit was interrupted."""
    if result.status == "interrupted":
        raise KeyboardInterrupt(result.message)
    return result
