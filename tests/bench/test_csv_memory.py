"""The benchmark of memory: its files can be read, and it tells a peak."""

import json
import resource
import sys

import pytest

from bench import csv_memory
from fastsoftmax.files.data_file import read_table
from fastsoftmax.files.reading import Reading


@pytest.mark.parametrize("kind", csv_memory.KINDS)
def test_files_can_be_read(tmp_path, kind):
    path = tmp_path / "table.csv"
    csv_memory.write(path, csv_memory.KINDS[kind], 0.1)
    table = read_table(path, "t", reading=Reading(mixed=True))
    assert table.X.shape[0] % csv_memory.N_ROWS == 0
    assert set(table.y) == {"u", "v", "w"}


def test_the_peak_of_a_command():
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + 10**7
    assert csv_memory.peak([sys.executable, "-c", "pass"]) < more
    assert csv_memory.peak([sys.executable, "-c", f"bytearray(b'x') * {more}"]) > more


def test_a_line_for_each_kind(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["csv_memory", "--megabytes", "0.1", "--kinds", "letters", "--json"])
    csv_memory.main()
    told = json.loads(capsys.readouterr().out)
    assert told["kind"] == "letters"
    assert told["peak_megabytes"] > told["megabytes"] > 0.1
