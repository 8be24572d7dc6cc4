"""While other processes want the processors, a call uses one thread."""

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax.runtime import contention as module
from fastsoftmax.runtime.contention import ENOUGH, LONGEST, SHORTEST, Contention
from fastsoftmax.runtime.threads import SMALL_WORK, resolve_num_threads


class Clock:
    """Seconds as the test tells them."""

    seconds = 100.0

    def perf_counter(self):
        return self.seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_after_many_switches_threads_are_given_up_for_a_while(clock):
    contention = Contention()
    contention.see(ENOUGH, 1)
    assert not contention.now
    contention.see(ENOUGH, 2)
    assert contention.now
    clock.seconds += 1.01 * SHORTEST
    assert not contention.now


def test_the_while_grows_with_every_failure_and_a_success_ends_it(clock):
    contention = Contention()
    pauses = []
    for _ in range(6):
        contention.see(ENOUGH, 3)
        start = clock.seconds
        while contention.now:
            clock.seconds += 0.01
        pauses.append(clock.seconds - start)
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, LONGEST, LONGEST], abs=0.011)
    contention.see(ENOUGH, 0)
    contention.see(ENOUGH, 3)
    clock.seconds += 1.01 * SHORTEST
    assert not contention.now


def test_short_calls_are_judged_together_and_long_ones_by_their_length(clock):
    contention = Contention()
    for _ in range(9):
        contention.see(0.1 * ENOUGH, 1)
        assert not contention.now
    contention.see(0.2 * ENOUGH, 1)
    assert contention.now
    patient = Contention()
    patient.see(100 * ENOUGH, 99)
    assert not patient.now
    patient.see(100 * ENOUGH, 101)
    assert patient.now


@pytest.mark.skipif(module.getrusage is None, reason="needs the count of switches")
def test_calls_with_several_threads_are_watched(monkeypatch):
    seen = []
    monkeypatch.setattr(Contention, "see", lambda self, wall, switches: seen.append((wall, switches)))
    X, y = np.ones((500, 3)), np.arange(500) % 3
    fs.fit(X, y, l2=1.0, max_iter=2, num_threads=1)
    assert not seen
    fs.fit(X, y, l2=1.0, max_iter=2, num_threads=2)
    assert len(seen) >= 2
    assert all(0 < wall < 60 and switches >= 0 for wall, switches in seen)


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
