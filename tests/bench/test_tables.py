"""The tables that benchmarks print: a number is whole or not there."""

import pytest

from bench.tables import print_table

COLUMNS = ("problem", "ours ms", "best peer", "what changed")
ROWS = [
    (
        "informative/raw/l1-1/C-1 10000×10×3",
        "1234.5",
        "sklearn-newton-cholesky",
        "many words, which may be wrapped " * 3,
    )
]


@pytest.mark.parametrize("width", ["40", "80", "300"])
def test_no_cell_is_cut_in_a_narrow_terminal(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", width)
    print_table(COLUMNS, ROWS, markdown=False)
    printed = capsys.readouterr().out
    assert "…" not in printed
    for cell in ROWS[0][:3]:
        assert cell in printed
