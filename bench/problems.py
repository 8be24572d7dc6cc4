"""The problems that are measured: random numbers, from a seed, in the shapes of well-known data sets."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

DTYPES = ("float32", "float64")


class Shape(NamedTuple):
    """Sizes of a problem: n samples, N features, K classes."""

    n_samples: int
    n_features: int
    n_classes: int

    def __str__(self) -> str:
        return "×".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> "Shape":
        """Return the shape written as ``n×N×K`` or ``nxNxK``; ValueError if it is not one."""
        sizes = [int(size) for size in text.lower().replace("×", "x").split("x")]
        if len(sizes) != 3 or min(sizes) < 1:
            raise ValueError(f"a shape is three positive sizes, n×N×K, found {text!r}")
        return cls(*sizes)


SHAPES = (
    Shape(581012, 54, 7),  # forest cover types
    Shape(60000, 784, 10),  # images of digits, 28 × 28
    Shape(200000, 100, 3),  # long and narrow
    Shape(50000, 768, 100),  # embeddings, a hundred classes
    Shape(20000, 2048, 1000),  # wide embeddings, a thousand classes
    Shape(1797, 64, 10),  # images of digits, 8 × 8: fits the caches
)


class Problem(NamedTuple):
    """Arguments of one pass."""

    X: Array  # (n_samples, n_features)
    y: NDArray[np.intp]  # (n_samples,)
    W: Array  # (n_classes, n_features)
    b: Array  # (n_classes,)

    @property
    def shape(self) -> Shape:
        """Sizes, from the arrays."""
        return Shape(len(self.X), self.X.shape[1], len(self.b))


def make_problem(shape: Shape, dtype: str, seed: int = 0) -> Problem:
    """Return X, y, W and b; W is scaled so that logits have unit variance whatever the shape."""
    n_samples, n_features, n_classes = shape
    rng = np.random.default_rng(seed)

    def normal(*size: int) -> Array:
        return rng.standard_normal(size, dtype=np.dtype(dtype).type)

    X = normal(n_samples, n_features)
    W = normal(n_classes, n_features)
    W /= np.sqrt(n_features)
    return Problem(X, rng.integers(0, n_classes, n_samples), W, normal(n_classes))
