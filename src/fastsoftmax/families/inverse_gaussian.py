"""The inverse Gaussian family."""

from dataclasses import dataclass
from typing import ClassVar

from ..runtime.override import override
from .outputs import PowerFamily


@dataclass(frozen=True)
class InverseGaussian(PowerFamily):
    """Positive numbers of a variance proportional to m³: L = (y − m)²/(2 y m²)."""

    name: ClassVar[str] = "inverse-gaussian"
    links: ClassVar[dict[str, str]] = {"log": "inverse_gaussian"}
    support: ClassVar[str] = "positive numbers"
    has_dispersion: ClassVar[bool] = True

    @property
    @override
    def variance_power(self) -> float:
        return 3.0
