"""What a cluster's engine has to offer."""

from collections.abc import Callable
from typing import Any, Protocol


class Engine(Protocol):
    """Runs tasks on workers, and keeps what they return there; what a dead worker had is made anew by its tasks.

    A `Reference` stands for what a task returns. Any method may raise what the engine says when it fails.
    """

    @property
    def here(self) -> Callable[[], str]:
        """A function that returns the name of the worker that calls it; can be pickled."""

    def submit(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Start a task, shown to people by this name, and return its reference; arguments may be references."""

    def wait(self, references: list[Any], seconds: float) -> bool:
        """Wait for tasks, but no longer than this; return whether all are done or have failed."""

    def results(self, references: list[Any]) -> list[Any]:
        """Return what tasks have returned, all at once, or raise what the first of those that failed has raised."""

    def workers(self) -> dict[str, int]:
        """Return the places where tasks run, and how many run there at a time; none where there is no worker."""

    def places(self, references: list[Any]) -> list[str]:
        """Return the place that has what each task has returned; empty where none has it, as after a death."""
