"""What work would take on more threads than there are."""

import pytest

from bench.simulation import WAKING, least, longest, on_threads


@pytest.mark.parametrize(
    ("tasks", "threads", "seconds"),
    [([3, 1, 1, 1], 2, 3), ([1, 1, 1, 3], 2, 4), ([1, 1, 1], 2, 2), ([2, 2], 64, 2), ([1, 2, 3], 1, 6)],
)
def test_each_thread_takes_the_next_task_when_it_is_free(tasks, threads, seconds):
    assert longest(tasks, threads) == seconds


def test_phases_follow_each_other_and_a_single_task_wakes_nobody():
    phases = [[1.0], [2.0, 2.0], [0.5]]
    assert on_threads(phases, 1) == 5.5
    assert on_threads(phases, 2) == pytest.approx(3.5 + WAKING)


def test_the_shortest_time_of_each_task_counts():
    assert least([[[1, 5], [2]], [[3, 4], [1]]]) == [[1, 4], [1]]
