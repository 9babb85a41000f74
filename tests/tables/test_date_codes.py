import numpy as np
import pandas as pd
import pytest

from skgeh.tables.encoding import Encoding

N = 300


def column(values, name="a"):
    return pd.DataFrame({name: values, "x": np.arange(len(values)) * 0.37})


@pytest.mark.parametrize(
    ("freq", "parts"),
    [
        ("h", ["weekday", "hour"]),
        ("D", ["month", "weekday"]),
        ("90D", ["year", "month", "weekday"]),
    ],
)
def test_dates_become_the_parts_that_vary(freq, parts):
    dates = pd.date_range("2023-05-01", periods=200 if freq != "h" else 150, freq=freq)
    encoding = Encoding.of(column(dates, "when"))
    assert [one.name for one in encoding.features[:-1]] == [f"when: {part}" for part in parts]
    kinds = {"year": "number", "month": "cycle", "weekday": "cycle", "hour": "cycle"}
    assert [one.kind for one in encoding.features[:-1]] == [kinds[part] for part in parts]


def test_parts_of_dates_are_those_of_the_calendar():
    dates = pd.Series(pd.date_range("2023-05-01", periods=400, freq="37h"))
    frame = column(dates, "when")
    encoding = Encoding.of(frame)
    X = encoding.transform(frame)
    found = {
        one.name: [one.text(value) for value in one.decode(X[:, list(one.columns)])]
        for one in encoding.features
    }
    assert found["when: month"] == dates.dt.month_name().str[:3].tolist()
    assert found["when: weekday"] == dates.dt.day_name().str[:3].tolist()
    assert found["when: hour"] == [f"{hour} h" for hour in dates.dt.hour]
    assert found["when: year"] == dates.dt.year.astype(str).tolist()


def test_missing_dates():
    dates = pd.Series(pd.date_range("2023-01-01", periods=100, freq="D"))
    dates[::3] = pd.NaT
    frame = column(dates, "when")
    encoding = Encoding.of(frame)
    X = encoding.transform(frame)
    assert np.isfinite(X).all()
    by_name = {one.name: one for one in encoding.features}
    assert list(by_name) == ["when: month", "when: weekday", "when: missing", "x"]
    gap = X[:, by_name["when: missing"].columns[0]]
    np.testing.assert_array_equal(gap, dates.isna())


@pytest.mark.parametrize(
    ("form", "taken_for"),
    [("%Y-%m-%d", "date"), ("%d.%m.%Y", "date"), ("%m/%d/%Y", "date"), ("%d/%m/%Y", "date"),
     ("%Y-%m-%d %H:%M", "date"), ("%A", "category")],
)  # fmt: skip
def test_dates_that_are_written_as_words(form, taken_for):
    dates = pd.date_range("2023-01-01", periods=N, freq="D")
    frame = column(dates.strftime(form).astype(object), "when")
    encoding = Encoding.of(frame)
    assert encoding.notes[0].taken_for == taken_for
    if taken_for == "date":
        same = Encoding.of(column(dates, "when"))
        np.testing.assert_array_equal(encoding.transform(frame), same.transform(column(dates)))


@pytest.mark.parametrize("mark", ["?", "unknown", "0000-00-00"])
def test_marks_among_dates_are_missing(mark):
    dates = pd.date_range("2023-01-01", periods=100).strftime("%Y-%m-%d")
    words = [mark if k % 4 == 0 else date for k, date in enumerate(dates)]
    encoding = Encoding.of(column(words, "when"))
    assert encoding.notes[0].taken_for == "date" and "25 % missing" in encoding.notes[0].detail


def test_new_rows_without_any_date():
    encoding = Encoding.of(column(pd.date_range("2023-01-01", periods=100), "when"))
    for nothing in (None, np.nan, pd.NaT):
        assert np.isfinite(encoding.transform(column([nothing], "when"))).all()


def test_a_column_keeps_its_name_before_a_part_of_a_date():
    frame = column(pd.date_range("2023-01-01", periods=100), "when")
    frame["when: month"] = np.arange(100) * 0.7
    names = [one.name for one in Encoding.of(frame).features]
    assert names == ["when: month (date)", "when: weekday", "x", "when: month"]


@pytest.mark.parametrize("form", ["%H:%M", "%H:%M:%S"])
def test_times_of_day_are_hours(form):
    clock = pd.date_range("2023-01-01", periods=100, freq="37min")
    frame = column(clock.strftime(form).astype(object), "start")
    encoding = Encoding.of(frame)
    assert encoding.notes[0].detail == "hour"
    hours = encoding.features[0].decode(encoding.transform(frame)[:, :4])
    np.testing.assert_array_equal(hours, clock.hour)
