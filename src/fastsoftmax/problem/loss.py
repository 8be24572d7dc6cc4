"""The data term of the objective: a mean of losses over the samples, of any family.

    L(W, b) = (1/Σs) Σ_i s_i L_i(W x_i + b + o_i)

It is a sum over the samples, so that the loss of some of them is an estimate of it, and the losses of many parts add up
to it. A solver knows one float64 vector, theta = (W in C order, then b); W and b are views of it. Dtype, strides and
threads are decided here, at the border to the kernels.
"""

from collections.abc import Callable, Iterator
from copy import copy
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .. import _kernels
from ..data.arguments import C_TYPE
from ..data.features import DenseFeatures, Features, Parameters, PassOptions
from ..data.samples import Samples
from ..families import Family
from ..penalties import ElasticNet
from ..runtime.arrays import Float64Array, FloatArray, IndexArray
from ..runtime.precision import Precision
from ..runtime.threads import resolve_num_threads
from .ledger import Ledger
from .sample import Importance, draw_part

Phi = Callable[[float], tuple[float, float]]

# Logits that are kept at a time, and not more: 256 MB of float32. A line search along more logits reads X again for
# every trial.
KEPT_LOGITS = 1 << 26


class OnLine(NamedTuple):
    """Logits of some rows, which are linear in t: logits + t · slopes, both (n_samples, n_outputs)."""

    logits: FloatArray
    slopes: FloatArray
    samples: Samples
    family: int

    def at(self, t: float, num_threads: int) -> tuple[float, float]:
        """Return L and dL/dt."""
        kernel = _kernels.cross_entropy[C_TYPE[self.logits.dtype]]
        of_rows: tuple[float, float] = kernel(None, self.logits, self.slopes, t, self.samples, self.family, num_threads)
        return of_rows


class Loss:
    """X, samples and family bound together.

    Parameters
    ----------
    X : Features
    samples : Samples
    family : Family
    fit_intercept : bool
        False holds b at zero: theta is W alone.
    precision : Precision
        How exact products must be at least, where less than X's dtype is faster.
    num_threads : int or None
    ledger : Ledger, optional
        Where passes are counted; one of its own by default.

    Attributes
    ----------
    n_params : int
        Length of theta.
    n_weights : int
        Entries of W, which come first in it.
    n_outputs : int
    asked_threads : int or None
        As num_threads was given.
    rows_at_hand : bool
        Whether any of the rows, or all, can be had without a pass.
    in_chunks : bool
        Whether the rows come in chunks.
    has_batches : bool
        Whether `batches` can be had.
    can_pass : bool
        Whether a pass over the rows is possible still.
    """

    rows_at_hand = True
    in_chunks = False
    has_batches = True
    can_pass = True  # unless whoever reads the rows has failed

    def __init__(
        self,
        X: Features,
        samples: Samples,
        family: Family,
        *,
        fit_intercept: bool = True,
        precision: Precision = Precision.EXACT,
        num_threads: int | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.X = X
        self.samples = samples
        self.family = family
        self.fit_intercept = fit_intercept
        self.ledger = Ledger(len(X)) if ledger is None else ledger
        self.rows_of_pass = len(X)  # that a pass counts as
        self.n_outputs = samples.n_outputs
        self.precision = precision
        self.asked_threads, self._is_part = num_threads, False
        resolve_num_threads(num_threads)  # it must be right
        self.n_weights = self.n_outputs * X.shape[1]
        self.n_params = self.n_weights + (self.n_outputs if fit_intercept else 0)

    def __len__(self) -> int:
        return len(self.X)

    @property
    def num_threads(self) -> int:
        """Threads of a pass."""
        work = self.X.n_entries * self.n_outputs
        threads = resolve_num_threads(self.asked_threads, work)
        return min(threads, resolve_num_threads(None, work)) if self._is_part else threads

    @property
    def options(self) -> PassOptions:
        """How a pass is done at this moment."""
        return PassOptions(self.family.number, self.precision, self.num_threads)

    @property
    def pass_work(self) -> float:
        """Multiply-adds of a pass."""
        return 2.0 * self.X.n_entries * self.n_outputs

    @cached_property
    def floor(self) -> float:
        """A lower bound of L; −∞ where none is known."""
        return self.family.floor_of(self.samples)

    def intercept(self) -> Float64Array | None:
        """Return b, (n_outputs,), for W = 0 to start from; None for zeros."""
        return self.family.intercept(self.samples)

    @cached_property
    def mass(self) -> Float64Array | None:
        """s_i Σ_k y_ik, or None where all are one."""
        return self.samples.mass

    def split(self, theta: Float64Array) -> Parameters:
        """W (n_outputs, n_features) and b (n_outputs,) as views of theta; b is zeros where it is not fitted."""
        W = theta[: self.n_weights].reshape(self.n_outputs, -1)
        return Parameters(W, theta[self.n_weights :] if self.fit_intercept else np.zeros(self.n_outputs))

    def write_loss_grad(self, grad_out: Parameters, at: Parameters) -> float:
        """Write ∂L/∂W and ∂L/∂b, in float64 or what `X.gradient_dtype` allows, and return L; one pass over X."""
        loss = self.X.loss_grad(grad_out, at, self.samples, self.options)
        self.count_pass()
        return loss

    def hess_vec(self, theta: Float64Array, v: Float64Array) -> Float64Array:
        """∂²L/∂theta² at theta times a direction v; one pass over X.

        The mean is computed anew beside the logits of the direction: X is read once either way, and n_samples ×
        n_outputs numbers are never kept.
        """
        product = np.empty_like(theta)
        self.X.hess_vec(self.split(product), self.split(theta), self.split(v), self.samples, self.options)
        self.count_pass()
        return product

    def line(self, theta: Float64Array, direction: Float64Array) -> Phi:
        """Return phi(t) → (L, dL/dt) at theta + t · direction; one pass over X here, none in phi.

        The logits are linear in t: those of theta and those of the direction are all that phi needs. Where they are
        more than KEPT_LOGITS numbers, they are not kept, and every call of phi is a pass.
        """
        blocks = self._blocks(2 * self.n_outputs)
        if len(blocks) > 1:
            return lambda t: self._add(self.part(rows)._phi(theta, direction)(t) for rows in blocks)
        return self._phi(theta, direction)

    def _add(self, parts: Iterator[tuple[float, float]]) -> tuple[float, float]:
        """Sum the losses and slopes of parts, each a mean over its own rows."""
        sizes = [len(range(*rows.indices(len(self)))) for rows in self._blocks(2 * self.n_outputs)]
        loss, slope = np.array(sizes) / len(self) @ np.array(list(parts))
        return float(loss), float(slope)

    def _phi(self, theta: Float64Array, direction: Float64Array) -> Phi:
        on_line = self.on_line(theta, direction)
        return lambda t: on_line.at(t, self.num_threads)

    def on_line(self, theta: Float64Array, direction: Float64Array) -> OnLine:
        """Return the logits of all rows at theta + t · direction; one pass over X."""
        both = np.empty((len(self), 2 * self.n_outputs), dtype=self.X.dtype)
        pairs = zip(self.split(theta), self.split(direction), strict=True)
        self.X.predict(both, Parameters(*map(np.concatenate, pairs)), False, self.options)
        self.count_pass()
        logits, slopes = both[:, : self.n_outputs], both[:, self.n_outputs :]
        if self.samples.offset is not None:
            logits += self.samples.offset
        return OnLine(logits, slopes, self.samples, self.family.number)

    def means(self, theta: Float64Array) -> Iterator[tuple[slice, FloatArray]]:
        """Yield the mean of y at theta for all rows, KEPT_LOGITS numbers at a time; a pass over X, none at W = 0."""
        blocks = self._blocks(self.n_outputs)
        for rows in blocks:
            yield rows, (self if len(blocks) == 1 else self.part(rows)).mean(theta)

    def mean(self, theta: Float64Array) -> FloatArray:
        """E[y_i] at theta for every row, (n_samples, n_outputs); one pass over X, none where W is zero."""
        offset, at = self.samples.offset, self.split(theta)
        out = np.empty((len(self), self.n_outputs), dtype=self.X.dtype)
        if offset is None and not at.W.any():
            # All samples have the same.
            out[:] = at.b if at.b.size else 0
            _kernels.mean(out[:1], out[:1], self.family.number, 1)
            out[1:] = out[0]
            return out
        self.X.predict(out, at, offset is None, self.options)
        if offset is not None:
            out += offset
            _kernels.mean(out, out, self.family.number, self.num_threads)
        self.count_pass()
        return out

    def _blocks(self, numbers_of_row: int) -> list[slice]:
        step = max(1, KEPT_LOGITS // numbers_of_row)
        return [slice(start, start + step) for start in range(0, len(self), step)]

    def average(self, of_part: Callable[["Loss"], tuple[Any, ...]]) -> tuple[Any, ...]:
        """Return means over all samples, of a function that returns means over the samples of a part."""
        return of_part(self)

    def sums(self, of_part: Callable[["Loss"], tuple[Any, ...]]) -> tuple[Any, ...]:
        """Return sums over all samples, of a function that returns sums over the samples of a part."""
        return of_part(self)

    def second_moments(self, center: Float64Array) -> Float64Array:
        """Means of (x_ij − center_j)², weighted by the mass of the samples, (n_features,); one pass over X."""
        self.count_pass()
        mean_mass = 1.0 if self.mass is None else float(self.mass.mean())
        return np.asarray(self.X.second_moments(center, self.mass, self.num_threads) / mean_mass)

    def duality_gap(self, at: Parameters, penalty: ElasticNet) -> float:
        """Bound of F at (W, b) over its minimum; NaN if there is none, else two passes over X."""
        gap = self.family.duality_gap(self.X, self.samples, at, penalty, self.fit_intercept)
        if not np.isnan(gap):
            self.count_pass()
            self.count_pass()
        return gap

    def importance(self, theta: Float64Array, spans: Float64Array | None) -> Importance:
        """Return how much each row tells of the Hessian at theta, as `Importance.at` has it."""
        return Importance.at(self, theta, spans)

    def draw(self, importance: Importance | None, n_rows: int) -> tuple["Loss", Float64Array]:
        """Return about n_rows rows and the mass of each, as `draw_part` has it."""
        return draw_part(self, importance, n_rows)

    def few(self, n_rows: int) -> "Loss":
        """Return n_rows rows, drawn so that their mean is an estimate of that of all."""
        return self.part(np.sort(np.random.default_rng(0).integers(len(self), size=n_rows)))

    def part(self, rows: IndexArray | slice, weight_factor: Float64Array | None = None) -> "Loss":
        """Return the mean over some of the samples.

        The weights stay what they are, of mean one over all samples: the loss and the gradient of rows that are drawn
        uniformly are unbiased estimates of the whole's, and so they are of rows drawn with unequal probabilities where
        weight_factor is 1/(n_samples · probability).

        Parameters
        ----------
        rows : array of int, or slice without a step
            Which samples, each as often as it is named; not empty. A slice of dense X is no copy.
        weight_factor : (len(rows),) float64, optional
            Multiplied with their weights.
        """
        X = self.X.rows(rows)
        return self._of(X, self.samples.rows(rows, weight_factor), len(X) * self.rows_of_pass // len(self))

    def batches(self, size: int, random: np.random.Generator) -> tuple[int, Iterator["Loss"]]:
        """Return how many batches of about so many rows there are, and each in turn: every row once, in random order.

        Rows of a batch are in ascending order, which memory and files read faster.
        """
        n_batches = -(-len(self) // size)
        order = random.permutation(len(self))
        return n_batches, (self.part(np.sort(rows)) for rows in np.array_split(order, n_batches))

    def at_hand(self) -> "Loss":
        """Return the same with all rows at hand, if they can be; a pass where they are not."""
        return self

    def columns(self, columns: IndexArray) -> "Loss":
        """Return the loss of some features alone, as if the others' weights were zero; a copy of these of X.

        A pass over them counts by its share of all numbers.
        """
        X = self.X.columns(columns)
        return self._of(X, self.samples, self.rows_of_pass * X.n_entries // max(1, self.X.n_entries))

    def _of(self, X: Features, samples: Samples, rows_of_pass: int) -> "Loss":
        other = Loss(
            X,
            samples,
            self.family,
            fit_intercept=self.fit_intercept,
            precision=self.precision,
            num_threads=self.asked_threads,
            ledger=self.ledger,
        )
        other._is_part = True
        other.rows_of_pass = rows_of_pass
        return other

    def weighted(self, weight: Float64Array | None) -> "Loss":
        """Return the same with other weights, (n_samples,) of mean one or None, and a count of passes of its own."""
        other = copy(self)
        other.samples = self.samples.weighted(weight)
        other.ledger = Ledger(len(self), self.ledger)
        for name in ("mass", "floor"):
            vars(other).pop(name, None)
        return other

    def centred(self, center: Float64Array) -> "Loss":
        """Return the same of dense features less their center, (n_features,)."""
        other = copy(self)
        assert isinstance(self.X, DenseFeatures)
        other.X = DenseFeatures(self.X.array, None, -center, self.X.dtype)
        return other

    def with_precision(self, precision: Precision) -> "Loss":
        """Return the same by products of another precision."""
        other = copy(self)
        other.precision = precision
        return other

    def count_pass(self) -> None:
        """Count a pass over X."""
        self.ledger.count(self.rows_of_pass)
