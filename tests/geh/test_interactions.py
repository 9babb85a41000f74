from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import norm

from skgeh import Interactions
from skgeh.geh.pairs import pair_index, to_vector

COLUMNS = ["feature_i", "feature_j", "score", "effect", "std", "ci_low", "ci_high", "p_bayes"]


@pytest.fixture
def found():
    generator = np.random.default_rng(0)
    draws = generator.gamma(4.0, [[0.5, 0.1, 0.2, 0.05, 0.3, 0.4]], size=(100, 6))
    return Interactions(
        pairs=pair_index(4),
        effect=draws.mean(0),
        std=draws.std(0, ddof=1),
        score=np.array([3.0, 1.0, 6.0, 0.5, 2.0, 4.0]),
        draws=draws,
        group_effects=generator.normal(size=(3, 6)),
        group_std=np.ones((3, 6)),
        group_weights=np.array([0.5, 0.3, 0.2]),
        feature_names=("a", "b", "c", "d"),
        feature_scales=np.array([1.0, 2.0, 4.0, 0.5]),
        target_scale=10.0,
    )


def test_frame_has_its_columns_sorted_by_score(found):
    frame = found.to_frame()
    assert list(frame.columns) == COLUMNS
    assert list(frame.score) == sorted(found.score, reverse=True)
    assert list(zip(frame.feature_i, frame.feature_j, strict=True)) == found.top(6)
    assert found.top(2) == [("a", "d"), ("c", "d")]


def test_frame_agrees_with_the_arrays(found):
    frame = found.to_frame().set_index(["feature_i", "feature_j"])
    for place, (i, j) in enumerate(found.pairs):
        row = frame.loc[(found.feature_names[i], found.feature_names[j])]
        assert row.effect == found.effect[place]
        assert row["std"] == found.std[place]
        assert row.p_bayes == found.p_bayes[place]
        assert (row.ci_low, row.ci_high) == tuple(found.interval()[place])


def test_original_units(found):
    standard = found.to_frame().set_index(["feature_i", "feature_j"])
    original = found.to_frame(units="original").set_index(["feature_i", "feature_j"])
    row, other = standard.loc[("b", "c")], original.loc[("b", "c")]
    factor = 10.0 / (2.0 * 4.0)
    for column in ("effect", "std", "ci_low", "ci_high"):
        assert other[column] == pytest.approx(factor * row[column])
    assert (other.score, other.p_bayes) == (row.score, row.p_bayes)


def test_frame_kinds(found):
    assert isinstance(found.to_frame(), pd.DataFrame)
    polars = replace(found, frame_backend="polars").to_frame()
    assert isinstance(polars, pl.DataFrame)
    assert polars.columns == COLUMNS


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_interval(found, level):
    low, high = found.interval(level).T
    np.testing.assert_allclose((low + high) / 2, found.effect)
    np.testing.assert_allclose(high - low, 2 * norm.ppf((1 + level) / 2) * found.std)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_levels_that_are_none(found, level):
    with pytest.raises(ValueError, match=r"between 0 and 1, such as 0.95; got"):
        found.interval(level)


def test_p_bayes_is_never_zero(found):
    np.testing.assert_allclose(found.p_bayes, norm.cdf(-found.effect / found.std))
    sure = replace(found, std=np.full(6, 1e-9))
    assert (sure.p_bayes > 0).all() and (sure.p_bayes < 1e-300).all()


def test_p_bayes_without_spread(found):
    still = replace(found, std=np.zeros(6), effect=np.array([0.0, 1.0, 0.0, 2.0, 0.0, 3.0]))
    assert (still.p_bayes[[0, 2, 4]] == 0.5).all()
    assert (still.p_bayes[[1, 3, 5]] == np.nextafter(0, 1)).all()


@pytest.mark.parametrize("values", ["effect", "score"])
def test_matrix(found, values):
    matrix = found.matrix(values)
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(np.diag(matrix), 0)
    np.testing.assert_array_equal(to_vector(matrix), getattr(found, values))


def test_questions_that_have_no_answer(found):
    with pytest.raises(ValueError, match="'effect' or 'score'; got 'std'"):
        found.matrix("std")
    with pytest.raises(ValueError, match="'standard' or 'original'; got 'metric'"):
        found.to_frame(units="metric")


def test_it_cannot_be_changed(found):
    with pytest.raises(FrozenInstanceError):
        found.effect = None


def test_html_shows_the_strongest_first_and_escapes(found):
    html = replace(found, feature_names=("<a>", "b", "c", "d"))._repr_html_()
    assert html.index("&lt;a&gt;</td><td>d") < html.index("c</td><td>d")
    assert "<a>" not in html
    assert "6 pairs, 3 groups" in html
