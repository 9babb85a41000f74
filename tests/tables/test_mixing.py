import numpy as np
import pandas as pd
import polars as pl
import pytest

from skgeh.tables.features import Features
from skgeh.tables.mixing import Mixing
from skgeh.tables.table import Table

N = 60


def frame(seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": np.where(rng.random(N) < 0.3, np.nan, rng.integers(20, 60, N)),
            "sex": rng.choice(["f", "m"], N),
            "when": pd.date_range("2023-01-01", periods=N, freq="31h"),
        }
    )


def mixing_of(given):
    table = Table.of(given, np.arange(float(len(given))))
    return Mixing.of(table), table


@pytest.mark.parametrize("convert", [lambda X: X, pl.from_pandas], ids=["pandas", "polars"])
def test_codes_of_rows_become_the_same_rows(convert):
    given = convert(frame())
    mixing, _ = mixing_of(given)
    again = mixing(mixing.codes)
    assert type(again) is type(given)
    if isinstance(again, pl.DataFrame):
        assert again.equals(given)
    else:
        pd.testing.assert_frame_equal(again, given)


def test_columns_come_from_rows_of_their_own():
    mixing, _ = mixing_of(frame())
    codes = mixing.codes[[0, 1]].copy()
    codes[:, 1] = mixing.codes[[7, 8], 1]
    found = mixing(codes)
    assert found["sex"].tolist() == frame()["sex"][[7, 8]].tolist()
    assert found["when"].tolist() == frame()["when"][[0, 1]].tolist()


def test_codes_are_in_the_order_of_the_values():
    mixing, _ = mixing_of(frame())
    age = frame()["age"].to_numpy()
    known = ~np.isnan(age)
    order = np.argsort(age[known])
    assert (np.diff(mixing.codes[known, 0][order]) >= 0).all()
    assert mixing.codes[~known, 0].min() > mixing.codes[known, 0].max()


def test_numbers_between_codes_are_rows_too():
    mixing, _ = mixing_of(frame())
    assert len(mixing(mixing.codes.mean(0)[None])) == 1
    assert len(mixing(np.full((2, 3), 1e9))) == 2


def test_parts_of_a_date_cannot_be_moved_alone():
    mixing, table = mixing_of(frame())
    known = Features.of(table)
    found, alone = mixing.features(known, table.encoding)
    assert dict(zip(found.names, alone.tolist(), strict=True)) == {
        "age": True, "sex": True, "when: month": False, "when: weekday": False, "when: hour": False,
    }  # fmt: skip
    assert [own.tolist() for own in found.columns] == [[0], [1], [2], [2], [2]]
    assert found.X is mixing.codes


def test_arrays_with_gaps_stay_arrays():
    X = frame()[["age"]].assign(b=1.5).to_numpy()
    mixing, _ = mixing_of(X)
    np.testing.assert_array_equal(mixing(mixing.codes), X)
