"""The code of the README and of the pages runs as it stands, in order: Python in one namespace a page, Bash beside it.

What cannot run here, since it installs something or needs other machines, is ```sh. The pages on how to add something
show parts of files of the package, which are no programs.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import FENCE, PAGES, README, ROOT, blocks_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PAGES, reason="needs the pages"),
    # Ray warns of its own settings.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
]

# Libraries that not every environment has; a block that imports one runs where it is installed.
LIBRARIES = ("torch", "jax", "statsmodels", "shap", "skops", "ray")


def page_name(page):
    return str(page.relative_to(ROOT))


def code_of(page):
    return [block for block in blocks_of(page) if block.language in ("python", "bash")]


def needed(code):
    """Return the library that a block needs, or None."""
    return next((library for library in LIBRARIES if re.search(rf"^\s*import {library}\b", code, re.MULTILINE)), None)


def run_bash(code):
    """Run a block by Bash, with the commands of this environment."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    script = ["bash", "-euo", "pipefail", "-c", code]
    result = subprocess.run(script, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, f"{code}\n{result.stdout}\n{result.stderr}"


def run_page(page):
    """Run the blocks of a page, with its line numbers in a traceback; return the libraries that blocks lacked."""
    names, left_out = {"__name__": "__main__"}, []
    for block in code_of(page):
        if block.language == "bash":
            run_bash(block.code)
        else:
            library = needed(block.code)
            if library is not None and importlib.util.find_spec(library) is None:
                left_out.append(library)
                continue
            exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), names)
    return left_out


RUN = [
    page for page in (README, *PAGES) if page.is_file() and not page.name.startswith("how-to-add-") and code_of(page)
]


@pytest.mark.parametrize("page", RUN, ids=page_name)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    left_out = run_page(page)
    if left_out:
        pytest.skip(f"all else ran; not installed: {', '.join(left_out)}")


@pytest.mark.parametrize("page", [README, *PAGES], ids=page_name)
def test_commands_stand_in_blocks_that_run(page):
    """Our command line is in no block, and in no indented line, that nothing runs; only the demo, which takes long."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    indented = re.findall(r"^    .*\bfastsoftmax .*$", text, re.MULTILINE)
    shown = [block.code for block in blocks_of(page) if block.language not in ("bash", "python")]
    shown = re.findall(r"^ *fastsoftmax .*$", "\n".join(shown), re.MULTILINE)
    assert [line for line in indented + shown if not line.endswith("fastsoftmax demo")] == []


def test_a_fault_in_a_page_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nx = 1\n```\n\n```bash\nfastsoftmax fit nowhere.csv\n```\n")
    with pytest.raises(AssertionError, match="nowhere.csv"):
        run_page(page)
    page.write_text("# Page\n\n```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n")
    with pytest.raises(AssertionError):
        run_page(page)
