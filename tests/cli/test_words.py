"""Names that are cut, messages in the command line's names, options in groups, numbers as JSON."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax.cli.groups import grouped
from fastsoftmax.cli.machine import Load
from fastsoftmax.cli.metrics import percent
from fastsoftmax.cli.names import distinct
from fastsoftmax.cli.output import jsonable
from fastsoftmax.cli.wording import in_options, plain, share_in_words

typer = pytest.importorskip("typer")
testing = pytest.importorskip("typer.testing")


@pytest.mark.parametrize("width", [4, 8, 14, 24])
def test_different_names_stay_different(width):
    names = [
        f"{start}, which goes on for long, {middle} and ends {end}" for start in "ab" for middle in "cd" for end in "ef"
    ]
    names += ["a", "b"]
    short = distinct(names, width)
    assert len(set(short)) == len(names)
    assert max(map(len, short)) <= width


def test_equal_names_stay_equal():
    assert distinct(["a long name", "a long name", "b"], 6) == ["a lon…", "a lon…", "b"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("raise max_iter or tol, or scale", "raise --max-iter or --tol, or scale"),
        ("gradient norm 0.1 ≤ tol = 0.2", "gradient norm 0.1 ≤ --tol = 0.2"),
        ("use a positive l2", "use a positive --l2"),
        ("link must be 'log' for family='poisson'", "--link must be 'log' for --family 'poisson'"),
        ("The 'learning_rate' parameter of X must be", "--learning-rate must be"),
        ("The 'fit_intercept' parameter of X must be", "--no-intercept must be"),
        ("column 'tol' of tol.csv has no 'C must'", "column 'tol' of tol.csv has no 'C must'"),
        ("the solver of a family", "the solver of a family"),
        ("max_iterations, my_tol and a/tol", "max_iterations, my_tol and a/tol"),
    ],
)
def test_messages_have_the_names_of_options(message, expected):
    assert in_options(message) == expected


def test_control_characters_become_blanks():
    assert plain("a\x1b[2J\nb") == "a [2J b"


@pytest.mark.parametrize(
    ("share", "expected"), [(0, "0"), (0.001, "<1"), (0.006, "1"), (0.994, "99"), (0.999, ">99"), (1, "100")]
)
def test_few_are_not_none_and_most_are_not_all(share, expected):
    assert percent(share) == expected


def test_what_json_has_no_number_for_is_null():
    rows = np.array([(1.5, 2)], dtype=[("a", float), ("b", int)])
    value = {"x": np.array([1.0, np.nan]), 3: (np.int64(2), np.inf), "rows": rows, "b": np.bool_(True)}
    assert jsonable(value) == {"x": [1.0, None], "3": [2, None], "rows": [{"a": 1.5, "b": 2}], "b": True}


@dataclass(frozen=True, kw_only=True)
class Colours:
    light: Annotated[str, typer.Option(metavar="NAME")]
    dark: Annotated[int, typer.Option()] = 3


class TestGroups:
    @pytest.fixture
    def app(self):
        app = typer.Typer()

        def command(name: Annotated[str, typer.Argument()], *, colours: Colours, loud: bool = False) -> None:
            typer.echo(f"{name} {colours} {loud}")

        app.command()(grouped(command))
        return app

    def test_fields_are_options(self, app):
        done = testing.CliRunner().invoke(app, ["x", "--light", "red", "--loud"])
        assert done.output == "x Colours(light='red', dark=3) True\n"

    def test_a_field_without_a_default_is_required(self, app):
        done = testing.CliRunner().invoke(app, ["x"])
        assert done.exit_code == 2
        assert "--light" in done.output


def test_the_load_of_others_does_not_count_our_own():
    load = Load()
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2000, 50)), rng.integers(0, 5, 2000)
    for _ in range(50):
        fs.loss_grad(X, y, np.zeros((5, 50)), np.zeros(5), num_threads=1)
    assert load.of_others() >= 0


@pytest.mark.parametrize(
    ("share", "words"),
    [(1.0, "100.00%"), (0.99999, ">99.99%"), (0.9999, "99.99%"), (0.5, "50.00%"), (1e-5, "<0.01%"), (0.0, "0.00%")],
)
def test_a_share_is_never_told_as_all_or_nothing(share, words):
    assert share_in_words(share) == words
