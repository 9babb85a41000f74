"""The surface of a pair is what its components say, where there are rows."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skgeh import BayesianInteractionRegressor, InteractionDisplay
from skgeh.display._picture import Picture
from skgeh.display._surface import _NEAR, Surface
from skgeh.tables.feature import Feature
from tests.display.cases import Product, decided, some_interactions, texts

LEVELS = Feature("kind", "category", (1, 2, 3), ("low", "middle", "high"))
BOOL = Feature("smoker", "boolean", (1,), ("no", "yes"))
HOUR = Feature("hour", "cycle", (1, 2), tuple(f"{h} h" for h in range(24)))
CITY = Feature("city", "category", tuple(range(1, 12)), tuple(f"city {j}" for j in range(11)))
AGE = Feature("age", "number", (0,))


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def of(*features, band=True, n=300, seed=0, missing=0):
    """Two features with rows at all levels."""
    rng = np.random.default_rng(seed)
    columns = [
        rng.integers(0, len(one.levels), n).astype(float) if one.levels else rng.normal(size=n)
        for one in features
    ]
    columns[0][:missing] = np.nan
    rows = np.column_stack(columns)
    found = decided(some_interactions(2, names=[one.name for one in features]))
    return replace(found, components=Product(found.feature_names, features, rows, band))


def drawn(found, **options):
    return InteractionDisplay.from_interactions(found, kind="surface", **options).ax_


def mesh_of(ax):
    (mesh,) = [one for one in ax.collections if hasattr(one, "get_coordinates")]
    return mesh


def test_of_two_numbers():
    found = decided(some_interactions(3))
    ax = drawn(found, pair=("x1", "x2"))
    surface = Surface.of(Picture(found, pair=("x1", "x2")))
    values = np.outer(surface.y.values, surface.x.values)
    np.testing.assert_allclose(surface.values, values)
    shown = np.ma.filled(mesh_of(ax).get_array(), np.nan)
    np.testing.assert_allclose(shown, np.where(surface.supported, values, np.nan))
    low, high = mesh_of(ax).get_clim()
    assert low == -high == -np.nanmax(np.abs(shown))  # so that 0 is the middle
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x1", "x2")
    bar = ax.figure.axes[1]
    assert bar.get_ylabel() == "contribution, euros"
    assert "pointwise 95 % interval excludes 0" in ax.get_title("left").replace("\n", " ")
    np.testing.assert_array_equal(surface.away, (np.abs(values) > 1) & surface.supported)


def test_places_without_rows_are_grey():
    found = decided(some_interactions(3))
    surface = Surface.of(Picture(found, pair=(0, 2)))
    x, y = (side.unit(side.places) for side in (surface.x, surface.y))
    rows = np.column_stack([surface.x.unit(surface.rows[:, 0]), surface.y.unit(surface.rows[:, 1])])
    for _ in range(100):
        i, j = np.random.default_rng(_).integers(0, len(x), 2)
        near = np.hypot(rows[:, 0] - x[j], rows[:, 1] - y[i]).min() <= _NEAR
        assert surface.supported[i, j] == near
    assert 0.2 < surface.supported.mean() < 1
    assert "grey: no rows nearby" in drawn(found, pair=(0, 2)).get_title("left")


def test_lines_enclose_where_the_band_excludes_0():
    found = decided(some_interactions(3))
    ax = drawn(found, pair=(0, 2))
    surface = Surface.of(Picture(found, pair=(0, 2)))
    (lines,) = [one for one in ax.collections if type(one).__name__ == "LineCollection"]
    # every edge between a cell that is away from 0 and one that is not, once
    away = np.pad(surface.away, 1)
    expected = np.sum(away[1:] != away[:-1]) + np.sum(away[:, 1:] != away[:, :-1])
    assert len(lines.get_segments()) == expected > 0


def test_the_level_is_passed_on():
    found = decided(some_interactions(3))
    title = drawn(found, pair=(0, 2), level=0.9).get_title("left")
    assert "90 %" in title
    wide = Surface.of(Picture(found, pair=(0, 2), level=0.9))
    assert wide.away.sum() < Surface.of(Picture(found, pair=(0, 2))).away.sum()


@pytest.mark.parametrize("turned", [False, True])
def test_few_levels_have_lines(turned):
    features = (LEVELS, AGE) if turned else (AGE, LEVELS)
    found = of(*features)
    ax = drawn(found)
    lines = ax.get_legend().get_lines()
    assert len(lines) == 3 and ax.get_legend().get_title().get_text() == "kind"
    rows = found.components.table[:, 0 if turned else 1]
    for k, (text, name) in enumerate(zip(ax.get_legend().get_texts(), LEVELS.levels, strict=True)):
        assert text.get_text() == f"{name}, {(rows == k).sum()} rows"
    shown = [line for line in ax.lines if line.get_label().endswith("rows")]
    surface = Surface.of(Picture(found))
    for k, line in enumerate(shown):
        x, y = line.get_data()
        np.testing.assert_array_equal(np.isfinite(y), surface.supported[k])
        np.testing.assert_allclose(y[np.isfinite(y)], (k * x)[np.isfinite(y)])
    bands = [one for one in ax.collections if type(one).__name__ == "FillBetweenPolyCollection"]
    assert len(bands) in (0, 3)  # by the version of matplotlib
    assert ax.get_xlabel() == "age" and "euros" in ax.get_ylabel()
    assert "band: pointwise 95 % interval" in ax.get_title("left")


def test_many_levels_are_rows_of_cells():
    ax = drawn(of(AGE, CITY))
    assert texts(ax.get_yticklabels()) == list(CITY.levels)
    assert ax.yaxis_inverted()  # the first at the top
    assert mesh_of(ax).get_array().shape[0] == 11
    assert not ax.get_legend()


def test_hours_lie_to_the_right():
    for pair in ((HOUR, AGE), (AGE, HOUR), (BOOL, HOUR), (CITY, HOUR)):
        ax = drawn(of(*pair))
        assert ax.get_xlabel() == "hour"
        labels = texts(ax.get_xticklabels())
        assert labels[0] == "0 h" and 4 <= len(labels) < 24
    ax = drawn(of(BOOL, HOUR))
    assert texts(ax.get_legend().get_texts())[1].startswith("yes, ")


def test_levels_meet_levels_in_a_table():
    found = of(LEVELS, BOOL)
    rows = found.components.table
    found.components.table = rows[~((rows[:, 0] == 2) & (rows[:, 1] == 1))]
    ax = drawn(found)
    assert texts(ax.get_xticklabels()) == list(LEVELS.levels)
    assert texts(ax.get_yticklabels()) == list(BOOL.levels)
    cells = {one.get_position(): one.get_text() for one in ax.texts}
    assert len(cells) == 5 and (2, 1) not in cells
    for (i, j), text in cells.items():
        value, count = text.replace("\u2212", "-").split("\nn = ")
        assert float(value.rstrip("*")) == i * j
        assert int(count) == ((rows[:, 0] == i) & (rows[:, 1] == j)).sum()
        assert value.endswith("*") == (i * j > 1)


def test_missing_values_are_counted():
    assert "17 rows with a missing value" in drawn(of(AGE, CITY, missing=17)).get_title("left")


def test_without_a_band_it_says_so():
    for features in ((AGE, LEVELS), (AGE, CITY), (LEVELS, BOOL), (HOUR, AGE)):
        title = drawn(of(*features, band=False)).get_title("left")
        assert "no interval" in title and "pointwise" not in title


def test_the_first_pair_of_the_table_is_the_default():
    found = decided(some_interactions(5))
    i, j = found.top(1)[0]
    ax = drawn(found)
    assert {ax.get_xlabel(), ax.get_ylabel()} == {i, j}


def test_what_cannot_be_drawn_is_refused():
    found = decided(some_interactions(8))
    a, b = (found.feature_names[f] for f in found.pairs[0])
    with pytest.raises(ValueError, match="not tested: a copy"):
        drawn(found, pair=(a, b))
    with pytest.raises(ValueError, match=r"from_estimator\(model, X, kind='surface'\)"):
        drawn(replace(some_interactions(3), components=None))
    with pytest.raises(ValueError, match=r"interactions\(target=0\)"):
        drawn(replace(found, components=None), pair=(0, 2))
    assert not plt.get_fignums()


def test_a_fitted_model_in_original_units():
    rng = np.random.default_rng(0)
    n = 1500
    sex, age = rng.choice(["female", "male"], n), rng.normal(50, 12, n)
    frame = pd.DataFrame({"age": age, "sex": sex, "x": rng.normal(size=n)})
    y = 0.5 * (age - 50) * (sex == "male") + rng.normal(size=n)
    model = BayesianInteractionRegressor(
        posterior="gaussian_process", n_draws=10, n_groups=2, random_state=0
    ).fit(frame, y)
    ax = drawn(model.interactions_, pair=("sex", "age"))
    assert ax.get_xlabel() == "age" and ax.get_legend().get_title().get_text() == "sex"
    low, high = ax.get_xlim()
    assert low == pytest.approx(np.quantile(age, 0.01)) and high == pytest.approx(
        np.quantile(age, 0.99)
    )
    lines = [line for line in ax.lines if line.get_label().endswith("rows")]
    slopes = [np.polyfit(*line.get_data(), 1)[0] for line in lines]
    assert slopes[1] - slopes[0] == pytest.approx(0.5, abs=0.05)
    assert slopes[0] == pytest.approx(-slopes[1], abs=0.05)  # main effects are out
