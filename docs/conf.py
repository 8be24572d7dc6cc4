"""How the site is built: `sphinx-build -W --keep-going docs build/docs`, from the root of the tree."""

import re
from pathlib import Path

import fastsoftmax

ROOT = Path(__file__).parents[1]

project = "fastsoftmax"
author = "The fastsoftmax developers"
copyright = author
version = release = fastsoftmax.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_templates", "generated/gallery/**/*.ipynb", "generated/gallery/**/*.py"]
templates_path = ["_templates"]

# Every reference must lead somewhere. Headings of three levels have anchors, so links to them are checked as well.
nitpicky = True
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

# A name in single backticks becomes a link where it is one of the package's, and stays text where it is not.
# Those that are parameters stay text, although Python can import them as attributes of a class.
default_role = "autolink"
nitpick_ignore_regex = [("py:obj", ".*")]
autodoc_typehints = "none"  # the docstrings give types, shapes and units
autosummary_generate = True
numpydoc_show_class_members = False

autodoc_default_options = {"inherited-members": True}

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples" / "gallery"),
    "gallery_dirs": "generated/gallery",
    "filename_pattern": r"plot_.*\.py",
    "abort_on_example_error": False,
    "download_all_examples": False,
    "image_scrapers": ("matplotlib",),
    "min_reported_time": 1,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "fastsoftmax"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "github_url": "https://github.com/fastsoftmax/fastsoftmax",
    "header_links_before_dropdown": 7,
    "show_prev_next": True,
    "navigation_with_keys": False,
}
html_sidebars = {"tutorial": [], "faq": [], "model-file": [], "cite": [], "command-line": []}
html_show_sourcelink = False


def link_gallery(app, docname, source):
    """Lead links to the gallery's sources, which a reader of the repository follows, to the pages made of them."""
    source[0] = re.sub(r"\]\((?:\.\./)+examples/gallery/(\w+)\.py\)", r"](/generated/gallery/\1.rst)", source[0])
    source[0] = re.sub(r"\]\((?:\.\./)+examples/gallery/README\.rst\)", "](/generated/gallery/index.rst)", source[0])


def skip_member(app, what, name, obj, skip, options):
    """Leave out what is inherited from other libraries, which document it themselves, and scikit-learn's requests."""
    module = getattr(getattr(obj, "fget", obj), "__module__", None)
    foreign = what == "class" and module is not None and not module.startswith("fastsoftmax")
    return True if foreign or re.fullmatch("set_.*_request", name) else skip


def escape_names(app, what, name, obj, options, lines):
    """Keep coef_, W_:j and |x| as they are, which docutils would take for references."""
    text = "\n".join(lines)
    parts = re.split(r"(``.*?``|`.*?`)", text, flags=re.DOTALL)
    parts[::2] = [re.sub(r"(?<=\w)_(?!\w)|\|(?=\S)", r"\\\g<0>", part) for part in parts[::2]]
    lines[:] = "".join(parts).split("\n")


def setup(app):
    """Connect these; numpydoc, at the usual priority of 500, has made its sections before."""
    app.connect("source-read", link_gallery)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("autodoc-process-docstring", escape_names, priority=900)
