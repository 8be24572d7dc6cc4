"""The data term over rows that are read in passes: loss and gradient are sums over leaves."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from ..data.features import Parameters
from ..data.samples import Samples
from ..problem.ledger import Ledger
from ..problem.loss import Loss
from ..runtime.arrays import Float64Array, IndexArray
from ..runtime.override import override
from ..runtime.precision import Precision
from .binding import Binding
from .cut import Leaf, leaf_rows
from .exact import rounded
from .kept import Kept
from .reading import Passes
from .survey import Survey
from .tree import Summands

# Losses and gradients that are kept: of the point where a line begins, and of the last trials on it.
KEPT = 3


class Seen(NamedTuple):
    """A point, and the loss and its gradient there."""

    at: Parameters
    loss: float
    grad: Parameters


class LeavesLoss(Loss):
    """The loss of rows that whoever has them reads in passes; loss and gradient are sums over leaves.

    What else is known of the rows is the subclass's: `StreamedLoss` asks for it in passes, `HeldLoss` has them all.

    Parameters
    ----------
    X : Features, or what describes them
    samples : Samples
    passes : Passes
    binding : Binding
    survey : Survey
    ledger : Ledger, optional
    """

    in_chunks = True

    def __init__(
        self, X: Any, samples: Samples, passes: Passes, binding: Binding, survey: Survey, ledger: Ledger | None = None
    ) -> None:
        self.passes, self.binding, self.survey = passes, binding, survey
        form = survey.facts.form
        self.size = leaf_rows(form.n_features, form.is_sparse, survey.facts.n_rows, samples.n_outputs)
        super().__init__(
            X,
            samples,
            binding.family,
            fit_intercept=binding.fit_intercept,
            precision=binding.precision,
            num_threads=binding.num_threads,
            ledger=ledger,
        )
        self._seen: list[Seen] = []

    @property
    @override
    def can_pass(self) -> bool:  # type: ignore[override]
        return not self.passes.failure

    @cached_property
    @override
    def floor(self) -> float:
        """A lower bound of L; a pass where the family compares losses with that of constant means."""
        family = self.family
        if not family.slack:
            return family.floor
        b = self.intercept()
        assert b is not None
        grad = Parameters(np.empty((self.n_outputs, self.X.shape[1])), np.empty(self.n_outputs))
        return family.floor - family.slack * self.write_loss_grad(grad, Parameters(np.zeros_like(grad.W), b))

    @override
    def intercept(self) -> Float64Array | None:
        survey, binding = self.survey, self.binding
        offset = None
        if survey.classes is not None:
            mean = rounded(survey.classes.weight)
            if binding.class_weight is not None:
                mean = mean * binding.class_weight
            if survey.facts.form.offset_columns:
                offset = np.zeros(len(mean)), np.zeros(len(mean))
            if not self.family.is_categorical:
                mean = mean[-self.n_outputs :] / mean.sum()
            elif len(mean) != self.n_outputs:
                return None  # classes that no row has
        else:
            assert survey.means is not None
            mean = 2 * survey.means.half
            if survey.facts.form.offset_columns:
                offset = survey.means.largest, survey.means.offset
        return self.family.intercept_of(mean, len(self), offset)

    def total(self, of_leaf: Callable[[Leaf], Summands]) -> Summands:
        """Return the sum of a function over leaves; one pass."""
        sums = self.passes.total(of_leaf, self.size)
        self.count_pass()
        return sums

    def means_of_leaves(self, of_part: Callable[[Loss], tuple[Any, ...]]) -> tuple[Any, ...]:
        """Return means over all samples, of a function that returns means over the samples of a leaf; one pass."""
        sums = self.total(partial(_sums_of, self.binding, of_part))
        return tuple(of_all / len(self) for of_all in sums)

    def keep(self, of_part: Callable[[Loss], Any]) -> Kept[Any]:
        """Keep what a function returns of every leaf, in memory of its own; one pass."""
        (kept,) = self.total(partial(_kept, self.binding, of_part))
        assert isinstance(kept, Kept)
        return kept

    @override
    def write_loss_grad(self, grad_out: Parameters, at: Parameters) -> float:
        seen = next((seen for seen in self._seen if all(map(np.array_equal, seen.at, at))), None)
        if seen is None:
            at = Parameters(at.W.copy(), at.b.copy())
            loss, grad_W, grad_b = self.means_of_leaves(partial(_loss_grad, at=at))
            seen = Seen(at, float(loss), Parameters(grad_W, grad_b))
            self._seen[:] = [seen, *self._seen[: KEPT - 1]]
        grad_out.W[:], grad_out.b[:] = seen.grad
        return seen.loss

    @override
    def columns(self, columns: IndexArray) -> Loss:
        of_binding = columns if self.binding.columns is None else self.binding.columns[columns]
        other = self._bound_by(replace(self.binding, columns=of_binding))
        other.rows_of_pass = self.rows_of_pass
        return other

    @override
    def weighted(self, weight: Float64Array | None) -> Loss:
        if weight is not self.samples.weight:
            raise ValueError("sample_weight must come with the chunks, found others")
        other = copy(self)
        other.ledger = Ledger(len(self), self.ledger)
        return other

    @override
    def with_precision(self, precision: Precision) -> Loss:
        return self._bound_by(replace(self.binding, precision=precision))

    def _bound_by(self, binding: Binding) -> "LeavesLoss":
        """Return the loss of the same rows by another binding, whose floor is the same."""
        floor = self.floor
        other = self._of_binding(binding, self.ledger)
        other.floor = floor
        return other

    def _of_binding(self, binding: Binding, ledger: Ledger) -> "LeavesLoss":
        raise NotImplementedError


def _sums_of(binding: Binding, of_part: Callable[[Loss], tuple[Any, ...]], leaf: Leaf) -> Summands:
    """Means over a leaf times the number of its rows, which is a power of two but for the last leaf."""
    n_rows = leaf.rows.n_rows
    return tuple(n_rows * mean for mean in of_part(binding.loss(leaf.rows)))


def _kept(binding: Binding, of_part: Callable[[Loss], Any], leaf: Leaf) -> tuple[Kept[Any]]:
    return (Kept(((leaf.number, leaf.rows.n_rows, of_part(binding.loss(leaf.rows))),)),)


def _loss_grad(part: Loss, at: Parameters) -> tuple[float, Float64Array, Float64Array]:
    grad = Parameters(np.empty(at.W.shape), np.empty(at.b.shape))
    loss = part.write_loss_grad(grad, at)
    return loss, *grad
