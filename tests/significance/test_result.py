from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import norm

from skgeh.geh.pairs import pair_index
from skgeh.significance import CrossfitResult
from skgeh.significance.result import TestResult
from skgeh.tables.corrections import adjust

P = np.array([0.2, 0.001, np.nan, 0.03, 0.2, 1.0])
TESTED = np.array([True, True, False, True, True, True])


def result(**given):
    rng = np.random.default_rng(0)
    fields = {
        "pairs": pair_index(4),
        "statistic": norm.isf(np.minimum(P, 1 - 1e-15)),
        "p_value": P,
        "tested": TESTED,
        "feature_names": ("a", "b", "c", "d"),
        "frame_backend": "pandas",
        "reason": ["", "", "d is a copy of a", "", "", ""],
        "fold_scores": rng.normal(size=(3, 5, 6)),
        "shape_scores": rng.normal(size=(1, 6, 4)),
        "variance_inflation": 1.5,
        "strength": np.array([0.1, 0.5, np.nan, 0.3, -0.2, 0.0]),
        "strength_std": np.array([0.1, 0.1, np.nan, 0.1, 0.1, 0.1]),
        "confirmed_effect": np.array([0.2, 1.0, np.nan, 0.6, 0.1, 0.0]),
        "confirmed_std": np.array([0.3, 0.2, np.nan, 0.2, 0.1, 0.0]),
    }
    return CrossfitResult(**{**fields, **given})


WITHOUT_HESSIANS = {"confirmed_effect": None, "confirmed_std": None}


@pytest.mark.parametrize("control", ["fdr", "fdr_by", "fwer"])
def test_adjusted_over_all_pairs(control):
    """The pair that was not tested counts as if its p-value were 1."""
    expected = adjust(np.where(TESTED, P, 1.0), control)
    np.testing.assert_array_equal(result().adjusted(control)[TESTED], expected[TESTED])
    assert np.isnan(result().adjusted(control)[2])


def test_adjusted_is_by_default_the_false_discovery_rate():
    np.testing.assert_array_equal(result().adjusted(), result().adjusted("fdr"))
    with pytest.raises(ValueError, match="control must be one of"):
        result().adjusted("bonferroni")


def test_the_frame_has_a_row_a_pair_least_p_value_first():
    frame = result().to_frame()
    assert frame["p_value"].tolist()[:-1] == sorted(P[TESTED])
    pairs = list(zip(frame["feature_i"], frame["feature_j"], strict=True))
    assert pairs[:2] == [("a", "c"), ("b", "c")]
    assert set(pairs[2:4]) == {("a", "b"), ("b", "d")}
    # the pair that was not tested comes last, after a p-value of 1
    assert pairs[-2:] == [("c", "d"), ("a", "d")]
    assert frame["tested"].tolist() == [True] * 5 + [False]
    assert frame["reason"].tolist() == [""] * 5 + ["d is a copy of a"]
    assert frame.drop(columns=["feature_i", "feature_j", "tested", "reason"]).iloc[-1].isna().all()


def test_without_reasons_pairs_are_not_tested():
    assert result(reason=None).reason.tolist() == ["", "", "not tested", "", "", ""]


def test_a_pair_that_was_only_scanned_comes_before_those_that_were_not_tested():
    reasons = ["", "", "d is a copy of a", "", "", "p > 1e-4"]
    p = np.where(np.arange(6) == 5, np.nan, P)
    frame = result(p_value=p, statistic=-p, tested=np.arange(6) != 2, reason=reasons).to_frame()
    assert frame["reason"].tolist() == [""] * 4 + ["p > 1e-4", "d is a copy of a"]
    assert frame["tested"].tolist() == [True] * 5 + [False]


def test_columns_of_the_frame():
    frame = result().to_frame()
    assert list(frame.columns) == [
        "feature_i", "feature_j", "statistic", "p_value", "p_fdr", "p_fwer",
        "strength", "strength_low", "confirmed_effect", "confirmed_low", "confirmed_high",
        "tested", "reason",
    ]  # fmt: skip
    first = frame.iloc[0]
    assert first.p_fdr == pytest.approx(0.006)
    assert first.p_fwer == pytest.approx(0.006)
    assert first.strength == 0.5
    assert first.strength_low == pytest.approx(0.5 - 1.6449 * 0.1, abs=1e-5)
    assert first.confirmed_low == pytest.approx(1 - 1.96 * 0.2, abs=1e-4)
    assert first.confirmed_high == pytest.approx(1 + 1.96 * 0.2, abs=1e-4)


def test_models_without_hessians_have_no_effects():
    assert [
        name for name in result(**WITHOUT_HESSIANS).columns() if "confirmed_effect" in name
    ] == []
    with pytest.raises(ValueError, match=r"second derivatives.*strength_lower\(\) works"):
        result(**WITHOUT_HESSIANS).confirmed_interval()


@pytest.mark.parametrize(("backend", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_kind_of_frame(backend, kind):
    frame = result(frame_backend=backend).to_frame()
    assert type(frame) is kind
    assert frame["feature_i"].to_list()[0] == "a"
    assert frame["p_value"].to_list()[:-1] == sorted(P[TESTED])


def test_lower_bounds_of_strength():
    found = result(p_value=np.where(TESTED, 0.001, np.nan))
    lower = found.strength_lower(0.9)
    expected = found.strength - norm.ppf(0.9) * found.strength_std
    np.testing.assert_allclose(lower[TESTED], np.maximum(expected, 0)[TESTED])
    assert (lower[TESTED] >= 0).all()
    assert (found.strength_lower(0.99)[TESTED] <= lower[TESTED]).all()
    np.testing.assert_allclose(found.strength_lower(0.5)[:2], found.strength[:2])


def test_the_strength_of_what_is_not_significant_is_at_least_0():
    lower = result(strength=np.full(6, 0.5)).strength_lower()
    assert lower[1] == pytest.approx(0.5 - 1.6449 * 0.1, abs=1e-5)
    assert (lower[[0, 3, 4, 5]] == 0).all()  # 0.03 is 0.09 after correction
    assert np.isnan(lower[2])


def test_intervals_of_effects():
    found = result()
    interval = found.confirmed_interval(0.9)
    assert interval.shape == (6, 2)
    np.testing.assert_allclose(interval[1], 1 + norm.ppf(0.95) * 0.2 * np.array([-1, 1]))
    assert interval[0, 0] == 0
    assert (np.diff(found.confirmed_interval(0.99)[TESTED]) >= np.diff(interval[TESTED])).all()


def test_what_is_printed():
    assert repr(result()) == "<CrossfitResult of 5 pairs, 1 at a false discovery rate of 0.05>"
    nothing = result(p_value=np.full(6, np.nan), tested=np.zeros(6, dtype=bool))
    assert repr(nothing) == "<CrossfitResult of 0 pairs, 0 at a false discovery rate of 0.05>"


def test_the_printed_table_fits_80_columns_in_the_order_of_the_frame():
    found = result(feature_names=("a <i>", "the second of them", "c", "d"))
    frame, lines = found.to_frame(), str(found).splitlines()
    assert lines[0] == repr(found)[1:-1]
    assert lines[1].split() == ["p_value", "p_fdr", "strength", "strength_low"]
    assert max(map(len, lines)) <= 80
    names = [f"{a} x {b}" for a, b in frame[["feature_i", "feature_j"]].itertuples(index=False)]
    assert [line.split("  ")[0] for line in lines[2:]] == names
    assert lines[2].split()[-4:] == ["0.001", "0.006", "0.5", "0.34"]
    assert lines[-1].endswith("d is a copy of a")
    html = found._repr_html_()
    assert html.count("<tr>") == 7 and "a &lt;i&gt; x c" in html
    assert "nan" not in html + str(found)


def test_of_many_rows_the_first_are_shown():
    found = result(
        targets=["u", "v"],
        p_value=np.tile(P[:, None], 2) * [1, 0.5],
        **{
            name: np.tile(getattr(result(), name)[:, None], 2)
            for name in ("statistic", "tested", "strength", "strength_std")
        },
        **WITHOUT_HESSIANS,
    )
    lines = str(found).splitlines()
    assert lines[0].endswith("; the first 10 rows") and len(lines) == 12
    assert lines[1].split()[0] == "target"
    assert [line.split()[3] for line in lines[2:4]] == ["v", "u"]


def test_results_do_not_change():
    with pytest.raises(FrozenInstanceError):
        result().p_value = np.zeros(6)
    assert replace(result(), variance_inflation=2.0).variance_inflation == 2


# Several targets


def several(p, tested=None):
    p = np.asarray(p, dtype=float)
    shape = len(p), p.shape[1]
    return TestResult(
        pairs=np.array([(0, 1), (0, 2), (1, 2)][: len(p)]),
        statistic=-p,
        p_value=p,
        tested=np.ones(shape, dtype=bool) if tested is None else np.array(tested),
        feature_names=("a", "b", "c"),
        frame_backend="pandas",
        targets=list(range(p.shape[1])),
    )


def test_a_pair_counts_once_whatever_the_number_of_its_targets():
    result = several([[0.001, 0.9], [0.02, 0.02], [0.6, 0.7]])
    np.testing.assert_allclose(result.pair_p_value, [0.002, 0.04, 1.0])
    np.testing.assert_allclose(result.adjusted_pairs("fdr"), [0.006, 0.06, 1.0])
    np.testing.assert_allclose(result.adjusted_pairs("fwer"), [0.006, 0.08, 1.0])


def test_targets_that_were_not_tested_count_as_ones():
    nan = np.nan
    result = several(
        [[0.01, nan], [nan, nan], [0.03, 0.5]], [[True, False], [False, False], [True, True]]
    )
    np.testing.assert_allclose(result.pair_p_value, [0.02, nan, 0.06])
    np.testing.assert_allclose(result.adjusted_pairs("fwer"), [0.06, nan, 0.12])
    assert result.tested_pairs.tolist() == [True, False, True]
    assert result.reason.tolist() == ["not tested", "not tested", ""]
    frame = result.to_frame()
    assert frame["reason"].tolist() == [""] * 3 + ["not tested"] * 3
    assert frame["target"].tolist()[:3] == [0, 0, 1]


def test_the_false_discovery_rate_counts_pairs():
    """True pairs that are found for all of three targets leave no room for more false ones."""
    rng = np.random.default_rng(0)
    true = np.arange(40) < 10
    shares: list = []
    for _ in range(400):
        p = rng.uniform(size=(40, 3))
        p[true] = 1e-8
        result = several(p)
        found = [result.adjusted_pairs("fdr") <= 0.1, (result.adjusted("fdr") <= 0.1).any(1)]
        shares.append([(one & ~true).sum() / one.sum() for one in found])
    pairs, entries = np.mean(shares, axis=0)
    assert pairs <= 0.1 < entries
