"""Signed effects in every group are those of the table, or of the posterior."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from skgeh import InteractionDisplay
from skgeh.display._picture import NEGATIVE, POSITIVE, UNSIGNED
from tests.display.cases import decided, line_segments, row_names, some_interactions, texts


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def test_groups_are_the_decided_effects():
    found = decided(some_interactions(8))
    ax = InteractionDisplay.from_interactions(found, kind="groups", k=5, level=0.9).ax_
    top, effects = found.order[:5], found.decisions.effects[0]
    np.testing.assert_array_equal(
        ax.collections[-1].get_offsets()[:, 0].reshape(4, 5), effects.effect[top, :-1].T
    )
    ends = line_segments(ax.containers[0])[:, :, 0].reshape(4, 5, 2)
    low, high, _ = (one[top, :-1].T for one in effects.pointwise(0.9))
    np.testing.assert_allclose(ends, np.stack([low, high], axis=-1))
    assert "90 % interval" in ax.get_xlabel()


def test_groups_of_several_targets_are_those_of_the_posterior():
    found = decided(some_interactions(8))
    two = replace(found.decisions, effects=[*found.decisions.effects] * 2)
    found = replace(found, decisions=two)
    ax = InteractionDisplay.from_interactions(found, kind="groups", k=5).ax_
    np.testing.assert_array_equal(
        ax.collections[-1].get_offsets()[:, 0].reshape(4, 5),
        found.group_effects[:, found.order[:5]],
    )
    assert "posterior" in ax.get_xlabel()


@pytest.mark.parametrize("d", [2, 8, 60])
@pytest.mark.parametrize("n_groups", [1, 4, 40])
def test_groups_are_the_signed_means(d, n_groups):
    found = some_interactions(d, n_groups)
    ax = InteractionDisplay.from_interactions(found, kind="groups", k=5).ax_
    top = found.order[:5]
    markers = ax.collections[-1]
    x, y = markers.get_offsets().T.reshape(2, n_groups, len(top))
    assert np.array_equal(x, found.group_effects[:, top])
    assert np.array_equal(np.round(y), np.tile(np.arange(len(top)), (n_groups, 1)))
    np.testing.assert_allclose(y - y[:1], np.tile((y - y[:1])[:, :1], len(top)), atol=1e-12)
    area = markers.get_sizes().reshape(n_groups, len(top))
    np.testing.assert_allclose(
        area / area[0], (found.group_weights / found.group_weights[0])[:, None] + 0 * area
    )
    colours = np.array([to_rgba(POSITIVE), to_rgba(NEGATIVE)])[(x.ravel() < 0).astype(int)]
    assert np.array_equal(markers.get_facecolors(), colours)
    ends = line_segments(ax.containers[0])[:, :, 0].reshape(n_groups, len(top), 2)
    sd = found.group_std[:, top]
    np.testing.assert_allclose(ends, np.stack([x - sd, x + sd], axis=-1))
    assert texts(ax.get_yticklabels()) == row_names(found, 5)
    assert any(np.array_equal(line.get_xdata(), [0, 0]) for line in ax.lines)


def test_sizes_without_a_sign_are_grey():
    found = decided(some_interactions(8))
    effects = replace(found.decisions.effects[0], is_norm=np.arange(28) % 2 == 0)
    one = replace(found, decisions=replace(found.decisions, effects=[effects]))
    ax = InteractionDisplay.from_interactions(one, kind="groups", k=5).ax_
    grey = (ax.collections[-1].get_facecolors() == to_rgba(UNSIGNED)).all(1).reshape(4, 5)
    np.testing.assert_array_equal(grey, np.tile(one.order[:5] % 2 == 0, (4, 1)))
    assert "no sign" in ax.get_xlabel()
    two = replace(found.decisions, effects=[*found.decisions.effects] * 2)
    ax = InteractionDisplay.from_interactions(replace(found, decisions=two), kind="groups").ax_
    assert (ax.collections[-1].get_facecolors() == to_rgba(UNSIGNED)).all()
