"""Signed effects of the first pairs in every group of points."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skgeh.display._picture import NEGATIVE, POSITIVE, UNSIGNED, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKER = 20.0  # points squared, on average over the groups


def groups_height(picture: Picture) -> float:
    """Height of a figure of the usual width, in inches."""
    n_groups = len(picture.found.group_weights)
    return picture.height_of_rows(min(max(0.3, 0.045 * n_groups), 0.6)) + 0.6


def draw_groups(picture: Picture, ax: "Axes") -> None:
    """Draw a marker for each group; a group has the same height in every row."""
    found, top = picture.found, picture.top
    mean, bars, label = _signed_effects(picture)
    n_groups = len(found.group_weights)
    heights = 0.8 * ((np.arange(n_groups) + 0.5) / n_groups - 0.5)  # in a row of height 1
    y = np.add.outer(heights, np.arange(len(top))).ravel()
    area = np.repeat(_MARKER * np.clip(n_groups, 5, 30) * found.group_weights, len(top))
    ax.errorbar(mean, y, xerr=bars, fmt="none", ecolor="0.6", elinewidth=0.7)
    signed = np.tile(_signed(picture), n_groups)
    colours = np.select([~signed, mean < 0], [UNSIGNED, NEGATIVE], POSITIVE)
    ax.scatter(mean, y, area, colours.tolist(), lw=0, zorder=3)
    sizes = "" if signed.all() else "\ngrey: sizes, which have no sign"
    ax.set_xlabel(
        "mean in each group, standard units\n\u2190 antagonistic | synergistic \u2192\n"
        f"area = share of rows, {label}{sizes}"
    )
    picture.label_rows(ax)


def _signed(picture: Picture) -> NDArray[np.bool_]:
    """Whether the effects of the first pairs have a sign: not of categories or several targets."""
    found, top = picture.found, picture.top
    if found.decisions is None or len(found.decisions.effects) > 1:
        return np.full(len(top), found.target_scale is not None and found.decisions is None)
    return ~found.decisions.effects[0].is_norm[top]


def _signed_effects(picture: Picture) -> tuple[NDArray, NDArray, str]:
    """Effects in every group, the lengths of their bars, and what these are."""
    found, top, decided = picture.found, picture.top, picture.found.decisions
    if decided is None or len(decided.effects) > 1:
        spread = found.group_std[:, top].ravel()
        return found.group_effects[:, top].ravel(), spread, "bar = 1 sd of the posterior"
    effect = decided.effects[0].effect[top, :-1]
    low, _, _ = decided.effects[0].pointwise(picture.level)
    bars = np.nan_to_num(effect - low[top, :-1]).T.ravel()
    return effect.T.ravel(), bars, f"bar = {100 * picture.level:g} % interval"
