"""Families: what is known of one distribution alone, in a file each.

The softmax has its dual ascent, its duality gap and its separated classes beside it. In all others the outputs are
independent, given their logits; `OutputsFamily` is what these share.
"""

from .bernoulli import Bernoulli
from .binomial import Binomial
from .family import Family
from .gamma import Gamma
from .gaussian import Gaussian
from .inverse_gaussian import InverseGaussian
from .named import FAMILIES, SOFTMAX, as_family
from .negative_binomial import NegativeBinomial
from .outputs import OutputsFamily
from .poisson import Poisson
from .softmax import Softmax
from .tweedie import Tweedie

__all__ = [
    "FAMILIES",
    "SOFTMAX",
    "Bernoulli",
    "Binomial",
    "Family",
    "Gamma",
    "Gaussian",
    "InverseGaussian",
    "NegativeBinomial",
    "OutputsFamily",
    "Poisson",
    "Softmax",
    "Tweedie",
    "as_family",
]
