"""The gamma family."""

from dataclasses import dataclass
from typing import ClassVar

from ..runtime.override import override
from .outputs import PowerFamily


@dataclass(frozen=True)
class Gamma(PowerFamily):
    """Positive numbers of a variance proportional to m²: L = y/m − 1 − log(y/m)."""

    name: ClassVar[str] = "gamma"
    links: ClassVar[dict[str, str]] = {"log": "gamma"}
    support: ClassVar[str] = "positive numbers"
    has_dispersion: ClassVar[bool] = True

    @property
    @override
    def variance_power(self) -> float:
        return 2.0
