# Settings of Sphinx: `make docs` builds docs/_build/html, without a network.

from importlib.metadata import version as version_of

project = "skgeh"
author = "the skgeh developers"
project_copyright = f"2026, {author}"
release = version = version_of("skgeh")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "gallery"]  # the gallery's pages are made in auto_gallery
html_theme = "furo"
html_title = f"skgeh {release}"

autosummary_generate = True
# the page of a class shows its own methods in full; numpydoc would list all, inherited ones too
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": "/plot_",
    "within_subsection_order": "FileNameSortKey",  # plot_01, plot_02, ...: a reading order
    "abort_on_example_error": True,
    "download_all_examples": False,
    "min_reported_time": 1e9,  # computing times are for the benchmarks to state
    "show_signature": False,
}
