import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from skgeh.symbolic import AndOrExplainer
from skgeh.symbolic._pictures import NEGATIVE, POSITIVE
from tests.symbolic.oracles import X, polynomial


def test_every_kind_is_drawn():
    found = AndOrExplainer(polynomial, background=X).explain(X[:3])
    for kind in ("strength", "orders", "top", "graph"):
        for sample in (None, 1):
            ax = found.plot(kind, sample=sample, k=5)
            assert ax.has_data() or ax.texts
            ax.figure.canvas.draw()
            plt.close(ax.figure)
    with pytest.raises(ValueError, match="kind must be"):
        found.plot("pie")


@pytest.fixture
def found():
    yield AndOrExplainer(polynomial, background=X).explain(X[:3])
    plt.close("all")


def test_lines_fall_and_end_above_the_threshold_as_often_as_there_are_salient_ones(found):
    *lines, threshold = found.plot("strength").lines
    assert len(lines) == 3 and set(threshold.get_ydata()) == {found.tau}
    for line, n_salient in zip(lines, found.n_salient, strict=True):
        heights = line.get_ydata()
        assert len(heights) == 2 * 16 and (np.diff(heights) <= 0).all()
        assert (heights >= found.tau).sum() == n_salient


@pytest.mark.parametrize("sample", [None, 1])
def test_bars_of_orders_add_up_to_their_strength(found, sample):
    up, down = found.plot("orders", sample=sample).containers
    heights = np.array([[bar.get_height() for bar in side] for side in (up, down)])
    assert (heights[0] >= 0).all() and (heights[1] <= 0).all() and heights[1].any()
    strength = found.interactions.order_strength(found.tau)
    expected = strength.mean(0) if sample is None else strength[sample]
    np.testing.assert_allclose(heights[0] - heights[1], expected)


def test_the_top_is_that_of_the_frame(found):
    ax, frame = found.plot("top", sample=0, k=3), found.to_frame(0).head(3)
    assert [label.get_text() for label in ax.get_yticklabels()] == frame["interaction"].tolist()
    bars = ax.containers[0]
    assert [bar.get_width() for bar in bars] == frame["strength"].tolist()
    assert [to_hex(bar.get_facecolor()) for bar in bars] == [
        NEGATIVE if strength < 0 else POSITIVE for strength in frame["strength"]
    ]


def test_a_graph_joins_interactions_with_their_players(found):
    ax, frame = found.plot("graph", sample=0, k=4), found.to_frame(0).head(4)
    assert len(ax.lines) == len(frame) + frame["order"].sum()
    names = {text.get_text() for text in ax.texts}
    assert {"x0", "x1", "x2", "x3", "output"} <= names and len(ax.texts) == 5 + len(frame)


def test_what_cannot_be_drawn(found):
    with pytest.raises(ValueError, match="k must be at least 1"):
        found.plot("top", k=0)
    ax = plt.subplots()[1]
    assert found.plot("top", ax=ax) is ax
