"""What the pages name is there: files of the tree, pages that are linked to, and names in the package."""

import importlib
import re
import tomllib

import pytest
from pages import PAGES, README, ROOT

import fastsoftmax as fs

# What `fastsoftmax.families` shares with those who add one.
ABSTRACT = {"Family", "OutputsFamily"}

# Pages for readers of the code: each names files of it.
OF_THE_CODE = [page for page in PAGES if page.name.startswith(("ARCHITECTURE", "how-to-add-"))]

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


def page_name(page):
    return str(page.relative_to(ROOT))


def missing_links(page, text, source):
    """Return the links of a page to files of the tree, relative or in the project's own address, that lead nowhere."""
    links = re.findall(r"\]\(([^)#]+)", text)
    own = [link.removeprefix(f"{source}/blob/main/") for link in links if link.startswith(f"{source}/blob/main/")]
    relative = [link for link in links if not re.match("https?:", link)]
    found = [(ROOT / link, link) for link in own] + [(page.parent / link, link) for link in relative]
    return [link for path, link in found if not path.exists()]


@pytest.fixture(scope="module")
def source():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_the_files_that_a_page_names_are_there(page):
    paths = paths_in(page.read_text(encoding="utf-8"))
    assert paths or page not in OF_THE_CODE
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", [README, ROOT / "CONTRIBUTING.md", *PAGES], ids=page_name)
def test_the_files_that_a_page_links_to_are_there(page, source):
    assert missing_links(page, page.read_text(encoding="utf-8"), source) == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_the_names_that_a_page_uses_can_be_imported(page):
    assert [name for name in sorted(names_in(page.read_text(encoding="utf-8"))) if not is_there(name)] == []


def test_the_reference_has_all_that_is_public():
    reference = (ROOT / "docs" / "api" / "index.md").read_text(encoding="utf-8")
    modules = {"__version__", "chunks", "families"}
    assert [name for name in sorted(set(fs.__all__) - modules) if f"\n   {name}\n" not in reference] == []
    assert [name for name in fs.chunks.__all__ if f"\n   chunks.{name}\n" not in reference] == []
    others = {"FAMILIES", "SOFTMAX", "as_family", *ABSTRACT}
    classes = set(fs.families.__all__) - others
    assert [name for name in sorted(classes) if f".. autoclass:: {name}\n" not in reference] == []


def test_a_wrong_link_is_found(source):
    text = f"[a](nowhere.md#x) [b](guide/data.md) [c]({source}/blob/main/nowhere.py) [d](https://elsewhere.org/nowhere)"
    assert missing_links(ROOT / "docs" / "index.md", text, source) == ["nowhere.py", "nowhere.md"]


def test_a_wrong_name_is_found():
    text = (
        "See `src/fastsoftmax/nowhere.py`, `pytest tests/test_docs.py` and `fastsoftmax.problem.loss.Loss.nothing`,\n"
        "`fastsoftmax.problem.loss.Loss.line`.\n```python\nopen('src/made/by/the/reader.py')\n```\n"
    )
    assert paths_in(text) == {"src/fastsoftmax/nowhere.py", "tests/test_docs.py"}
    assert {name for name in names_in(text) if not is_there(name)} == {"fastsoftmax.problem.loss.Loss.nothing"}
    assert is_there("fastsoftmax.problem")
    assert not is_there("fastsoftmax.problems.loss")
