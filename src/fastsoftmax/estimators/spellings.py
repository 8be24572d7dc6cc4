"""What scikit-learn spells otherwise: names of solvers that are accepted, and parameters that an error explains."""

from collections.abc import Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, ClassVar, TypeVar

from ..fitting.result import FitResult

# Solvers of LogisticRegression, besides "lbfgs". They have one objective, so "auto" finds the minimum that they look
# for; only liblinear's objective is another one.
SOLVERS_OF_SKLEARN = ("liblinear", "newton-cg", "newton-cholesky", "sag", "saga")

PENALTY = (
    'C and l1_ratio tell the penalty: penalty="l2" is l1_ratio=0, "l1" is l1_ratio=1, "elasticnet" an l1_ratio in '
    "between, and None is C=np.inf"
)
MULTI_CLASS = "leave it out: every fit is multinomial; MultilabelRegression fits each class against all others"
DUAL = "leave it out: the solver chooses the form that it minimises"
INTERCEPT_SCALING = "leave it out: the intercept is not penalised"
OF_LOGISTIC_REGRESSION = {
    "penalty": PENALTY,
    "multi_class": MULTI_CLASS,
    "dual": DUAL,
    "intercept_scaling": INTERCEPT_SCALING,
}

T = TypeVar("T")


def known_solver(solver: Any) -> Any:
    """Return the solver, "auto" in the place of one that scikit-learn alone has."""
    return "auto" if isinstance(solver, str) and solver in SOLVERS_OF_SKLEARN else solver


def with_note(result: FitResult, solver: Any) -> FitResult:
    """Return the result; where the solver is scikit-learn's, its message says what took its place."""
    if solver == known_solver(solver):
        return result
    note = f"solver={solver!r} of scikit-learn is taken for 'auto', which "
    if solver != "liblinear":
        note += "minimises the same"
    elif result.family is not None and result.family.is_categorical:
        note += "is multinomial and leaves the intercept free; liblinear fits one class against the rest and "
        note += "penalises the intercept"
    else:
        note += "leaves the intercept free; liblinear penalises it"
    return replace(result, message=f"{result.message}; {note}")


def refuse_none(name: str, value: object, default: str) -> None:
    """Raise ValueError where a parameter is None, as scikit-learn allows for a penalty without an L1 part."""
    if value is None:
        raise ValueError(f"{name} must not be None, found None; for an L2 penalty alone write {name}={default}")


class ExplainsSpellings:
    """An estimator whose class names parameters that it lacks, each with what to write instead."""

    _spelt_otherwise: ClassVar[Mapping[str, str]] = {}

    def set_params(self, **params: Any) -> Any:
        """Set parameters, as scikit-learn's estimators do."""
        _explain(type(self), params, ValueError)
        return super().set_params(**params)  # type: ignore[misc]


def explains_spellings(estimator: type[T]) -> type[T]:
    """Make the constructor of an `ExplainsSpellings` explain them too; for a decorator above that of the dataclass."""
    construct = estimator.__init__

    @wraps(construct)
    def __init__(self: Any, *args: Any, **params: Any) -> None:
        # The one parameter that LogisticRegression took by its place.
        _explain(estimator, {"penalty": args[0], **params} if args else params, TypeError)
        construct(self, *args, **params)

    estimator.__init__ = __init__  # type: ignore[method-assign]
    return estimator


def _explain(estimator: type, params: Mapping[str, Any], kind: type[Exception]) -> None:
    spelt_otherwise: Mapping[str, str] = getattr(estimator, "_spelt_otherwise", {})
    for name in params:
        if name in spelt_otherwise:
            raise kind(f"{estimator.__name__} has no parameter {name!r}; {spelt_otherwise[name]}")
