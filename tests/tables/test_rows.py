import numpy as np
import pytest

from skgeh.tables.rows import (
    MAX_HELD_OUT,
    MAX_POINTS,
    _counted_rows,
    held_out_rows,
    held_out_units,
    in_proportion,
    point_rows,
)


def generator(seed=0):
    return np.random.default_rng(seed)


# Rows that count


def test_rows_with_a_weight_count():
    weight = np.array([0.0, 1.0, 2.5, 0.0, 1.0])
    assert _counted_rows(weight, minimum=3).tolist() == [False, True, True, False, True]


def test_rows_of_weight_zero_do_not_make_enough():
    with pytest.raises(ValueError, match="Found 3 rows with a sample weight above zero while a "
                                         "minimum of 4 is required"):  # fmt: skip
        _counted_rows(np.array([0.0, 1.0, 2.5, 0.0, 1.0]), minimum=4)


def test_weights_that_are_no_counts_are_warned_about():
    _counted_rows(np.full(10, 0.5), minimum=1)  # warnings are errors
    _counted_rows(np.repeat([0.5, 0.0], [10, 30]), minimum=1)
    with pytest.warns(UserWarning, match="weights of 10 rows sum to 4.9. They are read as counts"):
        _counted_rows(np.repeat([0.49, 0.0], [10, 30]), minimum=1)


@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_weights_out_of_range_are_refused(scale):
    with pytest.raises(ValueError, match=r"sum to 1e[+-].*Divide them by their mean"):
        _counted_rows(np.full(10, scale / 10), minimum=1)


# Rows that are held out


@pytest.mark.parametrize(
    ("n", "n_networks", "fraction", "size"),
    [(100, 4, 0.1, 10), (103, 4, 0.1, 10), (8, 3, 0.01, 1), (8, 3, 0.99, 7), (10**5, 2, 0.5, 2000)],
)
def test_each_network_holds_out_its_share(n, n_networks, fraction, size):
    held_out = held_out_rows(n, n_networks, fraction, generator())
    assert held_out.shape == (n_networks, size)
    assert size <= MAX_HELD_OUT
    assert all(len(set(mine)) == size for mine in held_out.tolist())
    assert held_out.min() >= 0 and held_out.max() < n


def test_networks_hold_out_different_rows_while_there_are_enough():
    held_out = held_out_rows(100, 10, 0.1, generator())
    assert sorted(held_out.ravel()) == list(range(100))
    counts = np.bincount(held_out_rows(100, 25, 0.1, generator()).ravel(), minlength=100)
    assert set(counts) == {2, 3}


def test_the_generator_decides_about_held_out_rows():
    one, two, other = (held_out_rows(100, 4, 0.1, generator(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


# Units that are held out


def some_units(kind, n=200):
    """Of one row, of equal size, of very different sizes, some of none, and only two."""
    return {
        "rows": np.arange(n),
        "equal": np.repeat(np.arange(n // 5), 5),
        "uneven": np.minimum(generator(5).geometric(0.2, n) - 1, 9),
        "gaps": 3 * generator(5).integers(0, 8, n) + 1,
        "two": (np.arange(n) < 30).astype(int),
    }[kind]


each_kind = pytest.mark.parametrize("kind", ["rows", "equal", "uneven", "gaps", "two"])


@each_kind
@pytest.mark.parametrize("n_networks", [1, 4, 30])
@pytest.mark.parametrize("seed", range(3))
def test_no_unit_is_on_both_sides(kind, n_networks, seed):
    units = some_units(kind)
    held_out, training = held_out_units(units, n_networks, 0.1, generator(seed))
    assert held_out.shape[0] == training.shape[0] == n_networks
    assert held_out.shape[1] > 0 and training.shape[1] > 0
    for out, on in zip(held_out, training, strict=True):
        assert len(set(out)) == len(out) and len(set(on)) == len(on)
        assert not set(units[out]) & set(units[on])
        assert min(out.min(), on.min()) >= 0 and max(out.max(), on.max()) < len(units)


@each_kind
def test_a_network_alone_loses_no_row(kind):
    held_out, training = held_out_units(some_units(kind), 1, 0.1, generator())
    assert sorted([*held_out[0], *training[0]]) == list(range(200))


@pytest.mark.parametrize("size", [1, 2, 5, 10])
@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.5])
def test_of_equal_units_as_many_as_make_the_share(size, fraction):
    units = np.repeat(np.arange(200 // size), size)
    held_out, training = held_out_units(units, 4, fraction, generator())
    rows = size * -(-round(200 * fraction) // size)  # rounded up to whole units
    assert held_out.shape == (4, rows) and training.shape == (4, 200 - rows)


def test_networks_hold_out_different_units_while_there_are_enough():
    units = np.repeat(np.arange(20), 3)
    held_out, _ = held_out_units(units, 10, 0.1, generator())
    assert sorted(units[held_out].ravel()) == sorted(units)
    again, _ = held_out_units(units, 20, 0.1, generator())
    assert set(np.bincount(units[again].ravel()) // 3) == {2}


def test_of_large_units_no_more_than_needed_are_held_out():
    """The first of them has enough rows, so that one is all."""
    units = np.repeat(np.arange(4), 50)
    held_out, training = held_out_units(units, 4, 0.1, generator())
    assert held_out.shape == (4, 50) and training.shape == (4, 150)
    assert sorted(units[held_out[:, 0]]) == [0, 1, 2, 3]


def test_something_is_left_to_train_on():
    held_out, training = held_out_units(some_units("two"), 3, 0.99, generator())
    assert held_out.shape == (3, 30) and training.shape == (3, 30)


def test_the_generator_decides_about_held_out_units():
    units = some_units("equal")
    one, two, other = (held_out_units(units, 4, 0.1, generator(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
    assert (one[0] != other[0]).any()


# Rows to measure at


def test_points_are_held_out_rows_first():
    held_out = held_out_rows(100, 4, 0.1, generator())
    rows = point_rows(held_out, np.ones(100), generator())
    assert len(np.unique(held_out)) == held_out.size == 40
    assert set(rows[:40]) == set(held_out.ravel())
    assert sorted(rows) == list(range(100))


@pytest.mark.parametrize("n_held_out", [10, MAX_POINTS + 500])
def test_there_are_no_more_than_1000_points(n_held_out):
    held_out = generator(1).permutation(3000)[:n_held_out]
    rows = point_rows(held_out, np.full(3000, 2.0), generator())
    assert len(set(rows.tolist())) == len(rows) == MAX_POINTS == 1000
    assert len(set(rows.tolist()) & set(held_out.tolist())) == min(n_held_out, 1000)


def test_points_come_in_random_order():
    rows = point_rows(np.arange(50), np.ones(200), generator())
    assert np.abs(np.diff(rows[:50])).sum() > 200
    assert np.abs(np.diff(rows[50:])).sum() > 600
    assert (rows != point_rows(np.arange(50), np.ones(200), generator(1))).any()


def test_heavy_rows_are_points_more_often():
    """Of held-out rows, if there are 1000; none of another."""
    weight = generator(2).integers(1, 5, 4000).astype(float)
    held_out = generator(1).permutation(4000)[:2000]
    rows = point_rows(held_out, weight, generator())
    assert len(rows) == 1000 and set(rows.tolist()) <= set(held_out.tolist())
    counts = np.bincount(rows, minlength=4000)[held_out]
    expected = 1000 * weight[held_out] / weight[held_out].sum()
    assert (np.abs(counts - expected) < 1).all()


def test_few_held_out_rows_are_filled_up_in_proportion_to_weights():
    weight = np.repeat([1.0, 9.0], 50)
    rows = point_rows(np.arange(10), weight, generator())
    counts = np.bincount(rows, minlength=100)
    np.testing.assert_array_equal(counts, np.repeat([2, 18], 50))


@pytest.mark.parametrize("seed", range(3))
def test_repetitions_are_those_of_systematic_sampling(seed):
    weight, rows = generator(seed).exponential(size=300), generator(seed).permutation(300)[:200]
    found = in_proportion(rows, weight)
    assert len(found) == 1000
    counts = np.bincount(found, minlength=300)
    expected = 1000 * weight[rows] / weight[rows].sum()
    assert (np.abs(counts[rows] - expected) < 1 + 1e-9).all()
    assert counts.sum() == counts[rows].sum()
