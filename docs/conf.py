# Settings of Sphinx: `make docs` builds docs/_build/html, without a network.

import csv
import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.errors import ExtensionError

project = "skgeh"
author = "the skgeh developers"
project_copyright = f"2026, {author}"
release = version = version_of("skgeh")

sys.path.insert(0, str(Path(__file__).parent / "extensions"))
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "mathml",  # of the folder extensions
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
html_math_renderer = "mathml"
templates_path = ["_templates"]
exclude_patterns = ["_build", "gallery"]  # the gallery's pages are made in auto_gallery
html_theme = "furo"
html_title = f"skgeh {release}"
html_static_path = ["_static"]
html_css_files = ["skgeh.css"]
html_show_sphinx = False

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
    "write_computation_times": False,  # its page would load scripts from elsewhere
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


def output_of_the_command_line(_):
    """What a reader of docs/command_line.rst would see, as it is today."""
    here = Path(__file__).parent / "generated"
    here.mkdir(exist_ok=True)
    sys.path.insert(0, str(here.parents[1]))
    from tests.tables_as_people_have_them import passengers

    passengers().write(here / "passengers.csv")
    command = [
        sys.executable,
        "-m",
        "skgeh",
        "passengers.csv",
        "--target",
        "survived",
        "--top",
        "3",
    ]
    done = subprocess.run(command, cwd=here, stdout=subprocess.PIPE, text=True, check=True)
    (here / "command_line.txt").write_text(done.stdout, encoding="utf-8")


def example_of_a_report(app, error):
    """The page that an example of the gallery has written, where that example links to it."""
    page = Path(__file__).parent / "gallery/patients.html"
    if error is None and app.builder.format == "html":
        shutil.copy(page, app.outdir)


def nothing_from_elsewhere(app, error):
    """The pages are read without a network: no script, style or picture of another place."""
    if error is None and app.builder.format == "html":
        loaded = re.compile(r"<(script|img|iframe)[^>]* src=.https?:|<link[^>]* href=.https?:")
        for page in Path(app.outdir).rglob("*.html"):
            if found := loaded.search(page.read_text(encoding="utf-8")):
                raise ExtensionError(f"{page.name} loads something from elsewhere: {found.group()}")


def inherited(*arguments):
    """Docstrings of scikit-learn's methods, without references to pages that are not here."""
    *_, lines = arguments
    text = re.sub(r":(ref|term):`([^<`]*?)\s*(<[^>]*>)?`", r"\2", "\n".join(lines))
    lines[:] = text.split("\n")


def shown(value):
    if not isinstance(value, float):
        return value
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


FORMS = ["h6", "h4", "h7", "h2", "h3", "h5", "h1"]  # largest variance first
TABLES = [
    (
        "calibration",
        "crossfit_calibration",
        lambda row: True,
        [
            "design", "n", "tables", "sd of a fold", "mean", "variance, one split", "variance",
            "variance +-", "skewness", "tail / 0.05", "tail / 0.00179",
        ],
    ),
    (
        "judgement",
        "level",
        lambda row: row["what"] in ("judgement", "again"),
        [
            "design", "n", "d", "tables", "FPR", "FPR +-", "FWER", "FWER +-", "FDR",
            "power", "power Holm", "oracle Holm", "CPU s",
        ],
    ),
    (
        "rows_needed",
        "rows_needed",
        lambda row: True,
        [
            "form", "tables", "power, 500", "power, 1000", "power, 2000", "power, 4000",
            "rows needed", "predicted", "first quarter", "third quarter",
        ],
    ),
    (
        "classification",
        "classification",
        lambda row: row["function"] == "mean",
        [
            "rows", "target", "S/N", "AUC", "AUC, networks", "AUC, SHAP", "AUC, noisy numbers",
            "AUC, numbers", "log loss", "log loss, networks", "log loss, boosting",
            "log loss, truth", "calibration error", "CPU s",
        ],
    ),
    (
        "intervals",
        "intervals",
        lambda row: True,
        [
            "n", "noise", "tables", "true pairs", "null pairs", "product", "wave", "saturating",
            "local", "noise pair", "magnitude, true", "null above 0", "width, true", "width, null",
            "upper end / truth",
        ],
    ),
    (
        "downstream",
        "downstream",
        lambda row: True,
        ["data", "model", "R2", "our pairs minus it", "+-", "pairs", "of"],
    ),
    (
        "peers",
        "peers",
        lambda row: True,
        [
            "tables", "method", "seeds", "AUC", "worst AUC", "worst", "default minus it", "+-",
            "CPU s", "product GFLOP/s",
        ],
    ),
    (
        "peers_functions",
        "peers",
        lambda row: "F1" in row,
        ["method", *(f"F{k}" for k in range(1, 11))],
    ),
    (
        "default_ranking",
        "default_ranking",
        lambda row: True,
        ["tables", "method", "count", "AUC", "worst AUC", "worst", "auto minus it", "+-", "CPU s"],
    ),
    (
        "real_tables",
        "real_tables",
        lambda row: "rows" in row,
        ["table", "rows", "d", "skill", "skgeh", "LightGBM", "HistGB", "minus best", "skgeh CPU s"],
    ),
    (
        "speed",
        "speed",
        lambda row: "SHAP CPU s" in row,
        ["table", "rows", "d", "ours CPU s", "SHAP CPU s", "ours / SHAP"],
    ),
    (
        "counts",
        "counts",
        lambda row: True,
        ["table", "product", "loss", "tables", "AUC", "+-"],
    ),
    (
        "paper_figure_1",
        "paper.figure_1",
        lambda row: True,
        [
            "S/N", "method", "tables", "mean rank", "mean rank +-", "minus SHAP", "minus SHAP +-",
            "minus oracle", "minus oracle +-",
        ],
    ),
    ("paper_figure_1_pairs", "paper.figure_1", lambda row: True, ["S/N", "method", *FORMS]),
    (
        "paper_figure_2",
        "paper.figure_2",
        lambda row: row["what"] == "coverage",
        [
            "posterior", "rows", "S/N", "tables", "true pairs", "true pairs +-", "other pairs",
            "group means", "group means +-", "median estimate / truth", "slope, group means",
        ],
    ),
    (
        "mean_field",
        "mean_field",
        lambda row: row["what"] == "coverage",
        [
            "posterior", "rows", "tables", "true pairs", "true pairs +-", "other pairs",
            "group means", "group means +-", "median estimate / truth", "slope, group means",
        ],
    ),
    (
        "paper_figure_3_areas",
        "paper.figure_3_roc",
        lambda row: row["what"] == "area",
        ["measure", "rule", "tables", "AUC", "AUC of a table", "M-GEH minus it", "+-"],
    ),
    (
        "paper_figure_3_interval",
        "paper.figure_3_roc",
        lambda row: row["what"] == "area" and row["rule"] == "interval",
        ["measure", "FPR", "FNR", *FORMS],
    ),
    (
        "paper_figure_3_groups",
        "paper.figure_3_curve",
        lambda row: row["what"] == "choice",
        ["seed", "M"],
    ),
    (
        "paper_table_1",
        "paper.table_1",
        lambda row: True,
        [
            "data", "measure", "groups", "paper", "FPR, one network", "+-, one network",
            "any pair, one network", "FPR, four networks", "+-, four networks",
        ],
    ),
    (
        "paper_table_2",
        "paper.table_2",
        lambda row: row["what"] == "top pair" and row["ranking"] == "effect",
        [
            "data", "pair", "mean rank", "M-GEH", "low", "high", "sd over seeds", "P_Bayes",
            "P_permute",
        ],
    ),
    (
        "paper_table_2_pairs",
        "paper.table_2",
        lambda row: row["what"] == "the paper's",
        [
            "data", "ranking", "pair", "mean rank", "paper's M-GEH", "M-GEH, range units",
            "P_Bayes", "P_permute", "seeds, exact", "seeds, exchangeable",
        ],
    ),
    (
        "paper_table_2_hits",
        "paper.table_2",
        lambda row: row["what"] == "hits",
        ["ranking", "pairs", "exact", "exchangeable"],
    ),
    (
        "paper_table_2_fit",
        "paper.table_2",
        lambda row: row["what"] == "fit",
        ["data", "M", "R2", "R2, linear"],
    ),
    (
        "paper_figure_4",
        "paper.figure_4",
        lambda row: True,
        [
            "data", "pair", "lowest prediction", "highest prediction", "joint",
            "share of the plane with data",
        ],
    ),
    (
        "paper_figure_5",
        "paper.figure_5",
        lambda row: row["what"] == "first places",
        [
            "strength", "panels", "AEH", "AEH, range units", "M-GEH", "M-GEH, range units", "score",
            "NID", "SHAP", "lasso",
        ],
    ),
    (
        "paper_figure_5_ranks",
        "paper.figure_5",
        lambda row: row["what"] == "ranks",
        [
            "data", "form", "strength", "pure", "pairs", "AEH", "AEH, range units", "M-GEH",
            "M-GEH, range units", "score", "NID", "SHAP", "lasso",
        ],
    ),
    (
        "paper_figure_6",
        "mnist_pairs",
        lambda row: "seeds" in row,
        ["reading", "task", "seeds", "lowest accuracy", "by effect", "by score"],
    ),
    (
        "paper_figure_6_pairs",
        "mnist_pairs",
        lambda row: "seed" in row,
        ["reading", "task", "seed", "M", "M-GEH", "sd", "strongest by effect", "second"],
    ),
    (
        "any_network",
        "any_network",
        lambda row: True,
        [
            "network", "image", "points", "times shift", "times vmap", "times vmap, few points",
            "MB", "shift MB", "vmap MB", "vmap MB, few points",
        ],
    ),
    (
        "paper_figure_10",
        "paper.figure_10",
        lambda row: row["what"] == "null",
        ["data", "permutations", "median", "95 %", "largest"],
    ),
    (
        "paper_figure_10_pairs",
        "paper.figure_10",
        lambda row: row["what"] in ("strongest", "the paper's"),
        ["data", "what", "pair", "M-GEH", "P_permute"],
    ),
    (
        "symbolic_speed",
        "symbolic_speed",
        lambda row: True,
        [
            "what", "n", "ours, s", "OR, s", "peer", "peer, s", "ratio", "error", "difference",
        ],
    ),
    (
        "symbolic_split",
        "symbolic_split",
        lambda row: True,
        [
            "n", "ours, s", "above the optimum", "peer", "peer, s", "peer above",
            "lower after, s", "ratio", "error",
        ],
    ),
    (
        "symbolic_sparsity",
        "symbolic_sparsity",
        lambda row: True,
        [
            "model", "possible", "salient", "salient, dense", "explain 90 %", "mean order",
            "strength / dense", "worst gap",
        ],
    ),
    (
        "symbolic_pairs",
        "symbolic_pairs",
        lambda row: True,
        [
            "seed", "pairs", "rank correlation", "with the score", "AUC, AND-OR", "AUC, M-GEH",
            "AUC, score", "salient a row", "mean order, before", "mean order, after",
        ],
    ),
    (
        "symbolic_dynamics",
        "symbolic_dynamics",
        lambda row: True,
        [
            "data", "seed", "first order", "lowest order", "last order", "fall", "rise",
            "two phases", "switch", "gap widens", "best test loss", "epochs",
        ],
    ),
    (
        "symbolic_theory",
        "symbolic_dynamics",
        lambda row: True,
        [
            "data", "seed", "TV, median", "TV, worst", "noise falls (rank corr.)", "first noise",
            "last noise",
        ],
    ),
    (
        "symbolic_ratio",
        "symbolic_ratio",
        lambda row: True,
        [
            "n", "levels", "rising from 1e-5 on", "rising below", "deepest fall below, %",
            "lowest ratio", "highest ratio",
        ],
    ),
]  # fmt: skip


def setup(app):
    app.connect("builder-inited", tables)
    app.connect("builder-inited", output_of_the_command_line)
    app.connect("autodoc-process-docstring", inherited)
    app.connect("build-finished", example_of_a_report)
    app.connect("build-finished", nothing_from_elsewhere)
