"""path: the same data fitted with many penalties, each fit from where the one before ended."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike

from ..data.arguments import as_array, as_number
from ..data.features import AnyMatrix
from ..families import Family
from ..penalties import Bounds, ElasticNet, as_penalty
from ..problem.loss import Loss
from ..problem.objective import Objective
from ..runtime.arrays import Float64Array, IndexArray
from .binding import Init, bind, start
from .result import FitResult, FitState
from .solving import Settings, solve


class PathResult(Sequence[FitResult]):
    """A `FitResult` for each penalty, in the order in which the penalties were given.

    Attributes
    ----------
    l2s, l1s : ndarray of shape (n_penalties,)
    W, b : ndarray of shape (n_penalties, n_classes, n_features) and (n_penalties, n_classes), float64
    loss, grad_norm : ndarray of shape (n_penalties,)
    n_iter, n_passes : ndarray of shape (n_penalties,)
        n_passes.sum() are the passes of the whole path.
    status : list of str
    """

    def __init__(self, penalties: Iterable[ElasticNet], results: Iterable[FitResult]) -> None:
        self._results = list(results)
        self.l2s, self.l1s = np.array([(p.l2, p.l1) for p in penalties], dtype=np.float64).reshape(-1, 2).T

    def __len__(self) -> int:
        return len(self._results)

    @overload
    def __getitem__(self, index: int) -> FitResult: ...
    @overload
    def __getitem__(self, index: slice) -> list[FitResult]: ...
    def __getitem__(self, index: int | slice) -> FitResult | list[FitResult]:
        return self._results[index]

    def __repr__(self) -> str:
        return f"PathResult of {len(self)} penalties in {self.n_passes.sum()} passes"

    @property
    def W(self) -> Float64Array:
        """Weights, (n_penalties, n_classes, n_features)."""
        return np.stack([result.W for result in self])

    @property
    def b(self) -> Float64Array:
        """Intercepts, (n_penalties, n_classes)."""
        return np.stack([result.b for result in self])

    @property
    def loss(self) -> Float64Array:
        """F at each optimum, penalty included."""
        return np.array([result.loss for result in self])

    @property
    def grad_norm(self) -> Float64Array:
        """Largest absolute entry of each ∂F."""
        return np.array([result.grad_norm for result in self])

    @property
    def n_iter(self) -> IndexArray:
        """Iterations for each penalty."""
        return np.array([result.n_iter for result in self], dtype=np.intp)

    @property
    def n_passes(self) -> IndexArray:
        """Times that X was read for each penalty."""
        return np.array([result.n_passes for result in self], dtype=np.intp)

    @property
    def status(self) -> list[str]:
        """Why each fit ended."""
        return [result.status for result in self]


class FitOptions(TypedDict, total=False):
    """Arguments that `path` hands on to `fit`."""

    family: str | Family
    link: str | None
    solver: str
    learning_rate: float | str
    tol: float
    max_iter: int
    sample_weight: ArrayLike | None
    offset: ArrayLike | None
    fit_intercept: bool
    scale: ArrayLike | None
    shift: ArrayLike | None
    callback: Callable[[FitState], object] | None
    random_state: object
    certify: bool
    num_threads: int | None


def path(
    X: AnyMatrix,
    y: ArrayLike | None = None,
    *,
    l2s: ArrayLike | None = None,
    l1s: ArrayLike | None = None,
    penalty_factor: ArrayLike | None = None,
    group: str | None = None,
    bounds: Bounds | None = None,
    init: Init | None = None,
    **options: Unpack[FitOptions],
) -> PathResult:
    """Fit a softmax regression for each of many penalties.

    From the strongest to the weakest, each fit starts where the one before ended: all together take fewer passes over X
    than separate fits. X is bound once. The optima are those of `fit`, to the tolerance of either. With L1 penalties a
    fit is that of the features whose slopes at its start are near the penalty or beyond; all are looked at in the end,
    and what was left out wrongly is let in.

    Parameters
    ----------
    X, y
        As in `fit`.
    l2s, l1s : array_like of shape (n_penalties,), or float
        Weights of ½‖W‖² and ‖W‖₁, in any order; one number, zero by default, is the same for all.
    penalty_factor, group, bounds
        As in `fit`, for every penalty.
    init : (W, b), optional
        Where the strongest penalty's fit starts; zeros by default.
    **options
        family, link, solver, learning_rate, tol, max_iter, sample_weight, offset, fit_intercept, scale, shift,
        callback, random_state, certify and num_threads as in `fit`; tol and max_iter are for each penalty, and a true
        return of the callback ends the fit of one penalty.

    Returns
    -------
    PathResult
        Ctrl-C ends the path: the penalties that no fit was begun for are missing.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values.
    KeyboardInterrupt
        On Ctrl-C before the first loss is known.
    """
    strengths = _as_strengths(l2s, l1s)
    of_data, settings = split_options(options)
    loss = bind(X, y, **of_data)
    shape = loss.n_outputs, loss.X.shape[1]
    common = as_penalty(0.0, 0.0, shape, penalty_factor=penalty_factor, group=group, bounds=bounds)
    return path_of(loss, common, strengths, init, settings)


def path_of(
    loss: Loss, common: ElasticNet, strengths: Iterable[tuple[float, float]], init: Init | None, settings: Settings
) -> PathResult:
    """Return the path of data that are bound already: of the common penalty with each pair (l2, l1) of strengths."""
    penalties = [common.of_strength(ElasticNet(l2, l1)) for l2, l1 in strengths]
    # Of two, the one with the greater l1 is the stronger.
    order = sorted(range(len(penalties)), key=lambda p: (penalties[p].l1, penalties[p].l2), reverse=True)
    results: dict[int, FitResult] = {}
    steps = walk(Objective(loss, common), [penalties[p] for p in order], start(init, loss), settings)
    try:
        for p, result in zip(order, steps, strict=False):
            results[p] = result
            if result.status == "interrupted":
                break
    except KeyboardInterrupt:
        # Before the start of the next fit was evaluated: those that are done remain.
        if not results:
            raise
    return PathResult((penalties[p] for p in sorted(results)), (results[p] for p in sorted(results)))


def walk(
    objective: Objective, penalties: Iterable[ElasticNet], theta: Float64Array, settings: Settings
) -> Iterator[FitResult]:
    """Yield the fit of each penalty in turn, begun where the one before ended."""
    penalties = tuple(penalties)
    if not all(penalty.is_smooth for penalty in penalties):
        objective = objective.centred()
    loss = objective.loss
    for penalty in penalties:
        result = solve(objective.variant(penalty, loss.samples.weight), theta, settings)
        theta = start((result.W, result.b), loss)
        yield result


def split_options(options: Mapping[str, Any], function: str = "path") -> tuple[dict[str, Any], Settings]:
    """Return what `bind` takes, and the rest as the settings of `solve`; function is whose options these are."""
    for name in options:
        if name not in FitOptions.__annotations__:
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")
    of_solver = {field.name for field in fields(Settings)} & set(options)
    settings: dict[str, Any] = {name: value for name, value in options.items() if name in of_solver}
    return {name: value for name, value in options.items() if name not in of_solver}, Settings(**settings)


def _as_strengths(l2s: ArrayLike | None, l1s: ArrayLike | None) -> list[tuple[float, float]]:
    """Return pairs (l2, l1)."""
    if l2s is None and l1s is None:
        raise ValueError("l2s or l1s must be given: the penalties to fit with, such as l2s=np.geomspace(1, 1e-6, 20)")
    l1, l2 = _as_weights("l1s", l1s), _as_weights("l2s", l2s)
    if 1 not in (len(l1), len(l2)) and len(l1) != len(l2):
        raise ValueError(f"l2s and l1s must have the same length, found {len(l2)} and {len(l1)}")
    return [(float(a), float(b)) for a, b in np.broadcast(l2, l1)]


def _as_weights(name: str, weights: ArrayLike | None) -> Float64Array:
    """Return weights of a penalty, zero for None, one or more."""
    values = np.atleast_1d(as_array(name, 0.0 if weights is None else weights))
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} must be a number or a vector that is not empty, found shape {values.shape}")
    return np.array([as_number(f"{name}[{p}]", value) for p, value in enumerate(values.tolist())])
