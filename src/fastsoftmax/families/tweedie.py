"""The Tweedie families."""

from dataclasses import dataclass
from typing import ClassVar

from ..data.arguments import as_number
from ..runtime.override import override
from .outputs import PowerFamily


@dataclass(frozen=True)
class Tweedie(PowerFamily):
    """Numbers of a variance proportional to m^power: between 1 and 2, sums of a Poisson number of gamma variables.

    With a = 2 − power and c = 1 − power, L = y^a/(a c) + m^a/a − y m^c/c.

    Parameters
    ----------
    power : float
        1 or more: 1 is Poisson, 2 gamma, 3 inverse Gaussian. y is positive from 2 on, and not negative below.
    """

    power: float = 1.5

    name: ClassVar[str] = "tweedie"
    links: ClassVar[dict[str, str]] = {"log": "tweedie"}
    support: ClassVar[str] = "numbers that are not negative, and positive from power=2 on,"
    has_dispersion: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if as_number("power", self.power) < 1:
            raise ValueError(f"power must be 1 or more, found {self.power!r}; the Gaussian family has power 0")

    @property
    @override
    def parameter(self) -> float:
        return float(self.power)

    @property
    @override
    def variance_power(self) -> float:
        return float(self.power)
