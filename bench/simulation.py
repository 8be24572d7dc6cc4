"""What work would take on more threads than the machine has, from the times of its tasks on one thread."""

import heapq
from collections.abc import Sequence

# To wake threads for a phase and to wait for the last of them, beyond the tasks: an assumption, that of libgomp on a
# server of one socket.
WAKING = 5e-6

Phases = Sequence[Sequence[float]]  # seconds of the tasks of each phase, in their order


def longest(tasks: Sequence[float], threads: int) -> float:
    """Seconds until the last task is done, if each thread takes the next one when it is free."""
    loads = [0.0] * threads
    for task in tasks:
        heapq.heapreplace(loads, loads[0] + task)
    return max(loads)


def on_threads(phases: Phases, threads: int) -> float:
    """Seconds of all phases, each of which ends before the next begins; a phase of one task wakes nobody.

    Memory and caches are taken to be as fast for each of many threads as for one.
    """
    waking = WAKING * sum(len(tasks) > 1 for tasks in phases) if threads > 1 else 0.0
    return waking + sum(longest(tasks, threads) for tasks in phases)


def least(repeats: Sequence[Phases]) -> Phases:
    """Return the shortest time of each task: what disturbs a task once makes it longer, and never shorter."""
    return [[min(times) for times in zip(*tasks, strict=True)] for tasks in zip(*repeats, strict=True)]
