"""The families by their names."""

import re
from dataclasses import replace

from .bernoulli import Bernoulli
from .binomial import Binomial
from .family import Family
from .gamma import Gamma
from .gaussian import Gaussian
from .inverse_gaussian import InverseGaussian
from .negative_binomial import NegativeBinomial
from .outputs import OutputsFamily
from .poisson import Poisson
from .softmax import Softmax
from .tweedie import Tweedie

SOFTMAX = Softmax()

# By the name that users give; those with a parameter have their usual one.
FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        SOFTMAX,
        Bernoulli(),
        Binomial(),
        Poisson(),
        Gaussian(),
        Gamma(),
        InverseGaussian(),
        Tweedie(),
        NegativeBinomial(),
    )
}


def as_family(family: object, link: str | None = None) -> Family:
    """Return the family of a name such as "poisson" or "tweedie(1.5)", or that value itself, with a link of its own.

    Raises
    ------
    ValueError
        If there is no such family, or it has no such parameter or link.
    """
    # Most calls name a family as it is listed, and an abstract class is slow to ask.
    found = FAMILIES.get(family) if isinstance(family, str) else None
    if found is None:
        found = family if isinstance(family, Family) else _named(family)
    if link is None or link == found.link:
        return found
    if isinstance(found, OutputsFamily):
        return replace(found, link=link)
    raise ValueError(f"link must be {found.link!r} for family={found.name!r}, found {link!r}")


def _named(text: object) -> Family:
    match = re.fullmatch(r"([a-z-]+)(?:\(([^()]+)\))?", text) if isinstance(text, str) else None
    family = FAMILIES.get(match[1]) if match else None
    if match is None or family is None:
        names = ", ".join(map(repr, FAMILIES))
        raise ValueError(f"family must be one of {names}, or a value of fastsoftmax.families, found {text!r}")
    if match[2] is None:
        return family
    if not isinstance(family, Tweedie | NegativeBinomial):
        raise ValueError(f"family={match[1]!r} has no parameter, found {text!r}")
    try:
        if isinstance(family, NegativeBinomial) and match[2] == "auto":
            return NegativeBinomial("auto")
        return type(family)(float(match[2]))
    except ValueError as error:
        raise ValueError(f"family={text!r}: {error}") from None
