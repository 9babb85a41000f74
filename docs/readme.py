"""Write the numbers and the pictures of the README: ``python docs/readme.py [--picture]``.

Numbers come from ``benchmarks/results``; a test fails if the README has others. With ``--picture``,
the first example of the gallery runs again, and its answer and its pictures are written too. The
pictures carry the answer that they show, so that the test sees whether they belong together.
``--demo`` shows the example, with its pictures in demo.png and demo_forest.png.
"""

import json
import os
import runpy
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PICTURES = [ROOT / f"docs/first_{kind}.png" for kind in ("surface", "forest")]
EXAMPLE = ROOT / "docs/gallery/plot_01_bikes.py"
TITLE = "Description"  # the name that PNG has for a text on what is shown


def rows(benchmark, **wanted):
    """Rows of a benchmark's result, with these values."""
    path = ROOT / f"benchmarks/results/{benchmark}.json"
    kept = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [row for row in kept if all(row.get(key) == value for key, value in wanted.items())]


def row(benchmark, **wanted):
    """The only such row."""
    (one,) = rows(benchmark, **wanted)
    return one


def listed(values, form):
    """Numbers in words: "1, 2 and 3"."""
    *others, last = [format(value, form) for value in values]
    return f"{', '.join(others)} and {last}" if others else last


def speed():
    tables = rows("speed", what="default against SHAP")
    parts = [
        f"{one['ours / SHAP']:.2f} on {one['table'].replace('F2, S/N 1', 'a noisy simulation')} "
        f"({one['rows']} rows, {one['ours CPU s']:.1f} s)"
        for one in tables
    ]
    return (
        "CPU time of a fit with its table, over that of LightGBM (300 trees) with SHAP interaction "
        "values of 500 rows",
        "; ".join(parts),
        "speed",
    )


def ranking(tables, words):
    found = rows("default_ranking", tables=tables)
    ours = next(one for one in found if one["method"] == "auto")
    shap = next(one for one in found if "SHAP" in one["method"])
    return (
        f"pairs of the ten functions of Tsang et al., {words}: AUC",
        f"{ours['AUC']:.3f}; SHAP on LightGBM {shap['AUC']:.3f}",
        "default_ranking",
    )


def prediction():
    tables = rows("real_tables")
    tables = [one for one in tables if "rows" in one]
    near = sum(one["within 0.02"] for one in tables)
    ahead = sum(one["ahead of both"] for one in tables)
    return (
        "prediction on real tables, against LightGBM and scikit-learn's histogram boosting",
        f"within 0.02 of the better one on {near} of {len(tables)}, ahead of both on {ahead}",
        "real_tables",
    )


def level():
    cells = rows("level", what="judgement")
    mean = {}
    for name in ("FPR", "FWER", "FDR", "power Holm", "oracle Holm"):
        kept = [cell for cell in cells if cell.get(name) is not None]
        tables = sum(cell["tables"] for cell in kept)
        mean[name] = sum(cell[name] * cell["tables"] for cell in kept) / tables
    above = [
        f"{cell['design']}, {cell['n']} rows, {cell['FWER']:.0%} +- {cell['FWER +-']:.0%}"
        for cell in rows("level", what="again")
        if cell["FWER"] > 0.05 + 2 * cell["FWER +-"]
    ]
    return (
        f"false findings of `score_test` in {len(cells)} designs where a test can go wrong, "
        f"{sum(cell['tables'] for cell in cells)} tables",
        f"{mean['FPR']:.1%} of single pairs at 5 %, {mean['FWER']:.1%} of families after Holm at "
        f"5 %, false discovery rate {mean['FDR']:.1%} at 10 %. Families above their level on "
        f"fresh tables: {'; '.join(above) or 'none'}. True pairs found after Holm: "
        f"{mean['power Holm']:.0%}, by an oracle that knows every form {mean['oracle Holm']:.0%}",
        "level",
    )


def stability():
    ours, shap = (
        row("stability", what=f"Jaccard index, {name}")["number"]
        for name in ("skgeh, default", "SHAP, LightGBM")
    )
    return (
        "first five pairs of bike sharing on random 80 % of 2000 rows: mean Jaccard index",
        f"{ours:.2f}; SHAP on LightGBM {shap:.2f}",
        "stability",
    )


def counts():
    found = rows("counts", table="counts", product="none")
    areas = {one["loss"]: f"{one['AUC']:.2f}" for one in found}
    return (
        "factors that only multiply counts: AUC of their pairs, which should be 0.5",
        f'{areas["poisson"]} with `loss="poisson"`, {areas["squared_error"]} with squared error',
        "counts",
    )


def million():
    one = row("million", rows=1_000_000)
    return (
        "a million rows, 10 features: the process alone",
        f"{one['fit CPU s']:.0f} CPU s and {one['peak memory beyond X, MB'] / 1000:.1f} GB beyond "
        f"the table; its ranking {one['ranking CPU s']:.0f} CPU s",
        "million",
    )


def wide():
    one = row("wide", rows=2000)
    return (
        f"{one['features']} features, {one['rows']} rows, 20 planted pairs among {one['pairs']}",
        f"{one['whole CPU s']:.0f} CPU s, {one['peak memory GiB']:.1f} GiB; "
        f"{one['planted among first 20']} of the planted among the first 20",
        "wide",
    )


def kernels():
    ratios = [one["times vmap"] for one in rows("kernels", activation="gelu")[:4]]
    return (
        "Hessians of a network of 3 x 100 units at 8, 30, 100 and 1000 features, against "
        "`vmap(hessian)`",
        f"{listed(ratios, '.0f')} times faster",
        "kernels",
    )


def symbolic():
    ratios = [one["ratio"] for one in rows("symbolic_speed", what="AND interactions")]
    return (
        "all AND interactions of 10 and 12 players, against shapiq",
        f"{listed([round(ratio, -2) for ratio in ratios], '.0f')} times faster",
        "symbolic_speed",
    )


def figures():
    """The table of figures, in Markdown."""
    lines = ["| measured | figure | `python -m benchmarks ...` |", "|---|---|---|"]
    for what, figure, command in (
        level(),
        ranking("F1-F10, 10000 rows, no noise", "10000 rows without noise"),
        ranking("F1-F10, 1000 rows, S/N 1", "1000 rows, as much noise as signal"),
        speed(),
        prediction(),
        stability(),
        counts(),
        million(),
        wide(),
        kernels(),
        symbolic(),
    ):
        lines.append(f"| {what} | {figure} | `{command}` |")
    return "\n".join(lines)


def replaced(text, name, inside):
    """The text with another part between the marks of this name."""
    start, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, rest = text.split(start)
    _, after = rest.split(end)
    return f"{before}{start}{inside}{end}{after}"


def part(text, name):
    """What stands between the marks of this name."""
    return text.split(f"<!-- {name} -->\n")[1].split(f"\n<!-- end of {name} -->")[0]


def fenced(answer):
    """The answer in words as a block of Markdown, at most 80 columns wide."""
    lines = [textwrap.fill(line, 80, subsequent_indent="    ") for line in str(answer).splitlines()]
    return "\n".join(["```text", *lines, "```"])


def example():
    """Names and values of the first example, once it has run."""
    here = Path.cwd()
    os.chdir(EXAMPLE.parent)
    try:
        return runpy.run_path(str(EXAMPLE))
    finally:
        os.chdir(here)


def draw(model, paths):
    """Two pictures: the first pair's surface, and the forest of the first pairs."""
    from skgeh import InteractionDisplay

    for path, options in zip(paths, ({"kind": "surface"}, {"kind": "forest", "k": 8}), strict=True):
        display = InteractionDisplay.from_estimator(model, **options)
        text = {TITLE: str(model.interactions_)}
        display.figure_.savefig(path, dpi=100, bbox_inches="tight", metadata=text)


def main(arguments):
    if "--demo" in arguments:
        paths = [Path(f"demo{end}.png").resolve() for end in ("", "_forest")]
        draw(example()["model"], paths)
        print("pictures:", *(path.name for path in paths))
        return
    text = README.read_text(encoding="utf-8")
    if "--picture" in arguments:
        model = example()["model"]
        draw(model, PICTURES)
        text = replaced(text, "answer", fenced(model.interactions_))
    README.write_text(replaced(text, "figures", figures()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
