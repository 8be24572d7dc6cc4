"""Performance profiles of numbers whose ratios are known."""

import math

import pytest

from bench.performance_profile import PerformanceProfile
from bench.profile_plot import draw_profiles

SECONDS = [
    {"hare": 1.0, "tortoise": 4.0},
    {"hare": 2.0, "tortoise": 2.0, "snail": 6.0},
    {"hare": math.inf, "tortoise": 5.0},
    {"hare": 3.0, "tortoise": 1.0, "snail": math.inf},
    {"hare": math.inf, "tortoise": math.inf},
    {},
]


@pytest.fixture
def profile():
    return PerformanceProfile(SECONDS)


def test_ratios_are_to_the_fastest_of_each_problem(profile):
    assert profile.ratios == {"hare": [1, 1, 3, math.inf], "tortoise": [1, 1, 1, 4], "snail": [3, math.inf]}


def test_what_nobody_solves_is_left_out_and_counted(profile):
    assert profile.unsolved == 2


@pytest.mark.parametrize(
    ("solver", "tau", "share"),
    [
        ("hare", 1, 0.5),
        ("hare", 2.99, 0.5),
        ("hare", 3, 0.75),
        ("tortoise", 1, 0.75),
        ("tortoise", 4, 1),
        ("snail", 2, 0),
        ("snail", 1e9, 0.5),
    ],
)
def test_the_share_within_tau_is_of_the_problems_that_a_solver_serves(profile, solver, tau, share):
    assert profile.share(solver, tau) == share


def test_summaries(profile):
    assert [profile.solved(solver) for solver in profile.ratios] == [0.75, 1, 0.5]
    assert [profile.median(solver) for solver in profile.ratios] == [2, 1, math.inf]


def test_the_corners_of_a_profile_begin_at_the_fastest(profile):
    assert profile.steps("hare") == ([1, 3], [0.5, 0.75])
    assert profile.steps("snail") == ([1, 3], [0, 0.5])


def test_the_picture_has_a_panel_and_a_line_for_each_solver():
    profile = PerformanceProfile([{"fastsoftmax": 1.0, "sklearn-lbfgs": 2.0}, {"fastsoftmax": 3.0, "cyanure": 1.0}])
    figure = draw_profiles({"one": profile, "other": profile})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["one", "other"]
    assert [len(axes.lines) for axes in figure.axes] == [3, 3]
    assert [text.get_text() for text in figure.legends[0].texts] == ["fastsoftmax", "sklearn-lbfgs", "cyanure"]
