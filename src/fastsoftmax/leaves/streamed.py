"""The data term over rows of which most are never at hand: what is asked of them is a pass, or a draw of rows."""

import math
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..data.features import Parameters
from ..data.samples import Samples
from ..penalties import ElasticNet
from ..problem.ledger import Ledger
from ..problem.loss import Loss, OnLine, Phi
from ..problem.sample import Importance
from ..runtime.arrays import Float64Array, IndexArray
from ..runtime.override import override
from ..runtime.vectors import dot
from .binding import Binding
from .cut import Leaf
from .draw import Drawn
from .gap import duality_gap
from .kept import MOST_KEPT
from .loss import LeavesLoss
from .reading import Passes
from .rows import Held
from .survey import Survey
from .tree import Summands

# On a line, values of t that are evaluated with the gradient, and halvings that share a pass after these.
FULL, HALVINGS = 3, 16

# Features are gathered in memory if they have at most 20 million numbers (80 MB of float32, 160 MB where they are
# sparse), about as many as proximal Newton steps and dual ascent serve; by rows that were drawn, at most this share.
MOST_GATHERED, SURELY_GATHERED = 20_000_000, 0.9

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
        """As `Features`, once the rows are at hand."""
        return self.few.X.serves_dual_ascent


class StreamedLoss(LeavesLoss):
    """The loss of rows of which some are drawn.

    Every pass is the sum of a function over leaves. Rows for the curvature are drawn in a pass, and those for its first
    guess in the first pass of all.

    Parameters
    ----------
    passes, binding, survey, ledger
        As of `LeavesLoss`.
    """

    rows_at_hand = False

    def __init__(self, passes: Passes, binding: Binding, survey: Survey, ledger: Ledger | None = None) -> None:
        facts = survey.facts
        few = binding.loss(survey.drawn.settled()[0])
        n_features = few.X.shape[1]
        n_entries = facts.n_entries * n_features // facts.form.n_features
        description = Description((facts.n_rows, n_features), few.X.dtype, n_entries, few)
        # What families prove by the samples, they prove by the smallest weight.
        least = None if few.samples.weight is None else np.array([facts.least_weight / binding.mean_weight])
        labels = None if few.samples.labels is None else np.zeros(1, np.intp)
        summary = Samples(labels, None, few.n_outputs, weight=least, parameter=few.samples.parameter)
        super().__init__(description, summary, passes, binding, survey, ledger)
        self._few = few
        self._whole: list[Loss] = []  # once all rows have been gathered; what is copied of this loss shares it

    @override
    def _of_binding(self, binding: Binding, ledger: Ledger) -> "StreamedLoss":
        return StreamedLoss(self.passes, binding, self.survey, ledger)

    @override
    def columns(self, columns: IndexArray) -> Loss:
        """Return the loss of some features alone; in memory, after a pass that gathers them, where they are few."""
        whole = self.at_hand()
        return whole.columns(columns) if whole is not self else self._gathered(columns) or super().columns(columns)

    @override
    def at_hand(self) -> Loss:
        if not self._whole:
            self._whole += filter(None, [self._gathered(None)])
        return self._part(copy(self._whole[0])) if self._whole else self

    def _gathered(self, columns: IndexArray | None) -> Loss | None:
        """Return the loss of some features, or all, in memory, after a pass; None where they have too many numbers."""
        few, binding = self._few, self.binding
        stored = few.X if columns is None else few.X.columns(columns)
        of_y = 1 if few.samples.labels is not None else few.n_outputs
        if (stored.n_entries / len(few) + of_y) * len(self) > SURELY_GATHERED * MOST_GATHERED:
            return None
        own = columns if columns is None or binding.columns is None else binding.columns[columns]
        own = binding.columns if own is None else own
        (held,) = self.total(partial(_held, own, MOST_GATHERED))
        rows = held.rows()
        if rows is None:
            return None
        scale, shift = binding.scale, binding.shift
        if own is not None:
            scale, shift = (None if factors is None else factors[own] for factors in (scale, shift))
        part = replace(binding, columns=None, scale=scale, shift=shift).loss(rows)
        part.rows_of_pass = self.rows_of_pass * part.X.n_entries // self.X.n_entries
        return self._part(part)

    @property
    @override
    def has_batches(self) -> bool:  # type: ignore[override]
        return self.passes.walk is not None

    @override
    def batches(self, size: int, random: np.random.Generator) -> tuple[int, Iterator[Loss]]:
        """As in memory, but leaf after leaf, whose rows are in random order."""
        n_whole, rest = divmod(len(self), self.size)
        n_batches = n_whole * -(-self.size // size) + -(-rest // size)
        return n_batches, self._batches(size, random)

    def _batches(self, size: int, random: np.random.Generator) -> Iterator[Loss]:
        assert self.passes.walk is not None
        for leaf in self.passes.walk(self.size):
            _, batches = self._part(self.binding.loss(leaf.rows)).batches(size, random)
            yield from batches

    @override
    def average(self, of_part: Callable[[Loss], tuple[Any, ...]]) -> tuple[Any, ...]:
        return self.means_of_leaves(of_part)

    @override
    def sums(self, of_part: Callable[[Loss], tuple[Any, ...]]) -> tuple[Any, ...]:
        return self.total(partial(_plain_sums_of, self.binding, of_part))

    @override
    def hess_vec(self, theta: Float64Array, v: Float64Array) -> Float64Array:
        (product,) = self.average(partial(_hess_vec, theta=theta, v=v))
        return np.asarray(product)

    @override
    def line(self, theta: Float64Array, direction: Float64Array) -> Phi:
        """Return phi(t) → (L, dL/dt) at theta + t · direction.

        If the logits are few, they are kept: one pass, and none in phi. Otherwise the first FULL values of t take a
        pass each, which is saved where the gradient is wanted next. After these a pass finds the values at t, t/2, t/4
        and so on: so a search goes on that has failed until there.
        """
        if 2 * len(self) * self.n_outputs * self.X.dtype.itemsize <= MOST_KEPT:
            kept = self.keep(partial(_kept_line, theta=theta, direction=direction))
            return lambda t: kept.average(partial(OnLine.at, t=t, num_threads=self.num_threads))
        known: dict[float, tuple[float, float]] = {}

        def phi(t: float) -> tuple[float, float]:
            if t in known:
                return known[t]
            if len(known) < FULL:
                grad = np.empty_like(theta)
                loss = self.write_loss_grad(self.split(grad), self.split(theta + t * direction))
                known[t] = loss, dot(grad, direction)
                return known[t]
            ts = [t * 0.5**halvings for halvings in range(HALVINGS)]
            (values,) = self.means_of_leaves(partial(_on_line, theta=theta, direction=direction, ts=ts))
            known.update(zip(ts, map(tuple, values.tolist()), strict=True))
            return known[t]

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
    def duality_gap(self, at: Parameters, penalty: ElasticNet) -> float:
        if not self.can_pass or not (penalty.penalizes_all and self.family.has_duality_gap):
            return math.nan
        return duality_gap(self, at, penalty)


def _plain_sums_of(binding: Binding, of_part: Callable[[Loss], tuple[Any, ...]], leaf: Leaf) -> Summands:
    return of_part(binding.loss(leaf.rows))


def _held(columns: IndexArray | None, most: int, leaf: Leaf) -> tuple[Held]:
    rows = leaf.rows if columns is None else leaf.rows._replace(X=leaf.rows.X[:, columns])
    return (Held.of(rows, leaf.start, most),)


def _hess_vec(part: Loss, theta: Float64Array, v: Float64Array) -> tuple[Float64Array]:
    return (part.hess_vec(theta, v),)


def _kept_line(part: Loss, theta: Float64Array, direction: Float64Array) -> OnLine:
    logits, slopes, samples, family = part.on_line(theta, direction)
    return OnLine(np.ascontiguousarray(logits), np.ascontiguousarray(slopes), samples.copy(), family)


def _on_line(part: Loss, theta: Float64Array, direction: Float64Array, ts: list[float]) -> tuple[Float64Array]:
    """Return loss and slope at each theta + t · direction, (len(ts), 2)."""
    phi = part.line(theta, direction)
    return (np.array([phi(t) for t in ts]),)


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
