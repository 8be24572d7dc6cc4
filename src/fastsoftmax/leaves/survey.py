"""The first pass: what must be known of all rows before a loss can be bound."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.samples import Samples
from ..families import Family
from ..problem.sample import FEWEST_ROWS, MOST_ROWS
from ..runtime.arrays import Float64Array
from .binding import Binding
from .cut import Leaf, leaf_rows
from .draw import Drawn
from .exact import exact_sums, rounded
from .facts import Facts
from .means import Means
from .reading import Passes
from .rows import MOST_HELD, Held, Rows
from .tree import Summands

CheckLabels = Callable[[NDArray[Any]], object]

# A draw holds as many rows as a fit may first ask for, or fewer if they have more numbers than these (128 MB).
MOST_NUMBERS = 1 << 25


@dataclass(frozen=True)
class Classes:
    """The labels of some rows, and the weight that each has together."""

    labels: NDArray[Any]  # sorted
    weight: NDArray[np.object_]  # exact sums

    @classmethod
    def of(cls, labels: NDArray[Any], weight: Float64Array | None) -> "Classes":
        """Look at labels."""
        found, indices = np.unique(labels, return_inverse=True)
        return cls(found, exact_sums(weight, indices, len(found)))

    def __add__(self, other: "Classes") -> "Classes":
        if np.array_equal(self.labels, other.labels):
            return Classes(self.labels, self.weight + other.weight)
        found, indices = np.unique(np.concatenate([self.labels, other.labels]), return_inverse=True)
        weight = np.zeros(len(found), dtype=object)
        np.add.at(weight, indices, np.concatenate([self.weight, other.weight]))
        return Classes(found, weight)


class Survey(NamedTuple):
    """What the first pass has found."""

    facts: Facts
    total_weight: float
    classes: Classes | None  # where y holds one label for each row
    means: Means | None  # where it does not
    drawn: Drawn  # rows drawn by their weight
    held: Rows | None  # all rows, if they are few


def survey(
    passes: Passes, family: Family, check: CheckLabels | None = None, classes: NDArray[Any] | None = None
) -> Survey:
    """Read all rows once, and check them; what is found does not depend on how they are cut into leaves.

    Parameters
    ----------
    check : callable, optional
        A y of one dimension holds labels of any kind, not what the family takes; this raises ValueError for a y that
        does not hold labels, or rows of the right kind.
    classes : (n_classes,), optional
        All that these labels may be, sorted; by default what is found.

    Raises
    ------
    ValueError
        If a chunk is not right, or all are empty, or no weight is positive.
    """
    binding = Binding(family, classes=classes, n_outputs=None if classes is None else len(classes))
    form = passes.look(partial(_judge, binding, check)).form
    n_drawn = max(FEWEST_ROWS, min(MOST_ROWS, MOST_NUMBERS // form.n_features))
    counted = not form.y_shape and (check is not None or family.is_categorical)
    of_leaf = partial(_of_leaf, binding, check, counted=counted, n_drawn=n_drawn, most_held=MOST_HELD)
    exact, found, drawn, held = passes.total(of_leaf, leaf_rows(form.n_features, form.is_sparse, passes.n_rows))
    facts, (weight,) = passes.facts, rounded(exact)
    if facts.largest_weight == 0:
        raise ValueError("sample_weight must not be zero for all samples")
    if not np.isfinite(weight):
        raise ValueError(f"sample_weight must have a finite sum, found weights of up to {facts.largest_weight}")
    if not weight:
        raise ValueError("y must have trials in some row of positive weight, found none")
    classes, means = (found, None) if counted else (None, found)
    return Survey(facts, float(weight), classes, means, drawn, held.rows())


def _checked(binding: Binding, check: CheckLabels | None, rows: Rows) -> Samples:
    """Return samples; labels whose classes are not known yet are checked, and then left out."""
    if check is not None:
        check(rows.y)
        if binding.classes is None and rows.y.ndim == 1:
            rows = rows._replace(y=np.zeros(rows.n_rows, np.intp))
    return binding.samples(rows, np.dtype(np.float64))


def _judge(binding: Binding, check: CheckLabels | None, rows: Rows) -> None:
    _checked(binding, check, rows)


def _of_leaf(
    binding: Binding, check: CheckLabels | None, leaf: Leaf, *, counted: bool, n_drawn: int, most_held: int
) -> Summands:
    rows = leaf.rows
    samples = _checked(binding, check, rows)
    mass = samples.mass
    drawn = Drawn.of(rows, leaf.start, np.ones(rows.n_rows) if mass is None else mass, n_drawn)
    total = exact_sums(samples.weight, np.zeros(rows.n_rows, np.intp), 1)
    found = Classes.of(rows.y, rows.weight) if counted else Means.of(samples, binding.family.offset_multiplies)
    return total, found, drawn, Held.of(rows, leaf.start, most_held)
