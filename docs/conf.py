# Settings of Sphinx: `make docs` builds docs/_build/html, without a network.

import csv
import json
from importlib.metadata import version as version_of
from pathlib import Path

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


def tables(_):
    """Tables of the pages, from what the benchmarks printed: no number is typed."""
    here = Path(__file__).parent
    (here / "generated").mkdir(exist_ok=True)
    for name, benchmark, kept, columns in TABLES:
        rows = json.loads((here.parent / f"benchmarks/results/{benchmark}.json").read_text())[
            "rows"
        ]
        with open(here / f"generated/{name}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            for row in filter(kept, rows):
                writer.writerow([shown(row.get(column, "")) for column in columns])


def shown(value):
    return f"{value:.3g}" if isinstance(value, float) else value


TABLES = [
    (
        "calibration",
        "level",
        lambda row: row["what"] == "calibration",
        [
            "design", "n", "tables", "sd of a fold", "mean", "variance, one split", "variance",
            "variance +-", "skewness", "tail / 0.05", "tail / 0.00179",
        ],
    ),
    (
        "judgement",
        "level",
        lambda row: row["what"] == "judgement",
        [
            "design", "n", "tables", "FPR", "FPR at least", "FWER", "FWER at least", "FDR",
            "FDR at least", "power / oracle", "power Holm / oracle",
        ],
    ),
    (
        "intervals",
        "intervals",
        lambda row: True,
        ["what", "tables", "coverage, true pairs", "coverage, detected", "median estimate / truth"],
    ),
    (
        "downstream",
        "downstream",
        lambda row: True,
        ["data", "model", "R2", "our pairs minus it", "+-", "pairs", "of"],
    ),
]  # fmt: skip


def setup(app):
    app.connect("builder-inited", tables)
