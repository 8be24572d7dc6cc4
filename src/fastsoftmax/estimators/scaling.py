"""Parameters for x as it is stored, and for the standardised x that a fit sees."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..fitting.result import FitResult
from ..runtime.vectors import project


class Scaling(NamedTuple):
    """x = scale · stored + shift, each (n_features,); None and None leave x as it is stored."""

    scale: np.ndarray | None = None
    shift: np.ndarray | None = None

    @property
    def center(self) -> np.ndarray | None:
        """The stored values that become zero, (n_features,); None if they are zeros."""
        if self.scale is None or self.shift is None or not self.shift.any():
            return None
        return -self.shift / self.scale

    def to_stored(self, W: np.ndarray) -> np.ndarray:
        """W for x as it is stored, of one for the scaled x; b is then the logits at the center."""
        return W if self.scale is None else W * self.scale

    def to_scaled(self, W: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """W and b for the scaled x, of those for x as it is stored."""
        if self.scale is None or self.shift is None:
            return W, b
        return W / self.scale, b - project(W, self.shift / self.scale)

    def bounds(self, bounds: Any) -> Any:
        """Bounds of W for the scaled x, of those for x as it is stored: the scale is positive."""
        return bounds if bounds is None or self.scale is None else tuple(bound / self.scale for bound in bounds)

    def result(self, result: FitResult) -> FitResult:
        """Return the result of a fit with the parameters for x as it is stored."""
        W, center = self.to_stored(result.W), self.center
        return replace(result, W=W, b=result.b if center is None else result.b - project(W, center))
