"""The matrix unit's Gram matrices, on any processor with AVX512-BF16: without AMX it is emulated.

The instruction set's own source is compiled with a C program that prints the error of every matrix.
"""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tolerances import GRAM

import fastsoftmax as fs

SIMD = Path(__file__).parents[2] / "src" / "fastsoftmax" / "native" / "simd"
HERE = Path(__file__).with_name("amx")
CONFIG = fs.show_config("dicts")
FLAGS = ["-O3", "-std=gnu11", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi"]
AMX = [*(f"-mavx512{part}" for part in ("f", "bw", "dq", "vl", "bf16")), "-mfma", "-mamx-tile", "-mamx-bf16"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("gcc") is None
        or not SIMD.exists()
        or "amx" not in CONFIG["instruction sets compiled"]
        or "avx512_bf16" not in CONFIG["instruction sets available"],
        reason="needs GCC, the sources and a processor with AVX512-BF16",
    ),
]


def compile_(*arguments):
    done = subprocess.run(["gcc", f"-I{SIMD}", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_gram_has_the_error_of_bfloat16(tmp_path):
    compile_(*FLAGS, *AMX, "-DISA=amx", "-c", SIMD / "rounded.c", "-o", tmp_path / "amx.o")
    emulator = [] if "amx" in CONFIG["instruction sets available"] else [HERE / "emulator.c"]
    compile_("-O2", "-std=gnu11", HERE / "check.c", *emulator, tmp_path / "amx.o", "-lm", "-o", tmp_path / "check")
    done = subprocess.run([tmp_path / "check"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 7 * 3
    for line in lines:
        assert float(line.split()[-1]) <= GRAM["fast", np.float32], line
