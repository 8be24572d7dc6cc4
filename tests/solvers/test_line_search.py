"""The line search: its steps satisfy the strong Wolfe conditions, and it says where none can."""

import numpy as np
import pytest

from fastsoftmax.solvers.line_search import least_of_cubic, satisfies_wolfe, strong_wolfe


@pytest.mark.parametrize("first", [1e-8, 1e-2, 1.0, 1e3, 1e8])
@pytest.mark.parametrize("minimum", [1e-5, 0.3, 1.0, 1e6])
def test_line_search_finds_strong_wolfe_points(first, minimum):
    def phi(t):
        u = t / minimum
        return np.sqrt(1 + (u - 1) ** 2), (u - 1) / np.sqrt(1 + (u - 1) ** 2) / minimum

    t = strong_wolfe(phi, first)
    assert satisfies_wolfe(*phi(0.0), t, *phi(t))


def test_line_search_gives_up_on_what_does_not_fall():
    assert strong_wolfe(lambda t: (t, 1.0), 1.0) is None
    assert strong_wolfe(lambda t: (1.0 + t, -1.0), 1.0) is None


@pytest.mark.parametrize("minimum", [1e-3, 0.2, 0.999])
@pytest.mark.parametrize("size", [1e-150, 1e-8, 1.0, 1e150])
def test_cubic_is_least_where_it_is(minimum, size):
    def phi(t):
        return size * (t - minimum) ** 2 * (t + 3), size * ((t - minimum) ** 2 + 2 * (t - minimum) * (t + 3))

    assert least_of_cubic(*phi(0.0), 1.0, *phi(1.0)) == pytest.approx(minimum)


def test_cubic_has_no_least_value_that_rounding_hides():
    assert least_of_cubic(0.0, -1e-30, 1.0, 1e30, 1e-30) is None
