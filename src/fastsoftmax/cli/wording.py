"""Messages in the command line's own names: the library says max_iter where the command has --max-iter."""

import re

# Names that mean nothing else in a message, and the option of each.
OPTIONS = {
    "max_iter": "--max-iter",
    "l1_ratios": "--l1-ratios",
    "l1_ratio": "--l1-ratio",
    "class_weight": "--class-weight",
    "penalty_factor": "--penalty-factor",
    "learning_rate": "--learning-rate",
    "random_state": "--seed",
    "num_threads": "--threads",
    "n_jobs": "--threads",
    "fit_intercept": "--no-intercept",
    "tol": "--tol",
    "l1": "--l1",
    "l2": "--l2",
    "Cs": "--Cs",
}

# Ordinary words too: they are names only where "must" or "=" follows.
WORDS = ("C", "certify", "solver", "group", "bounds", "family", "link", "standardize", "scoring")

_PARAMETER = re.compile(r"The '(\w+)' parameter of \w+ must")
_NAMES = re.compile(rf"(?<![\w./-])({'|'.join(OPTIONS)})(?!\w|\.\w|/|-)")
_WORDS = re.compile(rf"(?<![\w./-])({'|'.join(WORDS)})(=|(?= must\b))")


def in_options(message: str) -> str:
    """Return a message of the library with the names of options; what stands in quotes is left as it is."""
    message = _PARAMETER.sub(lambda found: f"{option_of(found[1])} must", message)
    parts = re.split(r"('[^']*')", message)
    parts[::2] = map(_renamed, parts[::2])
    return "".join(parts)


def _renamed(text: str) -> str:
    text = _NAMES.sub(lambda found: OPTIONS[found[1]], text)
    return _WORDS.sub(lambda found: f"--{found[1]}{' ' if found[2] else ''}", text)


def option_of(name: str) -> str:
    """Return the option that is a parameter of the library."""
    return OPTIONS.get(name, f"--{name.replace('_', '-')}")


def share_in_words(share: float) -> str:
    """Return a share in percent; one that is neither zero nor all is never told as that."""
    if 0.99995 <= share < 1:
        return ">99.99%"
    return "<0.01%" if 0 < share < 0.00005 else f"{share:.2%}"


def plain(text: str) -> str:
    """Replace control characters, which text from files may hold, by spaces: the result is one line."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
