"""The Hessian of the data term on some entries of theta.

Solvers of penalties without a gradient minimise a quadratic model over few entries. There the Hessian itself is worth
its cost: as a matrix, of all rows or of a sample, or as the rows that it is a sum over, which a solver then reads in
every sweep.
"""

from typing import NamedTuple

import numpy as np

from ..runtime.arrays import Float64Array, FloatArray, IndexArray
from .hessian import PAIRED_CLASSES, WEIGHTS, hessian_block, loss_diagonal, output_hessians
from .loss import Loss
from .products import gram
from .sample import CHOICE, MOST_ROWS, Sample, curvatures, sample_rows, unsaturated

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


class RowsHessian(NamedTuple):
    """Σ_i m_i (diag(p_i) − p_i p_iᵀ) ⊗ x_i x_iᵀ + diag(l2) on some entries, as the rows that it is a sum over."""

    diagonal: Float64Array  # (n_entries,)
    l2: Float64Array  # (n_entries,)
    p: Float64Array  # (n_outputs, n_rows)
    mass: Float64Array  # (n_outputs, n_rows), m_i p_ik
    values: Float64Array  # of the columns of X, one after the other
    rows: IndexArray | None  # of the values of sparse columns,
    indptr: IndexArray | None  # and where each column begins
    outputs: IndexArray  # (n_entries,), k
    columns: IndexArray  # (n_entries,), j

    @property
    def largest(self) -> Float64Array:
        """max_i |x_ij| of each entry, (n_entries,)."""
        if self.indptr is None:
            of_columns = np.abs(self.values).reshape(-1, self.p.shape[1]).max(axis=1)
        else:
            of_columns = _largest(self.values, self.indptr)
        return np.asarray(of_columns[self.columns])


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


def hessian_of_entries(
    loss: Loss, theta: Float64Array, entries: IndexArray, l2: Float64Array, plan: BlockPlan, damping: float
) -> Float64Array | RowsHessian:
    """∂²F/∂theta² at theta on some entries, whose l2 is given, of all rows or a sample; some passes over X.

    Damping times Σ_i m_i x_ij² is added to l2.
    """
    n_features = loss.X.shape[1]
    of_W = entries < loss.n_weights
    outputs, columns = np.divmod(entries, n_features)
    present = np.bincount(columns[of_W], minlength=n_features) > 0
    features, inputs = np.flatnonzero(present), (np.cumsum(present) - 1)[columns[of_W]]
    outputs[~of_W], columns[of_W], columns[~of_W] = entries[~of_W] - loss.n_weights, inputs, len(features)
    if plan.is_whole:
        part, mass = loss, _masses(loss)
    else:
        n_rows = sample_rows(len(loss))
        chosen = loss.split(theta).W.any() and len(loss) > CHOICE * n_rows
        part, mass = loss.draw(loss.importance(theta, None) if chosen else None, n_rows)
    means, spread = unsaturated(loss.family, part.mean(theta).astype(np.float64), mass)
    probabilities, observed = curvatures(part, means)
    X = part.X if len(features) == n_features else part.X.columns(features)
    if damping:
        l2 = l2 + damping * np.append(X.squares(mass[:, None]), mass.sum())[columns]
    if not plan.as_matrix:
        p = np.ascontiguousarray(probabilities.T)
        weights = p * mass
        values, rows, indptr = X.stored_columns()
        squares = np.vstack([X.squares((weights * (1 - p)).T).T, (weights * (1 - p)).sum(axis=1)])
        if loss.fit_intercept:
            values = np.append(values, np.ones(len(part)))
            if rows is not None and indptr is not None:
                rows, indptr = np.append(rows, np.arange(len(part))), np.append(indptr, len(values))
        diagonal = squares[columns, outputs] + l2
        return RowsHessian(diagonal, l2, p, weights, values, rows, indptr, outputs, columns)
    Z = X.finite_values()
    if loss.fit_intercept:
        Z = np.hstack([Z, np.ones((len(Z), 1), Z.dtype)])
    Z = np.ascontiguousarray(Z)
    n_inputs, n_outputs = Z.shape[1], loss.n_outputs
    categorical = loss.family.is_categorical
    sample = Sample(Z, probabilities, mass, spread, loss.X.dtype, 0.0, categorical, observed)
    blocks = (_blocks if categorical else _blocks_of_outputs)(sample, loss.num_threads)
    place = outputs * n_inputs + columns
    matrix: Float64Array = blocks.reshape(n_outputs * n_inputs, -1)[np.ix_(place, place)].astype(np.float64)
    own_entries = np.arange(len(entries))
    matrix[own_entries, own_entries] += l2
    if not plan.is_whole:
        own, of_all = matrix.diagonal() - l2, loss_diagonal(loss, theta)[0][entries]
        matrix[own_entries, own_entries] = np.where(own < RARE * of_all, of_all, own) + l2
    return matrix


def rows_of_entries(loss: Loss, entries: IndexArray, l2: Float64Array) -> SparseRows:
    """Return the samples for some entries, whose l2 is given: features for all outputs, and the intercepts."""
    (n_samples, n_features), n_outputs, samples = loss.X.shape, loss.n_outputs, loss.samples
    of_W = np.flatnonzero(entries < loss.n_weights)
    order = of_W[np.lexsort((entries[of_W] // n_features, entries[of_W] % n_features))]
    features = entries[order[::n_outputs]] % n_features
    X = loss.X if len(features) == n_features else loss.X.columns(features)
    values, rows, indptr = X.stored_columns()
    if indptr is None:
        indptr = np.arange(len(features) + 1) * n_samples
    logits, targets = np.zeros((2, n_samples, n_outputs))
    if samples.offset is not None:
        logits[:] = samples.offset
    weight = np.full(n_samples, 1 / n_samples) if samples.weight is None else samples.weight / n_samples
    if samples.labels is not None:
        targets[np.arange(n_samples), samples.labels] = weight
    else:
        assert samples.targets is not None
        targets[:] = weight[:, None] * samples.targets
    intercepts = np.flatnonzero(entries >= loss.n_weights) if loss.fit_intercept else None
    of_samples = logits, targets, _masses(loss)
    return SparseRows(
        *of_samples, values, rows, indptr, _largest(values, indptr), l2[order[::n_outputs]], order, intercepts
    )


def _largest(values: Float64Array, indptr: IndexArray) -> Float64Array:
    """Return the largest absolute value of each sparse column, zero of an empty one."""
    of_columns: Float64Array = np.maximum.reduceat(np.append(np.abs(values), 0.0), indptr[:-1])
    of_columns[np.diff(indptr) == 0] = 0
    return of_columns


def _blocks(sample: Sample, num_threads: int) -> FloatArray:
    """Σ_i m_i (diag(p_i) − p_i p_iᵀ) ⊗ z_i z_iᵀ, (n_outputs, n_inputs, n_outputs, n_inputs)."""
    Z, p = sample.X, np.ascontiguousarray(sample.probabilities.T)
    n_outputs, n_inputs = len(p), Z.shape[1]
    if n_outputs > PAIRED_CLASSES:
        blocks = hessian_block(sample, np.eye(n_outputs), Z, num_threads)
        for c in range(n_outputs):
            blocks[:c, :, c] = blocks[c, :, :c].transpose(1, 0, 2)
        return blocks
    blocks = np.empty((n_outputs, n_inputs, n_outputs, n_inputs), Z.dtype)
    pairs = np.array(np.tril_indices(n_outputs))
    for c, d in np.array_split(pairs, 1 + pairs.shape[1] * len(Z) // WEIGHTS, axis=1):
        weights = -p[c] * p[d]
        weights[c == d] += p[c[c == d]]
        weights *= sample.weights
        blocks[c, :, d] = grams = gram(Z, weights, num_threads)
        blocks[d, :, c] = grams
    return blocks


def _blocks_of_outputs(sample: Sample, num_threads: int) -> FloatArray:
    """Σ_i m_i diag(C_i) ⊗ z_i z_iᵀ, of the same shape."""
    Z, n_outputs = sample.X, sample.probabilities.shape[1]
    blocks = np.zeros((n_outputs, Z.shape[1], n_outputs, Z.shape[1]), Z.dtype)
    each = np.arange(n_outputs)
    blocks[each, :, each] = output_hessians(sample, Z, num_threads)
    return blocks


def _masses(loss: Loss) -> Float64Array:
    """Weight of each row in the mean of the losses."""
    return (np.ones(len(loss)) if loss.mass is None else loss.mass) / len(loss)
