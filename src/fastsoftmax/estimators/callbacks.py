"""Callbacks of scikit-learn (version 1.9 and later), for example progress bars.

The fit is a task, and each iteration is a task within it. An iteration's task begins before it is known whether the fit
goes on, so the last one is empty, as with scikit-learn's own L-BFGS.
"""

from collections.abc import Callable
from typing import Any

from ..fitting.result import FitState

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Replaces scikit-learn's class in versions without callbacks: the estimator has no `set_callbacks`."""

    def with_callbacks(method: Any) -> Any:
        """Return the method unchanged."""
        return method


class FitTasks:
    """A callback of `fit` that reports to the callbacks of an estimator.

    Parameters
    ----------
    estimator : CallbackSupportMixin
    of_state : callable
        Returns the fitted attributes that belong to a `FitState`.
    arguments : dict
        Passed to every task: X, y and metadata.
    max_iter : int
    """

    def __init__(
        self, estimator: Any, of_state: Callable[[FitState], dict[str, Any]], arguments: dict[str, Any], max_iter: int
    ) -> None:
        self._of_state = of_state
        self._arguments = {"estimator": estimator, **arguments}
        self._fit = estimator._init_callback_context(max_subtasks=max_iter + 1)
        self._fit.call_on_fit_task_begin(**self._arguments)
        self._iteration: Any = None

    def __call__(self, state: FitState) -> bool:
        """End an iteration's task and begin the next; return whether to stop the fit."""
        told = {**self._arguments, "reconstruction_attributes": lambda: self._of_state(state)}
        stop = self._iteration is not None and self._iteration.call_on_fit_task_end(**told)
        self._iteration = self._fit.subcontext(task_name="iteration").call_on_fit_task_begin(**told)
        return stop

    def close(self) -> None:
        """End the task of the last iteration, which is empty, and that of the fit."""
        if self._iteration is not None:
            self._iteration.call_on_fit_task_end(**self._arguments)
        self._fit.call_on_fit_task_end(**self._arguments, reconstruction_attributes={})
