"""While other processes want the processors, a call uses one thread."""

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax.runtime import contention as module
from fastsoftmax.runtime.contention import ENOUGH, LONGEST, SHORTEST, Contention
from fastsoftmax.runtime.threads import SMALL_WORK, resolve_num_threads


class Clock:
    """Seconds as the test tells them."""

    def __init__(self):
        self.wall = self.used = 100.0

    def perf_counter(self):
        return self.wall

    def process_time(self):
        return self.used

    def call(self, contention, share, seconds=1.01 * ENOUGH, num_threads=2):
        with contention.watched(num_threads):
            self.wall += seconds
            self.used += share * num_threads * seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_threads_that_wait_for_a_processor_are_given_up_for_a_while(clock):
    contention = Contention()
    clock.call(contention, 0.95)
    assert not contention.now
    clock.call(contention, 0.6)
    assert contention.now
    clock.wall += 1.01 * SHORTEST
    assert not contention.now


def test_the_while_grows_with_every_failure_and_a_success_ends_it(clock):
    contention = Contention()
    pauses = []
    for _ in range(8):
        clock.call(contention, 0.5)
        start = clock.wall
        while contention.now:
            clock.wall += 0.01
        pauses.append(clock.wall - start)
    assert pauses == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0], abs=0.011)
    assert max(pauses) < 1.02 * LONGEST
    clock.call(contention, 1.0)
    clock.call(contention, 0.5)
    clock.wall += 1.01 * SHORTEST
    assert not contention.now


def test_short_calls_are_judged_together_and_one_thread_never(clock):
    contention = Contention()
    for _ in range(9):
        clock.call(contention, 0.1, seconds=0.1 * ENOUGH)
        assert not contention.now
    clock.call(contention, 0.1, seconds=0.2 * ENOUGH)
    assert contention.now
    alone = Contention()
    clock.call(alone, 0.1, seconds=10 * ENOUGH, num_threads=1)
    assert not alone.now


def test_only_who_did_not_ask_gets_one_thread(monkeypatch):
    monkeypatch.setattr("fastsoftmax.runtime.threads.available_threads", lambda: 4)
    monkeypatch.setattr(Contention, "now", False)
    assert resolve_num_threads(None, SMALL_WORK) == 4
    monkeypatch.setattr(Contention, "now", True)
    assert resolve_num_threads(None, SMALL_WORK) == 1
    assert resolve_num_threads(3, SMALL_WORK) == 3


@pytest.mark.bits
def test_a_fit_has_the_same_bits_if_its_threads_change_on_the_way(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 40)).astype(np.float32)
    y = (X @ rng.standard_normal((40, 5)) + rng.gumbel(size=(20_000, 5))).argmax(axis=1)
    first = fs.fit(X, y, l2=1e-4)
    turns = iter(range(10**6))
    monkeypatch.setattr(Contention, "now", property(lambda self: next(turns) % 3 == 0))
    second = fs.fit(X, y, l2=1e-4)
    np.testing.assert_array_equal(first.W, second.W)
    assert first.n_passes == second.n_passes
