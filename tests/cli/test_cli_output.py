"""Where the command line's output goes: what is overwritten, what is kept, and what happens if writing fails."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from command_line import MAIN, run, succeed

from fastsoftmax.files import atomic
from fastsoftmax.problem.objective import Objective

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

# The command with a limit on the size of files, set after OpenMP has started: LLVM's runtime writes a file of its own.
LIMITED = [
    sys.executable,
    "-c",
    "import resource, fastsoftmax; fastsoftmax.softmax([[0.0, 1.0]]); "
    "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)); from fastsoftmax.cli.entry import main; main()",
]

posix = pytest.mark.skipif(os.name != "posix", reason="descriptors and limits as POSIX has them")


WRITING = {
    "model": ("fit iris.csv --target species --out", "m.st", b"\x08"),
    "csv": ("predict model.safetensors iris.csv --out", "p.csv", b"prediction,"),
    "parquet": ("predict model.safetensors iris.csv --out", "p.parquet", b"PAR1"),
    "onnx": ("export model.safetensors --format onnx --out", "m.onnx", b"\x08"),
    "c": ("export model.safetensors --format c --out", "m.c", b"/* Exported"),
    "sql": ("export model.safetensors --format sql --table t --out", "m.sql", b"-- Exported"),
    "scores": ("cv iris.csv --target species --Cs 2 --folds 2 --plot", "cv.png", b"\x89PNG"),
    "path": ("path iris.csv --target species --Cs 2 --plot", "path.png", b"\x89PNG"),
    "top": ("predict model.safetensors iris.csv --top 2 --out", "top.csv", b"prediction,"),
    "picture": ("evaluate model.safetensors iris.csv --target species --plot", "e.png", b"\x89PNG"),
}


class TestOverwriting:
    @pytest.mark.parametrize(
        "arguments",
        [
            "fit iris.csv --target species --out iris.csv",
            "fit iris.csv --target species --out ./iris.csv",
            "fit iris.csv --target species --out link.csv",
            "fit iris.csv --target species --out hard.csv",
            "fit X.npy --target y.npy --out y.npy",
            "predict model.safetensors iris.csv --out iris.csv",
            "predict link.st iris.csv --out model.csv",
            "predict model.safetensors iris.csv --out link.csv",
            "fit iris.csv --target species --warm-start model.safetensors --out model.safetensors",
            "fit iris.csv --target species --validation hard.csv --out hard.csv",
            "evaluate model.safetensors image.png --plot image.png",
            "evaluate link.png iris.csv --target species --plot link.png",
        ],
    )
    @pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
    def test_an_input_is_never_overwritten(self, here, model, arguments, force):
        os.symlink("iris.csv", "link.csv")
        os.link("iris.csv", "hard.csv")
        os.symlink("model.safetensors", "link.st")
        os.symlink("model.safetensors", "model.csv")
        os.symlink("model.safetensors", "link.png")
        np.save("X.npy", np.eye(4))
        np.save("y.npy", [0, 1, 0, 1])
        Path("image.png").write_bytes(b"data")
        before = {path.name: path.read_bytes() for path in here.iterdir()}
        result = run(*arguments.split(), *force)
        assert result.exit_code == 1
        assert re.match("error: --(out|plot) must not be a file that the command reads, found", result.stderr)
        assert {path.name: path.read_bytes() for path in here.iterdir()} == before

    @pytest.mark.parametrize("kind", WRITING)
    def test_other_files_need_force_and_our_own_do_not(self, here, model, kind):
        arguments, name, start = WRITING[kind]
        path = here / name
        path.write_text("a,b\n1,2\n")
        result = run(*arguments.split(), name)
        assert result.exit_code == 1
        assert f"found {name}, which is neither; --force overwrites it" in result.stderr
        assert path.read_text() == "a,b\n1,2\n"
        succeed(*arguments.split(), name, "--force")
        first = path.read_bytes()
        path.chmod(0o600)
        succeed(*arguments.split(), name)
        assert path.read_bytes() == first
        assert kind == "model" or first.startswith(start)
        assert path.stat().st_mode & 0o777 == 0o600

    def test_an_empty_file_is_written(self, here, model):
        (here / "p.csv").touch()
        succeed("predict", model, "iris.csv", "--out", "p.csv")

    @pytest.mark.parametrize("name", ["model.safetensors", "training.png", "speed.png"])
    def test_demo(self, here, name, monkeypatch):
        (here / name).write_text("mine")
        monkeypatch.setattr("fastsoftmax.cli.demo.fit", lambda *_, **__: pytest.fail("trained"))
        result = run("demo", "--out", here)
        assert result.exit_code == 1
        assert f"{name}, which is neither; --force overwrites it" in result.stderr

    @pytest.mark.parametrize("command", ["fit", "cv", "path", "predict", "evaluate", "export", "demo"])
    def test_help_names_the_option(self, command):
        assert "--force" in re.sub(r"\x1b\[[\d;]*m", "", succeed(command, "--help"))


@pytest.mark.slow
def test_the_same_table_makes_the_same_file(here):
    for seed in range(2):
        subprocess.run(
            [*MAIN, "fit", "iris.csv", "--target", "species", "--out", f"{seed}.st"],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
    assert len({Path(f"{seed}.st").read_bytes() for seed in range(2)}) == 1


class TestFullDisk:
    ARGUMENTS = ("fit", "iris.csv", "--target", "species", "--out", "m.st")

    @pytest.fixture
    def temporary(self, here, monkeypatch):
        """Return the folder in which the command creates temporary files."""
        folder = here / "temporary"
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        return folder

    def test_a_finished_fit_is_kept(self, here, temporary, monkeypatch):
        succeed(*self.ARGUMENTS[:-1], "expected.st")
        replace = os.replace

        def refuse(source, destination):
            if Path(destination).parent == here:
                raise OSError(28, "No space left on device")
            replace(source, destination)

        monkeypatch.setattr(atomic.os, "replace", refuse)
        result = run(*self.ARGUMENTS)
        assert result.exit_code == 1
        (kept,) = temporary.glob("*/*")
        assert result.stderr == (
            f"error: m.st: No space left on device; the fitted model is in {kept}: copy it from there\n"
        )
        assert kept.read_bytes() == (here / "expected.st").read_bytes()
        assert not (here / "m.st").exists()

    @posix
    def test_nothing_is_left_where_it_cannot_be_kept(self, here, temporary):
        """A limit on the size of files: no model of 400 bytes can be written anywhere."""
        result = subprocess.run(
            [*LIMITED, *self.ARGUMENTS],
            capture_output=True,
            text=True,
            env=os.environ | {"TMPDIR": str(temporary)},
            check=False,
        )
        assert result.returncode == 1
        assert re.fullmatch(
            r"error: m.st: File too large; nor could the fitted model be kept in a temporary directory: "
            r".*/temporary/fastsoftmax-\w+/m.st: File too large\n",
            result.stderr,
        )
        assert os.listdir(temporary) == []
        assert not os.path.exists("m.st")

    @posix
    @pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
    def test_predictions_name_the_file(self, here, model, name):
        result = subprocess.run(
            [*LIMITED, "predict", str(model), "iris.csv", "--out", name],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (1, f"error: {name}: File too large\n")
        assert not os.path.exists(name)


PRINTING = {
    "predict": "predict model.safetensors iris.csv",
    "fit": "fit iris.csv --target species",
    "evaluate": "evaluate model.safetensors iris.csv --target species",
    "config": "config",
    "help": "--help",
    "version": "--version",
}


@pytest.mark.slow
@posix
class TestStandardOutput:
    """If output cannot be printed, the command says so and fails."""

    def shell(self, arguments, redirection):
        command = f"{subprocess.list2cmdline(MAIN)} {arguments} {redirection}"
        return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    @pytest.mark.parametrize("command", ["predict", "config"])
    def test_closed(self, model, command):
        result = self.shell(PRINTING[command], ">&-")
        assert result.returncode == 1
        assert result.stderr == "error: standard output is closed; > /dev/null throws away what is printed\n"

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
    @pytest.mark.parametrize("command", PRINTING)
    def test_full(self, model, command):
        result = self.shell(PRINTING[command], "> /dev/full")
        assert result.returncode == 1
        assert result.stderr == "error: cannot write to standard output: No space left on device\n"

    @pytest.mark.parametrize("command", ["predict", "fit", "help"])
    def test_broken(self, model, command):
        # The reader is gone before the command has begun to print.
        result = self.shell(PRINTING[command], "2>errors | true; exit ${PIPESTATUS[0]}")
        assert result.returncode == 1
        assert Path("errors").read_text() == "error: cannot write to standard output: Broken pipe\n"

    def test_a_reader_that_leaves_in_the_middle(self, here, model):
        lines = Path("iris.csv").read_text().splitlines(keepends=True)
        Path("long.csv").write_text("".join([*lines, *lines[1:] * 100]))
        result = self.shell("predict model.safetensors long.csv", "2>errors | head -1; exit ${PIPESTATUS[0]}")
        assert result.returncode == 1
        assert result.stdout == "prediction,probability_setosa,probability_versicolor,probability_virginica\n"
        assert Path("errors").read_text() == "error: cannot write to standard output: Broken pipe\n"

    def test_standard_error_may_be_closed(self, model):
        result = self.shell("predict model.safetensors iris.csv", "2>&-")
        assert result.returncode == 0
        assert result.stdout == succeed("predict", "model.safetensors", "iris.csv")
        assert self.shell("fit iris.csv --target species --max-iter 2", "2>&-").returncode == 3
        assert self.shell("predict model.safetensors absent.csv", "2>&-").returncode == 1


class TestNothingFitted:
    """If nothing was fitted, no file is written: a model of zeros would be taken for a fitted one."""

    @pytest.mark.parametrize("evaluations", [0, 1])
    def test_ctrl_c_before_the_first_iteration(self, model, monkeypatch, evaluations):
        before, loss_grad, count = model.read_bytes(), Objective.loss_grad, iter(range(10))

        def interrupt(self, theta):
            if next(count) == evaluations:
                raise KeyboardInterrupt
            return loss_grad(self, theta)

        monkeypatch.setattr(Objective, "loss_grad", interrupt)
        result = run("fit", "iris.csv", "--target", "species", "--solver", "gd")
        assert result.exit_code == 130
        assert result.stderr == "interrupted: ended by Ctrl-C before anything was fitted; no model was written\n"
        assert model.read_bytes() == before

    def test_a_start_that_diverges(self, model):
        before = model.read_bytes()
        np.savez("huge.npz", X=[[1e308, 1e308], [-1e308, 1e308], [1e308, 1e307]] * 2, y=[0, 1, 2] * 2)
        result = run("fit", "huge.npz", "--solver", "lbfgs")
        assert result.exit_code == 1
        assert "error: nothing was fitted and no model was written: the loss became" in result.stderr
        assert model.read_bytes() == before

    @posix
    def test_ctrl_c_while_the_command_is_imported(self, here):
        code = (
            "import builtins, sys\n"
            "from fastsoftmax.cli.entry import main\n"
            "class Interrupt:\n"
            "    def find_spec(self, name, *_):\n"
            "        if name == 'fastsoftmax.cli.commands': raise KeyboardInterrupt\n"
            "sys.meta_path.insert(0, Interrupt())\n"
            "main()"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr) == (130, "interrupted: ended by Ctrl-C before it had begun\n")


def _long_csv(labels):
    rows = "".join(f"{k % 7},{label}\n" for k, label in enumerate(labels))
    Path("d.csv").write_text(f"a,t\n{rows}")
    return "d.csv", "--target", "t"


def _long_parquet(labels):
    table = pa.table({"a": np.arange(len(labels)) % 7, "t": pa.array(labels).dictionary_encode()})
    parquet.write_table(table, "d.parquet", store_schema=False)
    return "d.parquet", "--target", "t"


def _long_npz(labels):
    np.savez_compressed("d.npz", X=np.arange(len(labels))[:, None] % 7, y=labels)
    return ("d.npz",)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize("write", [_long_csv, _long_parquet, _long_npz])
def test_one_long_label_does_not_make_all_long(here, write):
    """The peak memory of all commands; 1000 labels, if all were as long as the longest, would take 200 MB."""
    arguments = write(["u", "v"] * 500 + ["x" * 50_000])
    code = (
        "import sys\n"
        "from command_line import succeed\n"
        "def peak(): return next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmHWM'))\n"
        "succeed('fit', 'iris.csv', '--target', 'species', '--out', 'iris.st')\n"
        "succeed('evaluate', 'iris.st', 'iris.csv', '--target', 'species')\n"
        "succeed('predict', 'iris.st', 'iris.csv', '--out', 'p.parquet')\n"
        "before = peak()\n"
        "succeed('fit', *sys.argv[1:])\n"
        "succeed('evaluate', 'model.safetensors', *sys.argv[1:])\n"
        "succeed('predict', 'model.safetensors', 'new.csv', '--out', 'p.csv')\n"
        "print((peak() - before) / 1024)"
    )
    Path("new.csv").write_text("a\n1\n2\n")
    if write is _long_npz:
        np.save("new.npy", [[1.0], [2.0]])
        code = code.replace("new.csv", "new.npy")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, check=False
    )
    assert float(done.stdout or "inf") < 50, done.stderr
