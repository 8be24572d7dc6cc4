"""Numbers of a bench are kept: every run in a file of its own, which says what they depend on and can be read again."""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import results, solvers
from bench.comparison import Comparison, from_json, to_json
from bench.curves import Curve, Reference, Run
from bench.problems import Shape

CLONE = Path(__file__).parents[2]


def parse(*arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", nargs="*", default=(Shape(3, 2, 1), Shape(6, 5, 4)))
    parser.add_argument("--data", type=Path, default=Path("/home/of/somebody/data"))
    results.add_results_options(parser)
    return parser.parse_args(map(str, arguments))


def only_file(folder):
    (path,) = (path for path in folder.rglob("*") if path.is_file())
    return path


def test_what_is_printed_is_kept(tmp_path, capsys):
    report = results.Report("naps", parse("--results", tmp_path))
    report.add_facts({"bed": "soft", "times": "milliseconds"})
    report.add_table(
        ("what", "T", "ms", "× ours"), [("doze", "1", "0.250", ""), ("snore", "2", ">60.1", "3.00")], "Naps"
    )
    report.save()

    out, err = capsys.readouterr()
    path = only_file(tmp_path)
    assert "soft" in out
    assert re.search(r"snore +2 +>60\.1 +3\.00", out)
    assert str(path) in err
    assert path.parent == tmp_path / "naps"
    assert re.fullmatch(r"[a-z0-9-]+-\d+t-\d{4}-\d\d-\d\dT\d{6}Z\.json", path.name)
    content = results.load(path, "naps")
    assert content["environment"] == {"bed": "soft", "times": "milliseconds"}
    assert content["options"] == {"shape": ["3×2×1", "6×5×4"], "data": "data"}
    assert content["tables"] == [
        {
            "title": "Naps",
            "rows": [
                {"what": "doze", "T": 1, "ms": 0.25, "× ours": None},
                {"what": "snore", "T": 2, "ms": ">60.1", "× ours": 3.0},
            ],
        }
    ]
    assert content["processor"]
    assert content["threads"] >= 1
    assert set(content["fastsoftmax"]) == {"version", "commit", "changed", "in_place"}
    assert content["ceilings"] is content["details"] is None


def test_where_numbers_are_kept_by_default():
    options = parse()
    assert options.results == CLONE / "bench" / "results"
    assert not options.no_save


def test_numbers_are_only_printed_on_demand(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    report = results.Report("naps", parse("--no-save"))
    report.add_table(("what", "T"), [("doze", "1")])
    report.save()
    out, err = capsys.readouterr()
    assert "doze" in out
    assert err == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_named_before_anything_is_measured(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"bench.naps: the numbers cannot be kept: .*file.*; choose --results DIR"):
        results.Report("naps", parse("--results", tmp_path / "file"))


def test_no_file_is_replaced(tmp_path):
    report = results.Report("naps", parse("--results", tmp_path))
    report.save()
    before = only_file(tmp_path).read_text()
    report.add_facts({"bed": "hard"})
    with pytest.raises(FileExistsError):
        report.save()
    assert only_file(tmp_path).read_text() == before


@pytest.mark.skipif(shutil.which("git") is None, reason="needs Git")
def test_the_commit_is_that_of_the_clone_and_its_results_are_no_change(tmp_path, monkeypatch):
    def git(*arguments):
        named = ("-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false")
        return subprocess.run(["git", "-C", tmp_path, *named, *arguments], check=True, capture_output=True, text=True)

    monkeypatch.setattr(results, "CLONE", tmp_path)
    assert results.describe_package()["commit"] is results.describe_package()["changed"] is None
    for name in ("src", "bench/results"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "src" / "code").touch()
    git("init")
    git("add", ".")
    git("commit", "-m", "Begin")
    (tmp_path / "bench" / "results" / "numbers.json").touch()
    package = results.describe_package()
    assert package["commit"] == git("rev-parse", "HEAD").stdout.strip()
    assert package["changed"] is False
    assert package["in_place"] is False
    (tmp_path / "src" / "code").write_text("other")
    assert results.describe_package()["changed"] is True


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AMD EPYC 9R14", "amd-epyc-9r14"),
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", "intel-xeon-cpu-2-20ghz"),
        ("../x", "x"),
        ("?", "unknown"),
    ],
)
def test_names_of_processors_are_parts_of_file_names(name, expected):
    assert results.slug(name) == expected


@pytest.mark.parametrize("text", ['{"bench": "naps"}', "[]", "ms"])
def test_a_file_of_something_else_is_named(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="other.json"):
        results.load(path, "solvers")
    with pytest.raises(SystemExit, match="bench.solvers: .*other.json"):
        solvers.main(["--from-results", str(path)])


def test_what_measures_and_what_does_not_exclude_each_other(capsys):
    with pytest.raises(SystemExit):
        solvers.main(["--from-results", "a.json", "--shares"])
    assert "--shares and --cv measure, and --from-results does not" in capsys.readouterr().err


def test_a_comparison_comes_back():
    runs = [Run(1, None, 0.5, 2.5), Run(4, 7, 0.25, 1.5)]
    comparison = Comparison("naps 3×2×1", Reference(1.0, "deep"), {"doze": Curve(runs, "stopped", 2)})
    (stored,) = json.loads(json.dumps(to_json([comparison])))
    assert from_json(stored) == comparison


COMMANDS = (
    "compare --shape 1797x64x10 --dtype float32 --passes-only --repeats 1",
    "solvers --problem digits --peer --budget 1 --repeats 1",
    "kernels --shape 640x64x10 --repeats 1",
)


def bench(*arguments):
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=CLONE, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which(shlex.split(os.environ.get("CC") or "cc")[0]) is None, reason="needs a compiler, for the ceilings"
)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_keeps_its_numbers(tmp_path, command):
    name, *arguments = command.split()
    printed = bench(f"bench.{name}", *arguments, "--results", str(tmp_path))

    content = results.load(only_file(tmp_path), name)

    assert content["environment"]["processor"].startswith(content["processor"])
    assert content["ceilings"]["operations a second"][0]["seen"][0] > 1e8
    assert content["ceilings"]["bytes read a second"][0]["seen"][0] > 1e8
    for row in content["tables"][0]["rows"]:
        assert any(isinstance(cell, float) for cell in row.values())
    if name == "solvers":
        again = bench("bench.solvers", "--from-results", str(only_file(tmp_path)))
        assert again == printed
