import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skgeh.tables._codes import RARE
from skgeh.tables.encoding import Encoding, refusals, unique_names

N = 300


def people(seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": np.where(rng.random(N) < 0.2, np.nan, rng.normal(40, 10, N)),
            "kids": pd.array(np.where(rng.random(N) < 0.1, None, rng.integers(0, 4, N)), "Int64"),
            "sex": rng.choice(["male", "female"], N),
            "town": rng.choice(["a", "b", "c", *[f"z{k}" for k in range(40)]], N, p=[0.25] * 3
                               + [0.25 / 40] * 40),
            "ill": rng.random(N) < 0.3,
            "size": pd.Categorical(rng.choice(["s", "m", "l"], N), ["s", "m", "l"], ordered=True),
            "when": pd.date_range("2023-01-01", periods=N, freq="7h"),
            "charges": rng.choice(["1.5", "2", " ", "3"], N),
        }
    )  # fmt: skip


def feature(frame):
    """The only feature of a column beside a number, its encoding and its columns."""
    encoding = Encoding.of(frame)
    own = encoding.features[0]
    return own, encoding, encoding.transform(frame)[:, list(own.columns)]


def column(values, name="a"):
    return pd.DataFrame({name: values, "x": np.arange(len(values)) * 0.37})


def test_notes_say_what_every_column_was_taken_for():
    notes = {note.name: (note.taken_for, note.detail) for note in Encoding.of(people()).notes}
    assert list(notes) == list(people())
    assert notes["age"] == ("number", "19 % missing")
    assert notes["sex"] == ("category", "2 levels")
    assert notes["ill"] == ("boolean", "")
    assert notes["size"] == ("ordered category", "3 levels")
    assert notes["when"] == ("date", "month, weekday, hour")
    assert notes["charges"][0] == "number" and "written as text" in notes["charges"][1]
    assert "rare ones" in notes["town"][1] and "together" in notes["town"][1]


@pytest.mark.parametrize("convert", [pl.from_pandas, pa.Table.from_pandas])
def test_frames_of_any_library_are_encoded_alike(convert):
    frame = people().drop(columns="size")  # other libraries know no order
    mine, theirs = Encoding.of(frame), Encoding.of(convert(frame))
    assert mine.column_names == theirs.column_names
    np.testing.assert_array_equal(mine.transform(frame), theirs.transform(convert(frame)))


def test_plain_numbers_are_themselves():
    X = np.random.default_rng(0).normal(size=(30, 4))
    encoding = Encoding.of(X)
    assert encoding.is_plain and encoding.column_names == ("x0", "x1", "x2", "x3")
    assert encoding.transform(X) is not None
    np.testing.assert_array_equal(encoding.transform(X), X)


def test_two_levels_are_one_column_and_more_are_one_each():
    frame = people()
    encoding = Encoding.of(frame)
    names = encoding.column_names
    assert "sex_male" in names and "sex_female" not in names
    towns = [name for name in names if name.startswith("town_")]
    assert towns == ["town_a", "town_b", "town_c", f"town_{RARE}"]


REFUSED = {
    "id": [f"p{k}" for k in range(N)],
    "review": [f"the film number {k} was quite good" for k in range(N)],
    "ticket": [f"t{k // 2}" for k in range(N)],
    "tags": [[k] for k in range(N)],
}


@pytest.mark.parametrize("names", [["id"], ["review", "tags"], ["ticket"]])
def test_columns_that_cannot_be_used_are_refused_by_name_with_the_cure(names):
    frame = pd.DataFrame({"x": np.arange(N) * 1.5, **{name: REFUSED[name] for name in names}})
    assert list(refusals(frame)) == names
    with pytest.raises(ValueError, match="cannot be used") as caught:
        Encoding.of(frame)
    assert f"X.drop(columns={names!r})" in str(caught.value)
    assert all(f"{name!r}:" in str(caught.value) for name in names)
    kept = frame.drop(columns=names)
    assert not refusals(kept) and len(Encoding.of(kept).features) == 1


def test_the_cure_is_in_the_words_of_the_library():
    frame = pd.DataFrame({"x": np.arange(N) * 1.5, "id": REFUSED["id"]})
    with pytest.raises(ValueError, match=r"X.drop\(\['id'\]\)"):
        Encoding.of(pl.from_pandas(frame))
    with pytest.raises(ValueError, match=r"X.drop_columns\(\['id'\]\)"):
        Encoding.of(pa.Table.from_pandas(frame))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_refused_by_name(value):
    frame = people()
    frame.loc[3, "age"] = value
    with pytest.raises(ValueError, match=r"infinity.*column 'age' in 1 rows"):
        Encoding.of(frame).transform(frame)


def test_new_levels_and_new_missing_values_are_average():
    frame, encoding = people(), Encoding.of(people())
    new = frame.assign(sex="other", town=None, ill=pd.array([None] * N, "boolean"), charges="5")
    found = dict(zip(encoding.column_names, encoding.transform(new).T, strict=True))
    assert (found["sex_male"] == encoding.features[2].neutral[0]).all()
    np.testing.assert_allclose(sum(found[name] for name in found if name.startswith("town_")), 1)
    assert (found["ill"] == 0).all() and (found["charges"] == 5).all()


def test_a_column_in_another_form_is_refused_by_name():
    encoding = Encoding.of(people())
    with pytest.raises(ValueError, match=r"Column 'age' was a number.*words came"):
        encoding.transform(people().assign(age="old"))
    with pytest.raises(ValueError, match="8 were expected: age"):
        encoding.transform(people()[["age", "sex"]])


def test_rows_do_not_change_each_other():
    frame, encoding = people(), Encoding.of(people())
    whole = encoding.transform(frame)
    for row in (0, 17, N - 1):
        np.testing.assert_array_equal(encoding.transform(frame[row : row + 1])[0], whole[row])


def test_columns_of_features_follow_each_other():
    encoding = Encoding.of(people())
    columns = [place for one in encoding.features for place in one.columns]
    assert columns == list(range(len(encoding.column_names)))
    for code, place in zip(encoding.codes, range(len(encoding.codes)), strict=True):
        for one in code.features:
            assert encoding.given_columns(one.columns) == [place]


def test_names_are_unique():
    frame = pd.DataFrame({"a_u": np.arange(60.0), "a": ["u", "v", "w"] * 20})
    names = Encoding.of(frame).column_names
    assert len(set(names)) == len(names) == 4
    assert unique_names(["a", "a", "a"]) == ("a", "a 2", "a 3")


def test_constants_and_empty_columns_are_read():
    frame = column(["u"] * 40).assign(nothing=None, one=1)
    encoding = Encoding.of(frame)
    X = encoding.transform(frame)
    assert (np.ptp(X, axis=0) == 0).sum() == 3 and np.isfinite(X).all()
    assert [note.detail for note in encoding.notes[2:]] == ["100 % missing", ""]


def test_an_open_order_of_day_and_month_is_said():
    days = pd.date_range("2023-01-01", periods=12, freq="D").strftime("%m/%d/%Y")
    assert (
        Encoding.of(column(days.astype(object), "when"))
        .notes[0]
        .detail.endswith("month read before day")
    )


def test_an_hour_has_two_waves_if_there_are_enough_hours():
    for step, n_columns in ((1, 4), (6, 2)):
        when = pd.Series(pd.date_range("2023-01-02", periods=100, freq=f"{step}h"))
        hour = next(f for f in Encoding.of(column(when, "when")).features if f.name == "when: hour")
        assert len(hour.columns) == n_columns


@pytest.mark.parametrize("nothing", [None, np.nan])
def test_new_rows_may_have_no_date_at_all(nothing):
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(60) * 7, unit="h")
    encoding = Encoding.of(pd.DataFrame({"when": when, "x": np.arange(60.0)}))
    new = encoding.transform(pd.DataFrame({"when": [nothing], "x": [1.0]}))
    same = encoding.transform(pd.DataFrame({"when": [pd.NaT], "x": [1.0]}))
    assert np.array_equal(new, same)
