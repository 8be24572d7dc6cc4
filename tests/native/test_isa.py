"""Each instruction set that this machine can run passes the kernels' tests; any other raises a clear error."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reference
from problems import make_problem, one_hot
from tolerances import assert_gradient_close, assert_loss_close

import fastsoftmax as fs
from fastsoftmax import _kernels
from fastsoftmax.runtime.precision import Precision

CONFIG = fs.show_config("dicts")
AVAILABLE = CONFIG["instruction sets available"].split(", ")


def run(arguments, isa):
    environment = {**os.environ, "FASTSOFTMAX_ISA": isa}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
@pytest.mark.parametrize("isa", [isa for isa in AVAILABLE if isa != CONFIG["instruction set chosen"]])
def test_kernels_on(isa):
    tests = [
        str(Path(__file__).parents[1] / name)
        for name in (
            "native/test_kernels.py",
            "native/test_logits.py",
            "fitting/test_logits.py",
            "fitting/test_predictor.py",
            "families/test_dual.py",
            "families/test_every_family.py",
            "capi/test_passes.py",
        )
    ]
    done = run(["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests], isa)
    assert done.returncode == 0, done.stdout + done.stderr


EXACT, FAST, ROUGH = Precision
VECTORS = 0


@pytest.mark.parametrize("isa", CONFIG["instruction sets compiled"].split(", "))
@pytest.mark.parametrize("vendor", [_kernels.AMD, _kernels.OTHERS])
def test_only_products_that_pay_are_used(isa, vendor):
    of_pass, of_gram = _kernels.products_of(isa, vendor)

    assert of_pass[EXACT][0] == of_pass[FAST][0] == of_gram[EXACT][0] == VECTORS
    if isa == "amx":
        assert of_pass[ROUGH][0] == of_gram[FAST][0] == VECTORS
        assert of_gram[ROUGH] == (1, 256)
    elif isa == "avx512_bf16" and vendor == _kernels.AMD:
        assert of_pass[ROUGH] == (1, 32)
        assert of_gram[FAST] == of_gram[ROUGH] == (1, 1)
    else:
        assert of_pass[ROUGH][0] == of_gram[FAST][0] == of_gram[ROUGH][0] == VECTORS


def test_the_configuration_names_the_products_in_use():
    rounded, least = _kernels.products_of()[0][ROUGH]
    assert CONFIG["exact products"] == "float32 by vectors"
    assert ("bfloat16" in CONFIG["rough products"]) == bool(rounded)
    assert not rounded or f"from {least} classes on" in CONFIG["rough products"]
    for n_classes in (1, 31, 32, 255, 256, 1000):
        assert _kernels.has_rounded(ROUGH, n_classes) == bool(rounded and n_classes >= least)
        assert not _kernels.has_rounded(EXACT, n_classes)


@pytest.mark.parametrize("isa", AVAILABLE)
def test_environment_chooses(isa):
    script = "import fastsoftmax; print(fastsoftmax.show_config('dicts')['instruction set chosen'])"
    assert run(["-c", script], isa).stdout.strip() == isa


@pytest.fixture
def any_set():
    yield
    _kernels.use_isa(CONFIG["instruction set chosen"])


@pytest.mark.parametrize("shape", [(1000, 54, 7), (300, 784, 10), (2000, 100, 3), (200, 300, 100), (97, 31, 17)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_sets_agree(shape, dtype, any_set):
    p = make_problem(*shape, dtype=dtype)
    p = p._replace(W=(p.W / np.sqrt(shape[1])).astype(dtype))
    expected = reference.loss_grad(p.X, one_hot(p.y, shape[2]), p.W, p.b)
    for isa in AVAILABLE:
        _kernels.use_isa(isa)
        loss, grad_W, grad_b = fs.loss_grad(p.X, p.y, p.W, p.b)
        assert_loss_close(loss, expected[0], dtype)
        assert_gradient_close(grad_W, expected[1], p.X)
        assert_gradient_close(grad_b, expected[2], p.X)


def test_unknown_set_leaves_the_one_in_use():
    with pytest.raises(ValueError, match=f"'pentium': no such set is compiled in; choose one of {AVAILABLE[0]}"):
        _kernels.use_isa("pentium")
    assert fs.show_config("dicts")["instruction set chosen"] == CONFIG["instruction set chosen"]


def test_unknown_set_is_an_error():
    done = run(["-c", "import fastsoftmax"], "pentium")
    assert done.returncode != 0
    assert "FASTSOFTMAX_ISA='pentium'" in done.stderr
    assert "baseline" in done.stderr
