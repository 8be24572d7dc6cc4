"""Threads of one pool never share a processor while they are timed."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from bench import pinning
from bench.pinning import pinned_threads

PROCESSORS = 4
SIZE = 3


class Pool:
    """SIZE threads, which all work in each call."""

    def __init__(self):
        self.executor = ThreadPoolExecutor(SIZE)

    def work(self):
        barrier = threading.Barrier(SIZE)
        return list(self.executor.map(partial(self.job, barrier), range(SIZE)))

    @staticmethod
    def job(barrier, _):
        barrier.wait(timeout=10)
        sum(range(20_000))
        return threading.get_native_id()


@pytest.fixture
def pinned(monkeypatch):
    """Return a dict, thread → the processors that it was last sent to, on a machine of PROCESSORS processors."""
    if not pinning._run_times():
        pytest.skip("the system does not tell how long threads run")
    last = {}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(PROCESSORS)))
    monkeypatch.setattr(os, "sched_setaffinity", last.__setitem__)
    return last


def test_pools_whose_threads_started_in_turns_have_a_processor_for_each_thread(pinned):
    one, two = Pool(), Pool()
    with ThreadPoolExecutor(1) as starter:  # threads of both, and of neither, grow up side by side
        for pool in (one, two, one, two):
            pool.executor.submit(int)
            starter.submit(int).result()
    threads = [set(pool.work()) for pool in (one, two)]
    with pinned_threads([one.work, two.work]):
        assert pinned[0] == {0}
        for workers in threads:
            assert set.union(*(pinned[worker] for worker in workers)) == {1, 2, 3}
    for worker in set.union(*threads):
        assert pinned[worker] == set(range(PROCESSORS))


def test_calls_are_made_where_threads_cannot_be_pinned(monkeypatch):
    monkeypatch.setattr(pinning, "_run_times", dict)
    monkeypatch.setattr(os, "sched_setaffinity", None)
    made = []
    with pinned_threads([partial(made.append, 1)]):
        assert made
