"""The data term over rows that are read in passes: the same interface as that of rows in memory."""

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from ..data.features import Parameters
from ..data.samples import Samples
from ..penalties import ElasticNet
from ..problem.ledger import Ledger
from ..problem.loss import Loss, Phi
from ..problem.sample import Importance
from ..runtime.arrays import Float64Array, IndexArray
from ..runtime.override import override
from ..runtime.precision import Precision
from ..runtime.vectors import dot
from .binding import Binding
from .cut import Leaf, leaf_rows
from .draw import Drawn
from .exact import rounded
from .gap import duality_gap
from .reading import Passes
from .survey import Survey
from .tree import Summands

# Losses and gradients that are kept: of the point where a line begins, and of the last trials on it.
KEPT = 3

# Draw from rows above half of the expected threshold: seldom are there too few of these.
SAFE = 0.5


@dataclass(frozen=True)
class Description:
    """What is known of the features when they are not at hand; they have been found finite."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    n_entries: int
    few: Loss

    @property
    def scale(self) -> Float64Array | None:
        """As `Features` has it."""
        return self.few.X.scale

    @property
    def shift(self) -> Float64Array | None:
        """As `Features` has it."""
        return self.few.X.shift

    def __len__(self) -> int:
        return self.shape[0]

    def check_finite(self, name: str) -> None:
        """Do nothing: all rows were looked at in the first pass."""

    def serves_rough_products(self, n_classes: int) -> bool:
        """As `Features`, by rows that were drawn."""
        return self.few.X.serves_rough_products(n_classes)

    @property
    def serves_dual_ascent(self) -> bool:
        """Dual ascent takes the rows in random order."""
        return False


class Seen(NamedTuple):
    """A point, and the loss and its gradient there."""

    at: Parameters
    loss: float
    grad: Parameters


class LeavesLoss(Loss):
    """The loss of rows that whoever has them reads in passes.

    Every pass is the sum of a function over leaves. Rows for the curvature are drawn in a pass, and those for its first
    guess in the first pass of all.

    Parameters
    ----------
    passes : Passes
    binding : Binding
    survey : Survey
    ledger : Ledger, optional
    """

    rows_at_hand = False

    def __init__(self, passes: Passes, binding: Binding, survey: Survey, ledger: Ledger | None = None) -> None:
        facts = survey.facts
        self.passes, self.binding, self.survey = passes, binding, survey
        few = binding.loss(survey.drawn.settled()[0])
        form = facts.form
        self.size = leaf_rows(form.n_features, form.is_sparse, facts.n_rows, few.n_outputs)
        n_features = few.X.shape[1]
        n_entries = facts.n_entries * n_features // form.n_features
        description: Any = Description((facts.n_rows, n_features), few.X.dtype, n_entries, few)
        # What families prove by the samples, they prove by the smallest weight.
        least = None if few.samples.weight is None else np.array([facts.least_weight / binding.mean_weight])
        labels = None if few.samples.labels is None else np.zeros(1, np.intp)
        summary = Samples(labels, None, few.n_outputs, weight=least, parameter=few.samples.parameter)
        super().__init__(
            description,
            summary,
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

    @override
    def sums(self, of_part: Callable[[Loss], tuple[Any, ...]]) -> tuple[Any, ...]:
        return self.total(partial(_plain_sums_of, self.binding, of_part))

    @override
    def average(self, of_part: Callable[[Loss], tuple[Any, ...]]) -> tuple[Any, ...]:
        sums = self.total(partial(_sums_of, self.binding, of_part))
        return tuple(of_all / len(self) for of_all in sums)

    def total(self, of_leaf: Callable[[Leaf], Summands]) -> Summands:
        """Return the sum of a function over leaves; one pass."""
        sums = self.passes.total(of_leaf, self.size)
        self.count_pass()
        return sums

    @override
    def write_loss_grad(self, grad_out: Parameters, at: Parameters) -> float:
        seen = next((seen for seen in self._seen if all(map(np.array_equal, seen.at, at))), None)
        if seen is None:
            at = Parameters(at.W.copy(), at.b.copy())
            loss, grad_W, grad_b = self.average(partial(_loss_grad, at=at))
            seen = Seen(at, float(loss), Parameters(grad_W, grad_b))
            self._seen[:] = [seen, *self._seen[: KEPT - 1]]
        grad_out.W[:], grad_out.b[:] = seen.grad
        return seen.loss

    @override
    def hess_vec(self, theta: Float64Array, v: Float64Array) -> Float64Array:
        (product,) = self.average(partial(_hess_vec, theta=theta, v=v))
        return np.asarray(product)

    @override
    def line(self, theta: Float64Array, direction: Float64Array) -> Phi:
        """Return phi(t) → (L, dL/dt) at theta + t · direction; a pass for each t, saved where the gradient is known."""

        def phi(t: float) -> tuple[float, float]:
            grad = np.empty_like(theta)
            loss = self.write_loss_grad(self.split(grad), self.split(theta + t * direction))
            return loss, dot(grad, direction)

        return phi

    @override
    def second_moments(self, center: Float64Array) -> Float64Array:
        moments, mass = self.average(partial(_second_moments, center=center))
        return np.asarray(moments / mass)

    @override
    def importance(self, theta: Float64Array, spans: Float64Array | None) -> Importance:
        return Importance(np.empty(0), len(self), theta)

    @override
    def draw(self, importance: Importance | None, n_rows: int) -> tuple[Loss, Float64Array]:
        first = self.survey.drawn
        if importance is None and min(n_rows, len(self)) <= first.n_wanted:
            drawn = first.top(n_rows)
        else:
            theta = None if importance is None else importance.theta
            rows, factor = first.settled()
            expected = float(_importance(self.binding.loss(rows), theta) @ factor)
            floor = SAFE * expected / n_rows if n_rows < len(self) else 0.0
            of_leaf = partial(_drawn, self.binding, theta=theta, n_rows=n_rows, floor=floor)
            (drawn,) = self.total(of_leaf)
            if not len(drawn):
                drawn = first  # the model is sure of all samples: no row matters more
        rows, factor = drawn.settled()
        part = self._part(self.binding.loss(rows))
        return part, (factor if part.mass is None else part.mass * factor) / len(self)

    @override
    def few(self, n_rows: int) -> Loss:
        rows, factor = self.survey.drawn.settled()
        chosen = np.sort(np.random.default_rng(0).permutation(rows.n_rows)[:n_rows])
        part = self._part(self.binding.loss(rows.take(chosen)))
        weight = factor[chosen] * (rows.n_rows / len(self))
        return part.part(slice(None), weight)

    def _part(self, part: Loss) -> Loss:
        """Let rows in memory count what is read of them here."""
        part.ledger = self.ledger
        return part

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
        other = LeavesLoss(self.passes, binding, self.survey, self.ledger)
        other.floor = floor
        return other

    @override
    def duality_gap(self, at: Parameters, penalty: ElasticNet) -> float:
        if not self.can_pass or not (penalty.penalizes_all and self.family.has_duality_gap):
            return math.nan
        return duality_gap(self.average, at, penalty, self.fit_intercept)


def _sums_of(binding: Binding, of_part: Callable[[Loss], tuple[Any, ...]], leaf: Leaf) -> Summands:
    """Means over a leaf times the number of its rows, which is a power of two but for the last leaf."""
    n_rows = leaf.rows.n_rows
    return tuple(n_rows * mean for mean in of_part(binding.loss(leaf.rows)))


def _plain_sums_of(binding: Binding, of_part: Callable[[Loss], tuple[Any, ...]], leaf: Leaf) -> Summands:
    return of_part(binding.loss(leaf.rows))


def _loss_grad(part: Loss, at: Parameters) -> tuple[float, Float64Array, Float64Array]:
    grad = Parameters(np.empty(at.W.shape), np.empty(at.b.shape))
    loss = part.write_loss_grad(grad, at)
    return loss, *grad


def _hess_vec(part: Loss, theta: Float64Array, v: Float64Array) -> tuple[Float64Array]:
    return (part.hess_vec(theta, v),)


def _importance(part: Loss, theta: Float64Array | None) -> Float64Array:
    """Return m_i (1 − ‖p_i‖²) of every row, or without theta its mass m_i."""
    mass = np.ones(len(part)) if part.mass is None else part.mass
    return mass if theta is None else mass * part.family.trace(part.mean(theta))


def _drawn(binding: Binding, leaf: Leaf, theta: Float64Array | None, n_rows: int, floor: float) -> Summands:
    return (Drawn.of(leaf.rows, leaf.start, _importance(binding.loss(leaf.rows), theta), n_rows, floor),)


def _second_moments(part: Loss, center: Float64Array) -> tuple[Float64Array, float]:
    """Mean of m_i (x_ij − center_j)², and that of the mass m_i."""
    mass = 1.0 if part.mass is None else float(part.mass.mean())
    if mass == 0:
        return np.zeros(len(center)), mass
    weight = None if part.mass is None else part.mass / mass
    return mass * part.X.second_moments(center, weight, part.num_threads), mass
