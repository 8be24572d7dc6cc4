"""While other processes want the processors, a call uses one thread."""

import hashlib
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax.runtime import contention as module
from fastsoftmax.runtime.contention import (
    ENOUGH,
    EVERY,
    FEW_TASKS,
    LONGEST,
    SHORT,
    SHORTEST,
    TASKS,
    WAITING,
    Contention,
    waiting_time,
)
from fastsoftmax.runtime.threads import SMALL_WORK, resolve_num_threads


class Clock:
    """Seconds as the test tells them, and those in which threads waited."""

    seconds, waited, tasks = 100.0, 0.0, 1

    def perf_counter(self):
        return self.seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "waiting_time", lambda: (clock.waited, clock.tasks))
    return clock


def watch(contention, clock, wall, waited):
    """Watch a call of two threads that takes so long, in which threads wait so long."""
    with contention.watched(2):
        clock.seconds += wall
        clock.waited += waited


def test_after_many_switches_threads_are_given_up_for_a_while(clock):
    contention = Contention()
    contention.see(ENOUGH, 1, 2)
    assert not contention.now
    contention.see(ENOUGH, 2, 2)
    assert contention.now
    clock.seconds += 1.01 * SHORTEST
    assert not contention.now


def test_the_while_grows_with_every_failure_and_a_success_ends_it(clock):
    contention = Contention()
    pauses = []
    for _ in range(6):
        contention.see(ENOUGH, 3, 2)
        start = clock.seconds
        while contention.now:
            clock.seconds += 0.01
        pauses.append(clock.seconds - start)
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, LONGEST, LONGEST], abs=0.011)
    contention.see(ENOUGH, 0, 2)
    contention.see(ENOUGH, 3, 2)
    clock.seconds += 1.01 * SHORTEST
    assert not contention.now


def test_more_threads_bear_more(clock):
    contention = Contention()
    contention.see(ENOUGH, 14, 16)
    assert not contention.now
    contention.see(ENOUGH, 15, 16)
    assert contention.now


def test_short_calls_are_judged_together_and_long_ones_by_their_length(clock):
    contention = Contention()
    for _ in range(9):
        contention.see(0.1 * ENOUGH, 1, 2)
        assert not contention.now
    contention.see(0.2 * ENOUGH, 1, 2)
    assert contention.now
    patient = Contention()
    patient.see(100 * ENOUGH, 99, 2)
    assert not patient.now
    patient.see(100 * ENOUGH, 101, 2)
    assert patient.now


@pytest.mark.skipif(module.getrusage is None, reason="needs the count of switches")
def test_threads_that_wait_for_processors_are_given_up(clock, monkeypatch):
    monkeypatch.setattr(module, "getrusage", lambda who: SimpleNamespace(ru_nivcsw=0))
    contention = Contention()
    clock.waited = 55.0  # before
    watch(contention, clock, 4 * ENOUGH, 3 * WAITING * ENOUGH)
    assert not contention.now
    clock.waited += 9.0  # between calls, which are judged alone
    watch(contention, clock, 0.6 * ENOUGH, 0.2 * WAITING * ENOUGH)
    watch(contention, clock, 0.6 * ENOUGH, 1.1 * WAITING * ENOUGH)
    assert contention.now


@pytest.mark.skipif(module.getrusage is None, reason="needs the count of switches")
def test_of_short_calls_one_stands_for_some(clock, monkeypatch):
    looks = []
    monkeypatch.setattr(module, "getrusage", lambda who: looks.append(who) or SimpleNamespace(ru_nivcsw=0))
    contention, wall = Contention(), 0.5 * SHORT
    for _ in range(2 * EVERY):
        watch(contention, clock, wall, 0)
    assert len(looks) == 2 * 2  # before and after
    clock.waited += ENOUGH  # in calls that are left out too
    while clock.seconds < 100 + ENOUGH + EVERY * wall:
        watch(contention, clock, wall, 0)
    assert contention.now


@pytest.mark.skipif(module.getrusage is None, reason="needs the count of switches")
def test_after_a_long_call_every_call_is_watched(clock, monkeypatch):
    looks = []
    monkeypatch.setattr(module, "getrusage", lambda who: looks.append(who) or SimpleNamespace(ru_nivcsw=0))
    contention = Contention()
    for _ in range(3):
        watch(contention, clock, 2 * SHORT, 0)
    assert len(looks) == 2 * 3


@pytest.mark.skipif(module.getrusage is None, reason="needs the count of switches")
def test_many_threads_are_judged_by_longer_calls(clock, monkeypatch):
    monkeypatch.setattr(module, "getrusage", lambda who: SimpleNamespace(ru_nivcsw=0))
    contention, clock.tasks = Contention(), 4 * FEW_TASKS
    watch(contention, clock, 3 * ENOUGH, 3 * ENOUGH)
    assert not contention.now
    watch(contention, clock, 1.1 * ENOUGH, 0)
    assert contention.now


@pytest.mark.skipif(not TASKS.exists(), reason="Linux tells how long threads wait")
def test_waiting_time_grows_where_two_threads_want_one_processor():
    if not int(Path("/proc/self/schedstat").read_text().split()[2]):
        pytest.skip("this kernel keeps no such numbers")
    allowed = os.sched_getaffinity(0)

    def spin():
        end = time.perf_counter() + 0.2
        while time.perf_counter() < end:
            hashlib.sha256(bytes(1_000_000))  # without the interpreter's lock

    os.sched_setaffinity(0, {min(allowed)})
    try:
        before, n_tasks = waiting_time()
        other = threading.Thread(target=spin)
        other.start()
        assert waiting_time()[1] == n_tasks + 1
        spin()
        after, _ = waiting_time()
        other.join()
    finally:
        os.sched_setaffinity(0, allowed)
    assert after - before >= 0.02


@pytest.mark.skipif(module.getrusage is None, reason="needs the count of switches")
def test_calls_with_several_threads_are_watched(monkeypatch):
    seen = []
    monkeypatch.setattr(Contention, "see", lambda self, wall, switches, threads: seen.append((wall, switches, threads)))
    monkeypatch.setattr(module.contention, "_unseen", 0)
    X, y = np.ones((500, 3)), np.arange(500) % 3
    fs.fit(X, y, l2=1.0, max_iter=2, num_threads=1)
    assert not seen
    fs.fit(X, y, l2=1.0, max_iter=2, num_threads=2)
    assert len(seen) >= 2
    assert all(0 < wall < 60 and switches >= 0 and threads == 2 for wall, switches, threads in seen)


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
