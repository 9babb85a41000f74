import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import norm

from skgeh import Interactions
from skgeh.geh.decisions import Decisions, SignedEffects
from skgeh.geh.pairs import pair_index, to_vector
from skgeh.tables.corrections import adjust
from skgeh.tables.feature import Feature

NAMED = ["feature_i", "feature_j", "score"]
POSTERIOR = [*NAMED, "effect", "std", "post_low", "post_high", "p_bayes"]
DECIDED = [*NAMED, "effect", "ci_low", "ci_high", "sign", "share", "p_value", "p_fdr", "tested",
           "reason"]  # fmt: skip
GROUPS = ["group", "rule", "rows", "share", "effect", "ci_low", "ci_high", "p_value"]
P_VALUES = np.array([0.3, 1e-9, np.nan, 0.004, 0.02, np.nan])


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
        labels_=np.repeat([0, 1, 2], [5, 3, 2]),
        features=tuple(Feature(name, "number", (j,)) for j, name in enumerate("abcd")),
        points=np.column_stack([np.arange(10.0), *np.zeros((3, 10))]),
    )


def signed(sign=1.0, seed=0):
    """Made-up effects of six pairs in three groups; the last but one has a category."""
    rng = np.random.default_rng(seed)
    effect = sign * rng.normal(size=(6, 4))
    effect[1] = sign * np.array([5, 6, 7, 6])
    effect[4] = np.abs(effect[4])
    found = SignedEffects(
        effect=effect,
        shrunken=0.7 * effect,
        square=rng.uniform(0.5, 1, (6, 4)),
        spread=np.full((6, 4), 0.3),
        correlation=np.tile(np.eye(4), (6, 1, 1)),
        freedom=np.full(6, 30.0),
        is_norm=np.arange(6) == 4,
    )
    untested = np.isnan(P_VALUES)
    for part in (found.effect, found.shrunken, found.square, found.correlation, found.freedom):
        part[untested] = np.nan
    return found


@pytest.fixture
def decided(found):
    """The same, with decisions: of six pairs, two were not tested."""
    reason = np.where(np.isnan(P_VALUES), "d is a copy of a", "").astype(object)
    share = np.where(np.isnan(P_VALUES), np.nan, 0.1)
    weights = found.group_weights
    return replace(found, decisions=Decisions(P_VALUES, reason, share, [signed()], weights))


def several(decided):
    """A mean over two targets."""
    both = replace(decided.decisions, effects=[signed(), signed(-1.0, 1)])
    return replace(decided, decisions=both, target_scale=None)


def test_frame_has_its_columns_sorted_by_score(found):
    frame = found.to_frame()
    assert list(frame.columns) == POSTERIOR
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
        assert (row.post_low, row.post_high) == tuple(found.interval()[place])


def test_original_units(found):
    standard = found.to_frame().set_index(["feature_i", "feature_j"])
    original = found.to_frame(units="original").set_index(["feature_i", "feature_j"])
    row, other = standard.loc[("b", "c")], original.loc[("b", "c")]
    factor = 10.0 / (2.0 * 4.0)
    for column in ("effect", "std", "post_low", "post_high"):
        assert other[column] == pytest.approx(factor * row[column])
    assert (other.score, other.p_bayes) == (row.score, row.p_bayes)


def test_frame_kinds(found):
    assert isinstance(found.to_frame(), pd.DataFrame)
    polars = replace(found, frame_backend="polars").to_frame()
    assert isinstance(polars, pl.DataFrame)
    assert polars.columns == POSTERIOR


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


# Decisions


def test_the_table_decides(decided):
    frame = decided.to_frame()
    assert list(frame.columns) == DECIDED
    frame = frame.set_index(["feature_i", "feature_j"])
    for place, (i, j) in enumerate(decided.pairs):
        row = frame.loc[(decided.feature_names[i], decided.feature_names[j])]
        known = decided.decisions
        expected = [decided.score, known.effect, *known.interval(0.95).T, known.share]
        expected += [known.p_value, adjust(P_VALUES, "fdr")]
        names = ["score", "effect", "ci_low", "ci_high", "share", "p_value", "p_fdr"]
        np.testing.assert_array_equal(
            row[names].to_numpy(float), [values[place] for values in expected]
        )
        assert (row.sign, row.tested, row.reason) == (
            known.sign[place], known.tested[place], known.reason[place],
        )  # fmt: skip


def test_what_was_not_tested_has_a_reason_and_no_numbers(decided):
    frame = decided.to_frame()
    left = frame[~frame.tested]
    assert len(left) == 2 and (left.reason == "d is a copy of a").all()
    for name in ("effect", "ci_low", "ci_high", "share", "p_value", "p_fdr"):
        assert left[name].isna().all() and frame[frame.tested][name].notna().all()
    assert (left.sign == "").all() and (frame[frame.tested].reason == "").all()


def test_the_posterior_is_there_if_asked_for(decided, found):
    pd.testing.assert_frame_equal(
        decided.to_frame(posterior=True).sort_index(),
        found.to_frame().set_index(NAMED).loc[
            list(map(tuple, decided.to_frame()[NAMED].to_numpy()))
        ].reset_index(),
    )  # fmt: skip


def test_order(decided):
    """Significant pairs by p-value, then tested ones by score, then the others by score."""
    assert decided.significant.tolist() == [False, True, False, True, True, False]
    assert decided.order.tolist() == [1, 3, 4, 0, 2, 5]
    assert decided.top(2) == [("a", "c"), ("b", "c")]
    ties = replace(decided.decisions, p_value=np.array([1e-9, 1e-9, 0.9, 1e-9, 0.8, 0.7]))
    assert replace(decided, decisions=ties).order.tolist() == [0, 1, 3, 2, 5, 4]


def test_without_decisions_all_are_sorted_by_score(found):
    assert found.order.tolist() == [2, 5, 0, 4, 1, 3]
    assert not found.significant.any()
    for name in ("p_value", "p_fdr", "tested", "sign", "share"):
        assert getattr(found, name) is None


def test_arrays_of_decisions(decided):
    for name in ("p_value", "p_fdr", "tested", "sign", "share"):
        np.testing.assert_array_equal(getattr(decided, name), getattr(decided.decisions, name))


def test_decided_effects_in_original_units(decided):
    standard, original = (
        decided.to_frame(units=units).set_index(["feature_i", "feature_j"]).loc[("b", "c")]
        for units in ("standard", "original")
    )
    for column in ("effect", "ci_low", "ci_high"):
        assert original[column] == pytest.approx(10.0 / (2.0 * 4.0) * standard[column])
    for column in ("score", "share", "p_value", "p_fdr", "sign"):
        assert original[column] == standard[column]


def test_kinds_of_intervals(decided, found):
    honest = decided.decisions.interval(0.9)
    np.testing.assert_array_equal(decided.interval(0.9), honest)
    np.testing.assert_array_equal(decided.interval(0.9, kind="honest"), honest)
    np.testing.assert_array_equal(decided.interval(0.9, kind="posterior"), found.interval(0.9))
    factors = 10.0 / found.feature_scales[found.pairs].prod(1)
    for kind in ("honest", "posterior"):
        np.testing.assert_allclose(
            decided.interval(kind=kind, units="original"),
            decided.interval(kind=kind) * factors[:, None],
        )
    with pytest.raises(ValueError, match="'honest' or 'posterior'; got 'gaussian'"):
        decided.interval(kind="gaussian")
    with pytest.raises(ValueError, match=r"between 0 and 1, such as 0.95; got 95"):
        decided.interval(95)


def test_models_trained_elsewhere_have_no_honest_interval(found):
    with pytest.raises(ValueError, match=r"kind='posterior'.*score_test\(X, y\) of the same table"):
        found.interval(kind="honest")
    with pytest.raises(ValueError, match="A signed effect needs the rows of the table"):
        found.group_frame("a", "b")


def test_polars(decided):
    polars = replace(decided, frame_backend="polars")
    assert isinstance(polars.to_frame(), pl.DataFrame) and polars.to_frame().columns == DECIDED
    assert isinstance(polars.group_frame(0, 1), pl.DataFrame)
    assert polars.to_frame()["sign"].dtype == pl.String


@pytest.mark.parametrize("pair", [("a", "c"), ("c", "a"), (0, 2), (2, "a")])
def test_effects_in_each_group(decided, pair):
    frame = decided.group_frame(*pair, units="original")
    assert list(frame.columns) == GROUPS
    assert frame.group.tolist() == [0, 1, 2] and frame.share.tolist() == [0.5, 0.3, 0.2]
    assert frame.rule.tolist() == ["a <= 4", "4 < a <= 7", "a > 7"]
    assert frame.rows.tolist() == [5, 3, 2]
    low, high, p = (part[1, :3] for part in decided.decisions.effects[0].pointwise(0.95))
    factor = 10.0 / (1.0 * 4.0)
    np.testing.assert_allclose(frame.effect, factor * np.array([5, 6, 7]))
    np.testing.assert_allclose(frame.ci_low, factor * low)
    np.testing.assert_allclose(frame.ci_high, factor * high)
    np.testing.assert_allclose(frame.p_value, p)


def test_groups_of_a_pair_with_a_category_have_norms_alone(decided):
    frame = decided.group_frame("b", "d")
    assert (frame.effect > 0).all()
    assert frame[["ci_low", "ci_high", "p_value"]].isna().all(axis=None)


@pytest.mark.parametrize("pair", [("a", "e"), (0, 4), ("a", None), (0, -1)])
def test_pairs_that_are_none(decided, pair):
    with pytest.raises(ValueError, match="two names or indices of features; got"):
        decided.group_frame(*pair)


def test_a_feature_is_no_pair(decided):
    with pytest.raises(ValueError, match="'a' and 0 are no pair of two features"):
        decided.group_frame("a", 0)


def test_names_that_are_numbers_are_names_first(decided):
    named = replace(decided, feature_names=(3, 1, 2, 0))
    pd.testing.assert_frame_equal(named.group_frame(3, 2), decided.group_frame("a", "c"))


def test_a_mean_over_several_targets(decided):
    found = several(decided)
    assert found.sign.tolist() == [""] * 6
    assert (found.to_frame().sign == "").all()
    with pytest.raises(ValueError, match=r"no common sign.*interactions\(target=0\)"):
        found.group_frame("a", "b")
    with pytest.raises(ValueError, match=r"no common sign.*interactions\(target=0\)"):
        found.group_frame("a", "b", target=0)
    with pytest.raises(ValueError, match=r"no original units.*interactions\(target=0\)"):
        found.to_frame(units="original")
    effect, (low, high) = found.decisions.effect, found.interval().T
    known = np.isfinite(effect)
    assert ((low <= effect) & (effect <= high))[known].all()


def test_pickle(decided):
    copy = pickle.loads(pickle.dumps(decided))
    pd.testing.assert_frame_equal(copy.to_frame(), decided.to_frame())


def test_what_it_shows(decided, found):
    assert repr(decided) == (
        "<Interactions of 6 pairs, 3 at a false discovery rate of 0.05, first: a x c, b x c, b x d>"
    )
    assert repr(found) == "<Interactions of 6 pairs, highest score: a x d, c x d, a x b>"
    html = decided._repr_html_()
    assert html.index("<td>a</td><td>c</td>") < html.index("<td>b</td><td>c</td>")
    assert html.count("not tested") == html.count("d is a copy of a") == 2
    assert "1e-09" in html and "nan" not in html and "95 % interval" in html
    assert "95 % of the posterior" in found._repr_html_()
    assert f"p_fdr {decided.p_fdr[decided.order[0]]:.1g}" in str(decided).splitlines()[1]


# Groups in original values


def test_groups_are_described(decided):
    frame = decided.describe_groups()
    first = ["group", "rows", "share", "rule", "accuracy", "precision", "recall"]
    assert list(frame.columns) == [*first, "a", "b", "c", "d"]
    assert frame.rule.tolist() == ["a <= 4", "4 < a <= 7", "a > 7"]
    assert frame.accuracy.tolist() == [1, 1, 1] and frame.a.tolist() == [2, 6, 8.5]
    polars = replace(decided, frame_backend="polars").describe_groups()
    assert isinstance(polars, pl.DataFrame) and polars["rule"].dtype == pl.String


@pytest.mark.parametrize("lost", [{"points": None}, {"features": ()}, {"labels_": None}])
def test_groups_without_original_values(decided, lost):
    found = replace(decided, **lost)
    for asked in (found.describe_groups, lambda: found.group_frame("a", "b")):
        with pytest.raises(ValueError, match="original values, which these interactions do not"):
            asked()


def test_one_of_several_targets(decided):
    found = replace(several(decided), targets={"mild": 2.0, "ill": 5.0})
    for k, (label, scale) in enumerate(found.targets.items()):
        frame = found.group_frame("a", "c", units="original", target=label)
        effect = found.decisions.effects[k].effect[1, :3]
        np.testing.assert_allclose(frame.effect, effect * scale / 4)
    for wrong in (None, "well", 0):
        with pytest.raises(ValueError, match=r"'mild' here or interactions\(target='mild'\)"):
            found.group_frame("a", "b", target=wrong)


def test_a_target_where_there_is_one(decided):
    with pytest.raises(ValueError, match=r"leave target=0 out, or take interactions\(target=0\)"):
        decided.group_frame("a", "b", target=0)
