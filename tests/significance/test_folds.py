import numpy as np
import pytest

from skgeh.geh.pairs import pair_index
from skgeh.significance._folds import (
    dealt,
    dealt_units,
    draw_folds,
    fold_rows,
    pair_limit,
    train_and_test,
)


@pytest.mark.parametrize(("n", "cv", "n_repeats"), [(100, 5, 3), (103, 2, 1), (133, 6, 2)])
def test_folds_are_balanced_and_differ_between_repeats(n, cv, n_repeats):
    folds = draw_folds(n, cv, n_repeats, np.random.default_rng(0))
    assert folds.shape == (n_repeats, n)
    for row in folds:
        sizes = np.bincount(row)
        assert len(sizes) == cv
        assert np.ptp(sizes) <= 1
    assert len({row.tobytes() for row in folds}) == n_repeats
    again = draw_folds(n, cv, n_repeats, np.random.default_rng(0))
    np.testing.assert_array_equal(folds, again)


@pytest.mark.parametrize("n", [100, 101, 104, 999])
def test_a_sequence_has_two_fifths_and_three_fifths_of_the_rows(n):
    (row,) = draw_folds(n, "sequential", 3, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(row + 1) / n, [0.4, 0.2, 0.2, 0.2], atol=1 / n)
    assert np.abs(np.diff(row)).sum() > n / 4  # shuffled


def test_training_rows_are_all_others():
    folds = np.array([0, 1, 2, 0, 1, 2, 2])
    for k, (train, test) in enumerate(train_and_test(folds)):
        assert test.tolist() == [row for row in range(7) if folds[row] == k]
        assert train.tolist() == [row for row in range(7) if folds[row] != k]


def test_training_rows_of_a_sequence_are_those_before():
    splits = train_and_test(np.array([1, -1, 0, -1, 2, 0]))
    assert [(train.tolist(), test.tolist()) for train, test in splits] == [
        ([1, 3], [2, 5]),
        ([1, 2, 3, 5], [0]),
        ([0, 1, 2, 3, 5], [4]),
    ]


# Strata


def test_folds_have_their_share_of_every_class():
    strata = np.repeat([0, 1, 2], [200, 30, 10])
    for cv, parts in ((5, range(5)), ("sequential", range(-1, 3))):
        folds = draw_folds(240, cv, 2, np.random.default_rng(0), strata)
        for row in folds:
            for stratum, size in enumerate([200, 30, 10]):
                counts = np.array([(row[strata == stratum] == part).sum() for part in parts])
                share = np.array([0.4, 0.2, 0.2, 0.2]) if len(parts) == 4 else np.full(5, 0.2)
                assert (np.abs(counts - share * size) < 1.01).all()
            assert np.abs(np.diff(row)).sum() > 40  # shuffled


def test_every_part_is_dealt_once_and_strata_take_turns():
    strata, parts = np.tile([0, 1, 2, 1], 30), np.arange(120) % 7
    found = dealt(parts, strata, np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(found), np.bincount(parts))
    begin = 0
    for stratum in range(3):  # each gets the next parts of the row
        size = (strata == stratum).sum()
        expected = np.bincount(parts[begin : begin + size], minlength=7)
        np.testing.assert_array_equal(np.bincount(found[strata == stratum], minlength=7), expected)
        begin += size
    other = dealt(parts, strata, np.random.default_rng(1))
    assert (found != other).any()


# How many pairs they bear


def test_rows_of_a_regression():
    assert fold_rows(np.array([[0, 1, 2, 0], [2, 1, 0, 0]])) == 4
    assert fold_rows(np.array([[-1, 0, 0, 1, -1, 1, 1, 2, 2, -1]])) == 2


def limit(n, d, cv, max_pairs=None):
    folds = draw_folds(n, cv, 1, np.random.default_rng(0))
    return pair_limit(folds, len(pair_index(d)), max_pairs)


@pytest.mark.parametrize(
    ("n", "d", "cv", "expected"),
    [
        (300, 5, 5, 10),  # all pairs
        (280, 8, 5, 28),
        (270, 8, 5, 13),  # more than a tenth of the rows: a twentieth
        (400, 20, 5, 20),
        (1000, 21, 5, 50),
        (3000, 21, 5, 210),
        (1400, 8, "sequential", 28),
        (1000, 8, "sequential", 20),  # a tenth of a fold
        (100, 3, "sequential", 2),
    ],
)
def test_pairs_that_each_training_set_may_name(n, d, cv, expected):
    assert limit(n, d, cv) == expected
    assert limit(n, d, cv, 2) == 2


def test_as_many_pairs_as_asked_for_if_there_is_room():
    assert limit(300, 9, 5, 15) == 15
    with pytest.raises(ValueError, match=r"max_pairs=16 is too many: with 300 rows .* most 15\."):
        limit(300, 9, 5, 16)
    with pytest.raises(ValueError, match=r"max_pairs=13 is too many: with 120 rows .* most 12\."):
        limit(600, 9, "sequential", 13)
    assert limit(300, 5, 5, 30) == 10


def test_rows_that_say_less_bear_fewer_pairs():
    folds = draw_folds(300, 5, 1, np.random.default_rng(0))
    assert [pair_limit(folds, 30, None, information) for information in (1, 0.5)] == [30, 7]
    with pytest.raises(ValueError, match=r"max_pairs=8 is too many: with 150 rows .* most 7\."):
        pair_limit(folds, 30, 8, 0.5)


# Units


def units_of(n_units=60, largest=7, seed=0):
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(n_units), rng.integers(1, largest + 1, size=n_units))
    return rng.permutation(units)


@pytest.mark.parametrize("cv", [2, 5, "sequential"])
@pytest.mark.parametrize("labels", [False, True])
def test_folds_are_of_whole_units(cv, labels):
    units = units_of()
    strata = (np.random.default_rng(1).random(len(units)) < 0.2).astype(int) if labels else None
    folds = draw_folds(len(units), cv, 3, np.random.default_rng(0), strata, units)
    shares = [0.4, 0.2, 0.2, 0.2] if cv == "sequential" else [1 / cv] * cv
    assert len(folds) == (1 if cv == "sequential" else 3)
    for row in folds:
        assert all(len(set(row[units == unit])) == 1 for unit in range(60))
        parts = row - row.min()
        np.testing.assert_allclose(np.bincount(parts) / len(units), shares, atol=0.03)
        if strata is not None:
            rare = np.bincount(parts[strata == 1]) / strata.sum()
            np.testing.assert_allclose(rare, shares, atol=0.08)
    assert len({row.tobytes() for row in folds}) == len(folds)


def test_units_are_dealt_at_random_whatever_their_labels():
    units = units_of()
    first = [dealt_units(np.full(2, 0.5), units, None, np.random.default_rng(k)) for k in range(40)]
    share = np.mean(first, axis=0)
    assert share.min() > 0.15 and share.max() < 0.85


@pytest.mark.parametrize(("cv", "needed"), [(5, 25), (2, 10), ("sequential", 25)])
def test_too_few_units(cv, needed):
    units = np.arange(400) % (needed - 1)
    with pytest.raises(ValueError, match=f"at least {needed} units"):
        draw_folds(400, cv, 1, np.random.default_rng(0), units=units)
    draw_folds(400, cv, 1, np.random.default_rng(0), units=np.arange(400) % needed)
