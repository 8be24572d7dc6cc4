"""Short names stay as different as the names are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsoftmax.files.short_names import short_name, short_names


@given(st.lists(st.text(alphabet="ab…", max_size=30), max_size=20), st.integers(4, 20))
def test_different_names_stay_different(names, length):
    shown = short_names(names, length)
    assert len(shown) == len(names)
    pairs = set(zip(names, shown, strict=True))
    assert len(pairs) == len(set(names)) == len(set(shown))


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["setosa", "virginica"], ["setosa", "virginica"]),
        (["left petal width", "right petal width"], ["left pet…", "right pe…"]),
        (["petal width left", "petal width right"], ["…dth left", "…th right"]),
        (["the petal a is wide", "the petal b is wide"], ["the petal a is wide", "the petal b is wide"]),
        (["ab petal wide flower z", "ac petal wide flower y"], ["ab petal…", "ac petal…"]),
        ([1, 2.5], ["1", "2.5"]),
    ],
)
def test_what_tells_names_apart_is_kept(names, shown):
    assert short_names(names, 9) == shown


def test_a_name_alone_loses_its_middle():
    assert short_name("the first of all the names", 11) == "the f…names"
    assert short_name("short") == "short"
