"""The strong-Wolfe line search, for a convex function of one variable whose evaluations are cheap."""

import math
from collections.abc import Callable

SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9
MAX_TRIALS = 60

# If phi changes by less than this share of its value, rounding hides the change: only the slope decides (the
# approximate Wolfe conditions of Hager & Zhang, SIAM Journal on Optimization 16, 2005).
ROUNDING = 1e-7


def satisfies_wolfe(
    loss0: float, slope0: float, t: float, loss: float, slope: float, curvature: float = CURVATURE
) -> bool:
    """Tell whether a step t, from (loss0, slope0) to (loss, slope), lowers the loss and flattens the slope enough."""
    if not math.isfinite(loss) or not abs(slope) <= curvature * abs(slope0):
        return False
    decrease = loss <= loss0 + SUFFICIENT_DECREASE * t * slope0
    approximate = loss <= loss0 + ROUNDING * abs(loss0) and slope <= (2 * SUFFICIENT_DECREASE - 1) * slope0
    return decrease or approximate


def least_of_cubic(loss0: float, slope0: float, t: float, loss: float, slope: float) -> float | None:
    """Return where the cubic of these values and slopes is least, in (0, t); None if rounding leaves no such place.

    slope0 < 0 is at 0, slope > 0 at t (Nocedal & Wright, 2006, equation 3.59).
    """
    middle = slope0 + slope - 3 * (loss - loss0) / t
    unit = max(abs(middle), -slope0, slope)
    root = unit * math.sqrt((middle / unit) ** 2 - (slope0 / unit) * (slope / unit))
    least = t * (1 - (slope + root - middle) / (slope - slope0 + 2 * root))
    return least if 0 < least < t else None


def strong_wolfe(phi: Callable[[float], tuple[float, float]], t: float, curvature: float = CURVATURE) -> float | None:
    """Return a step size that satisfies the strong Wolfe conditions, or None if rounding leaves none.

    phi is convex, so its slope only rises: a point with a steep negative slope lies left of every acceptable step, one
    with a steep positive slope right of it. From t on, the bracket grows fourfold per trial. Then it shrinks by the
    secant of the slopes (Nocedal & Wright, 2006, section 3.5); a secant within 5 % of an end is replaced by the middle.

    Parameters
    ----------
    phi : callable
        phi(t) → (value, slope); the slope at 0 is negative.
    t : float
        First trial, positive.
    curvature : float
        Largest |slope| that is accepted, as a share of |slope at 0|.
    """
    loss0, slope0 = phi(0.0)
    if not slope0 < 0:
        return None
    low, slope_low = 0.0, slope0
    high, slope_high = math.inf, math.inf
    for _ in range(MAX_TRIALS):
        loss, slope = phi(t)
        if satisfies_wolfe(loss0, slope0, t, loss, slope, curvature):
            return t
        if math.isfinite(loss) and slope < 0 and loss <= loss0:
            low, slope_low = t, slope
        else:
            high, slope_high = t, slope
        if math.isinf(high):
            t *= 4
            continue
        width = high - low
        if width <= 1e-15 * high:
            return None
        secant = math.nan
        if math.isfinite(slope_high) and slope_high > 0:
            secant = low - slope_low * width / (slope_high - slope_low)
        inside = low + 0.05 * width <= secant <= high - 0.05 * width
        t = secant if inside else low + 0.5 * width
    return None
