"""Pictures of an explanation."""

from typing import Any

import numpy as np

Explanation = Any  # `explanation.Explanation`, whose `plot` calls `draw`
NEGATIVE, POSITIVE = "#2166ac", "#b2182b"


def draw(found: Explanation, kind: str, sample: int | None, k: int, ax: Any) -> Any:
    """Draw one kind of picture; see `Explanation.plot`."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}; got {kind!r}.")
    if k < 1:
        raise ValueError(f"k must be at least 1; got {k!r}.")
    if ax is None:
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError("Pictures need matplotlib: pip install 'skgeh[plot]'") from error
        ax = plt.subplots(figsize=(6, 4), layout="constrained")[1]
    KINDS[kind](found, sample, k, ax)
    return ax


def strength(found: Explanation, sample: int | None, _: int, ax: Any) -> None:
    """Magnitudes in descending order, one line per sample, and the threshold."""
    both = np.abs(np.concatenate(found.interactions.merged, axis=1))
    both = both if sample is None else both[[sample]]
    for line in np.sort(both, axis=1)[:, ::-1]:
        ax.plot(np.arange(1, len(line) + 1), line, lw=0.8, color="0.5")
    above = np.mean(found.n_salient if sample is None else found.n_salient[sample])
    ax.axhline(found.tau, color=POSITIVE, lw=1, label=f"threshold; {above:.3g} above it")
    ax.set(xscale="log", xlabel="interactions, strongest first", ylabel="magnitude")
    ax.legend(frameon=False)


def by_order(found: Explanation, sample: int | None, _: int, ax: Any) -> None:
    """Strength of every order, with positive interactions above zero and negative ones below."""
    places = np.arange(1, len(found.names) + 1)
    for sign, colour in (("+", POSITIVE), ("-", NEGATIVE)):
        heights = found.interactions.order_strength(found.tau, sign)
        heights = heights.mean(0) if sample is None else heights[sample]
        ax.bar(places, heights, color=colour)
    ax.axhline(0, color="0.3", lw=0.8)
    ax.set(xlabel="order", ylabel="strength of salient interactions")


def top(found: Explanation, sample: int | None, k: int, ax: Any) -> None:
    """The strongest interactions as bars, labelled with their names."""
    frame = (found.summary() if sample is None else found.to_frame(sample)).head(k)
    values = frame["signed" if sample is None else "strength"].to_numpy()
    rows = np.arange(len(frame))
    ax.barh(rows, values, color=np.where(values < 0, NEGATIVE, POSITIVE))
    ax.set_yticks(rows, frame["interaction"], parse_math=False)
    ax.invert_yaxis()
    ax.axvline(0, color="0.3", lw=0.8)
    ax.set(xlabel="strength" if sample is not None else "mean over samples")


def graph(found: Explanation, sample: int | None, k: int, ax: Any) -> None:
    """Graph with players below, their AND and OR interactions in the middle, the output above."""
    kinds, subsets, strengths = (part[:k] for part in found.strongest(sample or 0))
    below = spread(len(found.names))
    box = {"boxstyle": "round", "fc": "white", "ec": "0.5"}
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": "x-small"}
    for x, is_or, subset, value in zip(spread(len(kinds)), kinds, subsets, strengths, strict=True):
        colour = NEGATIVE if value < 0 else POSITIVE
        width = 0.5 + 2.5 * abs(value) / np.abs(strengths).max()
        ax.plot([x, 0.5], [1, 2], color=colour, lw=width, zorder=1)
        members = [i for i in range(len(found.names)) if subset >> i & 1]
        for i in members:
            ax.plot([below[i], x], [0, 1], color="0.75", lw=0.8, zorder=1)
        sign = ("OR\n" if is_or else "AND\n") if len(members) > 1 else ""
        ax.text(x, 1, f"{sign}{value:.2g}", bbox={**box, "ec": colour}, **style)
    for x, name in zip(below, found.names, strict=True):
        turned = 45 if len(name) > 4 else 0
        ax.text(x, 0, name, rotation=turned, parse_math=False, bbox=box, **style)
    ax.text(0.5, 2, "output", bbox=box, **style)
    ax.set(xlim=(-0.05, 1.05), ylim=(-0.5, 2.3))
    ax.set_axis_off()


def spread(count: int) -> Any:
    """Evenly spaced positions from left to right."""
    return (np.arange(count) + 0.5) / max(count, 1)


KINDS = {"strength": strength, "orders": by_order, "top": top, "graph": graph}
