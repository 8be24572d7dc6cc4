"""The smooth part of F itself as a model on some entries, minimised over without the kernels' passes."""

from typing import Any

import numpy as np

from .. import _coordinates
from ..penalties import EntryPenalty
from ..runtime.arrays import Float64Array
from ..runtime.override import override
from .quadratic import Model

# Nowhere does a quadratic model of softmax tell of logits much farther than this.
MOST_LOGIT = 2.0

# Newton steps without a look at the other features.
MOST_STEPS = 20


class SparseModel(Model):
    """F on the weights of some features and the intercepts, for all outputs.

    A Newton step moves no logit by one weight more than MOST_LOGIT, or as often as trust says. Where all samples of a
    rare feature are sure of their classes, its slope and curvature are both near zero, and their ratio is far beyond
    what either tells of.

    Parameters
    ----------
    rows : tuple
        What `block` of the objective returns.
    """

    def __init__(self, grad: Float64Array, start: Float64Array, penalty: EntryPenalty, rows: Any) -> None:
        super().__init__(grad, start, penalty)
        self.rows, self.fallen = rows, 0.0

    @override
    def minimize(self, accuracy: float) -> Float64Array:
        rows, p = self.rows, self.penalty
        u, l1 = self._by_features(self.u), np.ascontiguousarray(self._by_features(p.l1)[:, 0])
        b = None if rows.intercepts is None else self.u[rows.intercepts]
        far = MOST_LOGIT / np.maximum(rows.largest, np.finfo(np.float64).tiny)
        lower = None if p.lower is None else self._by_features(p.lower)
        upper = None if p.upper is None else self._by_features(p.upper)
        samples = rows.logits, rows.targets, rows.mass, rows.values, rows.rows, rows.indptr
        penalty = l1, rows.l2, lower, upper, far, p.blocks is not None
        self.fallen = _coordinates.minimize_rows(u, b, *samples, *penalty, accuracy, MOST_STEPS)
        self.u[rows.order] = u.ravel()
        if b is not None:
            self.u[rows.intercepts] = b
        return self.u

    def _by_features(self, of_entries: Float64Array) -> Float64Array:
        """Return what entries have as a matrix, (n_features, n_outputs)."""
        matrix: Float64Array = of_entries[self.rows.order].reshape(len(self.rows.l2), -1)
        return matrix

    @override
    def fall(self) -> float:
        return self.fallen
