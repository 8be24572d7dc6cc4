"""Every way to the C functions leads to them: capsules, cffi, SciPy, the command that tells where the header is."""

from importlib.metadata import entry_points
from pathlib import Path

import c_api
import pytest
from scipy import LowLevelCallable

import fastsoftmax as fs
from fastsoftmax import capi
from fastsoftmax.capi import config


def test_scipy_reads_the_signature():
    call = LowLevelCallable.from_cython(capi, "workspace_size")
    assert call.signature == c_api.signatures()["workspace_size"]
    assert call.signature.startswith("int (size_t *, int, fastsoftmax_features const *")


def test_cffi_calls_a_function():
    cffi = pytest.importorskip("cffi")
    ffi = cffi.FFI()
    family_number = ffi.cast("int (*)(const char *)", c_api.pointer_of(capi.__pyx_capi__["family_number"]))
    assert family_number(b"softmax") == 0
    assert family_number(b"nothing") == -1


def test_numba_calls_a_function():
    numba = pytest.importorskip("numba")
    import ctypes

    from numba.extending import get_cython_function_address

    address = get_cython_function_address("fastsoftmax.capi", "max_threads")
    max_threads = ctypes.CFUNCTYPE(ctypes.c_int)(address)

    @numba.njit
    def twice():
        return 2 * max_threads()

    assert twice() == 2 * c_api.C.max_threads()


def test_the_command_prints_what_it_is_asked_for(capsys):
    config.main(["--cflags", "--version"])
    assert capsys.readouterr().out.split("\n") == [f"-I{fs.get_include()}", fs.__version__, ""]
    assert (Path(fs.get_include()) / "fastsoftmax" / "fastsoftmax.h").is_file()


def test_the_command_wants_a_question(capsys):
    with pytest.raises(SystemExit):
        config.main([])
    assert "ask for something" in capsys.readouterr().err


def test_the_entry_points_name_what_is_there():
    (found,) = entry_points(group="pkg_config", name="fastsoftmax")
    assert found.value == "fastsoftmax.capi.pkgconfig"
    (script,) = entry_points(group="console_scripts", name="fastsoftmax-config")
    assert script.load() is config.main
