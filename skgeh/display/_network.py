"""Features on a circle, and a line for every pair that is significant."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skgeh.display._picture import (
    LINE,
    SIGN_COLOURS,
    SIGN_WORDS,
    TRUTH,
    UNSIGNED,
    Picture,
    room_of,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ALL_SHOWN = 14  # features; of more, only those with a line are shown
_THINNEST, _THICKEST = 0.8, 7.0  # points
_LEAST_HEIGHT = 4.4  # inches


def network_height(picture: Picture) -> float:
    """Height of a figure of the usual width, in inches."""
    edges, _, _ = _edges(picture)
    n = len(_nodes(picture, np.concatenate([edges, _missed(picture, edges)])))
    return max(_LEAST_HEIGHT, 1.2 + 1.2 * LINE * n / 2)


def draw_network(picture: Picture, ax: "Axes") -> None:
    """Draw lines as wide as the share of the variance that a pair explains.

    Of models trained elsewhere, which have no test, lines are the first pairs by effect.
    """
    from matplotlib.lines import Line2D

    found = picture.found
    edges, size, what = _edges(picture)
    missed = _missed(picture, edges)
    nodes = _nodes(picture, np.concatenate([edges, missed]))
    at = dict(zip(nodes.tolist(), _circle(len(nodes)), strict=True))
    largest = size.max(initial=0) or 1.0
    signs = np.full(len(found.pairs), "", dtype=object) if found.sign is None else found.sign
    for place, width in zip(edges[::-1], size[::-1], strict=True):  # the first is drawn on top
        (x, y), (u, v) = (at[f] for f in found.pairs[place].tolist())
        thick = max(_THICKEST * width / largest, _THINNEST)
        line: dict[str, Any] = {"color": SIGN_COLOURS[str(signs[place])], "lw": thick, "alpha": 0.8}
        ax.plot([x, u], [y, v], solid_capstyle="round", zorder=1, **line)
    for place in missed:
        (x, y), (u, v) = (at[f] for f in found.pairs[place].tolist())
        ax.plot([x, u], [y, v], color=TRUTH, lw=1.2, ls=":", zorder=1)
    _draw_nodes(picture, ax, at)
    keys = [
        Line2D([], [], color=SIGN_COLOURS[sign], lw=3, label=SIGN_WORDS[sign])
        for sign in SIGN_COLOURS
        if len(edges) and found.decisions is not None and (signs[edges] == sign).any()
    ]
    if len(missed):
        keys.append(Line2D([], [], color=TRUTH, lw=1.2, ls=":", label="true, but not found"))
    if keys:
        ax.legend(
            handles=keys, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False,
            borderaxespad=0,
        )  # fmt: skip
    if len(edges) == 0:
        ax.text(0, 0, "no pair is significant", ha="center", va="center")
    notes = [what] if len(edges) else []
    if len(nodes) < len(found.feature_names):
        others = len(found.feature_names) - len(nodes)
        notes.append(f"{others} other features have no line")
    ax.set_xlabel("\n".join(notes))


def _edges(picture: Picture) -> tuple[NDArray[np.intp], NDArray[np.float64], str]:
    """Places of the pairs that have a line, the widths of the lines, and what these are."""
    found = picture.found
    if found.decisions is None:
        top = picture.top
        return top, found.effect[top], f"first {len(top)} pairs by score; width: effect; no test"
    order = found.order[: int(found.significant.sum())]
    inside = np.isin(found.pairs[order], picture.features).all(1)
    edges, share = order[inside], found.decisions.share[order[inside]]
    if not np.isfinite(share).all():
        return edges, np.nan_to_num(found.decisions.effect[edges]), "width: effect"
    most = share.max(initial=0)
    label = f"width: share of the variance explained (up to {100 * most:.2g} %)"
    return edges, share, label


def _missed(picture: Picture, edges: NDArray) -> NDArray[np.intp]:
    """Places of true pairs without a line."""
    if picture.truth is None:
        return np.array([], dtype=np.intp)
    real = np.flatnonzero(np.nan_to_num(picture.truth) != 0)
    real = real[np.isin(picture.found.pairs[real], picture.features).all(1)]
    return np.setdiff1d(real, edges)


def _nodes(picture: Picture, edges: NDArray) -> NDArray[np.intp]:
    """Features on the circle: all if they are few, otherwise those with a line."""
    if len(picture.features) <= _ALL_SHOWN or len(edges) == 0:
        return picture.features[:_ALL_SHOWN]
    return np.unique(picture.found.pairs[edges])


def _circle(n: int) -> NDArray[np.float64]:
    """Places on a circle, from the top clockwise, at equal heights on both sides, shape (n, 2).

    So names beside them do not overlap.

    Examples
    --------
    >>> _circle(3).round(1).tolist()
    [[0.9, 0.5], [0.9, -0.5], [-1.0, -0.0]]
    """
    right = (n + 1) // 2
    parts = []
    for side, count in ((1, right), (-1, n - right)):
        y = side * (1 - (2 * np.arange(count) + 1) / max(count, 1))
        parts.append(np.column_stack([side * np.sqrt(1 - y**2), y]))
    return np.concatenate(parts)


def _draw_nodes(picture: Picture, ax: "Axes", at: dict) -> None:
    """Draw features, with names at their outer side."""
    names = {f: picture.names[f] for f in at}
    for f, (x, y) in at.items():
        ax.plot([x], [y], "o", color="white", mec=UNSIGNED, mew=1.5, ms=8, zorder=3)
        outward = np.sign(x)
        ax.annotate(
            names[f],
            (x, y),
            (8 * outward, 0),
            textcoords="offset points",
            va="center",
            ha="left" if outward > 0 else "right",
            parse_math=False,
        )
    room = room_of(ax)
    side = room / 2 - max(map(text_width, names.values())) - 0.3  # inches
    ax.set_xlim(-room / 2 / max(side, 0.3), room / 2 / max(side, 0.3))
    ax.set_ylim(-1.1, 1.1)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
