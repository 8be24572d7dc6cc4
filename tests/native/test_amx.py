"""The matrix unit's products against the vectors', on any processor with AVX512-BF16: without AMX it is emulated.

The instruction set's own source is compiled with a C program that prints the error of every product.
"""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tolerances import FAST, GRAM, ROUGH

import fastsoftmax as fs

SIMD = Path(__file__).parents[2] / "src" / "fastsoftmax" / "native" / "simd"
HERE = Path(__file__).with_name("amx")
CONFIG = fs.show_config("dicts")
FLAGS = ["-O3", "-std=gnu11", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi"]
AVX512 = [f"-mavx512{part}" for part in ("f", "bw", "dq", "vl")] + ["-mfma"]

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


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    """Product → shape (the integers before it in a line of output) → relative errors of logits and gradient."""
    folder = tmp_path_factory.mktemp("amx")
    sets = {
        "avx512": ["isa.c", *AVX512],
        "amx": ["rounded.c", *AVX512, "-mavx512bf16", "-mamx-tile", "-mamx-bf16"],
    }
    with ThreadPoolExecutor() as pool:
        jobs = [
            [*FLAGS, *flags, f"-DISA={isa}", "-c", SIMD / source, "-o", folder / f"{isa}.o"]
            for isa, (source, *flags) in sets.items()
        ]
        list(pool.map(compile_, jobs))
    emulator = [] if "amx" in CONFIG["instruction sets available"] else [HERE / "emulator.c"]
    objects = [folder / f"{isa}.o" for isa in sets]
    compile_(["-O2", "-std=gnu11", HERE / "check.c", *emulator, *objects, "-lm", "-o", folder / "check"])
    done = subprocess.run([folder / "check"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    by_product = {}
    for line in done.stdout.splitlines():
        *shape, product, logits, gradient = line.split()
        by_product.setdefault(product, {})[tuple(map(int, shape))] = np.array([logits, gradient], dtype=float)
    return by_product


def compile_(arguments):
    done = subprocess.run(["gcc", f"-I{SIMD}", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_exact_is_as_exact_as_vectors(errors):
    vector, exact = errors["vector"], errors["exact"]
    assert len(exact) == len(vector) == 175 + 70
    for shape, error in exact.items():
        # The vectors' error is tiny if there is only one product and no sum: always allow float32's own rounding.
        assert (error <= np.maximum(2 * vector[shape], 1.2e-7)).all(), (shape, error, vector[shape])


def test_fast_has_the_error_of_three_products(errors):
    for shape, error in errors["fast"].items():
        assert (error <= FAST).all(), (shape, error)


def test_rough_has_the_error_of_bfloat16(errors):
    for shape, error in errors["rough"].items():
        assert (error <= ROUGH).all(), (shape, error)


def test_gram_has_the_error_of_bfloat16(errors):
    assert len(errors["gram"]) == 7
    for shape, error in errors["gram"].items():
        assert (error <= GRAM["fast", np.float32]).all(), (shape, error)
