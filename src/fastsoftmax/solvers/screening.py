"""Fits with an L1 penalty by screening: fit only the features that may get weights, then check all others.

W_:j = 0 is optimal if no slope |∂L/∂W_kj|, of a group their norm, exceeds the penalty. If a fit with a similar penalty
came before, the slopes change little during this fit: those at its start tell which features may get weights (as in the
sequential strong rules of Tibshirani et al., Journal of the Royal Statistical Society B 74, 2012). All other features
are left out of the fit and of X. Their slopes at the end prove that zero weights are optimal. If a slope exceeds the
penalty, its feature is let in and the fit goes on.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..runtime.arrays import Float64Array
from ..runtime.vectors import largest
from .loop import History, Progress, Solution, interrupted_message, minimize
from .protocol import Method, Problem
from .proximal import least_subgradient

# Let a feature in if its largest slope is at least 90 % of the penalty. If these are more than 30 % of all, fit all.
NEAR, MOST = 0.9, 0.3


class Part:
    """The objective of the kept features; maps parameters from all features to these and back."""

    def __init__(self, whole: Problem, kept: NDArray[np.bool_]) -> None:
        self.whole, self.kept = whole, np.flatnonzero(kept)
        self.objective = whole.columns(self.kept)

    def narrow(self, theta: Float64Array) -> Float64Array:
        """Parameters of the kept features."""
        part = np.empty(self.objective.n_params)
        (W_out, b_out), (W, b) = self.objective.split(part), self.whole.split(theta)
        W_out[:], b_out[:] = W[:, self.kept], b
        return part

    def widen(self, part: Float64Array) -> Float64Array:
        """Parameters of all features; zero for those left out."""
        theta = np.zeros(self.whole.n_params)
        (W_out, b_out), (W, b) = self.whole.split(theta), self.objective.split(part)
        W_out[:, self.kept], b_out[:] = W, b
        return theta


def minimize_screened(
    objective: Problem,
    method: Method,
    theta: Float64Array,
    *,
    tol: float,
    max_iter: int,
    callback: Callable[[Progress], object] | None = None,
) -> Solution:
    """Minimise as `minimize` does, but leave out the features whose weights stay zero."""
    history, penalty = History(objective), objective.penalty
    last = Progress(0, 0, 0.0, math.nan, math.nan, theta)

    @np.errstate(over="ignore", invalid="ignore")  # an overflow shows in the loss, as in `minimize`
    def look(theta: Float64Array) -> tuple[Progress, Float64Array]:
        """Return the progress at theta and the largest |slope| of each feature; one pass over all of X at most."""
        loss, grad = objective.visit(theta)
        least = least_subgradient(objective, grad, theta, np.flatnonzero(theta))
        slopes = penalty.slopes(objective.split(grad)[0])
        loss += penalty.absolute(objective.split(theta)[0])
        return history.see(history.n_iter, loss, largest(least), theta), slopes

    def watch(part: Part, begun: int, progress: Progress) -> object:
        """Record an iteration of a fit that follows `begun` iterations of earlier fits; call the callback."""
        if history.rows and not progress.iteration:
            return False  # the start of this fit is the end of the previous one, which is recorded
        seen = history.see(begun + progress.iteration, *progress[3:])
        history.rows.append(seen[:5])
        return callback is not None and callback(seen._replace(theta=part.widen(progress.theta)))

    try:
        last, slopes = look(theta)
        kept = (slopes >= NEAR * penalty.l1_of_features) | objective.split(theta)[0].any(axis=0)
        if not math.isfinite(last.loss + last.grad_norm) or kept.mean() > MOST:
            return minimize(objective.at_hand(), method, theta, tol=tol, max_iter=max_iter, callback=callback)
        kept[np.argmax(slopes)] = True  # at least one feature
        while True:
            part, begun = Part(objective, kept), history.n_iter
            found = minimize(
                part.objective,
                method,
                part.narrow(last.theta),
                tol=tol,
                max_iter=max_iter - begun,
                callback=partial(watch, part, begun),
            )
            last = history.see(history.n_iter, found.loss, found.grad_norm, part.widen(found.theta))
            if found.status in ("interrupted", "diverged"):
                return history.solution(last, found.status, found.message)
            last, slopes = look(last.theta)
            history.rows[-1] = last[:5]
            missed = (slopes > penalty.l1_of_features + tol) & ~kept
            if not missed.any() or found.status not in ("converged", "rounding"):
                message = f"{found.message}; {kept.sum()} of {len(kept)} features were let in"
                return history.solution(last, found.status, message)
            kept |= slopes >= NEAR * penalty.l1_of_features
    except KeyboardInterrupt:
        if not history.rows:
            raise
        return history.solution(last, "interrupted", interrupted_message(last))
