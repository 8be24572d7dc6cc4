"""The tables of the zoo."""

import math
from collections.abc import Iterator, Sequence
from statistics import median

from .curves import JUDGED
from .peers import OURS
from .performance_profile import PerformanceProfile
from .tables import milliseconds, three_digits
from .zoo_results import EPSILONS, Found

TAUS = (1.0, 1.2, 1.5, 2.0, 5.0, 10.0)
PROFILE_COLUMNS = ("solver", "problems", *(f"≤ {tau:g}" for tau in TAUS), "solved", "median ratio")
LEAD_COLUMNS = ("problem", "to", "problems", "fastest %", "≥ 1/1.2 %", "≥ 1/1.5 %", "median", "worst", "by nobody")
WORST = 10
RACE_COLUMNS = ("problem", "to", "ours ms", "passes", "best peer", "its ms", "× ours")
PASS_COLUMNS = ("problem", "C", "problems", "reached", "median passes", "most passes")
ENDING_COLUMNS = ("problem", "status", "passes", "ms", "(F − F*)/F*", "sklearn's")
WEAK = 1e4

Row = tuple[str, ...]
Table = tuple[str, Sequence[str], list[Row]]  # title, columns, rows


def tables(found: Sequence[Found]) -> Iterator[Table]:
    """Yield all tables, the profiles first."""
    for penalty, group in _by_penalty(found):
        for epsilon, dtype in EPSILONS.items():
            profile = profile_of(group, epsilon)
            title = (
                f"{penalty}, to {epsilon:.0e} in {dtype}: share of the problems that a solver serves on which it takes "
                f"at most τ × the fastest's time; {profile.unsolved} of {len(group)} left out, which no solver solves"
            )
            yield title, PROFILE_COLUMNS, _profile_rows(profile)
    yield "Time of the best peer divided by ours", LEAD_COLUMNS, list(_lead_rows(found))
    yield f"The worst {WORST}", RACE_COLUMNS, [_race_row(*race) for race in _worst(found)]
    rows, growths = list(_pass_rows(found)), _growths(found)
    title = "Passes of ours by C"
    if growths:
        title += (
            f"; from C = 1 to {WEAK:g} they grow {_ratio(median(growths))} × to {JUDGED:.0e} on the median L2 problem "
            f"of {len(growths)}"
        )
    yield title, PASS_COLUMNS, rows
    ending = "Where ours ends by itself, and how far F is from its minimum; the same of scikit-learn's defaults"
    yield ending, ENDING_COLUMNS, [_ending_row(one) for one in found]
    yield "Every problem", RACE_COLUMNS, [_race_row(one, epsilon) for one in found for epsilon in EPSILONS]
    failures: list[Row] = [(one.name, solver, message) for one in found for solver, message in one.failed.items()]
    if failures:
        yield "Solvers that raised an error", ("problem", "solver", "outcome"), failures


def profile_of(found: Sequence[Found], epsilon: float) -> PerformanceProfile:
    """Return the profile of all solvers to epsilon."""
    return PerformanceProfile([one.seconds(epsilon) for one in found])


def _by_penalty(found: Sequence[Found]) -> Iterator[tuple[str, list[Found]]]:
    for penalty in sorted({one.penalty for one in found}, reverse=True):
        yield penalty, [one for one in found if one.penalty == penalty]


def _profile_rows(profile: PerformanceProfile) -> list[Row]:
    return [
        (
            solver,
            str(len(ratios)),
            *(f"{profile.share(solver, tau):.2f}" for tau in TAUS),
            f"{profile.solved(solver):.2f}",
            _ratio(profile.median(solver)),
        )
        for solver, ratios in profile.ratios.items()
    ]


def _lead_rows(found: Sequence[Found]) -> Iterator[Row]:
    for penalty, group in _by_penalty(found):
        for epsilon in EPSILONS:
            all_leads = [one.advantage(epsilon) for one in group]
            leads = [lead for lead in all_leads if not math.isnan(lead)]
            if not leads:
                continue
            shares = (f"{100 * sum(lead >= 1 / slack for lead in leads) / len(leads):.0f}" for slack in (1.0, 1.2, 1.5))
            yield (
                *(penalty, f"{epsilon:.0e}", str(len(leads)), *shares),
                *(_ratio(median(leads)), _ratio(min(leads)), str(len(all_leads) - len(leads))),
            )


def _worst(found: Sequence[Found]) -> list[tuple[Found, float]]:
    """Return problems and epsilons with the least advantage; where only a peer gets there, the fastest peer first."""
    races = [(one, epsilon) for one in found for epsilon in EPSILONS if not math.isnan(one.advantage(epsilon))]
    return sorted(races, key=lambda race: (race[0].advantage(race[1]), race[0].best_peer(race[1])[1]))[:WORST]


def _race_row(one: Found, epsilon: float) -> Row:
    comparison = one.comparisons[epsilon]
    solver, seconds = one.best_peer(epsilon)
    passes = one.passes(epsilon)
    return (
        *(comparison.problem.split(",")[0], f"{epsilon:.0e}", comparison.time(OURS, epsilon, milliseconds)),
        f"{passes:.0f}" if math.isfinite(passes) else "",
        *((solver, milliseconds(seconds), _ratio(one.advantage(epsilon))) if solver else ("none", "", "")),
    )


def _pass_rows(found: Sequence[Found]) -> Iterator[Row]:
    for penalty, group in _by_penalty(found):
        for C in sorted({one.C for one in group}):
            passes = [one.passes(JUDGED) for one in group if one.C == C]
            reached = sum(map(math.isfinite, passes))
            yield penalty, f"{C:g}", str(len(passes)), str(reached), _count(median(passes)), _count(max(passes))


def _growths(found: Sequence[Found]) -> list[float]:
    """Return by how much the passes grow from C = 1 to WEAK, for each L2 problem with both where C = 1 is reached."""
    passes = {(one.family, one.C): one.passes(JUDGED) for one in found if one.penalty == "L2"}
    pairs = [(usual, passes.get((family, WEAK))) for (family, C), usual in passes.items() if C == 1]
    return [weak / usual for usual, weak in pairs if weak is not None and math.isfinite(usual)]


def _ending_row(one: Found) -> Row:
    ending = one.ending
    return (
        *(one.name, ending.status, str(ending.n_passes), milliseconds(ending.seconds)),
        *(f"{ending.gap:.1e}", f"{ending.sklearn_gap:.1e}"),
    )


def _ratio(value: float) -> str:
    return "∞" if math.isinf(value) else three_digits(value)


def _count(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.0f}"
