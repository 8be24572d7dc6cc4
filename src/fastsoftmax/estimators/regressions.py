"""A scikit-learn regressor for each family of numbers."""

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval, StrOptions

from ..families import Gamma, Gaussian, NegativeBinomial, OutputsFamily, Poisson, Tweedie
from ..fitting.result import FitResult
from .generalized_linear import GeneralizedLinearRegression

OF_BASE = GeneralizedLinearRegression._parameter_constraints


@dataclass(kw_only=True, eq=False, repr=False)
class PoissonRegression(GeneralizedLinearRegression):
    """Counts, by the Poisson family with the log link; scikit-learn's ``PoissonRegressor``."""

    def _family(self) -> OutputsFamily:
        return Poisson()


@dataclass(kw_only=True, eq=False, repr=False)
class GammaRegression(GeneralizedLinearRegression):
    """Positive numbers, by the gamma family with the log link; scikit-learn's ``GammaRegressor``."""

    def _family(self) -> OutputsFamily:
        return Gamma()


@dataclass(kw_only=True, eq=False, repr=False)
class TweedieRegression(GeneralizedLinearRegression):
    """Numbers of variance m^power, with the log link; scikit-learn's ``TweedieRegressor``.

    Between 1 and 2, the default being 1.5, y may be zero; from 2 on it is positive. A power of 0 is
    `GaussianRegression`.
    """

    power: float = 1.5

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **OF_BASE,
        "power": [Interval(Real, 1, None, closed="left")],
    }

    def _family(self) -> OutputsFamily:
        return Tweedie(self.power)


@dataclass(kw_only=True, eq=False, repr=False)
class NegativeBinomialRegression(GeneralizedLinearRegression):
    """Counts of variance m + dispersion · m², by the negative binomial family with the log link.

    dispersion="auto" finds the likeliest dispersion together with the coefficients; dispersion_ tells it.
    """

    dispersion: float | str = 1.0

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **OF_BASE,
        "dispersion": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    }

    def _family(self) -> OutputsFamily:
        return NegativeBinomial(self.dispersion)

    def _set_dispersion(self, result: FitResult) -> None:
        assert isinstance(result.family, NegativeBinomial)
        self.dispersion_ = result.family.parameter


@dataclass(kw_only=True, eq=False, repr=False)
class GaussianRegression(GeneralizedLinearRegression):
    """Real numbers, by least squares; scikit-learn's ``ElasticNet``, and with ``link="log"`` that of exp(z)."""

    link: str = "identity"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**OF_BASE, "link": [StrOptions(set(Gaussian.links))]}

    def _family(self) -> OutputsFamily:
        return Gaussian(link=self.link)
