"""How much of the Hessian is worth computing: a larger block for a fit that has taken longer."""

import math
from typing import NamedTuple

from .hessian import PAIRED_CLASSES
from .sample import FEWEST_ROWS, sample_rows

# The exact block may cost this many passes over the data, or as many as the fit has taken if it is all of H.
BLOCK_PASSES = 4

# Draw at least this many rows for each parameter of H, if it is computed whole.
ROWS = 8

# An iteration costs as much as a pass and this many multiply-adds: Python, and products with the inverse Hessian.
CALL_WORK = 5e6

# To copy and prepare a number of a row takes the time of 150 multiply-adds of a matrix product.
ROW_WORK = 150

# H itself has at most 2048 rows (16 MB in float32). The sample for it has 32 MB, unless sample_rows are more.
MAX_WHOLE, MOST_NUMBERS = 2_048, 8_000_000

# That of some components has at most 1008 rows. Unless all components lead, they are a multiple of 8, a whole vector.
MAX_BLOCK, LEADING_STEP = 1_008, 8

# If the exact block of all components has at most this many rows, use it for any n: it takes a millisecond.
SMALL_BLOCK = 300


# Where outputs are independent, make their matrices anew only once the loss has fallen by 1 %: the pairs of L-BFGS
# correct what changes after that.
FALLEN_FOR_NEW = 0.99

# Where outputs are independent, their matrices have at most 32 million numbers together (256 MB of float64).
MOST_MATRICES = 32_000_000

# From so many passes on, a fit is long: what a first curvature is made of has not served.
LONG_FIT = 20


class Plan(NamedTuple):
    """What the exact block is made of."""

    n_leading: int  # components
    n_rows: int  # of the sample, at most
    price: float  # of the block, in passes
    is_exact: bool  # whether it is H of all components and of all rows that matter
    better_at: float = math.inf  # passes of the fit from which on the whole of H, or a new one, is worth its price
    better_below: float | None = None  # to which share of itself the loss must have fallen for a new one


def plan(
    n_weighty: int,
    n_samples: int,
    n_inputs: int,
    n_classes: int,
    pass_work: float,
    n_passes: int,
    all_matter: bool = False,
) -> Plan:
    """Return the block that is worth its price in a fit that has taken n_passes.

    As much may be spent on H itself as on the passes so far: a fit that takes many of them needs it. Anything less may
    cost BLOCK_PASSES.

    Parameters
    ----------
    n_weighty : int
        Rows that matter to H, of n_samples.
    pass_work : float
        Multiply-adds of a pass.
    all_matter : bool
        Whether these rows matter alike: a fit that takes long needs all of them then.
    """
    directions, n_rows = n_classes - 1, min(n_weighty, sample_rows(n_samples))
    iteration = pass_work + CALL_WORK

    def work_of(size: int, n_rows: int) -> float:
        gram = size**2 / 4 if n_classes <= PAIRED_CLASSES else size**2 / 2
        return n_rows * (gram + ROW_WORK * (n_inputs + directions)) + size**3 / 3

    whole, better_at = n_inputs * directions, math.inf
    if whole <= MAX_WHOLE:
        enough = min(n_weighty, max(n_rows, min(ROWS * whole, MOST_NUMBERS // n_inputs)))
        for more in (n_weighty, n_samples):
            if work_of(whole, more) <= BLOCK_PASSES * iteration or more <= FEWEST_ROWS:
                enough = more
        if all_matter and enough < n_weighty and n_weighty * n_inputs <= MOST_NUMBERS:
            better_at = max(LONG_FIT, work_of(whole, n_weighty) / iteration)
            if n_passes >= better_at:
                enough, better_at = n_weighty, math.inf
        price = work_of(whole, enough) / iteration
        if whole <= SMALL_BLOCK or price <= max(n_passes, BLOCK_PASSES):
            return Plan(n_inputs, enough, price, enough >= n_weighty, better_at)
        better_at = price
    leading = min(n_inputs, MAX_BLOCK // directions)
    all_lead = [n_inputs] if leading == n_inputs else []
    for count in [*all_lead, *range(leading // LEADING_STEP * LEADING_STEP, 0, -LEADING_STEP)]:
        size = count * directions
        work = n_rows * size**2 / 4 + size**3
        if work <= BLOCK_PASSES * pass_work:
            work += n_rows * ROW_WORK * (n_inputs + directions)
            return Plan(count, n_rows, work / iteration, False, better_at)
    return Plan(0, n_rows, 0.0, False, better_at)


def plan_outputs(n_samples: int, n_inputs: int, n_outputs: int, pass_work: float, n_passes: int) -> Plan:
    """Return the plan for independent outputs: a matrix of all components for each of them, or none.

    It is of all rows where that costs no more than the passes so far, and made anew after as many passes as it costs.
    """
    iteration = pass_work + CALL_WORK

    def work_of(n_rows: int) -> float:
        gram = n_outputs * n_inputs**2 / 4
        return n_rows * (gram + n_inputs**2 + ROW_WORK * (n_inputs + n_outputs)) + n_outputs * n_inputs**3 / 3

    least = sample_rows(n_samples)
    n_rows = min(n_samples, max(least, min(ROWS * n_inputs, MOST_NUMBERS // n_inputs)))
    if work_of(n_samples) <= max(n_passes, BLOCK_PASSES) * iteration or n_samples <= FEWEST_ROWS:
        n_rows = n_samples
    price = work_of(n_rows) / iteration
    if n_outputs * n_inputs**2 > MOST_MATRICES:
        return Plan(0, least, 0.0, False)
    if price > max(n_passes, BLOCK_PASSES):
        return Plan(0, least, 0.0, False, price)
    return Plan(n_inputs, n_rows, price, n_rows == n_samples, n_passes + max(1.0, price), FALLEN_FOR_NEW)
