"""The installed files are those in the folders, and C and Cython files include only those of lower floors."""

import re
import tomllib
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "fastsoftmax"

pytestmark = pytest.mark.skipif(not SOURCE.exists(), reason="needs the sources")

COMPILED = {".h", ".c", ".inc", ".pxd", ".pxi", ".pyx"}

# Which files may include or cimport which: those of the same floor and of the floors above it in this list.
FLOORS = (
    r"capi/include/.*",
    r"native/(__init__|codes|threads)\.pxd",
    r"native/simd/(simd\.h|families/.*)",
    r"native/simd/.*",
    r"native/simd\.pxd",
    r"native/arena\.pxd",
    r"native/layout\.pxd",
    r"native/(blocks|border|csr|partials|rows|slots|tile)\.pxd",
    r"native/(coordinates|cross_entropy|csr_gradient|csr_predict|dual|gradient|gram|logits|newton|predict|sums)\.pxd",
    r"native/(quadratic|vectors|wide)\.pxd",
    r"native/(measured|model|processor|vectors)\.pxi",
    r"capi/(capi\.h|types\.pxd)",
    r"capi/((errors|train)\.c|(__init__|checks|convert|scorer)\.pxd)",
    r"capi/(passes|functions)\.pxi",
    r"(_coordinates|_kernels)\.pyx",
)


def test_no_two_compiled_files_define_the_same_macro():
    """Those of one module become one C file, where only the last definition holds, for the code of both."""
    files = [path for path in SOURCE.rglob("*") if path.suffix in {".pxd", ".pxi", ".pyx"}]
    defined = [name for path in files for name in set(re.findall(r"#define +(\w+)", path.read_text()))]
    assert len(defined) > 10
    assert sorted(defined) == sorted(set(defined))


def test_meson_installs_every_module():
    for room in {path.parent for path in SOURCE.rglob("*.py")} - {SOURCE}:
        listed = re.findall(r"'(\w+\.py)'", (room / "meson.build").read_text())
        assert sorted(listed) == sorted(path.name for path in room.glob("*.py")), room
    assert {path.name for path in SOURCE.glob("*.py")} <= {"__init__.py", "_build_config.py"}


def test_links_of_the_readme_work_on_an_index_page():
    """An index shows the README without the files beside it: links are absolute, and lead to the project's pages."""
    root = SOURCE.parents[1]
    text = (root / "README.md").read_text(encoding="utf-8")
    source = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]
    starts = {"": f"{source}/blob/main/", "!": f"{source.replace('github.com', 'raw.githubusercontent.com')}/main/"}
    links = re.findall(r"(!?)\[[^]]+\]\(([^)]+)\)", text)
    assert {kind for kind, _ in links} == {"", "!"}
    for kind, link in links:
        assert link.startswith(starts[kind]), link
        assert (root / link.removeprefix(starts[kind])).exists(), link


def test_the_version_to_cite_is_the_version():
    root = SOURCE.parents[1]
    version = re.search(r"version: '([^']+)'", (root / "meson.build").read_text())[1]
    assert re.search(r"^version: (.+)$", (root / "CITATION.cff").read_text(), flags=re.MULTILINE)[1] == version


def name_of(path):
    return str(path.resolve().relative_to(SOURCE))


def floor_of(name):
    return next(floor for floor, pattern in enumerate(FLOORS) if re.fullmatch(pattern, name))


def included(path):
    """The files that one includes or cimports; C looks for them beside it, in native/simd and in capi/include."""
    text = path.read_text()
    headers = re.findall(r'^#include "([\w./]+)"', text, flags=re.MULTILINE)
    headers += re.findall(r'^cdef extern from "([\w./]+)"', text, flags=re.MULTILINE)
    for header in headers:
        folders = (path.parent, SOURCE / "native" / "simd", SOURCE / "capi" / "include")
        yield next(folder / header for folder in folders if (folder / header).exists())
    for part in re.findall(r'^include "([\w./]+)"', text, flags=re.MULTILINE):
        yield path.parent / part
    # A .pxi is a part of _kernels.pyx.
    package = SOURCE if path.suffix == ".pxi" else path.parent
    for dots, module in re.findall(r"^from (\.+|fastsoftmax\.)([\w.]+) cimport", text, flags=re.MULTILINE):
        base = {".": package, "..": package.parent, "fastsoftmax.": SOURCE}[dots]
        yield base / (module.replace(".", "/") + ".pxd")


@pytest.mark.parametrize("path", sorted(path for path in SOURCE.rglob("*") if path.suffix in COMPILED))
def test_the_kernels_know_only_what_is_below_them(path):
    own = floor_of(name_of(path))
    assert [name for name in map(name_of, included(path)) if floor_of(name) > own] == []
