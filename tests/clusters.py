"""What the tests hand to the workers of a cluster; a module of its own, which they can import."""

import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

from fastsoftmax.cluster import passes as passes_room


class Killing:
    """A function of leaves that kills the process that asks for leaf 2.

    Parameters
    ----------
    of_leaf : callable
    flag : path
        Made when a process is killed.
    always : bool
        Whether to kill every process, not the first one alone.
    """

    def __init__(self, of_leaf, flag, *, always=False):
        self.of_leaf, self.flag, self.always = of_leaf, flag, always

    def __call__(self, leaf):
        if leaf.number == 2 and (self.always or not Path(self.flag).exists()):
            Path(self.flag).touch()
            time.sleep(0.2)  # others are in the middle of the pass
            os.kill(os.getpid(), signal.SIGKILL)
        return self.of_leaf(leaf)


class FailingPart:
    """Makes a partition; while the flag stands, as where a disk is gone, it cannot, or it makes another one."""

    def __init__(self, part, flag, other=None):
        self.part, self.flag, self.other = part, flag, other

    def __call__(self):
        if not Path(self.flag).exists():
            return self.part
        if self.other is None:
            raise OSError("the disk is gone")
        return self.other


def kill_in_pass(monkeypatch, number, flag, **options):
    """Kill workers in a pass of every fit that follows."""
    n_passes = []
    total = passes_room.ClusterPasses.total

    def killing(self, of_leaf, size):
        n_passes.append(size)
        return total(self, Killing(of_leaf, flag, **options) if len(n_passes) == number else of_leaf, size)

    monkeypatch.setattr(passes_room.ClusterPasses, "total", killing)


@contextmanager
def started(threads, n_workers=0, **options):
    """Give a cluster of Dask, of processes on this machine, and its client."""
    import dask
    import distributed

    settings = {
        "distributed.comm.timeouts.connect": "10s",
        "distributed.worker.memory.terminate": False,
        # So long after a death, a worker is given up if it is not there just then, as where it was killed again.
        "distributed.deploy.lost-worker-timeout": "600s",
    }
    options |= {"n_workers": n_workers, "threads_per_worker": threads, "dashboard_address": None, "memory_limit": 0}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(silence_logs=50, **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield cluster, client


def scaled(cluster, client, n_workers):
    """Have this many workers of Dask."""
    cluster.scale(n_workers)
    until = time.monotonic() + 30
    while len(client.scheduler_info(n_workers=-1)["workers"]) != n_workers:
        assert time.monotonic() < until
        time.sleep(0.05)


def kill_workers(client):
    """Kill all workers of Dask: what they had must be made anew."""
    for pid in client.run(os.getpid).values():
        os.kill(pid, signal.SIGKILL)
