import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from sklearn.exceptions import NotFittedError

from skgeh import BayesianInteractionRegressor, InteractionDisplay, Interactions
from skgeh.display import _KINDS, _LONGEST_NAME, _NEGATIVE, _POSITIVE
from skgeh.geh.decisions import Decisions, SignedEffects
from skgeh.geh.pairs import n_pairs, pair_index, to_vector

SIZES = (2, 8, 60)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    plt.close("all")  # of the docstrings' examples, too
    yield
    plt.close("all")


def some_interactions(d, n_groups=4, names=None, seed=0):
    """Interactions of made-up numbers, whose order by score is not that by effect."""
    rng = np.random.default_rng(seed)
    group_effects = rng.normal(size=(n_groups, n_pairs(d)))
    weights = rng.dirichlet(np.ones(n_groups))
    effect = weights @ np.abs(group_effects)
    return Interactions(
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


def decided(found):
    """The same with decisions, whose order and intervals are not those of the posterior."""
    P, M = len(found.pairs), len(found.group_weights)
    rng = np.random.default_rng(1)
    effect = rng.normal(size=(P, M + 1))
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
    p[::7] = np.nan
    for part in (effects.effect, effects.shrunken, effects.square, effects.correlation):
        part[::7] = np.nan
    reason = np.where(np.isnan(p), "a copy", "").astype(object)
    decisions = Decisions(p, reason, rng.random(P), [effects], found.group_weights)
    return replace(found, decisions=decisions)


def texts(labels):
    return [label.get_text() for label in labels]


def row_names(found, k):
    return [f"{a} \u00d7 {b}" for a, b in found.top(k)]


def line_segments(container):
    return np.array(container.lines[2][0].get_segments())


@pytest.mark.parametrize("d", SIZES)
@pytest.mark.parametrize("kind", _KINDS)
def test_every_kind_at_every_size_is_drawn_whole(d, kind):
    display = InteractionDisplay.from_interactions(some_interactions(d), kind=kind)
    display.figure_.canvas.draw()
    drawn = display.figure_.get_tightbbox()
    width, height = display.figure_.get_size_inches()
    assert drawn.x0 >= 0 and drawn.y0 >= 0
    assert drawn.x1 <= width and drawn.y1 <= height


@pytest.mark.parametrize("kind", _KINDS)
def test_long_names_are_shortened_and_drawn_whole(kind):
    names = ["population_per_household_in_the_block", "ocean_proximity_<1H OCEAN", "x"]
    display = InteractionDisplay.from_interactions(some_interactions(3, names=names), kind=kind)
    display.figure_.canvas.draw()
    assert display.figure_.get_tightbbox().x0 >= 0
    shown = texts(display.ax_.get_yticklabels())
    assert max(map(len, shown)) <= 2 * _LONGEST_NAME + 3
    assert any("population_pe\u2026d_in_the_block" in name for name in shown)


@pytest.mark.parametrize("kind", _KINDS)
def test_a_dollar_is_a_dollar_and_no_formula(kind):
    found = some_interactions(2, names=["income_$", "price_$"])
    labels = InteractionDisplay.from_interactions(found, kind=kind).ax_.get_yticklabels()
    assert "income_$" in labels[0].get_text()
    assert not any(label.get_parse_math() for label in labels)


@pytest.mark.parametrize("values", ["effect", "score"])
@pytest.mark.parametrize("d", [2, 8])
def test_heatmap_shows_the_matrix(d, values):
    found = some_interactions(d)
    display = InteractionDisplay.from_interactions(found, values=values)
    image = display.ax_.images[0].get_array()
    off = ~np.eye(d, dtype=bool)
    assert np.array_equal(image.data[off], found.matrix(values)[off])
    assert np.array_equal(np.ma.getmaskarray(image), ~off)  # the diagonal is blank
    for axis in (display.ax_.xaxis, display.ax_.yaxis):
        assert texts(axis.get_ticklabels()) == list(found.feature_names)
    bar = display.figure_.axes[1]
    assert (
        bar.get_ylabel()
        == {
            "effect": "M-GEH, standard units",
            "score": "detection score, no unit",
        }[values]
    )


@pytest.mark.parametrize("d", [2, 12, 13])
def test_heatmap_has_numbers_where_they_fit(d):
    found = some_interactions(d)
    numbers = InteractionDisplay.from_interactions(found).ax_.texts
    assert len(numbers) == (d * (d - 1) if d <= 12 else 0)
    for text in numbers:
        j, i = text.get_position()
        assert float(text.get_text()) == pytest.approx(found.matrix()[i, j], abs=0.05)


def test_heatmap_of_zeros():
    found = some_interactions(3)
    found.effect[:] = 0
    display = InteractionDisplay.from_interactions(found)
    display.figure_.canvas.draw()
    assert {float(text) for text in texts(display.ax_.texts)} == {0}


@pytest.mark.parametrize("most", [2, 5, 40])
def test_heatmap_of_many_features_keeps_those_of_the_top_pairs(most):
    found = some_interactions(60)
    display = InteractionDisplay.from_interactions(found, max_features=most)
    met = list(dict.fromkeys(found.pairs[found.order].ravel()))[:most]  # naive: first come
    kept = sorted(met)
    assert texts(display.ax_.get_xticklabels()) == [f"x{i}" for i in kept]
    image, off = display.ax_.images[0].get_array(), ~np.eye(most, dtype=bool)
    assert np.array_equal(image.data[off], found.matrix()[np.ix_(kept, kept)][off])
    assert f"{most} of 60 features" in display.ax_.get_title()


def test_heatmap_of_all_features_has_no_title():
    display = InteractionDisplay.from_interactions(some_interactions(60), max_features=60)
    assert len(display.ax_.get_xticklabels()) == 60
    assert display.ax_.get_title() == ""


@pytest.mark.parametrize("kind", _KINDS)
def test_rows_follow_the_order_of_the_table(kind):
    found = decided(some_interactions(8))
    display = InteractionDisplay.from_interactions(found, kind=kind, k=5, max_features=3)
    display.figure_.canvas.draw()
    if kind == "heatmap":
        kept = sorted(list(dict.fromkeys(found.pairs[found.order].ravel()))[:3])
        assert texts(display.ax_.get_xticklabels()) == [f"x{i}" for i in kept]
    else:
        frame = found.to_frame().iloc[:5]
        expected = [
            f"{a} \u00d7 {b}" for a, b in zip(frame.feature_i, frame.feature_j, strict=True)
        ]
        assert texts(display.ax_.get_yticklabels()) == expected
        assert found.order[0] != found.score.argmax()


@pytest.mark.parametrize("d", SIZES)
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_intervals_of_models_trained_elsewhere_are_those_of_the_posterior(d, level):
    found = some_interactions(d)
    ax = InteractionDisplay.from_interactions(found, kind="intervals", level=level).ax_
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
        for part in vars(found.decisions.effects[0]).values():
            part[np.isnan(part)] = 1.0
    ax = InteractionDisplay.from_interactions(found, kind="intervals", level=level, k=20).ax_
    top, names = found.order[:20], texts(ax.get_legend().get_texts())
    bars = dict(zip(names, ax.containers, strict=True))
    real, tested = found.significant[top], found.tested[top]
    label, seen = f"{100 * level:g} % interval", []
    for some, fill, name in ((real, _NEGATIVE, f"significant, {label}"),
                             (tested & ~real, "white", f"not significant, {label}")):  # fmt: skip
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
    assert [text.xy[1] for text in ax.texts] == np.flatnonzero(~tested).tolist()
    assert set(texts(ax.texts)) <= {"not tested"}
    assert texts(ax.get_yticklabels()) == row_names(found, 20)


@pytest.mark.parametrize("d", [8, 60])
def test_frames_are_those_of_significant_pairs(d):
    found = decided(some_interactions(d))
    display = InteractionDisplay.from_interactions(found, max_features=10)
    kept = display._features().tolist()
    cells = {(round(one.get_y() + 0.5), round(one.get_x() + 0.5)) for one in display.ax_.patches}
    expected = {
        (kept.index(a), kept.index(b))
        for i, j in found.pairs[found.significant].tolist()
        for a, b in ((i, j), (j, i))
        if i in kept and j in kept
    }
    assert cells == expected and expected
    assert len(display.ax_.patches) == len(expected)
    assert "false discovery rate of 0.05" in display.ax_.get_xlabel()


def test_without_significant_pairs_there_are_no_frames():
    found = decided(some_interactions(8))
    found = replace(found, decisions=replace(found.decisions, p_value=np.full(28, 0.5)))
    for one in (found, some_interactions(8)):
        ax = InteractionDisplay.from_interactions(one).ax_
        assert len(ax.patches) == 0 and ax.get_xlabel() == ""


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
    assert "90 % interval" in ax.get_title()


def test_groups_of_several_targets_are_those_of_the_posterior():
    found = decided(some_interactions(8))
    two = replace(found.decisions, effects=[*found.decisions.effects] * 2)
    found = replace(found, decisions=two)
    ax = InteractionDisplay.from_interactions(found, kind="groups", k=5).ax_
    np.testing.assert_array_equal(
        ax.collections[-1].get_offsets()[:, 0].reshape(4, 5),
        found.group_effects[:, found.order[:5]],
    )
    assert "posterior" in ax.get_title()


def test_truth_is_marked_beside_its_own_pair():
    found = some_interactions(8)
    truth = np.arange(28.0)
    truth[found.order[1]] = np.nan
    display = InteractionDisplay(found, kind="intervals", truth=truth.tolist(), k=6).plot()
    crosses = display.ax_.containers[1].lines[0]
    assert crosses.get_marker() == "x"
    np.testing.assert_array_equal(crosses.get_xdata(), truth[found.order[:6]])
    assert np.array_equal(crosses.get_ydata(), np.arange(6))
    assert "truth" in texts(display.ax_.get_legend().get_texts())


@pytest.mark.parametrize("d", SIZES)
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
    colours = np.array([to_rgba(_POSITIVE), to_rgba(_NEGATIVE)])[(x.ravel() < 0).astype(int)]
    assert np.array_equal(markers.get_facecolors(), colours)
    ends = line_segments(ax.containers[0])[:, :, 0].reshape(n_groups, len(top), 2)
    sd = found.group_std[:, top]
    np.testing.assert_allclose(ends, np.stack([x - sd, x + sd], axis=-1))
    assert texts(ax.get_yticklabels()) == row_names(found, 5)
    assert any(np.array_equal(line.get_xdata(), [0, 0]) for line in ax.lines)


@pytest.mark.parametrize("kind", ["intervals", "groups"])
@pytest.mark.parametrize("k", [1, 28, 100, np.int64(3)])
def test_k_pairs_or_as_many_as_there_are(kind, k):
    ax = InteractionDisplay.from_interactions(some_interactions(8), kind=kind, k=k).ax_
    assert len(ax.get_yticklabels()) == min(k, 28)
    assert ax.get_ylabel() == f"{min(k, 28)} of 28 pairs, by score"
    found = decided(some_interactions(8))
    ax = InteractionDisplay.from_interactions(found, kind=kind, k=k).ax_
    assert ax.get_ylabel() == f"{min(k, 28)} of 28 pairs, significant first, then by score"


class Fitted:
    """Counts how often it is asked."""

    def __init__(self, found):
        self.found, self.asked = found, 0

    @property
    def interactions_(self):
        self.asked += 1
        return self.found


@pytest.mark.parametrize("kind", _KINDS)
def test_from_estimator_asks_once_for_interactions_(kind):
    model = Fitted(some_interactions(5))
    truth = np.zeros(10)
    display = InteractionDisplay.from_estimator(model, kind=kind, k=3, truth=truth)
    assert isinstance(display, InteractionDisplay)
    assert model.asked == 1
    assert display.interactions is model.found
    assert (display.kind, display.k) == (kind, 3)
    assert np.array_equal(display.truth, truth)


def test_from_estimator_draws_a_fitted_model():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    model = BayesianInteractionRegressor(max_epochs=2, n_groups=2, n_draws=20, random_state=0)
    model.fit(X, X[:, 0] * X[:, 1])
    display = InteractionDisplay.from_estimator(model)
    drawn = to_vector(display.ax_.images[0].get_array().data)
    assert np.array_equal(drawn, model.interactions_.effect)


def test_from_estimator_says_what_is_missing():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        InteractionDisplay.from_estimator(BayesianInteractionRegressor())
    with pytest.raises(TypeError, match=r"must have `interactions_`.*got 3.*pipeline"):
        InteractionDisplay.from_estimator(3)


@pytest.mark.parametrize("kind", _KINDS)
def test_a_given_ax_is_drawn_into_and_no_figure_made(kind):
    figure, (left, right) = plt.subplots(1, 2)
    display = InteractionDisplay(some_interactions(4), kind=kind)
    assert display.plot(ax=right) is display
    assert display.ax_ is right and display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert not left.has_data() and right.has_data()


@pytest.mark.parametrize("kind", _KINDS)
def test_without_ax_one_figure_is_made_each_time(kind):
    display = InteractionDisplay(some_interactions(4), kind=kind)
    first = display.plot().figure_
    assert display.plot().figure_ is not first
    assert len(plt.get_fignums()) == 2


@pytest.mark.parametrize("kind", _KINDS)
def test_settings_of_matplotlib_and_interactions_stay(kind):
    settings, found = dict(matplotlib.rcParams), some_interactions(4)
    effect = found.effect.copy()
    InteractionDisplay.from_interactions(found, kind=kind).figure_.canvas.draw()
    assert dict(matplotlib.rcParams) == settings
    assert np.array_equal(found.effect, effect)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "bars"}, "kind must be one of 'heatmap', 'intervals', 'groups'; got 'bars'"),
        ({"values": "std"}, "values must be 'effect' or 'score'; got 'std'"),
        ({"k": 0}, "k must be an integer of at least 1; got 0"),
        ({"k": 2.5}, "k must be an integer of at least 1; got 2.5"),
        ({"max_features": 1}, "max_features must be an integer of at least 2; got 1"),
        ({"level": 95}, "level must lie between 0 and 1, such as 0.95; got 95"),
        ({"truth": np.zeros((4, 4))}, r"truth must have shape \(6,\).*got \(4, 4\).*to_vector"),
        ({"truth": np.zeros(5)}, r"truth must have shape \(6,\).*got \(5,\)"),
    ],
)
def test_wrong_arguments_are_refused_before_a_figure_is_made(options, words):
    with pytest.raises(ValueError, match=words):
        InteractionDisplay.from_interactions(some_interactions(4), **options)
    assert not plt.get_fignums()


def test_without_matplotlib_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    display = InteractionDisplay(some_interactions(3))
    with pytest.raises(ImportError, match=r"pip install 'skgeh\[plot\]'"):
        display.plot()


def test_matplotlib_is_not_imported_with_the_package():
    code = "import sys, skgeh; assert not any(n.startswith('matplotlib') for n in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
