"""The options of commands that fit, in groups, and what they are in the library's terms."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from ..data.arguments import as_number
from ..families import FAMILIES
from ..fitting.solving import SOLVERS
from ..runtime.arrays import Float64Array
from .options import THREADS, check_choice

PENALTY, SOLVING, SEARCH = "Penalty", "How it is solved", "Choosing C"


@dataclass(frozen=True, kw_only=True)
class Strength:
    """How strong the penalty is: C and l1_ratio, or l1 and l2."""

    C: Annotated[
        float | None,
        typer.Option(
            "--C",
            metavar="NUMBER",
            rich_help_panel=PENALTY,
            help="Inverse strength of the penalty, as in scikit-learn; inf for none. 1 if no strength is given.",
        ),
    ] = None
    l1_ratio: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            rich_help_panel=PENALTY,
            help="Share of the L1 penalty: 0, the default, for L2 alone, 1 for L1 alone.",
        ),
    ] = None
    l1: Annotated[
        float | None,
        typer.Option(
            metavar="NUMBER",
            rich_help_panel=PENALTY,
            help="Weight of the sum of |W| beside the mean loss, in the place of --C.",
        ),
    ] = None
    l2: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", rich_help_panel=PENALTY, help="Weight of half of the sum of W², likewise."),
    ] = None

    @property
    def is_direct(self) -> bool:
        """Whether the weights l1 and l2 are given, in the place of C."""
        return self.l1 is not None or self.l2 is not None

    @property
    def share(self) -> float:
        """l1_ratio, or its default."""
        return 0.0 if self.l1_ratio is None else self.l1_ratio

    def check(self, searching: bool) -> None:
        """Raise ValueError if two options say the same, or a number is none that the penalty may have."""
        given = [f"--{name}" for name in ("l1", "l2") if getattr(self, name) is not None]
        for option, value in (("--C", self.C), ("--l1-ratio", self.l1_ratio)):
            if given and value is not None:
                raise ValueError(f"{option} must not be given together with {given[0]}, found {value:g}")
        if searching and (given or self.C is not None):
            option = given[0] if given else "--C"
            raise ValueError(f"{option} must not be given where C is chosen; --Cs says among which")
        for option, value in (("--l1", self.l1), ("--l2", self.l2)):
            if value is not None:
                as_number(option, value)
        if self.C is not None and not self.C > 0:
            raise ValueError(f"--C must be positive, found {self.C:g}")
        if not 0 <= self.share <= 1:
            raise ValueError(f"--l1-ratio must be between 0 and 1, found {self.l1_ratio}")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What is penalised how, apart from the strength."""

    group: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=PENALTY,
            help="'classes': a feature has weights for all classes or, under L1, for none.",
            autocompletion=lambda: ["classes"],
        ),
    ] = None
    bounds: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", rich_help_panel=PENALTY, help="Hold all weights within; inf for no bound."),
    ] = None
    penalty_factor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FEATURE=NUMBER",
            rich_help_panel=PENALTY,
            help="Multiply the penalty of a feature, 0 for none; may come several times. Without names: its number "
            "from 1.",
        ),
    ] = None

    def settings(self, n_features: int, names: tuple[str, ...] | None) -> dict[str, Any]:
        """Return the library's parameters; raise ValueError if a feature is unknown."""
        check_choice("--group", self.group, (None, "classes"))
        return {
            "group": self.group,
            "bounds": self.bounds,
            "penalty_factor": self._factors(n_features, names) if self.penalty_factor else None,
        }

    def _factors(self, n_features: int, names: tuple[str, ...] | None) -> Float64Array:
        known = list(map(str, range(1, n_features + 1))) if names is None else list(names)
        factors = np.ones(n_features)
        for name, number in _pairs("--penalty-factor", self.penalty_factor or []):
            if name not in known:
                raise ValueError(f"--penalty-factor must name a feature, found {name!r}")
            factors[known.index(name)] = number
        return factors


@dataclass(frozen=True, kw_only=True)
class Solving:
    """How a fit is solved, and what counts how much."""

    solver: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            rich_help_panel=SOLVING,
            help=f"One of {', '.join(SOLVERS)}.",
            autocompletion=lambda: list(SOLVERS),
        ),
    ] = "auto"
    learning_rate: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", rich_help_panel=SOLVING, help="Step size of gd, agd, sgd; found if not given."),
    ] = None
    max_iter: Annotated[int, typer.Option(min=0, metavar="N", rich_help_panel=SOLVING, help="The most iterations.")] = (
        1000
    )
    tol: Annotated[
        float,
        typer.Option(
            metavar="NUMBER", rich_help_panel=SOLVING, help="Converged when no entry of the gradient is larger."
        ),
    ] = 1e-4
    no_intercept: Annotated[
        bool, typer.Option("--no-intercept", rich_help_panel=SOLVING, help="Hold the intercepts at zero.")
    ] = False
    standardize: Annotated[
        bool,
        typer.Option(
            "--standardize", rich_help_panel=SOLVING, help="Train on features of mean 0 and standard deviation 1."
        ),
    ] = False
    class_weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=SOLVING,
            help="'balanced' gives every class the same total weight; CLASS=NUMBER, which may come several times, "
            "gives the samples of a class this weight.",
        ),
    ] = None
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", rich_help_panel=SOLVING, help="Of what is drawn: sgd, held-out rows.")
    ] = 0
    threads: THREADS = None

    @property
    def certifies(self) -> bool:
        """Whether the duality gap is computed at the end of the fit."""
        return False

    def check(self) -> None:
        """Raise ValueError if a value is none of those that are served."""
        check_choice("--solver", self.solver, SOLVERS)
        as_number("--tol", self.tol)

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters that the estimators and `fastsoftmax.fit` have in common."""
        return {
            "solver": self.solver,
            "learning_rate": "auto" if self.learning_rate is None else self.learning_rate,
            "max_iter": self.max_iter,
            "tol": self.tol,
            "fit_intercept": not self.no_intercept,
            "random_state": self.seed,
        }

    def class_weights(self, classes: NDArray[Any] | None) -> dict[Any, float] | str | None:
        """Return class_weight as the estimators have it; classes are None where they are not known yet.

        Raises
        ------
        ValueError
            If a class is unknown, or a weight is no number.
        """
        if not self.class_weight:
            return None
        if self.class_weight == ["balanced"]:
            return "balanced"
        if "=" not in self.class_weight[0]:
            raise ValueError(f"--class-weight must be one of: balanced, CLASS=NUMBER; found {self.class_weight[0]!r}")
        pairs = _pairs("--class-weight", self.class_weight)
        if classes is None:
            return {_as_label(name): number for name, number in pairs}
        labels = {str(label): label for label in classes.tolist()}
        for name, _ in pairs:
            if name not in labels:
                raise ValueError(f"--class-weight must name a class of the target, found {name!r}")
        return {labels[name]: number for name, number in pairs}


@dataclass(frozen=True, kw_only=True)
class Proving(Solving):
    """How a fit is solved whose model is kept: its distance to the minimum may be proven."""

    certify: Annotated[
        bool,
        typer.Option(
            "--certify",
            rich_help_panel=SOLVING,
            help="Prove how far the loss is from its minimum: two more passes. With L1 this is done anyway.",
        ),
    ] = False

    @property
    def certifies(self) -> bool:
        """Whether the duality gap is computed at the end of the fit."""
        return self.certify


def _pairs(option: str, texts: list[str]) -> list[tuple[str, float]]:
    """Return names and numbers from texts NAME=NUMBER."""
    pairs = []
    for text in texts:
        name, equals, number = text.rpartition("=")
        try:
            pairs.append((name, as_number(option, float(number))))
        except ValueError:
            equals = ""
        if not equals:
            raise ValueError(f"{option} must be NAME=NUMBER, the number not negative, found {text!r}")
    return pairs


def _as_label(text: str) -> int | float | str:
    """Return a label as a file of columns would have it."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


FAMILY = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help=f"Distribution of the target: {', '.join(FAMILIES)}; also tweedie(1.5) and the like.",
        autocompletion=lambda: list(FAMILIES),
    ),
]

LINK = Annotated[str | None, typer.Option(metavar="NAME", help="The family's own if not given.")]

SCORING = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=SEARCH,
        help="Score of held-out folds, by scikit-learn's name: neg_log_loss, accuracy, roc_auc_ovr, f1_macro, …",
        autocompletion=lambda: ["neg_log_loss", "accuracy", "balanced_accuracy", "f1_macro", "roc_auc_ovr"],
    ),
]

VALIDATION = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|SHARE",
        rich_help_panel=SEARCH,
        help="Judge on another table, or on a share of the rows, such as 0.2, that is held out.",
    ),
]

CS_OPTION = typer.Option(
    "--Cs", metavar="LIST", rich_help_panel=SEARCH, help="Values of C, as 0.1,1; or their number, from 1e-4 to 1e4."
)
CS = Annotated[str, CS_OPTION]


def numbers_of(option: str, text: str) -> list[float]:
    """Return the numbers of a list with commas.

    Raises
    ------
    ValueError
        If one is no number.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} must be numbers with commas between them, found {text!r}") from None


def Cs_of(text: str) -> Float64Array:
    """Return the values of --Cs, from the smallest on."""
    if text.strip().isdecimal() and int(text) > 1:
        return np.logspace(-4, 4, int(text))
    Cs = np.unique(numbers_of("--Cs", text))
    if not (Cs > 0).all():
        raise ValueError(f"--Cs must be positive, found {text!r}")
    return Cs


def share_of(validation: str | None) -> float | None:
    """Return the share of the rows that --validation holds out; None if it is a file, or nothing.

    Raises
    ------
    ValueError
        If it is a number that is no share.
    """
    try:
        share = float(validation or "")
    except ValueError:
        return None
    if not 0 < share < 1:
        raise ValueError(f"--validation must be a file or a share between 0 and 1, found {validation}")
    return share
