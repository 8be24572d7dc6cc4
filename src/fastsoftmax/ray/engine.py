"""Ray as an engine."""

import os
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import RayTaskError
from ray.experimental import get_object_locations


def here() -> str:
    """Return the address of the node, and the process, that calls it."""
    return f"{ray.util.get_node_ip_address()}, process {os.getpid()},"


class RayEngine:
    """The nodes of the cluster that this process is connected to.

    Parameters
    ----------
    retries : int
        How often a task is tried again whose worker has died, or that a file system or network has failed.
    """

    here = staticmethod(here)

    def __init__(self, *, retries: int = 3) -> None:
        self._options: dict[str, Any] = {"num_cpus": 1, "max_retries": retries, "retry_exceptions": [OSError]}
        self._tasks: dict[Callable[..., Any], Any] = {}  # Ray sends a function out once for each that is made of it

    def submit(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Start a task; the dashboard shows its name."""
        if function not in self._tasks:
            self._tasks[function] = ray.remote(**self._options)(function)
        return self._tasks[function].options(name=f"fastsoftmax-{name}").remote(*arguments)

    def wait(self, references: list[Any], seconds: float) -> bool:
        """Wait for tasks, but no longer than this; return whether all are done or have failed."""
        _, waiting = ray.wait(references, num_returns=len(references), timeout=seconds, fetch_local=False)
        return not waiting

    def results(self, references: list[Any]) -> list[Any]:
        """Return what tasks have returned, all at once, or raise what the first of those that failed has raised."""
        try:
            return list(ray.get(references))
        except RayTaskError as error:
            raise error.cause from error

    def workers(self) -> dict[str, int]:
        """Return the processors of each node, by its number."""
        alive = {node["NodeID"]: int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]}
        return {node: processors for node, processors in alive.items() if processors}

    def places(self, references: list[Any]) -> list[str]:
        """Return a node that has what each task has returned; empty for what is small: this process has it."""
        held = get_object_locations(references)
        return [next(iter(held[reference]["node_ids"]), "") for reference in references]
