"""Other solvers of the same objective: scikit-learn's, those of Intel's extension of it, and PyTorch's L-BFGS.

Each gets X in the given precision and order, and as many threads as the process may use. snapml is left out: it fits
one class against the rest, and penalises the intercept.
"""

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

import fastsoftmax as fs

from .environment import all_threads
from .fit_problems import FitProblem, Parameters

OURS = "fastsoftmax"

# Above this size the Hessian, of (N·K)² numbers, takes longer to build than any other solver needs to fit.
MOST_NEWTON_PARAMETERS = 2000


class Fit(NamedTuple):
    """The result of a solver with a cap of its iterations."""

    W: Parameters
    b: Parameters
    n_iter: int
    n_passes: int | None  # over X, if the solver tells


class Peer(NamedTuple):
    """A solver, and the problems that it can solve."""

    package: str  # must be installed
    fit: Callable[[FitProblem, int], Fit]  # (problem, largest number of iterations)
    dense_only: bool = False
    l1: bool = False  # solves problems with an L1 penalty too
    most_parameters: float = float("inf")

    def serves(self, problem: FitProblem) -> bool:
        """Whether the solver is installed and can solve the problem."""
        _, n_features, n_classes = problem.shape
        return (
            find_spec(self.package) is not None
            and (self.l1 or not problem.l1)
            and not (self.dense_only and problem.sparse)
            and n_features * n_classes <= self.most_parameters
        )


def fit_ours(problem: FitProblem, max_iter: int, **options: Any) -> fs.FitResult:
    """Fit by fastsoftmax, until the iterations are used up or no progress is possible."""
    penalty = {"l1" if problem.l1 else "l2": problem.penalty}
    return fs.fit(problem.X, problem.y, max_iter=max_iter, **{"tol": 0.0, **penalty, **options})


def _ours(problem: FitProblem, cap: int) -> Fit:
    result = fit_ours(problem, cap)
    return Fit(result.W, result.b, result.n_iter, result.n_passes)


def _sklearn(problem: FitProblem, cap: int, *, solver: str) -> Fit:
    from sklearn.linear_model import LogisticRegression

    return _fit_estimator(LogisticRegression, problem, cap, solver=solver, l1_ratio=float(problem.l1), random_state=0)


def _intelex(problem: FitProblem, cap: int) -> Fit:
    # The extension passes what it cannot solve, such as sparse data, to scikit-learn.
    from sklearnex.linear_model import LogisticRegression

    return _fit_estimator(LogisticRegression, problem, cap, solver="lbfgs")


def _fit_estimator(estimator: type, problem: FitProblem, cap: int, **options: object) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "not converged": the cap is meant to stop it
        model = estimator(C=problem.C, max_iter=cap, tol=1e-14, **options).fit(problem.X, problem.y)
    return Fit(model.coef_, model.intercept_, int(np.max(model.n_iter_)), None)


def _torch(problem: FitProblem, cap: int) -> Fit:
    import torch

    torch.set_num_threads(all_threads())
    _, n_features, n_classes = problem.shape
    X, y = _tensor(problem.X), torch.from_numpy(problem.y)
    W, b = torch.zeros(n_classes, n_features, requires_grad=True), torch.zeros(n_classes, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [W, b],
        max_iter=cap,
        max_eval=100 * cap,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(X @ W.T + b, y) + 0.5 * problem.penalty * (W**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    state = optimizer.state[W]
    return Fit(W.detach().numpy(), b.detach().numpy(), state["n_iter"], state["func_evals"])


def _tensor(X: Any) -> Any:
    """X as a PyTorch tensor, without a copy if possible."""
    import torch

    if isinstance(X, np.ndarray):
        return torch.from_numpy(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its sparse tensors are in beta
        indptr, indices, values = (torch.from_numpy(part) for part in (X.indptr, X.indices, X.data))
        return torch.sparse_csr_tensor(indptr, indices, values, size=X.shape)


def _sklearn_peer(solver: str, **limits: Any) -> Peer:
    return Peer("sklearn", partial(_sklearn, solver=solver), **limits)


SOLVERS: Mapping[str, Peer] = {
    OURS: Peer("fastsoftmax", _ours, l1=True),
    "sklearn-lbfgs": _sklearn_peer("lbfgs"),
    "sklearn-newton-cg": _sklearn_peer("newton-cg"),
    "sklearn-newton-cholesky": _sklearn_peer(
        "newton-cholesky", dense_only=True, most_parameters=MOST_NEWTON_PARAMETERS
    ),
    "sklearn-saga": _sklearn_peer("saga", l1=True),
    "intelex-lbfgs": Peer("sklearnex", _intelex, dense_only=True),
    "torch-lbfgs": Peer("torch", _torch),
}
