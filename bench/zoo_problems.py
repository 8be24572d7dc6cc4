"""The problems of the zoo: data × scaling × penalty × C, each with a name such as ``digits/z/l1-0.5/C-100``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from . import zoo_data as data
from .fit_problems import FitProblem
from .zoo_data import Data

RAW, STANDARD = "raw", "z"
CS = (1e-4, 1e-2, 1.0, 1e2, 1e4)
L1_RATIOS = (0.1, 0.5, 1.0)
MIDDLE = 1.0  # C of the elastic nets; L1 alone has three

Source = Callable[[Path | None], Data]


class Kind(NamedTuple):
    """Data, and what is asked of them."""

    load: Source
    scalings: tuple[str, ...] = (RAW,)
    l1: bool = False  # with L1 and elastic nets too
    needs: str = ""  # a package that has the data
    public: bool = False  # only where there is a folder of public data


class ZooProblem(NamedTuple):
    """A problem by its name; `make` has the arrays."""

    kind: str
    scaling: str
    l1_ratio: float
    C: float

    def __str__(self) -> str:
        return self.name

    @property
    def family(self) -> str:
        """The name without C."""
        return f"{self.kind}/{self.scaling}/{f'l1-{self.l1_ratio:g}' if self.l1_ratio else 'l2'}"

    @property
    def name(self) -> str:
        """All that tells the problem from others."""
        return f"{self.family}/C-{self.C:g}"

    def make(self, folder: Path | None) -> FitProblem:
        """Load or draw the data, scale them, and round them to float32."""
        X, y, weight = KINDS[self.kind].load(folder)
        X = data.standardize(X) if self.scaling == STANDARD else X
        X = X.astype(np.float32) if issparse(X) else np.ascontiguousarray(X, np.float32)
        return FitProblem(self.name, X, y, self.C, self.l1_ratio, weight)


def available(folder: Path | None) -> tuple[list[ZooProblem], list[str]]:
    """Return the problems that can be made here, and why kinds are left out."""
    problems: list[ZooProblem] = []
    missing: list[str] = []
    for name, kind in KINDS.items():
        if kind.public and folder is None:
            missing.append(f"{name}: needs --data")
        elif kind.needs and find_spec(kind.needs) is None:
            missing.append(f"{name}: needs {kind.needs}")
        else:
            problems += _problems(name, kind)
    return problems, missing


def select(problems: Sequence[ZooProblem], patterns: Sequence[str], Cs: Sequence[float]) -> list[ZooProblem]:
    """Return the problems with one of the Cs whose names, or parts of them up to a slash, match one of the patterns."""
    return [
        problem
        for problem in problems
        if problem.C in Cs and any(fnmatchcase(start, p) for start in _starts(problem.name) for p in patterns)
    ]


def _starts(name: str) -> Iterator[str]:
    parts = name.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts) + 1))


def _problems(name: str, kind: Kind) -> Iterator[ZooProblem]:
    for scaling in kind.scalings:
        for C in CS:
            yield ZooProblem(name, scaling, 0.0, C)
    if kind.l1:
        for ratio in L1_RATIOS:
            for C in CS[1:4] if ratio == 1 else (MIDDLE,):
                yield ZooProblem(name, kind.scalings[-1], ratio, C)


def _of(load: Callable[..., Data], *arguments: Any) -> Source:
    return lambda _folder: load(*arguments)


def _drawn(generator: data.Generator, *scalings: str, l1: bool = False) -> Kind:
    return Kind(_of(data.generate, generator), scalings or (RAW,), l1)


def _public(load: Callable[[Path], Data], l1: bool) -> Kind:
    def source(folder: Path | None) -> Data:
        assert folder is not None  # `available` leaves them out
        return load(folder)

    return Kind(source, l1=l1, public=True)


BOTH = (RAW, STANDARD)
_sklearn = partial(_of, data.from_sklearn)
_statsmodels = partial(_of, data.from_statsmodels)

KINDS: Mapping[str, Kind] = {
    "iris": Kind(_sklearn("iris"), BOTH),
    "wine": Kind(_sklearn("wine"), BOTH),
    "cancer": Kind(_sklearn("breast_cancer"), BOTH, l1=True),
    "digits": Kind(_sklearn("digits"), BOTH, l1=True),
    "anes96": Kind(_statsmodels("anes96"), BOTH, needs="statsmodels"),
    "fair": Kind(_statsmodels("fair"), BOTH, l1=True, needs="statsmodels"),
    "spector": Kind(_statsmodels("spector"), needs="statsmodels"),
    "mnist": _public(data.mnist, l1=True),
    "20news": _public(data.newsgroups, l1=True),
    "onehot": _drawn(data.onehot, *BOTH, l1=True),
    "onehot-sparse": _drawn(data.onehot_sparse, l1=True),
    "rare-pixels": _drawn(data.rare_pixels, *BOTH),
    "duplicates": _drawn(data.duplicates, l1=True),
    "polynomial": _drawn(data.polynomial, *BOTH),
    "log-normal": _drawn(data.log_normal, *BOTH),
    "rare-events": _drawn(data.rare_events),
    "genes": _drawn(data.genes, l1=True),
    "embeddings": _drawn(data.embeddings),
    "linear-probe": _drawn(data.linear_probe),
    "many-classes": _drawn(data.many_classes),
    "noisy-labels": _drawn(data.noisy_labels),
    "nearly-separable": _drawn(data.nearly_separable),
    "two-classes": _drawn(data.two_classes, l1=True),
    "counts": _drawn(data.counts),
    "soft-labels": _drawn(data.soft_labels),
    "weights": _drawn(data.weights),
    "sensors": _drawn(data.sensors, *BOTH),
    "topics": _drawn(data.topics, l1=True),
    "letters": _drawn(data.letters, STANDARD),
    "informative": _drawn(data.informative, l1=True),
}

# About a quarter of an hour: the kinds that differ most, and for some a weak penalty beside the usual one.
SMALL = (
    *(
        f"{family}/l2/C-{C:g}"
        for family in ("cancer/raw", "digits/z", "onehot/raw", "rare-pixels/z", "polynomial/z", "log-normal/raw")
        for C in (MIDDLE, CS[-1])
    ),
    *(
        f"{family}/l2/C-100"
        for family in (
            *("duplicates/raw", "rare-events/raw", "embeddings/raw", "nearly-separable/raw", "counts/raw"),
            *("weights/raw", "topics/raw", "genes/raw"),
        )
    ),
    *(f"{family}/C-1" for family in ("cancer/z/l1-1", "onehot/z/l1-0.5", "informative/raw/l1-1")),
)
