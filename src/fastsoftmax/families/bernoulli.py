"""The Bernoulli family: a logistic regression for each output."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..runtime.arrays import Float64Array, FloatArray
from ..runtime.override import override
from .outputs import OutputsFamily


@dataclass(frozen=True)
class Bernoulli(OutputsFamily):
    """0 or 1, or a probability of 1: L = −y log m − (1 − y) log(1 − m), the cross-entropy, as of the softmax."""

    link: str = field(default="logit", kw_only=True)

    name: ClassVar[str] = "bernoulli"
    links: ClassVar[dict[str, str]] = {"logit": "bernoulli"}
    support: ClassVar[str] = "0, 1 or probabilities between them"

    @property
    @override
    def max_curvature(self) -> float:
        return 0.25

    @override
    def outside(self, y: FloatArray) -> NDArray[np.bool_]:
        return (y < 0) | (y > 1)

    @override
    def variance(self, mean: FloatArray) -> FloatArray:
        return mean * (1 - mean)

    @override
    def curvature(self, mean: FloatArray) -> FloatArray:
        return mean * (1 - mean)

    @override
    def inside(self, mean: Float64Array, n_samples: int) -> Float64Array:
        least = 0.5 / n_samples
        return np.clip(mean, least, 1 - least)
