"""The Hessian of the data term on some entries of theta.

Solvers of penalties without a gradient minimise a quadratic model over few entries. There the Hessian itself is worth
its cost: as a matrix, of all rows or of a sample, or as the rows that it is a sum over, which a solver then reads in
every sweep.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from .. import _coordinates
from ..data.features import Features
from ..runtime.arrays import Float64Array, FloatArray, IndexArray
from .hessian import PAIRED_CLASSES, WEIGHTS, hessian_block, loss_diagonal, output_hessians
from .loss import Loss
from .products import gram
from .sample import CHOICE, MOST_ROWS, Sample, curvatures, sample_rows, unsaturated, weights_of

# A matrix has at most 3,000 rows (72 MB), and its Gram matrices for all pairs of classes 6,000 (144 MB of float32).
MOST_ENTRIES, MOST_PAIRED = 3_000, 6_000

# Of several independent outputs it has at most 1,000 rows: it is nearly all zeros, which sweeps read too.
MOST_INDEPENDENT = 1_000

# The rows that a solver reads have at most 2e7 values (160 MB).
MOST_VALUES = 2e7

# A matrix may cost as much as 10 passes over X, or 1e9 multiply-adds (tens of milliseconds); it is cheap, so that each
# iteration may have its own, up to 4 passes or 6e7 multiply-adds.
MATRIX_PASSES, MATRIX_WORK = 10, 1e9
CHEAP_PASSES, CHEAP_WORK = 4, 6e7

# Gram matrices are 8 times as fast as sweeps. A model of n entries is minimised by about 15 n² multiply-adds with a
# matrix, and with rows by 40 for each value of each entry's column.
GRAM_SPEED, MATRIX_SWEEPS, ROWS_SWEEPS = 8, 15, 40

# Up to 12 classes, sparse columns serve all classes of a feature together. Measured: with 2 to 10 it takes 0.3 to 1.2
# times as long as class by class, with 20 from 0.7 (one-hot columns) to 3.3 (words), for most weights are zero there.
MOST_TOGETHER = 12

# Where a diagonal entry of the sample is less than half of that of all rows, features are too rare for a sample.
RARE = 0.5


class BlockPlan(NamedTuple):
    """How the Hessian of some entries is made."""

    as_matrix: bool
    is_cheap: bool  # so cheap that each iteration may have its own
    is_whole: bool  # of all rows
    is_sparse: bool = False  # no Hessian, but the rows themselves, which are sparse


class StoredColumns:
    """The columns of some features in float64, and one of ones for an intercept, as sweeps over them read them.

    Attributes
    ----------
    values : (n_values,) float64
        One column after the other.
    rows, indptr : (n_values,) and (n_columns + 1,) intp, optional
        The row of each value and where each column begins; None where every column has a value for each row.
    """

    def __init__(self, X: Features, fit_intercept: bool) -> None:
        values, rows, indptr = X.stored_columns()
        if fit_intercept:
            values = np.append(values, np.ones(len(X)))
            if rows is not None and indptr is not None:
                rows, indptr = np.append(rows, np.arange(len(X))), np.append(indptr, len(values))
        self.values, self.rows, self.indptr, self.n_rows = values, rows, indptr, len(X)

    @cached_property
    def largest(self) -> Float64Array:
        """max_i |x_ij| of each column."""
        if self.indptr is not None:
            return _largest(self.values, self.indptr)
        return np.asarray(np.abs(self.values).reshape(-1, self.n_rows).max(axis=1))

    def sparse(self, columns: IndexArray) -> tuple[Float64Array, IndexArray | None, IndexArray]:
        """Return values, rows and indptr of some columns, ascending; rows are None where X is dense."""
        indptr = np.arange(columns[-1] + 2) * self.n_rows if self.indptr is None else self.indptr
        first, last = indptr[columns[0]], indptr[columns[-1] + 1]
        if columns[-1] - columns[0] + 1 == len(columns):
            rows = None if self.rows is None else self.rows[first:last]
            return self.values[first:last], rows, indptr[columns[0] : columns[-1] + 2] - first
        lengths = np.diff(indptr)[columns]
        of_columns = np.append(0, np.cumsum(lengths))
        chosen = np.arange(of_columns[-1]) + np.repeat(indptr[columns] - of_columns[:-1], lengths)
        return self.values[chosen], None if self.rows is None else self.rows[chosen], of_columns


class RowsHessian(NamedTuple):
    """Σ_i m_i (diag(p_i) − p_i p_iᵀ) ⊗ x_i x_iᵀ + diag(l2) on some entries, as the rows that it is a sum over."""

    diagonal: Float64Array  # (n_entries,)
    l2: Float64Array  # (n_entries,)
    p: Float64Array  # (n_outputs, n_rows)
    mass: Float64Array  # (n_outputs, n_rows), m_i p_ik
    stored: StoredColumns
    outputs: IndexArray  # (n_entries,), k
    columns: IndexArray  # (n_entries,), j

    @property
    def largest(self) -> Float64Array:
        """max_i |x_ij| of each entry, (n_entries,)."""
        return self.stored.largest[self.columns]


class SparseRows(NamedTuple):
    """The loss of the samples as a function of the weights of some features and of the intercepts, for all outputs."""

    logits: Float64Array  # (n_rows, n_outputs), where all these weights are zero
    targets: Float64Array  # (n_rows, n_outputs), mass times what the outputs should be
    mass: Float64Array  # (n_rows,)
    values: Float64Array  # of the columns of X, one after the other
    rows: IndexArray | None  # of each value; None where each column has one for each row
    indptr: IndexArray  # (n_features + 1,), where each column begins
    largest: Float64Array  # (n_features,), max_i |x_ij|
    l2: Float64Array  # (n_features,)
    order: IndexArray  # (n_features · n_outputs,), the entries by features, and for each of these by outputs
    intercepts: IndexArray | None  # (n_outputs,), the entries that these are


def plan_block(loss: Loss, n_entries: int, n_features: int) -> BlockPlan | None:
    """Return how the Hessian of entries of that many features is made; None where it is not worth its cost."""
    n_samples, n_inputs, n_outputs = len(loss), n_features + loss.fit_intercept, loss.n_outputs
    categorical = loss.family.is_categorical
    work = n_inputs**2 * n_outputs * (n_outputs + 1 if categorical else 2) / 4
    cheap = loss.rows_at_hand and n_samples * work <= max(CHEAP_PASSES * loss.pass_work, CHEAP_WORK)
    n_rows = n_samples if cheap else min(n_samples, MOST_ROWS)
    as_matrix = BlockPlan(True, cheap, loss.rows_at_hand and n_rows == n_samples)
    most = MOST_ENTRIES if categorical or n_outputs == 1 else MOST_INDEPENDENT
    fits = n_entries <= most and n_inputs * n_outputs <= MOST_PAIRED and n_rows * n_inputs <= MOST_VALUES
    fits = fits and n_rows * work <= max(MATRIX_PASSES * loss.pass_work, MATRIX_WORK)
    if not (categorical and loss.rows_at_hand):
        return as_matrix if fits else None
    per_column = loss.X.n_stored / loss.X.shape[1]
    if n_outputs <= MOST_TOGETHER and n_features and per_column < n_samples:
        by_rows, serves = BlockPlan(False, False, True, is_sparse=True), True
        values, coordinates = max(per_column, 2 * n_outputs**2) * n_features, n_features * n_outputs
    else:
        by_rows, serves = BlockPlan(False, True, True), per_column <= MOST_ROWS
        values, coordinates = per_column * n_inputs, n_entries
    if not serves or max(values, n_outputs * n_samples) > MOST_VALUES:
        return as_matrix if fits else None
    matrix_work = n_rows * work / GRAM_SPEED + MATRIX_SWEEPS * n_entries**2
    return as_matrix if fits and matrix_work <= ROWS_SWEEPS * coordinates * per_column else by_rows


class Entries:
    """Some entries of theta, and what of the features they need.

    Parameters
    ----------
    loss : Loss
    of_theta : (n,) intp
        Which they are.
    l2 : (n_features,) float64
        The penalty's.

    Attributes
    ----------
    features : (n_present,) intp
        Those that have an entry, ascending.
    outputs, columns : (n,) intp
        k of each entry, and its feature's place among the features; that of an intercept comes after all.
    l2 : (n,) float64
    """

    def __init__(self, loss: Loss, of_theta: IndexArray, l2: Float64Array) -> None:
        n_features = loss.X.shape[1]
        self.loss, self.of_theta = loss, of_theta
        of_W = of_theta < loss.n_weights
        self.outputs, columns = np.divmod(of_theta, n_features)
        self.l2 = np.where(of_W, l2[columns], 0.0)
        present = np.bincount(columns[of_W], minlength=n_features) > 0
        self.features = np.flatnonzero(present)
        self.columns = np.where(of_W, (np.cumsum(present) - 1)[columns], len(self.features))
        self.outputs[~of_W] = of_theta[~of_W] - loss.n_weights

    def features_of(self, part: Loss) -> Features:
        """Return these features of some rows."""
        return part.X if len(self.features) == part.X.shape[1] else part.X.columns(self.features)

    def inputs_of(self, part: Loss) -> FloatArray:
        """Return them as a matrix, with a column of ones for an intercept: (n_rows, n_inputs)."""
        Z = self.features_of(part).finite_values()
        return np.ascontiguousarray(np.hstack([Z, np.ones((len(Z), 1), Z.dtype)]) if part.fit_intercept else Z)

    @cached_property
    def mass(self) -> Float64Array:
        """Weight of each row in the mean of the losses."""
        return weights_of(self.loss)

    @cached_property
    def inputs(self) -> FloatArray:
        """Those of all rows."""
        return self.inputs_of(self.loss)


class Blocks:
    """The Hessian on some entries, wherever it is asked for; what successive blocks share is kept.

    Parameters
    ----------
    loss : Loss
    l2 : (n_features,) float64
        The penalty's.
    """

    def __init__(self, loss: Loss, l2: Float64Array) -> None:
        self.loss, self.l2 = loss, l2
        self._latest: Entries | None = None

    def at(
        self, theta: Float64Array, entries: IndexArray, plan: BlockPlan, damping: float
    ) -> Float64Array | RowsHessian | SparseRows:
        """Return it at theta, by the plan; damping times the second moments is added."""
        at = self._latest
        if at is None or at.of_theta is not entries:
            at = Entries(self.loss, entries, self.l2)
            self._latest = at if plan.is_cheap else None
        whole = None if plan.as_matrix or self.loss.X.n_stored > MOST_VALUES else self._columns
        return rows_of_entries(at, whole) if plan.is_sparse else hessian_of_entries(theta, at, plan, damping, whole)

    @cached_property
    def _columns(self) -> StoredColumns:
        """The columns of all features."""
        return StoredColumns(self.loss.X, self.loss.fit_intercept)


def hessian_of_entries(
    theta: Float64Array, entries: Entries, plan: BlockPlan, damping: float, whole: StoredColumns | None
) -> Float64Array | RowsHessian:
    """∂²F/∂theta² at theta on some entries, of all rows or a sample; some passes over X.

    Damping times Σ_i m_i x_ij² is added to l2. `whole` are the columns of all features, if they are at hand.
    """
    loss = entries.loss
    if plan.is_whole:
        part, mass = loss, entries.mass
    else:
        n_rows = sample_rows(len(loss))
        chosen = loss.split(theta).W.any() and len(loss) > CHOICE * n_rows
        part, mass = loss.draw(loss.importance(theta, None) if chosen else None, n_rows)
    # By classes, of which there are few: NumPy adds up few long rows much faster than many short ones.
    mean = np.ascontiguousarray(part.mean(theta).T, dtype=np.float64).T
    means, spread = unsaturated(loss.family, mean, mass)
    l2 = entries.l2
    if damping:
        l2 = l2 + damping * np.append(entries.features_of(part).squares(mass[:, None]), mass.sum())[entries.columns]
    if not plan.as_matrix:
        return _by_rows(entries, means, mass, l2, whole)
    Z = entries.inputs if plan.is_whole else entries.inputs_of(part)
    matrix = np.empty((len(l2), len(l2)))
    if loss.family.is_categorical and loss.n_outputs <= PAIRED_CLASSES:
        grams = _grams_of_pairs(Z, np.ascontiguousarray(means.T), mass, loss.num_threads)
        _coordinates.fill_hessian(matrix, grams, entries.outputs, entries.columns, l2)
    else:
        probabilities, observed = curvatures(part, means)
        categorical = loss.family.is_categorical
        sample = Sample(Z, probabilities, mass, spread, loss.X.dtype, 0.0, categorical, observed)
        blocks = (_blocks if categorical else _blocks_of_outputs)(sample, loss.num_threads)
        place = entries.outputs * Z.shape[1] + entries.columns
        matrix[:] = blocks.reshape(loss.n_outputs * Z.shape[1], -1)[np.ix_(place, place)]
        matrix[np.diag_indices(len(l2))] += l2
    if not plan.is_whole:
        own, of_all = matrix.diagonal() - l2, loss_diagonal(loss, theta)[0][entries.of_theta]
        matrix[np.diag_indices(len(l2))] = np.where(own < RARE * of_all, of_all, own) + l2
    return matrix


def _by_rows(
    entries: Entries, probabilities: Float64Array, mass: Float64Array, l2: Float64Array, whole: StoredColumns | None
) -> RowsHessian:
    """Return the Hessian of softmax as the rows that it is a sum over."""
    loss, columns = entries.loss, entries.columns
    if whole is None:
        stored = StoredColumns(entries.features_of(loss), loss.fit_intercept)
    else:
        stored, columns = whole, np.append(entries.features, loss.X.shape[1])[columns]
    p = np.ascontiguousarray(probabilities.T)
    weights, diagonal = p * mass, np.empty(len(l2))
    by_rows = p, weights, stored.values, stored.rows, stored.indptr, entries.outputs, columns
    _coordinates.diagonal_of_samples(diagonal, l2, *by_rows)
    return RowsHessian(diagonal, l2, p, weights, stored, entries.outputs, columns)


def rows_of_entries(entries: Entries, whole: StoredColumns | None) -> SparseRows:
    """Return the samples for some entries: features for all outputs, and the intercepts; `whole` as above."""
    loss, of_theta = entries.loss, entries.of_theta
    n_samples, n_outputs, samples = len(loss), loss.n_outputs, loss.samples
    of_W = np.flatnonzero(of_theta < loss.n_weights)
    order = of_W[np.lexsort((entries.outputs[of_W], entries.columns[of_W]))]
    stored, columns = whole, entries.features
    if stored is None:
        stored, columns = StoredColumns(entries.features_of(loss), False), np.arange(len(entries.features))
    values, rows, indptr = stored.sparse(columns)
    logits, targets = np.zeros((2, n_samples, n_outputs))
    if samples.offset is not None:
        logits[:] = samples.offset
    weight = np.full(n_samples, 1 / n_samples) if samples.weight is None else samples.weight / n_samples
    if samples.labels is not None:
        targets[np.arange(n_samples), samples.labels] = weight
    else:
        assert samples.targets is not None
        targets[:] = weight[:, None] * samples.targets
    intercepts = np.flatnonzero(of_theta >= loss.n_weights) if loss.fit_intercept else None
    of_samples = logits, targets, entries.mass
    l2 = entries.l2[order[::n_outputs]]
    return SparseRows(*of_samples, values, rows, indptr, _largest(values, indptr), l2, order, intercepts)


def _largest(values: Float64Array, indptr: IndexArray) -> Float64Array:
    """Return the largest absolute value of each sparse column, zero of an empty one."""
    of_columns: Float64Array = np.maximum.reduceat(np.append(np.abs(values), 0.0), indptr[:-1])
    of_columns[np.diff(indptr) == 0] = 0
    return of_columns


def _grams_of_pairs(Z: FloatArray, p: Float64Array, mass: Float64Array, num_threads: int) -> FloatArray:
    """Σ_i m_i p_ik p_il z_i z_iᵀ for all pairs of classes k > l, as `fill_hessian` takes them; p is (n_outputs, n)."""
    pairs = np.array([(c, d) for c in range(len(p)) for d in range(c)], np.intp).reshape(-1, 2)
    step = max(1, WEIGHTS // len(Z))
    parts = (pairs[start : start + step].T for start in range(0, len(pairs), step))
    grams = [gram(Z, p[c] * p[d] * mass, num_threads) for c, d in parts]
    return grams[0] if len(grams) == 1 else np.concatenate(grams)


def _blocks(sample: Sample, num_threads: int) -> FloatArray:
    """Σ_i m_i (diag(p_i) − p_i p_iᵀ) ⊗ z_i z_iᵀ, (n_outputs, n_inputs, n_outputs, n_inputs), of many classes."""
    n_outputs = sample.probabilities.shape[1]
    blocks = hessian_block(sample, np.eye(n_outputs), sample.X, num_threads)
    for c in range(n_outputs):
        blocks[:c, :, c] = blocks[c, :, :c].transpose(1, 0, 2)
    return blocks


def _blocks_of_outputs(sample: Sample, num_threads: int) -> FloatArray:
    """Σ_i m_i diag(C_i) ⊗ z_i z_iᵀ, of the same shape."""
    Z, n_outputs = sample.X, sample.probabilities.shape[1]
    blocks = np.zeros((n_outputs, Z.shape[1], n_outputs, Z.shape[1]), Z.dtype)
    each = np.arange(n_outputs)
    blocks[each, :, each] = output_hessians(sample, Z, num_threads)
    return blocks
