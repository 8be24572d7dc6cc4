"""The negative binomial family: counts that vary more than Poisson's."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..data.arguments import as_number
from ..runtime.arrays import FloatArray
from ..runtime.override import override
from .outputs import OutputsFamily


@dataclass(frozen=True)
class NegativeBinomial(OutputsFamily):
    """Counts of variance m + dispersion · m²; L = y log(y/m) − (y + 1/α) log((1 + α y)/(1 + α m)), α the dispersion.

    Parameters
    ----------
    dispersion : float or "auto"
        Positive; statsmodels' alpha, and 1/theta of R's glm.nb. "auto" lets `fit`, and nothing else, find the
        likeliest one, which is the same for all outputs.
    """

    dispersion: float | str = 1.0

    name: ClassVar[str] = "negative-binomial"
    links: ClassVar[dict[str, str]] = {"log": "negative_binomial"}
    support: ClassVar[str] = "counts, which are not negative,"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.is_auto:
            as_number("dispersion", self.dispersion, positive=True)

    @property
    def is_auto(self) -> bool:
        """Whether the dispersion is to be found."""
        return self.dispersion == "auto"

    @property
    @override
    def parameter(self) -> float:
        if self.is_auto:
            raise ValueError('dispersion must be a number here, only fit finds it, found "auto"')
        return float(self.dispersion)

    @override
    def outside(self, y: FloatArray) -> NDArray[np.bool_]:
        return y < 0

    @override
    def variance(self, mean: FloatArray) -> FloatArray:
        return mean * (1 + self.parameter * mean)

    @override
    def curvature(self, mean: FloatArray) -> FloatArray:
        return mean / (1 + self.parameter * mean)

    @override
    def observed(self, mean: FloatArray, y: FloatArray) -> FloatArray:
        return self.curvature(mean) * ((1 + self.parameter * y) / (1 + self.parameter * mean))
