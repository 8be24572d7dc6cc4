"""path: the same data fitted with many penalties, each fit from where the one before ended."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data.arguments import as_array, as_number
from ..data.features import AnyMatrix
from ..problem.objective import SoftmaxObjective
from .fit import FitResult, FitState, Init, bind, solve, start

Vector = NDArray[np.float64]


class Penalty(NamedTuple):
    """Weights of ‖W‖₁ and ½‖W‖²; in their order, the stronger is the greater."""

    l1: float
    l2: float


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

    def __init__(self, penalties: Iterable[Penalty], results: Iterable[FitResult]) -> None:
        self._results = list(results)
        self.l1s, self.l2s = np.array(list(penalties), dtype=np.float64).reshape(-1, 2).T

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
    def W(self) -> Vector:
        """Weights, (n_penalties, n_classes, n_features)."""
        return np.stack([result.W for result in self])

    @property
    def b(self) -> Vector:
        """Intercepts, (n_penalties, n_classes)."""
        return np.stack([result.b for result in self])

    @property
    def loss(self) -> Vector:
        """F at each optimum, penalty included."""
        return np.array([result.loss for result in self])

    @property
    def grad_norm(self) -> Vector:
        """Largest absolute entry of each ∂F."""
        return np.array([result.grad_norm for result in self])

    @property
    def n_iter(self) -> NDArray[np.intp]:
        """Iterations for each penalty."""
        return np.array([result.n_iter for result in self], dtype=np.intp)

    @property
    def n_passes(self) -> NDArray[np.intp]:
        """Times that X was read for each penalty."""
        return np.array([result.n_passes for result in self], dtype=np.intp)

    @property
    def status(self) -> list[str]:
        """Why each fit ended."""
        return [result.status for result in self]


def path(
    X: AnyMatrix,
    y: ArrayLike,
    *,
    l2s: ArrayLike | None = None,
    l1s: ArrayLike | None = None,
    solver: str = "auto",
    learning_rate: float | str = "auto",
    tol: float = 1e-4,
    max_iter: int = 1000,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    init: Init | None = None,
    fit_intercept: bool = True,
    scale: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    callback: Callable[[FitState], object] | None = None,
    random_state: object = None,
    num_threads: int | None = None,
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
    solver, learning_rate, tol, max_iter, sample_weight, offset, fit_intercept, scale, shift, random_state, num_threads
        As in `fit`; tol and max_iter are for each penalty.
    init : (W, b), optional
        Where the strongest penalty's fit starts; zeros by default.
    callback : callable, optional
        As in `fit`, for each penalty anew; a true return ends the fit of one penalty.

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
    penalties = _as_penalties(l2s, l1s)
    objective = bind(
        X,
        y,
        sample_weight=sample_weight,
        offset=offset,
        fit_intercept=fit_intercept,
        scale=scale,
        shift=shift,
        num_threads=num_threads,
    )
    order = sorted(range(len(penalties)), key=lambda p: penalties[p], reverse=True)
    results: dict[int, FitResult] = {}
    steps = walk(
        objective,
        [penalties[p] for p in order],
        start(init, objective),
        solver=solver,
        learning_rate=learning_rate,
        tol=tol,
        max_iter=max_iter,
        callback=callback,
        random_state=random_state,
    )
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
    objective: SoftmaxObjective, penalties: Iterable[Penalty], theta: Vector, **settings: Any
) -> Iterator[FitResult]:
    """Yield the fit of each penalty in turn, begun where the one before ended; settings are those of `solve`."""
    for l1, l2 in penalties:
        result = solve(objective.variant(l2, l1, objective.sample_weight), theta, **settings)
        theta = start((result.W, result.b), objective)
        yield result


def _as_penalties(l2s: ArrayLike | None, l1s: ArrayLike | None) -> list[Penalty]:
    if l2s is None and l1s is None:
        raise ValueError("l2s or l1s must be given: the penalties to fit with, such as l2s=np.geomspace(1, 1e-6, 20)")
    l1, l2 = _as_weights("l1s", l1s), _as_weights("l2s", l2s)
    if 1 not in (len(l1), len(l2)) and len(l1) != len(l2):
        raise ValueError(f"l2s and l1s must have the same length, found {len(l2)} and {len(l1)}")
    return [Penalty(*map(float, pair)) for pair in np.broadcast(l1, l2)]


def _as_weights(name: str, weights: ArrayLike | None) -> Vector:
    """Return weights of a penalty, zero for None, one or more."""
    values = np.atleast_1d(as_array(name, 0.0 if weights is None else weights))
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} must be a number or a vector that is not empty, found shape {values.shape}")
    return np.array([as_number(f"{name}[{p}]", value) for p, value in enumerate(values.tolist())])
