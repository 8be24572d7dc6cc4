"""The tests of the installed scikit-learn for its logistic regression, run on our classifiers.

    python -m bench.conformance

A test passes, fails, or differs by choice, for the reason given in `CHOICES`. No test may fail; a test that is said to
differ but passes counts as a failure. Tests of array libraries need array-api-strict or torch to be installed.
"""

import argparse
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple
from unittest import mock

import pytest
import sklearn
import sklearn.linear_model

from . import conformance_adapters
from .environment import describe
from .results import Report, add_results_options

TESTS = "sklearn.linear_model.tests.test_logistic"


class Choice(NamedTuple):
    """Tests that differ by choice, as a regular expression for their full names, and the reason."""

    tests: str
    reason: str


LIMIT = "a limit of scikit-learn's solver, mostly liblinear, that ours does not have: it solves the problem"
DEPRECATED = "a warning about a parameter, a default or an attribute that scikit-learn deprecates and ours never had"
MESSAGE = (
    "the warning says the same in our words, with the gradient's norm and without the name of scikit-learn's solver"
)
MEMORY = "a quasi-Newton method remembers its steps: one fit of two steps differs from two fits of one, unlike Newton's"
COARSE = "compares fits to more digits than their tol gives; with tol=1e-9 ours and scikit-learn's agree"
NAMESPACE = (
    "arrays of every library are read if they are in the CPU's memory, but the results are always NumPy's arrays"
)
DEVICE = "data in the memory of another device are refused: the user must copy them to the CPU's memory"

CHOICES = (
    Choice(r"test_check_solver_option\[.*", LIMIT),
    Choice(r"test_liblinear_multiclass_raises\[.*", LIMIT),
    Choice(r"test_liblinear_with_large_values", LIMIT),
    Choice(r"test_large_sparse_matrix\[.*-(liblinear|sag|saga)\]", LIMIT),
    Choice(
        r"test_dtype_match\[.*-liblinear\]", "float32 stays float32 with every solver, but liblinear returns float64"
    ),
    Choice(r"test_liblinear_dual_random_state\[.*", "none of our solvers in this test draws random numbers"),
    Choice(r"test_penalty_deprecated\[.*", DEPRECATED),
    Choice(r"test_lr_penalty_l1ratio_incompatible\[.*", DEPRECATED),
    Choice(r"test_penalty_none\[.*", DEPRECATED),
    Choice(r"test_l1_ratio_non_elasticnet", DEPRECATED),
    Choice(r"test_l1_ratio_None_deprecated", DEPRECATED),
    Choice(r"test_logisticregressioncv_warns_with_use_legacy_attributes", DEPRECATED),
    Choice(r"test_logisticregression_warns_with_n_jobs", DEPRECATED),
    Choice(r"test_lr_scoring_warns", DEPRECATED),
    Choice(r"test_max_iter\[.*-(lbfgs|newton-cg|liblinear|sag|saga)-.*", MESSAGE),
    Choice(r"test_max_iter\[.*-newton-cholesky-.*-max_iter0\]", MESSAGE),
    Choice(r"test_newton_cholesky_fallback_to_lbfgs", MESSAGE),
    Choice(r"test_warm_start_newton_solver\[.*", MEMORY),
    Choice(r"test_logistic_cv_multinomial_score\[neg_log_loss-.*", COARSE),
    Choice(r"test_elastic_net_vs_l1_l2\[1\]", COARSE),
    Choice(r"test_logreg_predict_proba_multinomial\[.*", "calls the private method _predict_proba_lr"),
    Choice(r"test_logistic_regression_array_api_compliance\[(torch-cpu|array_api_strict-CPU_DEVICE)-.*", NAMESPACE),
    Choice(r"test_logistic_regression_array_api_compliance\[array_api_strict-device1-.*", DEVICE),
    Choice(r"test_logistic_regression_array_api_warm_start\[array_api_strict-device1-.*", DEVICE),
    Choice(r"test_logistic_regression_callback_support\[0\]", "max_iter=0 takes no step; SciPy's L-BFGS takes one"),
    Choice(r"test_logistic_regression_callback_support_warning", "every solver of ours calls the callbacks"),
)


class Recorder:
    """A pytest plugin that records how each test ended ("passed", "skipped" or "failed"), and where it failed."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.failures: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the outcome of a test; its setup and teardown count only if they do not pass."""
        if report.when != "call" and report.outcome == "passed":
            return
        name = report.nodeid.split("::", 1)[1]
        if self.outcomes.get(name) != "failed":
            self.outcomes[name] = report.outcome
        if report.failed:
            self.failures[name] = report.longreprtext


def run_tests(arguments: list[str]) -> Recorder:
    """Run scikit-learn's tests on the adapters, in this process."""
    recorder = Recorder()
    os.environ.setdefault("SCIPY_ARRAY_API", "1")
    # This repository's pytest configuration must not apply to scikit-learn's tests.
    options = ["-c", os.devnull, "-p", "no:cacheprovider", "-qq", "--no-summary", "--tb=short"]
    # Replace the names before the test module imports them.
    ours = {name: getattr(conformance_adapters, name) for name in ("LogisticRegression", "LogisticRegressionCV")}
    with mock.patch.multiple(sklearn.linear_model, **ours):
        status = pytest.main([*options, "--pyargs", TESTS, *arguments], plugins=[recorder])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest could not run {TESTS}: {status!r}")
    return recorder


def judge(outcomes: dict[str, str], choices: tuple[Choice, ...]) -> tuple[dict[Choice, list[str]], dict[str, str]]:
    """Return the tests that differ, for each choice, and those that fail, with the reason.

    A choice fails if a test that it names passes, or if it names no test that was run or skipped.
    """
    differing: dict[Choice, list[str]] = defaultdict(list)
    failing = {}
    unused = set(choices)
    for name, outcome in outcomes.items():
        choice = next((choice for choice in choices if re.fullmatch(choice.tests, name)), None)
        if choice is None:
            if outcome == "failed":
                failing[name] = "fails"
            continue
        unused.discard(choice)
        if outcome == "failed":
            differing[choice].append(name)
        elif outcome == "passed":
            failing[name] = f"passes, and is said to differ: {choice.reason}"
    failing |= {choice.tests: "names no test" for choice in unused}
    return differing, failing


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and keep it; return 1 if a test fails."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.conformance",
        description="Run scikit-learn's tests of its logistic regression on ours; all other options are pytest's.",
        allow_abbrev=False,
    )
    add_results_options(parser)
    options, rest = parser.parse_known_args(arguments)
    options.pytest = rest
    report = Report("conformance", options)
    recorder = run_tests(rest)
    differing, failing = judge(recorder.outcomes, CHOICES)
    counts = Counter(recorder.outcomes.values())
    by_reason: Counter[str] = Counter()
    for choice, names in differing.items():
        by_reason[choice.reason] += len(names)
    for name, reason in failing.items():
        print(f"\n{name}: {reason}\n{recorder.failures.get(name, '')}")
    rows = [
        (str(counts["passed"]), "pass"),
        *((str(count), f"differ by choice: {reason}") for reason, count in by_reason.most_common()),
        (str(counts["skipped"]), "are skipped"),
        (str(len(failing)), "fail"),
    ]
    report.add_facts(describe())
    report.add_table(("tests", "outcome"), rows, f"{TESTS} of scikit-learn {sklearn.__version__}, on ours")
    report.save()
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
