"""What all kinds of pictures have in common."""

import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch import nn

from skgeh import BayesianInteractionRegressor, InteractionDisplay
from skgeh.display._picture import FONT, LONGEST_NAME, WIDTH
from skgeh.display.interaction_display import _KINDS
from tests.display.cases import boxes, decided, overlaps, some_interactions, texts

SIZES = (2, 12, 45)
LONG = ["population_per_household_in_the_block", "ocean_proximity_<1H OCEAN", "x",
        "a name of middle size"]  # fmt: skip
MANY = [f"measurement of the sample {j}" for j in range(30)]


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    plt.close("all")  # of the docstrings' examples, too
    yield
    plt.close("all")


def both(d, **options):
    """Without tests and with them; of many features, only with them."""
    found = some_interactions(d, **options)
    return [decided(found)] if d > 20 else [found, decided(found)]


def written(figure):
    """All texts of a figure that say something, with those of its legend."""
    found = figure.findobj(matplotlib.text.Text)
    return [one for one in found if one.get_text().strip() and one.get_visible()]


@pytest.mark.parametrize("d", SIZES)
@pytest.mark.parametrize("kind", _KINDS)
def test_every_kind_at_every_size_is_drawn_whole(d, kind):
    for found in both(d):
        pair = found.pairs[found.order[0]]
        figure = InteractionDisplay.from_interactions(found, kind=kind, pair=pair).figure_
        figure.canvas.draw()
        drawn = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        assert width == WIDTH and height < 12
        assert drawn.x0 >= -0.01 and drawn.y0 >= -0.01
        assert drawn.x1 <= width + 0.01 and drawn.y1 <= height + 0.01


@pytest.mark.parametrize(
    "names", [LONG, None, [f"measurement of the sample {j}" for j in range(30)]]
)
@pytest.mark.parametrize("kind", _KINDS)
def test_no_text_covers_another_and_all_are_legible_on_a_telephone(kind, names):
    for found in both(len(names or "12345678"), names=names):
        figure = InteractionDisplay.from_interactions(found, kind=kind).figure_
        some = written(figure)
        assert overlaps(boxes(some, figure)) == []
        assert min(one.get_fontsize() for one in some) * 390 / 96 / WIDTH >= 0.99 * 7 >= 6.9
        assert all(one.get_fontsize() <= 1.3 * FONT for one in some)


@pytest.mark.parametrize("kind", _KINDS)
def test_long_names_are_shortened_and_remain_different(kind):
    names = [f"population_per_household_{j}_in_the_block" for j in range(3)]
    found = decided(some_interactions(3, names=names))
    figure = InteractionDisplay.from_interactions(found, kind=kind, pair=(1, 2)).figure_
    shown = [one for text in texts(written(figure)) for one in text.split(" \u00d7\n")]
    shown = [text for text in shown if text.startswith("pop")]
    assert shown
    if kind != "surface":  # whose sides have room
        assert max(map(len, shown)) <= LONGEST_NAME
        assert len(set(shown)) == 3


@pytest.mark.parametrize("kind", _KINDS)
def test_a_dollar_is_a_dollar_and_no_formula(kind):
    found = some_interactions(2, names=["income_$", "price_$"])
    some = written(InteractionDisplay.from_interactions(found, kind=kind).figure_)
    named = [one for one in some if "$" in one.get_text()]
    assert named and not any(one.get_parse_math() for one in named)


@pytest.mark.parametrize("kind", _KINDS)
def test_pictures_are_the_same_each_time(kind):
    pictures = []
    for _ in range(2):
        figure = InteractionDisplay.from_interactions(
            decided(some_interactions(6)), kind=kind, pair=(1, 2)
        ).figure_
        figure.canvas.draw()
        pictures.append(np.asarray(figure.canvas.buffer_rgba()).copy())
    np.testing.assert_array_equal(*pictures)


class Fitted:
    """Counts how often it is asked."""

    def __init__(self, found):
        self.found, self.asked = found, 0

    @property
    def interactions_(self):
        self.asked += 1
        return self.found

    def interactions(self, X, target):
        self.given = X, target
        return self.found


@pytest.mark.parametrize("kind", _KINDS)
def test_from_estimator_asks_once_for_interactions_(kind):
    model = Fitted(some_interactions(5))
    truth = np.zeros(10)
    display = InteractionDisplay.from_estimator(model, kind=kind, k=3, truth=truth, pair=(0, 1))
    assert isinstance(display, InteractionDisplay)
    assert model.asked == 1
    assert display.interactions is model.found
    assert (display.kind, display.k, display.pair) == (kind, 3, (0, 1))
    assert np.array_equal(display.truth, truth)


def test_points_and_targets_are_asked_for():
    model = Fitted(some_interactions(3))
    InteractionDisplay.from_estimator(model, "points", target=1)
    assert model.given == ("points", 1) and model.asked == 0
    InteractionDisplay.from_estimator(model, target="yes")
    assert model.given == (None, "yes")


@pytest.mark.parametrize("kind", _KINDS)
def test_from_estimator_draws_a_fitted_model(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    model = BayesianInteractionRegressor(
        posterior="gaussian_process", n_groups=2, n_draws=20, random_state=0
    )
    model.fit(X, X[:, 0] * X[:, 1])
    display = InteractionDisplay.from_estimator(model, kind=kind)
    assert display.interactions is model.interactions_
    assert any("x0" in text for text in texts(written(display.figure_)))


@pytest.mark.parametrize("kind", _KINDS)
def test_models_trained_elsewhere_are_drawn_with_their_table(kind):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
    X = np.random.default_rng(0).normal(size=(60, 3))
    display = InteractionDisplay.from_estimator(net, X, kind=kind, target=1)
    assert display.interactions.decisions is None
    with pytest.raises(
        TypeError, match=r"(?s)must have `interactions_`.*from_estimator\(model, X\)"
    ):
        InteractionDisplay.from_estimator(net, kind=kind)


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


KINDS = "'heatmap', 'forest', 'network', 'groups', 'surface'"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "bars"}, f"kind must be one of {KINDS}; got 'bars'"),
        ({"kind": "intervals"}, f"kind must be one of {KINDS}; got 'intervals'"),
        ({"values": "std"}, "values must be 'effect' or 'score'; got 'std'"),
        ({"k": 0}, "k must be an integer of at least 1; got 0"),
        ({"k": 2.5}, "k must be an integer of at least 1; got 2.5"),
        ({"max_features": 1}, "max_features must be an integer of at least 2; got 1"),
        ({"level": 95}, "level must lie between 0 and 1, such as 0.95; got 95"),
        ({"truth": np.zeros((4, 4))}, r"truth must have shape \(6,\).*got \(4, 4\).*to_vector"),
        ({"truth": np.zeros(5)}, r"truth must have shape \(6,\).*got \(5,\)"),
        ({"kind": "surface", "pair": "x0"}, "pair must be two names"),
        ({"kind": "surface", "pair": ("x0", "y")}, "A pair is two names"),
        ({"kind": "surface", "pair": (0, 1, 2)}, "pair must be two names"),
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
    code = (
        "import sys, skgeh, skgeh.display\n"
        "assert not any(n.startswith('matplotlib') for n in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
