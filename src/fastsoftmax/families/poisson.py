"""The Poisson family."""

from dataclasses import dataclass
from typing import ClassVar

from ..runtime.override import override
from .outputs import PowerFamily


@dataclass(frozen=True)
class Poisson(PowerFamily):
    """Counts, or other numbers that are not negative, of variance m: L = m − y − y log(m/y)."""

    name: ClassVar[str] = "poisson"
    links: ClassVar[dict[str, str]] = {"log": "poisson"}
    support: ClassVar[str] = "counts, which are not negative,"

    @property
    @override
    def variance_power(self) -> float:
        return 1.0
