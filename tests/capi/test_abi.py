"""The ABI of the C functions: what programs that are compiled already rely on.

Run as a program, this file prints what abi.txt of `fastsoftmax.capi` should hold.
"""

import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

import c_api
import numpy as np
import pytest
from c_header import CONSTANTS, HEADER, STRUCTS
from problems import noisy

import fastsoftmax as fs
from fastsoftmax import capi

HERE = Path(__file__).parent
ABI = Path(capi.__file__).with_name("abi.txt")
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
COMPILERS = [
    (compiler, standard)
    for compiler, standard in (("gcc", "c99"), ("g++", "c++11"), ("clang", "c99"), ("clang++", "c++11"))
    if shutil.which(compiler)
]

WHAT_TO_DO = (
    "The ABI has changed: programs that are compiled already would break. Undo that. What is new gets a name of its "
    "own, at the end: a function at the end of fastsoftmax_api, a member at the end of its struct (whose old size "
    "stays valid), a constant after the others. Then raise FASTSOFTMAX_ABI_MINOR by one, and write abi.txt anew with "
    "`PYTHONPATH=tests python tests/capi/test_abi.py > src/fastsoftmax/capi/abi.txt`. "
    "Only a release that breaks every program raises FASTSOFTMAX_ABI_MAJOR."
)


def layout_program():
    """A C program that prints where every member lies."""
    lines = [
        f'printf("{name}.{member} %zu %zu\\n", offsetof({name}, {member}), sizeof((({name} *)0)->{member}));'
        for name, members in STRUCTS.items()
        for _, member in members
    ]
    sizes = [f'printf("{name} %zu\\n", sizeof({name}));' for name in STRUCTS]
    return "\n".join(
        [
            "#include <stddef.h>",
            "#include <stdio.h>",
            "#include <fastsoftmax/fastsoftmax.h>",
            "int main(void) {",
            *lines,
            *sizes,
            "return 0; }\n",
        ]
    )


def layout(folder):
    """Lines "struct.member offset size" and "struct size", as a compiler sees them."""
    source, program = folder / "layout.c", folder / "layout"
    source.write_text(layout_program())
    compile_("gcc", source, f"-I{fs.get_include()}", "-o", program)
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()


def compile_(compiler, *arguments):
    done = subprocess.run([compiler, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def abi(folder):
    """The ABI as text."""
    signatures = [f"{name}: {signature}" for name, signature in sorted(c_api.signatures().items())]
    constants = [f"{name} = {value}" for name, value in CONSTANTS.items()]
    parts = {
        "constants": constants,
        "capsules: name, and signature": signatures,
        "64 bits: offset and size in bytes": layout(folder),
    }
    return "\n".join(line for title, lines in parts.items() for line in (f"# {title}", *lines)) + "\n"


needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs GCC")


@needs_gcc
@pytest.mark.skipif(sys.maxsize < 2**32, reason="abi.txt is that of 64 bits")
def test_the_abi_is_that_of_the_file(tmp_path):
    assert abi(tmp_path).splitlines() == ABI.read_text(encoding="utf-8").splitlines(), WHAT_TO_DO


@needs_gcc
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    int num_threads;", "    long num_threads;"),
        ("    ptrdiff_t max_iter;", "    double new_member;\n    ptrdiff_t max_iter;"),
        ("FASTSOFTMAX_BAD_SHAPE = 3", "FASTSOFTMAX_BAD_SHAPE = 4"),
    ],
)
def test_a_change_is_found(before, after, tmp_path, monkeypatch):
    """The file would not agree with a header in which something moved."""
    import c_header

    text = HEADER.read_text(encoding="utf-8")
    assert text.count(before) == 1
    folder = tmp_path / "fastsoftmax"
    folder.mkdir()
    (folder / "fastsoftmax.h").write_text(text.replace(before, after))
    changed = (folder / "fastsoftmax.h").read_text()
    monkeypatch.setitem(globals(), "STRUCTS", c_header.structs(changed))
    monkeypatch.setitem(globals(), "CONSTANTS", c_header.constants(changed))
    monkeypatch.setattr(fs, "get_include", lambda: str(tmp_path))
    assert abi(tmp_path) != ABI.read_text(encoding="utf-8")


def test_every_function_of_the_struct_is_a_capsule():
    functions = [member for kind, member in STRUCTS["fastsoftmax_api"] if kind == "function"]
    assert sorted(functions) == sorted(capi.__pyx_capi__)


def test_capsules_and_struct_are_the_same_functions():
    functions = [member for kind, member in STRUCTS["fastsoftmax_api"] if kind == "function"]
    pointer = c_api.pointer_of(capi._API)
    head = 2 * ctypes.sizeof(ctypes.c_int) + ctypes.sizeof(ctypes.c_size_t)
    addresses = (ctypes.c_void_p * len(functions)).from_address(pointer + head)
    for name, found in zip(functions, addresses, strict=True):
        assert found == c_api.pointer_of(capi.__pyx_capi__[name])


@pytest.mark.parametrize(("compiler", "standard"), COMPILERS)
def test_the_header_compiles_without_a_warning(compiler, standard, tmp_path):
    source = tmp_path / ("use.cpp" if "+" in compiler else "use.c")
    calls = "\n".join(
        f"    {{ {name} s; {name}_init(&s); sum += s.struct_size; }}"
        for name in STRUCTS
        if re.search(rf"void {name}_init", HEADER.read_text(encoding="utf-8"))
    )
    source.write_text(
        "#include <Python.h>\n#include <fastsoftmax/fastsoftmax.h>\nsize_t use(void);\n"
        f"size_t use(void) {{\n    size_t sum = 0;\n{calls}\n    return sum + (fastsoftmax_import() != NULL);\n}}\n"
    )
    from sysconfig import get_path

    python = f"-isystem{get_path('include')}"  # its own warnings are not ours
    compile_(compiler, f"-std={standard}", *STRICT, python, f"-I{fs.get_include()}", "-c", source, "-o", "/dev/null")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program that was written for the first version, compiled with the header of that version."""
    library = tmp_path_factory.mktemp("abi1") / "program.so"
    compile_("gcc", "-std=c99", *STRICT, "-shared", "-fPIC", HERE / "abi1" / "program.c", "-o", library)
    return ctypes.CDLL(str(library)).program


def call(program, api, X, labels):
    theta, probabilities = np.empty(4 * (X.shape[1] + 1)), np.empty((len(X), 4))
    arrays = [array.ctypes.data_as(ctypes.c_void_p) for array in (theta, probabilities, X, labels)]
    sizes = [ctypes.c_ssize_t(size) for size in (*X.shape, 4)]
    code = program(ctypes.c_void_p(api), *arrays, *sizes)
    return c_api.C.error_name(code).decode().removeprefix("FASTSOFTMAX_"), theta, probabilities


@needs_gcc
def test_a_program_of_the_first_version_runs(program):
    X, y = noisy(300, 5)
    status, theta, probabilities = call(program, c_api.pointer_of(capi._API), X, y.astype(np.intp))
    assert status == "OK"
    expected = fs.fit(X, y, l2=0.1, tol=1e-11)
    np.testing.assert_allclose(theta[:20].reshape(4, 5), expected.W, rtol=0, atol=1e-10)
    np.testing.assert_allclose(probabilities, fs.predict_proba(X, expected.W, expected.b), rtol=0, atol=1e-10)


@needs_gcc
@pytest.mark.parametrize(
    ("major", "minor", "longer", "status"),
    [(1, 0, 0, "OK"), (1, 7, 64, "OK"), (2, 0, 0, "WRONG_ABI"), (0, 0, 0, "WRONG_ABI"), (1, 0, -8, "WRONG_ABI")],
)
def test_a_program_knows_a_wrong_abi(program, major, minor, longer, status):
    X, y = noisy(50, 3)
    size = c_api.size_of_api()
    copy = ctypes.create_string_buffer(ctypes.string_at(c_api.pointer_of(capi._API), size), size)
    ctypes.c_int.from_buffer(copy, 0).value = major
    ctypes.c_int.from_buffer(copy, 4).value = minor
    ctypes.c_size_t.from_buffer(copy, 8).value = size + longer
    assert call(program, ctypes.addressof(copy), X, y.astype(np.intp))[0] == status


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        sys.stdout.write(abi(Path(scratch)))
