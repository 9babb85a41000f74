"""Interactions of made-up numbers, and what is read off a picture of them."""

from dataclasses import replace

import numpy as np

from skgeh import Interactions
from skgeh.geh.components import Components
from skgeh.geh.decisions import Decisions, SignedEffects
from skgeh.geh.pairs import n_pairs, pair_index
from skgeh.tables.feature import Feature


def some_interactions(d, n_groups=4, names=None, seed=0):
    """Interactions whose order by score is not that by effect."""
    rng = np.random.default_rng(seed)
    group_effects = rng.normal(size=(n_groups, n_pairs(d)))
    weights = rng.dirichlet(np.ones(n_groups))
    effect = weights @ np.abs(group_effects)
    found = Interactions(
        pairs=pair_index(d),
        effect=effect,
        std=0.3 * effect,
        score=rng.uniform(1, 9, n_pairs(d)),
        draws=None,
        group_effects=group_effects,
        group_std=rng.uniform(0.1, 0.2, group_effects.shape),
        group_weights=weights,
        feature_names=tuple(names or [f"x{i}" for i in range(d)]),
        feature_scales=np.ones(d),
        target_scale=1.0,
    )
    return replace(found, components=Product(found.feature_names))


def decided(found):
    """The same with decisions, whose order and intervals are not those of the posterior."""
    P, M = len(found.pairs), len(found.group_weights)
    rng = np.random.default_rng(1)
    effect = rng.normal(size=(P, M + 1))
    effect[1::5] += 9  # with a sign
    effect[:, -1] = effect[:, :-1] @ found.group_weights
    effects = SignedEffects(
        effect=effect,
        shrunken=0.5 * effect,
        square=np.ones((P, M + 1)),
        spread=np.ones((P, M + 1)),
        correlation=np.tile(np.eye(M + 1), (P, 1, 1)),
        freedom=np.full(P, 50.0),
        is_norm=np.zeros(P, dtype=bool),
    )
    p = rng.random(P) ** 6
    if P > 1:
        p[::7] = np.nan
        for part in (effects.effect, effects.shrunken, effects.square, effects.correlation):
            part[::7] = np.nan
    else:
        p[:] = 1e-4
    reason = np.where(np.isnan(p), "a copy", "").astype(object)
    share = np.where(np.isnan(p), np.nan, rng.random(P))
    return replace(found, decisions=Decisions(p, reason, share, [effects], found.group_weights))


class Product(Components):
    """Products of both values, with a band of 1 to either side, at 200 normal rows."""

    unit_name = "euros"

    def __init__(self, names, features=None, rows=None, band=True):
        given = [Feature(name, "number", (j,)) for j, name in enumerate(names)]
        self.features = given if features is None else features
        rng = np.random.default_rng(0)
        self.table = rng.normal(size=(200, len(self.features))) if rows is None else rows
        self.band = band

    def local(self, X, pair):
        raise AssertionError("pictures do not ask for rows")

    def surface(self, pair, left, right, level):
        values = left * right
        half = 1 + (level != 0.95)
        return values, *((values - half, values + half) if self.band else (None, None))

    def rows(self, pair):
        return self.table[:, pair[0]], self.table[:, pair[1]]


def texts(labels):
    return [label.get_text() for label in labels]


def row_names(found, k):
    return [f"{a} \u00d7 {b}" for a, b in found.top(k)]


def line_segments(container):
    return np.array(container.lines[2][0].get_segments())


def boxes(artists, figure):
    """Where artists are drawn, in points of the screen: (x0, y0, x1, y1)."""
    figure.canvas.draw()
    found = [one.get_window_extent() for one in artists if one.get_visible()]
    return [box.extents for box in found if box.width > 0 and box.height > 0]


def overlaps(some):
    """Pairs of boxes of which one covers part of the other, by more than a rounded pixel."""
    return [
        (a, b)
        for a in range(len(some))
        for b in range(a)
        if min(some[a][2], some[b][2]) - max(some[a][0], some[b][0]) > 1
        and min(some[a][3], some[b][3]) - max(some[a][1], some[b][1]) > 1
    ]
