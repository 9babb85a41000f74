"""The forest has the effects and intervals of the table."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from skgeh import InteractionDisplay
from skgeh.display._picture import NEGATIVE
from tests.display.cases import decided, line_segments, row_names, some_interactions, texts

SIZES = (2, 8, 20)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def drawn(found, **options):
    return InteractionDisplay.from_interactions(found, kind="forest", **options).ax_


@pytest.mark.parametrize("d", SIZES)
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_of_models_trained_elsewhere_it_is_the_posterior(d, level):
    found = some_interactions(d)
    ax = drawn(found, level=level)
    top = found.order[:15]
    points, segments = ax.containers[0].lines[0], line_segments(ax.containers[0])
    assert np.array_equal(points.get_xdata(), found.effect[top])
    assert np.array_equal(points.get_ydata(), np.arange(len(top)))
    np.testing.assert_allclose(segments[:, :, 0], found.interval(level, kind="posterior")[top])
    assert texts(ax.get_yticklabels()) == row_names(found, 15)
    assert ax.yaxis_inverted()  # so that row 0, the strongest, is at the top
    assert ax.get_xlabel() == "M-GEH, standard units"
    legend = f"mean and {100 * level:g} % posterior interval"
    assert texts(ax.get_legend().get_texts()) == [legend]


@pytest.mark.parametrize("d", SIZES)
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_intervals_are_those_that_are_decided(d, level):
    """Filled where a pair is significant, and none where it was not tested."""
    found = decided(some_interactions(d))
    if d == 2:
        found = replace(found, decisions=replace(found.decisions, p_value=np.array([0.5])))
    ax = drawn(found, level=level, k=20)
    top, names = found.order[:20], texts(ax.get_legend().get_texts())
    bars = dict(zip(names, ax.containers, strict=True))
    real, tested = found.significant[top], found.tested[top]
    seen = []
    for some, fill, name in ((real, NEGATIVE, f"significant, {100 * level:g} % interval"),
                             (tested & ~real, "white", "not significant")):  # fmt: skip
        if not some.any():
            assert name not in names
            continue
        points = bars[name].lines[0]
        expected = found.interval(level)[top][some]
        effect = found.decisions.effect[top][some]
        inside = effect if level == 0.95 else np.clip(effect, *expected.T)
        np.testing.assert_array_equal(points.get_xdata(), inside)
        np.testing.assert_array_equal(points.get_ydata(), np.flatnonzero(some))
        assert to_rgba(points.get_markerfacecolor()) == to_rgba(fill)
        np.testing.assert_allclose(line_segments(bars[name])[:, :, 0], expected)
        seen.append(name)
    assert names == seen
    untested = [one.xy[1] for one in ax.texts if one.get_text() == "not tested"]
    assert untested == np.flatnonzero(~tested).tolist()
    assert texts(ax.get_yticklabels()) == row_names(found, 20)


def test_signs_are_beside_their_pairs():
    found = decided(some_interactions(8))
    shown = {one.xy[1]: one.get_text() for one in drawn(found, k=28).texts}
    words = {"+": "+", "-": "\u2212", "mixed": "\u00b1"}
    expected = {row: words[sign] for row, sign in enumerate(found.sign[found.order]) if sign}
    assert expected.items() <= shown.items() and len(expected) > 2
    assert set(shown.values()) - set(expected.values()) <= {"not tested"}


def test_of_several_targets_there_are_no_signs():
    found = decided(some_interactions(8))
    two = replace(found.decisions, effects=[*found.decisions.effects] * 2)
    ax = drawn(replace(found, decisions=two))
    assert set(texts(ax.texts)) <= {"not tested"} and "sign" not in ax.get_xlabel()


def test_truth_is_marked_beside_its_own_pair():
    found = some_interactions(8)
    truth = np.arange(28.0)
    truth[found.order[1]] = np.nan
    display = InteractionDisplay(found, kind="forest", truth=truth.tolist(), k=6).plot()
    crosses = display.ax_.containers[1].lines[0]
    assert crosses.get_marker() == "x"
    np.testing.assert_array_equal(crosses.get_xdata(), truth[found.order[:6]])
    assert np.array_equal(crosses.get_ydata(), np.arange(6))
    assert "truth" in texts(display.ax_.get_legend().get_texts())


@pytest.mark.parametrize("kind", ["forest", "groups"])
@pytest.mark.parametrize("k", [1, 28, 100, np.int64(3)])
def test_k_pairs_or_as_many_as_there_are(kind, k):
    found = some_interactions(8)
    ax = InteractionDisplay.from_interactions(found, kind=kind, k=k).ax_
    assert len(ax.get_yticklabels()) == min(k, 28)
    assert ax.get_title("left") == f"{min(k, 28)} of 28 pairs,\nby score"
    ax = InteractionDisplay.from_interactions(decided(found), kind=kind, k=k).ax_
    assert ax.get_title("left") == (
        f"{min(k, 28)} of 28 pairs (4 were not tested),\nsignificant first, then by score"
    )


@pytest.mark.parametrize("kind", ["forest", "groups"])
def test_rows_follow_the_order_of_the_table(kind):
    found = decided(some_interactions(8))
    ax = InteractionDisplay.from_interactions(found, kind=kind, k=5).ax_
    frame = found.to_frame().iloc[:5]
    pairs = zip(frame.feature_i, frame.feature_j, strict=True)
    assert texts(ax.get_yticklabels()) == [f"{a} \u00d7 {b}" for a, b in pairs]
    assert found.order[0] != found.score.argmax()
