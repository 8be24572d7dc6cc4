"""Every family and link, with y that it may give, and its loss written for reading: half of the unit deviance."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, xlogy

from fastsoftmax import families as of


class Case(NamedTuple):
    family: of.OutputsFamily
    draw: object  # (rng, mean) → y
    loss: object  # (y, mean) → L, both of the same shape
    variance: object  # mean → that of y, up to the dispersion

    @property
    def name(self):
        return f"{self.family}-{self.family.link}"

    def mean(self, z):
        return {"log": np.exp, "logit": expit, "identity": np.asarray}[self.family.link](z)

    def logit(self, mean):
        return {"log": np.log, "logit": logit, "identity": np.asarray}[self.family.link](mean)


def tweedie(y, m, p):
    a, c = 2 - p, 1 - p
    return y**a / (a * c) - y * m**c / c + m**a / a


def negative_binomial(y, m, alpha):
    return xlogy(y, y / m) - (y + 1 / alpha) * np.log((1 + alpha * y) / (1 + alpha * m))


def compound(rng, m):
    """Sums of a Poisson number of gamma variables."""
    return rng.poisson(m) * rng.gamma(2, 0.5, m.shape)


CASES = [
    Case(
        of.Bernoulli(),
        lambda rng, m: rng.random(m.shape),
        lambda y, m: -xlogy(y, m) - xlogy(1 - y, 1 - m),
        lambda m: m * (1 - m),
    ),
    Case(of.Poisson(), lambda rng, m: rng.poisson(m), lambda y, m: xlogy(y, y / m) + m - y, lambda m: m),
    Case(of.Gaussian(), lambda rng, m: m + rng.standard_normal(m.shape), lambda y, m: (y - m) ** 2 / 2, np.ones_like),
    Case(
        of.Gaussian(link="log"),
        lambda rng, m: m + rng.standard_normal(m.shape),
        lambda y, m: (y - m) ** 2 / 2,
        np.ones_like,
    ),
    Case(
        of.Gamma(),
        lambda rng, m: m * rng.gamma(2, 0.5, m.shape),
        lambda y, m: y / m - 1 - np.log(y / m),
        lambda m: m**2,
    ),
    Case(
        of.InverseGaussian(),
        lambda rng, m: rng.wald(m, 2.0),
        lambda y, m: (y - m) ** 2 / (2 * y * m**2),
        lambda m: m**3,
    ),
    Case(of.Tweedie(1.5), compound, lambda y, m: tweedie(y, m, 1.5), lambda m: m**1.5),
    Case(of.Tweedie(1.1), compound, lambda y, m: tweedie(y, m, 1.1), lambda m: m**1.1),
    Case(of.Tweedie(2.5), lambda rng, m: rng.wald(m, 2.0), lambda y, m: tweedie(y, m, 2.5), lambda m: m**2.5),
    Case(
        of.NegativeBinomial(0.7),
        lambda rng, m: rng.poisson(m),
        lambda y, m: negative_binomial(y, m, 0.7),
        lambda m: m + 0.7 * m**2,
    ),
    Case(
        of.NegativeBinomial(30.0),
        lambda rng, m: rng.poisson(m),
        lambda y, m: negative_binomial(y, m, 30.0),
        lambda m: m + 30 * m**2,
    ),
]
EVERY = {case.name: case for case in CASES}
assert {family.name for family in of.FAMILIES.values()} - {case.family.name for case in CASES} == {
    "softmax",
    "binomial",
}
