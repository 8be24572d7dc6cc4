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
    cuda: bool = False  # needs a GPU that PyTorch can use
    dense_only: bool = False
    l1: bool = False  # solves problems with an L1 penalty too
    l2: bool = True  # solves problems without an L1 penalty too
    weights: bool = False  # solves problems with weights of the samples too
    most_classes: float = float("inf")
    most_parameters: float = float("inf")

    @property
    def installed(self) -> bool:
        """Whether the package can be imported, and has a GPU if it needs one."""
        return find_spec(self.package) is not None and (not self.cuda or _has_gpu())

    def serves(self, problem: FitProblem) -> bool:
        """Whether the solver is installed and can solve the problem."""
        _, n_features, n_classes = problem.shape
        return (
            self.installed
            and (self.l1 if problem.l1 else self.l2)
            and (self.weights or problem.labelled().sample_weight is None)
            and not (self.dense_only and problem.sparse)
            and n_classes <= self.most_classes
            and n_features * n_classes <= self.most_parameters
        )


def fit_ours(problem: FitProblem, max_iter: int, **options: Any) -> fs.FitResult:
    """Fit by fastsoftmax, until the iterations are used up or no progress is possible."""
    return fs.fit(problem.X, problem.y, max_iter=max_iter, **{"tol": 0.0, **_objective(problem), **options})


def fit_by_default(problem: FitProblem) -> fs.FitResult:
    """Fit by fastsoftmax as one does who leaves the stopping to it."""
    return fs.fit(problem.X, problem.y, **_objective(problem))


def _objective(problem: FitProblem) -> dict[str, Any]:
    return {"l1": problem.l1, "l2": problem.l2, "sample_weight": problem.sample_weight}


def two_class_penalty(problem: FitProblem) -> tuple[float, float]:
    """Return the weights of ‖w‖₁ and ½‖w‖² for solvers that have one vector w = W₁ − W₀ for two classes.

    At the minimum W₁ = −W₀ = w/2: ‖W‖₁ is ‖w‖₁, and ‖W‖² is ½‖w‖². More classes have the penalty of the problem.
    """
    return problem.l1, problem.l2 / 2 if problem.shape.n_classes == 2 else problem.l2


def all_classes(coef: Parameters, intercept: Parameters) -> tuple[Parameters, Parameters]:
    """Return W and b of all classes, from one row w for two of them or from a row for each."""
    coef, intercept = np.atleast_2d(coef), np.ravel(intercept)
    if len(coef) > 1:
        return coef, intercept
    return np.concatenate([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2


def _ours(problem: FitProblem, cap: int) -> Fit:
    result = fit_ours(problem, cap)
    return Fit(result.W, result.b, result.n_iter, result.n_passes)


def fit_sklearn_by_default(problem: FitProblem) -> Fit:
    """Fit by scikit-learn with its own limit of iterations and tolerance, by its default solver if that serves L1."""
    from sklearn.linear_model import LogisticRegression

    solver = {"solver": "saga", "random_state": 0} if problem.l1 else {}
    return _fit_estimator(LogisticRegression, problem, 100, tol=1e-4, **solver)


def _sklearn(problem: FitProblem, cap: int, *, solver: str) -> Fit:
    from sklearn.linear_model import LogisticRegression

    return _fit_estimator(LogisticRegression, problem, cap, solver=solver, random_state=0)


def _intelex(problem: FitProblem, cap: int) -> Fit:
    # The extension passes what it cannot solve, such as sparse data, to scikit-learn.
    from sklearnex.linear_model import LogisticRegression

    return _fit_estimator(LogisticRegression, problem, cap, solver="lbfgs")


def _fit_estimator(estimator: type, problem: FitProblem, cap: int, tol: float = 1e-14, **options: object) -> Fit:
    l1, l2 = two_class_penalty(problem)
    penalty = {"C": 1 / ((l1 + l2) * problem.mass), "l1_ratio": l1 / (l1 + l2)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "not converged": the cap is meant to stop it
        model = estimator(max_iter=cap, tol=tol, **penalty, **options)
        model.fit(problem.X, problem.y, sample_weight=problem.sample_weight)
    return Fit(*all_classes(model.coef_, model.intercept_), int(np.max(model.n_iter_)), None)


def _torch(problem: FitProblem, cap: int, *, device: str = "cpu", precision: str = "highest") -> Fit:
    """Fit by PyTorch's L-BFGS; X is brought to the device, and W and b back from it."""
    import torch

    torch.set_num_threads(all_threads())
    torch.set_float32_matmul_precision(precision)
    _, n_features, n_classes = problem.shape
    X, y = _tensor(problem.X).to(device).float(), torch.from_numpy(problem.y).to(device)  # float16 travels as it is
    W, b = (torch.zeros(size, device=device, requires_grad=True) for size in ((n_classes, n_features), n_classes))
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
        loss = torch.nn.functional.cross_entropy(X @ W.T + b, y) + 0.5 * problem.l2 * (W**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    state = optimizer.state[W]
    return Fit(W.detach().cpu().numpy(), b.detach().cpu().numpy(), state["n_iter"], state["func_evals"])


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _tensor(X: Any) -> Any:
    """X as a PyTorch tensor, without a copy if possible."""
    import torch

    if isinstance(X, np.ndarray):
        return torch.from_numpy(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its sparse tensors are in beta
        indptr, indices, values = (torch.from_numpy(part) for part in (X.indptr, X.indices, X.data))
        return torch.sparse_csr_tensor(indptr, indices, values, size=X.shape)


def sklearn_peer(solver: str, **limits: Any) -> Peer:
    """Return one of scikit-learn's solvers, by its name there."""
    return Peer("sklearn", partial(_sklearn, solver=solver), weights=True, **limits)


SOLVERS: Mapping[str, Peer] = {
    OURS: Peer("fastsoftmax", _ours, l1=True, weights=True),
    "sklearn-lbfgs": sklearn_peer("lbfgs"),
    "sklearn-newton-cg": sklearn_peer("newton-cg"),
    "sklearn-newton-cholesky": sklearn_peer("newton-cholesky", dense_only=True, most_parameters=MOST_NEWTON_PARAMETERS),
    "sklearn-saga": sklearn_peer("saga", l1=True),
    "intelex-lbfgs": Peer("sklearnex", _intelex, dense_only=True),
    "torch-lbfgs": Peer("torch", _torch),
    "torch-cuda": Peer("torch", partial(_torch, device="cuda"), cuda=True),
    "torch-cuda-tf32": Peer("torch", partial(_torch, device="cuda", precision="high"), cuda=True),
}
