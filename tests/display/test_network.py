"""The network has a line for every significant pair and no other."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from skgeh import InteractionDisplay
from skgeh.display._network import _THICKEST, _THINNEST, _circle
from skgeh.display._picture import SIGN_COLOURS, SIGN_WORDS, TRUTH
from tests.display.cases import decided, some_interactions, texts


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def drawn(found, **options):
    return InteractionDisplay.from_interactions(found, kind="network", **options).ax_


def nodes(ax):
    """Names by place, and places by name."""
    return {tuple(np.round(one.xy, 9)): one.get_text() for one in ax.texts if hasattr(one, "xy")}


def edges(ax, style="-"):
    """Lines between two nodes by the names of both."""
    at, found = nodes(ax), {}
    for line in ax.lines:
        ends = [tuple(np.round(one, 9)) for one in line.get_xydata()]
        if len(ends) == 2 and line.get_linestyle() == style:
            found[frozenset(at[one] for one in ends)] = line
    return found


@pytest.mark.parametrize("d", [2, 8, 30])
def test_lines_are_the_significant_pairs(d):
    found = decided(some_interactions(d))
    names = np.array(found.feature_names)
    ax = drawn(found)
    lines = edges(ax)
    expected = {frozenset(names[pair]): k for k, pair in enumerate(found.pairs)}
    real = {pair for pair, k in expected.items() if found.significant[k]}
    assert lines.keys() == real and real
    widest = max(found.share[found.significant])
    for pair, line in lines.items():
        place = expected[pair]
        assert to_rgba(line.get_color()) == to_rgba(SIGN_COLOURS[found.sign[place]])
        width = max(_THICKEST * found.share[place] / widest, _THINNEST)
        assert line.get_linewidth() == pytest.approx(width)
    signs = {str(sign) for sign in found.sign[found.significant]}
    assert set(texts(ax.get_legend().get_texts())) == {SIGN_WORDS[sign] for sign in signs}
    assert f"up to {100 * widest:.2g} %" in ax.get_xlabel()
    shown = set(nodes(ax).values())
    if d <= 14:
        assert shown == set(names)
    else:
        assert shown == set.union(*map(set, real))
        assert f"{d - len(shown)} other features" in ax.get_xlabel() or len(shown) == d


def test_without_significant_pairs_it_says_so():
    found = decided(some_interactions(6))
    found = replace(found, decisions=replace(found.decisions, p_value=np.full(15, 0.5)))
    ax = drawn(found)
    assert not edges(ax) and "no pair is significant" in texts(ax.texts)
    assert set(nodes(ax).values()) == set(found.feature_names)


def test_of_models_trained_elsewhere_lines_are_the_first_pairs():
    found = some_interactions(8)
    ax = drawn(found, k=5)
    assert edges(ax).keys() == {frozenset(pair) for pair in found.top(5)}
    assert "no test" in ax.get_xlabel() and ax.get_legend() is None


def test_true_pairs_that_were_not_found_are_dotted():
    found = decided(some_interactions(6))
    truth = np.ones(15)
    truth[~found.significant] = np.where(np.arange((~found.significant).sum()) < 3, 0.4, 0)
    ax = drawn(found, truth=truth)
    names = np.array(found.feature_names)
    missed = found.pairs[~found.significant & (truth != 0)]
    dotted = edges(ax, ":")
    assert dotted.keys() == {frozenset(names[pair]) for pair in missed}
    assert {line.get_color() for line in dotted.values()} == {TRUTH}
    assert "true, but not found" in texts(ax.get_legend().get_texts())


def test_no_more_features_than_asked_for():
    found = decided(some_interactions(30))
    assert len(nodes(drawn(found, max_features=6))) <= 6


@pytest.mark.parametrize("n", [1, 2, 3, 8, 41])
def test_places_on_the_circle(n):
    at = _circle(n)
    np.testing.assert_allclose(np.linalg.norm(at, axis=1), 1)
    for side in (at[at[:, 0] > 0], at[at[:, 0] < 0]):
        heights = np.sort(side[:, 1])
        np.testing.assert_allclose(np.diff(heights), 2 / max(len(side), 1))
    assert len(np.unique(at.round(9), axis=0)) == n
