"""Each instruction set that this machine can run passes the kernels' tests; another is a clear error."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastsoftmax as fs

CONFIG = fs.show_config("dicts")
AVAILABLE = CONFIG["instruction sets available"].split(", ")


def run(arguments, isa):
    environment = {**os.environ, "FASTSOFTMAX_ISA": isa}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("isa", [isa for isa in AVAILABLE if isa != CONFIG["instruction set chosen"]])
def test_kernels_on(isa):
    tests = Path(__file__).with_name("test_kernels.py")
    done = run(["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(tests)], isa)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("isa", AVAILABLE)
def test_environment_chooses(isa):
    script = "import fastsoftmax; print(fastsoftmax.show_config('dicts')['instruction set chosen'])"
    assert run(["-c", script], isa).stdout.strip() == isa


def test_unknown_set_is_an_error():
    done = run(["-c", "import fastsoftmax"], "pentium")
    assert done.returncode != 0
    assert "FASTSOFTMAX_ISA='pentium'" in done.stderr
    assert "baseline" in done.stderr
