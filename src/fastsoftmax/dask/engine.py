"""Dask as an engine."""

import itertools
import uuid
from collections.abc import Callable
from typing import Any

from distributed import Client, Future, get_worker, wait


def here() -> str:
    """Return the address of the worker that calls it."""
    return str(get_worker().address)


class DaskEngine:
    """The workers of a client.

    Parameters
    ----------
    client : distributed.Client
    retries : int
        How often a task is tried again that has failed.
    """

    here = staticmethod(here)

    def __init__(self, client: Client, *, retries: int = 0) -> None:
        self.client, self.retries = client, retries
        self._token, self._numbers = uuid.uuid4().hex, itertools.count()

    def submit(self, name: str, function: Callable[..., Any], *arguments: Any) -> Future:
        """Start a task; the dashboard shows its name."""
        key = f"fastsoftmax-{name}-{self._token}-{next(self._numbers)}"
        return self.client.submit(function, *arguments, key=key, pure=False, retries=self.retries)

    def wait(self, references: list[Future], seconds: float) -> bool:
        """Wait for tasks, but no longer than this; return whether all are done or have failed."""
        try:
            wait(references, timeout=seconds)
        except TimeoutError:
            return False
        return True

    def results(self, references: list[Future]) -> list[Any]:
        """Return what tasks have returned, all at once, or raise what the first of those that failed has raised."""
        for reference in references:
            if reference.status == "error":
                reference.result()
        return list(self.client.gather(references))

    def workers(self) -> dict[str, int]:
        """Return the threads of each worker, by its address."""
        if self.client.status != "running":
            raise ConnectionError(f"the client is {self.client.status}")
        workers = self.client.scheduler_info(n_workers=-1)["workers"]
        return {address: info["nthreads"] for address, info in workers.items()}

    def places(self, references: list[Future]) -> list[str]:
        """Return the address of a worker that has what each task has returned, empty where none has it."""
        held = self.client.who_has(references)
        return [next(iter(held.get(reference.key, ())), "") for reference in references]
