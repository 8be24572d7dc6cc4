"""From rows as they come to their loss in memory."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.features import bind_features
from ..data.samples import Samples, as_offset
from ..families import Family
from ..problem.loss import Loss
from ..runtime.arrays import Float64Array, FloatArray, IndexArray
from ..runtime.precision import Precision
from .rows import Rows

# A class for each label of 32 bits, while it is not known how many there are.
MANY = 1 << 31

# A table of all labels between the smallest and the largest may be so long.
LONGEST_TABLE = 1 << 16


@dataclass(frozen=True)
class Binding:
    """How rows become a loss; it can be pickled, and goes to whoever reads them.

    Attributes
    ----------
    family : Family
    classes : (n_classes,), optional
        What y holds, sorted; without, class indices, or rows.
    n_outputs : int, optional
        Not known before the first pass.
    scale, shift : (n_features,), optional
    mean_weight : float
        Of all rows: weights are divided by it.
    class_weight : (n_classes,), optional
        Multiplied with the weights.
    columns : array of int, optional
        Features that are taken; scale and shift are of all.
    """

    family: Family
    classes: NDArray[Any] | None = None
    n_outputs: int | None = None
    scale: Float64Array | None = None
    shift: Float64Array | None = None
    mean_weight: float = 1.0
    class_weight: Float64Array | None = None
    columns: IndexArray | None = None
    fit_intercept: bool = True
    precision: Precision = Precision.EXACT
    num_threads: int | None = None

    def samples(self, rows: Rows, dtype: np.dtype[Any]) -> Samples:
        """Return the targets and the weights as they come.

        Raises
        ------
        ValueError
            If y holds what the family, or the classes, do not have.
        """
        y = rows.y
        if self.classes is not None and y.ndim == 1:
            y = encode(y, self.classes)
            if not self.family.is_categorical:
                y = indicators(y, len(self.classes))
        n_outputs = self.n_outputs
        if n_outputs is None and self.family.is_categorical:
            n_outputs = y.shape[1] if y.ndim == 2 else MANY
        samples = self.family.check_part(y, n_outputs, dtype)
        weight = rows.weight
        if samples.weight is not None:
            weight = samples.weight if weight is None else weight * samples.weight
        if self.class_weight is not None and samples.labels is not None:
            of_rows = self.class_weight[samples.labels]
            weight = of_rows if weight is None else weight * of_rows
        if weight is not None:
            weight = weight / self.mean_weight
        elif self.mean_weight != 1:
            weight = np.full(len(y), 1 / self.mean_weight)
        offset = rows.offset
        if offset is not None:
            n_outputs = offset.shape[1] if samples.n_outputs == MANY else samples.n_outputs
            offset = as_offset(offset, (len(y), n_outputs), dtype)
            assert offset is not None
            self.family.check_offset(offset)
        return samples._replace(weight=weight, offset=offset)

    def loss(self, rows: Rows) -> Loss:
        """Return the loss of rows, their weights being of mean one over all rows."""
        features = bind_features(rows.X, self.scale, self.shift)
        if self.columns is not None:
            features = features.columns(self.columns)
        return Loss(
            features,
            self.samples(rows, features.dtype),
            self.family,
            fit_intercept=self.fit_intercept,
            precision=self.precision,
            num_threads=self.num_threads,
        )


def indicators(labels: IndexArray, n_classes: int) -> FloatArray:
    """Return 1 where a label is a class, else 0, (n, n_classes); of two classes the second one's column alone."""
    columns = np.arange(1 if n_classes == 2 else 0, n_classes)
    return np.asarray(labels[:, None] == columns, np.float32)


def encode(labels: NDArray[Any], classes: NDArray[Any]) -> IndexArray:
    """Return the index of each label among the classes, which are sorted.

    Raises
    ------
    ValueError
        If there is another label; the message names its row.
    """
    if labels.dtype.kind in "iu" and classes.dtype.kind in "iu" and classes[-1] - classes[0] < LONGEST_TABLE:
        table = np.full(int(classes[-1] - classes[0]) + 1, -1, np.intp)
        table[classes - classes[0]] = np.arange(len(classes))
        inside = (labels >= classes[0]) & (labels <= classes[-1])
        indices = np.where(inside, table[np.where(inside, labels - classes[0], 0)], -1)
        unknown = indices < 0
    else:
        indices = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
        unknown = classes[indices] != labels
    if unknown.any():
        row = int(np.argmax(unknown))
        raise ValueError(
            f"y must hold the classes {classes.tolist()!r}, found {labels[row : row + 1].tolist()[0]!r} at row {row}"
        )
    return indices
