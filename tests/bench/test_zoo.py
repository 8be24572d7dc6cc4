"""The zoo: its problems, their one objective for all solvers, its tables, and its numbers in a file and back."""

import json
import math

import numpy as np
import pytest
from tolerances import SAME

from bench import zoo
from bench.comparison import Comparison
from bench.curves import Curve, Reference, Run, measure_peer
from bench.fit_problems import FitProblem
from bench.peers import Fit
from bench.zoo_peers import ZOO_SOLVERS
from bench.zoo_problems import CS, KINDS, SMALL, available, select
from bench.zoo_results import Ending, Found, found_from_json, found_to_json
from bench.zoo_tables import tables

CAP = 64  # doublings of scikit-learn's iterations, or bits of a tolerance: any solver gets near the minimum


def test_the_zoo_is_large_and_its_names_are_unique():
    problems, missing = available(None)
    names = [problem.name for problem in problems]
    assert len(names) == len(set(names)) >= 80
    assert {problem.C for problem in problems} == set(CS)
    assert "mnist: needs --data" in missing
    assert {problem.kind for problem in problems} | {reason.partition(":")[0] for reason in missing} == set(KINDS)


def test_the_small_selection_is_of_the_zoo():
    assert set(SMALL) <= {problem.name for problem in available(None)[0]}


def test_problems_are_selected_by_parts_of_their_names():
    problems, _ = available(None)
    names = [problem.name for problem in select(problems, ["digits/z", "iris/*/C-1"], [1.0, 100.0])]
    assert names == [
        *("iris/raw/l2/C-1", "iris/z/l2/C-1", "digits/z/l2/C-1", "digits/z/l2/C-100"),
        *("digits/z/l1-0.1/C-1", "digits/z/l1-0.5/C-1", "digits/z/l1-1/C-1", "digits/z/l1-1/C-100"),
    ]


def test_labels_of_soft_targets_have_the_same_objective_but_for_a_factor():
    rng = np.random.default_rng(0)
    X, counts = rng.normal(size=(20, 3)).astype(np.float32), rng.integers(0, 3, (20, 4)).astype(float)
    counts[:, 0] += 1
    soft = FitProblem("soft", X, counts, C=2.0, l1_ratio=0.3, sample_weight=rng.random(20))
    hard = soft.labelled()
    assert hard.y.ndim == 1
    assert hard.labelled() is hard
    for W, b in [(np.zeros((4, 3)), np.zeros(4)), (rng.normal(size=(4, 3)), rng.normal(size=4))]:
        assert soft.objective(W, b) * soft.mass == pytest.approx(hard.objective(W, b) * hard.mass, rel=SAME)


@pytest.mark.parametrize("solver", ZOO_SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_every_solver_minimises_the_same_objective(solver, n_classes, l1_ratio):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 5))
    y = (X @ rng.normal(size=(5, n_classes)) + rng.gumbel(size=(200, n_classes))).argmax(axis=1)
    weight = rng.random(200) if ZOO_SOLVERS[solver].weights else None
    problem = FitProblem("small", X, y, C=0.1, l1_ratio=l1_ratio, sample_weight=weight)
    if not ZOO_SOLVERS[solver].serves(problem):
        pytest.skip("not installed, or not for this penalty")
    fit, best = ZOO_SOLVERS[solver].fit(problem, 4 * CAP), ZOO_SOLVERS["fastsoftmax"].fit(problem, 1000)
    assert problem.objective(fit.W, fit.b) == pytest.approx(problem.objective(best.W, best.b), rel=1e-6)


@pytest.mark.parametrize(
    ("n_iter", "ending"),
    [(lambda cap: cap, "reached"), (lambda cap: cap - 1, "reached"), (lambda cap: min(cap, 5), "stopped")],
    ids=["counts all", "counts one less", "stops by itself"],
)
def test_a_peer_gets_iterations_until_it_is_there_or_stops(n_iter, ending):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(50, 3))
    problem = FitProblem("small", X, (X[:, 0] + rng.normal(size=50) > 0).astype(np.intp), C=1.0)
    best = ZOO_SOLVERS["fastsoftmax"].fit(problem, 1000)

    def fit(cap):
        share = 1 - 2.0 ** -n_iter(cap)
        return Fit(share * best.W, share * best.b, n_iter(cap), None)

    curve = measure_peer(problem, problem.objective(best.W, best.b), 1.0, 1, fit, epsilons=(1e-8,))
    assert curve.ending == ending
    assert (curve.first(problem.objective(best.W, best.b) * (1 + 1e-8)) is not None) == (ending == "reached")


def found(family, C, ours, theirs):
    """Return what a zoo finds of a solver that takes `ours` seconds to all distances, and a peer."""

    def curve(seconds, passes):
        return Curve(
            [Run(5, passes, seconds if math.isfinite(seconds) else 9.0, 1.0 + math.isinf(seconds))], "budget", 1
        )

    curves = {"fastsoftmax": curve(ours, int(10 * C)), "sklearn-lbfgs": curve(theirs, None)}
    comparison = Comparison(f"{family}/C-{C:g} 9×8×7, C = {C:g}", Reference(1.0, "found"), curves)
    ending = Ending("converged", 7, 0.5, 1e-5, 2e-3)
    return Found(family, C, ending, {1e-4: comparison, 1e-8: comparison}, {"cyanure": "ValueError: too hot"})


@pytest.fixture
def visits():
    return [
        found("ants/raw/l2", 1.0, 1.0, 3.0),
        found("ants/raw/l2", 1e4, 4.0, 2.0),
        found("bees/z/l2", 1.0, math.inf, 5.0),
        found("cats/z/l1-1", 1.0, math.inf, math.inf),
    ]


def test_advantages(visits):
    leads = [one.advantage(1e-4) for one in visits]
    assert leads[:3] == [3, 0.5, 0]
    assert math.isnan(leads[3])


def test_the_tables_tell_the_losses(visits):
    by_title = {title: (columns, rows) for title, columns, rows in tables(visits)}
    (profile,) = [rows for title, (_, rows) in by_title.items() if title.startswith("L2, to 1e-04")]
    assert profile[0][:3] == ("fastsoftmax", "3", "0.33")
    (worst,) = [rows for title, (_, rows) in by_title.items() if title.startswith("The worst")]
    assert [row[0].split()[0] for row in worst[::2]] == ["bees/z/l2/C-1", "ants/raw/l2/C-10000", "ants/raw/l2/C-1"]
    assert worst[0][2] == ">9000"
    (growth,) = [title for title in by_title if title.startswith("Passes")]
    assert "they grow 10000 ×" in growth
    (failures,) = [rows for title, (_, rows) in by_title.items() if title.endswith("an error")]
    assert failures[0][1:] == ("cyanure", "ValueError: too hot")
    for columns, rows in by_title.values():
        assert {len(row) for row in rows} <= {len(columns)}


def test_what_was_found_comes_back(visits):
    stored = json.loads(json.dumps([found_to_json(one) for one in visits]))
    assert [found_from_json(one) for one in stored] == visits


@pytest.mark.parametrize("arguments", [["--problem", "unicorns"], ["--problem", "iris", "--C", "7"]])
def test_what_the_zoo_does_not_have_is_an_error(arguments, capsys):
    with pytest.raises(SystemExit):
        zoo.main(arguments)
    assert "error" in capsys.readouterr().err


def test_names_are_listed(capsys):
    with pytest.raises(SystemExit):
        zoo.main(["--problem", "iris/z", "--list"])
    assert capsys.readouterr().out.split() == [f"iris/z/l2/C-{C:g}" for C in CS]
