"""The solvers that meet ours in the zoo: those of `bench.peers`, and packages for L1 and elastic net.

What is not installed is left out.
"""

import ctypes
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix

from .environment import all_threads
from .fit_problems import FitProblem, Parameters
from .peers import OURS, SOLVERS, Fit, Peer, all_classes, sklearn_peer, two_class_penalty

MOST_BITS = 52  # of a tolerance; rounding hides more
CHECKED = 5  # cyanure looks after each fifth pass whether to stop, and tells the last of these
STEPS = 10  # penalties on the way to the one that is asked for, for a solver that goes along a path
MOST_WORK = 2e10  # multiply-adds of one fit that only the tolerance ends: about ten seconds

Solution = tuple[Any, Any] | None  # coefficients and intercepts, if the solver got to the tolerance


def _cyanure(problem: FitProblem, cap: int) -> Fit:
    from cyanure.estimators import Classifier

    logging.getLogger("Cyanure").setLevel(logging.ERROR)
    l1, l2 = two_class_penalty(problem)
    # It calls a lone penalty's weight lambda_1, whichever the penalty is.
    penalty = {"penalty": "elasticnet", "lambda_1": l1, "lambda_2": l2}
    if not l1 or not l2:
        penalty = {"penalty": "l1" if l1 else "l2", "lambda_1": l1 or l2}
    model = Classifier(
        loss="logistic",
        fit_intercept=True,
        max_iter=CHECKED * cap,
        duality_gap_interval=CHECKED,
        tol=1e-14,
        verbose=False,
        n_threads=all_threads(),
        **penalty,
    )
    with warnings.catch_warnings(), _silence():
        warnings.simplefilter("ignore")
        model.fit(problem.X, problem.y)
    return Fit(*_by_classes(problem, model.coef_, model.intercept_), int(np.max(model.n_iter_)) // CHECKED, None)


def _by_bits(solve: Callable[[FitProblem, float], Solution]) -> Callable[[FitProblem, int], Fit]:
    """Return a fit whose cap is the bits of the tolerance, for a solver that a cap of its iterations leaves empty.

    Where the tolerance is not reached, the result is zeros after no iterations.
    """

    def fit(problem: FitProblem, cap: int) -> Fit:
        bits = min(cap, MOST_BITS)
        solution = solve(problem, 2.0**-bits)
        if solution is None:
            _, n_features, n_classes = problem.shape
            return Fit(np.zeros((n_classes, n_features)), np.zeros(n_classes), 0, None)
        return Fit(*_by_classes(problem, *solution), bits, None)

    return fit


def _glmstar(problem: FitProblem, tol: float, *, steps: int) -> Solution:
    from glmnet import LogNet, MultiClassNet
    from glmnet.paths.fastnet import FastNetControl

    l1, l2 = two_class_penalty(problem)
    kind = LogNet if problem.shape.n_classes == 2 else MultiClassNet
    # fdev and devmax would end before the tolerance; features stay as they are.
    control = FastNetControl(thresh=tol, fdev=0.0, devmax=1.0, maxit=_most_rounds(problem))
    X = csc_matrix(problem.X, dtype=np.float64) if problem.sparse else problem.X.astype(np.float64)
    path = _penalties(X, problem, steps) if steps > 1 else np.array([l1 + l2])
    model = kind(alpha=l1 / (l1 + l2), lambda_values=path, standardize=False, control=control)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, problem.y)
    return (model.coefs_[-1], model.intercepts_[-1]) if len(model.coefs_) == len(path) else None


def _penalties(X: Any, problem: FitProblem, steps: int) -> NDArray[np.float64]:
    """Return penalties from one that leaves no coefficient, or nearly none, to that of the problem."""
    l1, l2 = two_class_penalty(problem)
    targets = np.eye(problem.shape.n_classes)[problem.y]
    highest = float(np.abs(X.T @ (targets - targets.mean(axis=0))).max()) / len(targets) * (l1 + l2) / l1
    return np.geomspace(max(highest, l1 + l2), l1 + l2, steps)


def _most_rounds(problem: FitProblem) -> int:
    """Return the rounds over all coefficients that make MOST_WORK."""
    stored = problem.X.nnz if problem.sparse else problem.X.size
    return int(MOST_WORK / (stored * problem.shape.n_classes)) + 1


def _adelie(problem: FitProblem, tol: float) -> Solution:
    import adelie

    l1, l2 = two_class_penalty(problem)
    dtype = problem.X.dtype.type
    loss = adelie.glm.binomial(problem.y.astype(dtype), weights=problem.sample_weight, dtype=dtype)
    state = adelie.grpnet(
        np.asfortranarray(problem.X),
        loss,
        alpha=l1 / (l1 + l2),
        lmda_path=np.array([l1 + l2], dtype),
        tol=tol,
        irls_tol=tol,
        max_iters=_most_rounds(problem),
        adev_tol=1.0,
        early_exit=False,
        progress_bar=False,
        n_threads=all_threads(),
    )
    return state.betas.toarray()[-1], state.intercepts[-1]


def _by_classes(problem: FitProblem, coef: Any, intercept: Any) -> tuple[Parameters, Parameters]:
    """Return W and b where the package has a column for each class, or one vector for two classes."""
    return all_classes(np.ravel(coef) if problem.shape.n_classes == 2 else np.transpose(coef), intercept)


@contextmanager
def _silence() -> Iterator[None]:
    """Let what compiled code writes to standard output and error go nowhere: a warning for each fit in float32."""
    streams = {1: sys.stdout, 2: sys.stderr}
    with open(os.devnull, "w") as nowhere:
        for stream in streams.values():
            stream.flush()
        kept = {number: os.dup(number) for number in streams}
        for number in streams:
            os.dup2(nowhere.fileno(), number)
        try:
            yield
        finally:
            ctypes.CDLL(None).fflush(None)  # what C has buffered goes nowhere too
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)


L1_ONLY: Any = {"l1": True, "l2": False}

ZOO_SOLVERS: Mapping[str, Peer] = {
    **{name: peer for name, peer in SOLVERS.items() if peer.package != "torch"},
    "sklearn-sag": sklearn_peer("sag"),
    "cyanure": Peer("cyanure", _cyanure, l1=True),
    # It is made for paths: alone, a weak penalty may take longer than with stronger ones before it.
    "glmstar": Peer("glmnet", _by_bits(partial(_glmstar, steps=1)), **L1_ONLY),
    "glmstar-path": Peer("glmnet", _by_bits(partial(_glmstar, steps=STEPS)), **L1_ONLY),
    # For more classes its L1 penalty is of groups.
    "adelie": Peer("adelie", _by_bits(_adelie), dense_only=True, most_classes=2, weights=True, **L1_ONLY),
}
ZOO_PEERS = [name for name in ZOO_SOLVERS if name != OURS]

# What finds the lowest F where ours does not end at the strictest tolerance.
RIVALS = {name: ZOO_SOLVERS[name] for name in ("sklearn-newton-cholesky", "sklearn-newton-cg", "cyanure")}

DISTRIBUTIONS = ("scikit-learn", "scikit-learn-intelex", "cyanure", "glmstar", "adelie")
