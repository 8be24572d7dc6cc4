"""The Gaussian family."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ..runtime.arrays import FloatArray
from ..runtime.override import override
from .outputs import OutputsFamily, power_of


@dataclass(frozen=True)
class Gaussian(OutputsFamily):
    """Real numbers of constant variance: L = ½ (y − m)². Its link is the identity or the logarithm."""

    link: str = field(default="identity", kw_only=True)

    name: ClassVar[str] = "gaussian"
    links: ClassVar[dict[str, str]] = {"identity": "gaussian", "log": "gaussian_log"}
    has_dispersion: ClassVar[bool] = True

    @property
    @override
    def max_curvature(self) -> float | None:
        return 1.0 if self.link == "identity" else None

    @override
    def variance(self, mean: FloatArray) -> FloatArray:
        return np.ones_like(mean)

    @override
    def curvature(self, mean: FloatArray) -> FloatArray:
        return np.ones_like(mean) if self.link == "identity" else power_of(mean, 2)

    @override
    def observed(self, mean: FloatArray, y: FloatArray) -> FloatArray | None:
        return None if self.link == "identity" else (2 * mean - y) * mean
