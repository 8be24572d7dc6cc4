"""What solvers ask of a problem, and what they are to the loop.

`Objective` is all that every method needs. What one needs beyond it, it declares in `needs`, by the names of the
methods of `Problem`; `check_needs` says which of them a problem has not.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from ..penalties import ElasticNet
from ..runtime.arrays import Float64Array, IndexArray


class Preconditioner(Protocol):
    """An approximation of the Hessian."""

    is_guess: bool
    """Whether the Hessian is nearly zero there, so that something else had to take its place."""

    is_exact: bool
    """Whether it is the Hessian, up to what does not matter."""

    price: float
    """What it cost, in passes."""

    better_at: float
    """Passes of the fit from which on a better one is worth its price; infinity if there is none."""

    better_below: float | None
    """If that is one of the same kind: to which share of the loss it must have fallen before."""

    def solve(self, v: Float64Array) -> Float64Array:
        """Multiply a vector with its inverse."""


class Objective(Protocol):
    """A function of theta to be minimised; every pass over the data is counted."""

    n_params: int

    asked_threads: int | None
    """Threads for what a method does with long vectors; None for as many as are worth it."""

    @property
    def n_passes(self) -> int:
        """Passes so far; batches count by their share."""

    @property
    def floor(self) -> float:
        """A lower bound of the function; −∞ where none is known."""

    def loss_grad(self, theta: Float64Array) -> tuple[float, Float64Array]:
        """Value and gradient at theta: one pass."""

    def hess_vec(self, theta: Float64Array, v: Float64Array) -> Float64Array:
        """Product of the Hessian at theta with v: one pass."""

    def line(self, theta: Float64Array, direction: Float64Array) -> Callable[[float], tuple[float, float]]:
        """phi(t) → value and slope at theta + t · direction: one pass, and none for any t while memory allows it."""

    def no_optimum(self, loss: float) -> str:
        """Say why so low a value proves that there is no minimum; empty if it does not."""


class Problem(Objective, Protocol):
    """What some methods need beside that."""

    n_samples: int
    n_weights: int  # parameters that are penalised, which come first

    is_shift_invariant: bool  # whether a shift of all outputs alike changes the penalty alone

    penalty: ElasticNet  # whose part without a gradient loss_grad and line leave to the method

    @property
    def shape(self) -> tuple[int, int]:
        """(n_outputs, n_features), that of W."""

    @property
    def lacks(self) -> Mapping[str, str]:
        """Methods of these that the problem has not, and why."""

    def split(self, theta: Float64Array) -> tuple[Float64Array, Float64Array]:
        """W, (n_outputs, n_features), and b as views of theta."""

    def visit(self, theta: Float64Array) -> tuple[float, Float64Array]:
        """Return what loss_grad does, and remember it: there, loss_grad costs no pass, of `columns` neither."""

    def columns(self, columns: IndexArray) -> "Problem":
        """Return the problem of some features alone."""

    def at_hand(self) -> "Problem":
        """Return the same with all rows at hand, if they can be."""

    def batches(self, size: int, random: np.random.Generator) -> tuple[int, Iterator["Problem"]]:
        """Return how many batches of about so many samples there are, and the problem of each: every sample once."""

    def sample_line(
        self, theta: Float64Array, direction: Float64Array
    ) -> Callable[[float], tuple[float, float]] | None:
        """Estimate what line returns at a small part of its cost; None where the samples are too few for that."""

    def rough(self, theta: Float64Array) -> "Problem | None":
        """Return the same by less exact and much faster products, to start from theta; None where there is no such."""

    def ascend(self, theta: Float64Array) -> Iterator[Float64Array]:
        """Yield points nearer and nearer to the minimum, where some are cheap to find: some passes each."""

    def curvature(self, theta: Float64Array, grad: Float64Array) -> Preconditioner:
        """Approximate the Hessian at theta, where the gradient is grad: some passes."""

    def plan_block(self, n_entries: int, n_features: int) -> Any:
        """Return how `block` of entries of so many features is made, with as_matrix, is_cheap and is_sparse.

        None where it is not worth its cost.
        """

    def block(self, theta: Float64Array, entries: IndexArray, plan: Any, damping: float) -> Any:
        """Hessian at theta on some entries, of all rows or of a sample, and damping times second moments: some passes.

        As a matrix, or as what `descend_samples` or `minimize_rows` of the compiled module takes.
        """

    def diagonal(self, theta: Float64Array) -> Float64Array:
        """Diagonal of the Hessian at theta, made positive: two passes."""

    def curvature_bound(self) -> float:
        """Upper bound of the Hessian's largest eigenvalue."""


class Method(Protocol):
    """A solver: where to start, and how to get from one state to the next."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the methods of `Problem` that it cannot do without, beyond those of `Objective`."""

    def init(self, objective: Any, theta: Float64Array) -> Any:
        """Return the State at theta."""

    def step(self, objective: Any, state: Any) -> Any:
        """Return the next State."""


def check_needs(name: str, method: Method, problem: Problem) -> None:
    """Raise ValueError, which names the solver, if a problem lacks what a method needs."""
    for need in method.needs:
        if need in problem.lacks:
            raise ValueError(f"solver={name!r} needs {need}: {problem.lacks[need]}")
