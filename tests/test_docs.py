"""What the pages of docs/ name is there: files of the tree, pages that are linked to, and names in the package."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))

ANY_F = ROOT / "docs" / "any-f.md"

pytestmark = pytest.mark.skipif(
    not PAGES or not (ROOT / "src" / "fastsoftmax").is_dir(), reason="needs the pages and the sources"
)


def in_backticks(text):
    """What stands in single backticks; blocks of code show files that a reader makes."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`]+)`", prose)


def paths_in(text):
    """Files and folders of the tree that a page names."""
    found = set()
    for span in in_backticks(text):
        found.update(re.findall(r"(?<![\w./-])(?:src|tests|bench|docs)/[\w./-]*", span))
    return found


def names_in(text):
    """Dotted names of the package that a page names."""
    found = set()
    for span in in_backticks(text):
        found.update(re.findall(r"(?<![\w./-])fastsoftmax(?:\.\w+)+", span))
    return found


def is_there(name):
    """Whether a module of that name can be imported, or a module before it has the attributes that follow."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("fastsoftmax"):  # it is there, but needs another library
                return True
            continue
        for part in parts[count:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_names_are_there(page):
    paths = paths_in(page.read_text(encoding="utf-8"))
    assert paths
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pages_that_a_page_links_to_are_there(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_names_that_a_page_uses_can_be_imported(page):
    assert [name for name in sorted(names_in(page.read_text(encoding="utf-8"))) if not is_there(name)] == []


BLOCKS = (
    re.findall(r"^```python\n(.*?)^```", ANY_F.read_text("utf-8"), re.DOTALL | re.MULTILINE) if ANY_F.exists() else []
)


@pytest.mark.parametrize("library", [None, "torch", "jax"])
def test_the_code_of_any_f_runs(library):
    """The blocks that import a library, or those that import none of both, one after the other."""
    if library is not None:
        pytest.importorskip(library)
    mine = [
        block for block in BLOCKS if library == next((x for x in ("torch", "jax") if f"import {x}\n" in block), None)
    ]
    assert mine
    names = {}
    for block in mine:
        exec(compile(block, str(ANY_F), "exec"), names)


def test_a_wrong_name_is_found():
    text = (
        "See `src/fastsoftmax/nowhere.py`, `pytest tests/test_docs.py` and `fastsoftmax.problem.loss.Loss.nothing`,\n"
        "`fastsoftmax.problem.loss.Loss.line`.\n```python\nopen('src/made/by/the/reader.py')\n```\n"
    )
    assert paths_in(text) == {"src/fastsoftmax/nowhere.py", "tests/test_docs.py"}
    assert {name for name in names_in(text) if not is_there(name)} == {"fastsoftmax.problem.loss.Loss.nothing"}
    assert is_there("fastsoftmax.problem")
    assert not is_there("fastsoftmax.problems.loss")
