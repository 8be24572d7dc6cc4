"""What the README promises a stranger: two commands, two minutes, and an example whose numbers look right."""

import re

import pytest
from pages import README, blocks_of

pytestmark = pytest.mark.skipif(not README.is_file(), reason="the README is not beside the tests")


def test_it_is_short_and_keeps_its_two_commands():
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120
    assert lines.count('    pip install ".[cli]" && fastsoftmax demo') == 1
    assert lines.count('    pip install ".[test]" && pytest') == 1


def test_the_example_shows_a_good_fit(capsys):
    first = next(block for block in blocks_of(README) if block.language == "python")
    names = {}
    exec(compile(first.code, str(README), "exec"), names)
    accuracy, message = capsys.readouterr().out.splitlines()
    assert float(re.search(r": (0\.\d+)$", accuracy)[1]) > 0.95
    assert "above its minimum" in message
    assert names["probabilities"].shape == (450, 10)
