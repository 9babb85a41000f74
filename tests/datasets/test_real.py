"""The loaders on tiny files, and on what OpenML would give."""

import gzip
import os
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from skgeh.datasets import (
    load_bike_sharing,
    load_california_housing,
    load_energy_efficiency,
    real,
)

LOADERS = [load_california_housing, load_bike_sharing, load_energy_efficiency]
CALIFORNIA = """longitude,latitude,housing_median_age,total_rooms,total_bedrooms,population,\
households,median_income,median_house_value,ocean_proximity
-122.23,37.88,41.0,880.0,129.0,322.0,126.0,8.3252,452600.0,NEAR BAY
-122.22,37.86,21.0,7099.0,,2401.0,1138.0,8.3014,358500.0,NEAR BAY
-118.32,33.35,27.0,1675.0,521.0,744.0,331.0,2.1579,450000.0,ISLAND
-121.97,37.64,32.0,1283.0,194.0,485.0,171.0,6.0574,431000.0,<1H OCEAN
-121.92,37.64,46.0,1280.0,209.0,512.0,208.0,5.1406,315600.0,INLAND
-118.28,33.72,10.0,20.0,,9.0,8.0,5.0,1.0,NEAR OCEAN
-118.29,33.73,10.0,21.0,5.0,9.0,8.0,5.0,2.0,NEAR OCEAN
"""
BIKE = """instant,dteday,season,yr,mnth,hr,holiday,weekday,workingday,weathersit,temp,atemp,hum,\
windspeed,casual,registered,cnt
1,2011-01-01,1,0,1,0,0,6,0,1,0.24,0.2879,0.81,0,3,13,16
6,2011-01-01,1,0,1,5,0,6,0,2,0.24,0.2576,0.75,0.0896,0,1,1
17379,2012-12-31,4,1,12,23,0,1,1,4,0.26,0.2727,0.65,0.1343,12,37,49
4000,2011-06-20,2,0,6,9,1,1,0,3,0.7,0.6667,0.79,0.1045,20,130,150
5000,2011-08-01,3,0,8,9,0,1,1,1,0.76,0.7121,0.58,0.8507,40,160,200
"""
ENERGY = """X1,X2,X3,X4,X5,X6,X7,X8,Y1,Y2
0.98,514.50,294.00,110.25,7.00,2,0.00,0,15.55,21.33
0.62,808.50,367.50,220.50,3.50,5,0.40,5,16.64,16.03
"""
ENERGY_NAMES = [
    "relative_compactness", "surface_area", "wall_area", "roof_area", "overall_height",
    "orientation", "glazing_area", "glazing_area_distribution",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A folder with the three files; bike sharing with CRLF, as UCI has it."""
    with gzip.open(tmp_path / "california_housing.csv.gz", "wt", newline="") as file:
        file.write(CALIFORNIA)
    with gzip.open(tmp_path / "bike_sharing.csv.gz", "wt", newline="") as file:
        file.write(BIKE.replace("\n", "\r\n"))
    (tmp_path / "energy_efficiency.csv").write_text(ENERGY)
    return tmp_path


@pytest.fixture
def openml(monkeypatch):
    """Stand in for OpenML: `openml[id]` is the frame that it would give; `asked` what it got."""
    frames, asked = {}, []

    def fetch(**arguments):
        asked.append(arguments)
        return Bunch(frame=frames[arguments["data_id"]])

    monkeypatch.delenv("SKGEH_DATA", raising=False)
    monkeypatch.setattr(real, "fetch_openml", fetch)
    frames["asked"] = asked
    return frames


def test_california_housing(folder):
    housing = load_california_housing(data_home=folder)
    assert housing.data.shape == (5, 9)  # two of the seven rows lack a value
    assert housing.feature_names == list(housing.data.columns)
    assert housing.feature_names[-1] == "ocean_proximity"
    words = ["NEAR BAY", "ISLAND", "<1H OCEAN", "INLAND", "NEAR OCEAN"]
    assert housing.data["ocean_proximity"].tolist() == words
    coded = load_california_housing(data_home=folder, as_frame=False)
    assert coded.data[:, -1].tolist() == [2, 4, 1, 0, 3]
    assert housing.data.index.tolist() == list(range(5))
    assert housing.target_name == housing.target.name == "median_house_value"
    assert housing.target.tolist() == [452600, 450000, 431000, 315600, 2]


def test_bike_sharing(folder):
    bikes = load_bike_sharing(data_home=folder)
    assert bikes.feature_names == BIKE.split("\n")[0].split(",")[2:14]
    assert bikes.data.iloc[1].tolist() == [1, 0, 1, 5, 0, 6, 0, 2, 0.24, 0.2576, 0.75, 0.0896]
    assert bikes.target_name == "cnt"
    assert bikes.target.tolist() == [16, 1, 49, 150, 200]


@pytest.mark.parametrize(
    ("target", "loads"), [("heating", [15.55, 16.64]), ("cooling", [21.33, 16.03])]
)
def test_energy_efficiency(folder, target, loads):
    energy = load_energy_efficiency(target, data_home=folder)
    assert energy.feature_names == ENERGY_NAMES
    assert energy.target_name == f"{target}_load"
    assert energy.target.tolist() == loads
    assert energy.data.iloc[1].tolist() == [0.62, 808.5, 367.5, 220.5, 3.5, 5, 0.4, 5]


@pytest.mark.parametrize("load", LOADERS)
def test_forms_of_a_loaded_data_set(folder, load):
    bunch = load(data_home=folder)
    pd.testing.assert_frame_equal(
        bunch.frame, bunch.data.assign(**{bunch.target_name: bunch.target})
    )
    assert (bunch.frame.drop(columns="ocean_proximity", errors="ignore").dtypes == np.float64).all()
    assert bunch.DESCR.startswith("Load ")
    X, y = load(data_home=str(folder), return_X_y=True)
    pd.testing.assert_frame_equal(X, bunch.data)
    pd.testing.assert_series_equal(y, bunch.target)
    arrays = load(data_home=folder, as_frame=False)
    assert arrays.frame is None and arrays.feature_names == bunch.feature_names
    coded = bunch.data.apply(lambda x: x.cat.codes if x.dtype == "category" else x)
    np.testing.assert_array_equal(arrays.data, coded)
    np.testing.assert_array_equal(arrays.target, bunch.target)
    assert arrays.data.dtype == arrays.target.dtype == np.float64
    assert all(
        type(a) is np.ndarray for a in load(data_home=folder, return_X_y=True, as_frame=False)
    )


@pytest.mark.parametrize("load", LOADERS)
def test_order_of_the_sources(folder, tmp_path_factory, openml, monkeypatch, load):
    """The named folder, then the environment's, then OpenML; a folder named must have the file."""
    expected = load(data_home=folder).frame
    monkeypatch.setenv("SKGEH_DATA", str(folder))
    pd.testing.assert_frame_equal(load().frame, expected)
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(FileNotFoundError, match=r"Expected the file .*csv.* Put it there"):
        load(data_home=empty)
    monkeypatch.setenv("SKGEH_DATA", str(empty))
    pd.testing.assert_frame_equal(load(data_home=folder).frame, expected)
    with pytest.raises(FileNotFoundError, match=f"in {empty}"):
        load()
    assert not openml["asked"]
    monkeypatch.setenv("SKGEH_DATA", "")
    with pytest.raises(KeyError):  # the stand-in was asked, and has no frame
        load()
    assert len(openml["asked"]) == 1


def test_home_folder_is_understood(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert load_energy_efficiency(data_home="~").data.shape == (2, 8)


def test_california_housing_from_openml(folder, openml):
    table = pd.read_csv(folder / "california_housing.csv.gz")
    openml[43939] = table.astype({"ocean_proximity": "category"})
    expected = load_california_housing(data_home=folder)
    pd.testing.assert_frame_equal(load_california_housing().frame, expected.frame)
    openml[43939] = table.assign(ocean_proximity="'" + table["ocean_proximity"] + "'")
    pd.testing.assert_frame_equal(load_california_housing().frame, expected.frame)


@pytest.mark.parametrize("words", [{False: "False", True: "True"}, {False: False, True: True}])
def test_bike_sharing_from_openml(folder, openml, words):
    """OpenML's copy: 13 columns, words for codes, weather in its own units."""
    table = pd.read_csv(folder / "bike_sharing.csv.gz")
    words = {0: words[False], 1: words[True]}
    seasons = table["season"].map({1: "spring", 2: "summer", 3: "fall", 4: "winter"})
    openml[42712] = pd.DataFrame({
        "season": seasons.astype("category"),
        "year": table["yr"],
        "month": table["mnth"],
        "hour": table["hr"],
        "holiday": table["holiday"].map(words).astype("category"),
        "weekday": table["weekday"],
        "workingday": table["workingday"].map(words),
        "weather": table["weathersit"].map({1: "clear", 2: "misty", 3: "rain", 4: "heavy_rain"}),
        "temp": table["temp"] * 41,
        "feel_temp": table["atemp"] * 50,
        "humidity": table["hum"],
        "windspeed": table["windspeed"] * 67,
        "count": table["cnt"],
    })  # fmt: skip
    pd.testing.assert_frame_equal(
        load_bike_sharing().frame, load_bike_sharing(data_home=folder).frame, check_exact=True
    )


@pytest.mark.parametrize("target", ["heating", "cooling"])
def test_energy_efficiency_from_openml(folder, openml, target):
    table = pd.read_csv(folder / "energy_efficiency.csv")
    openml[44960] = table.set_axis([*ENERGY_NAMES, "heating_load", "cooling_load"], axis="columns")
    expected = load_energy_efficiency(target, data_home=folder)
    pd.testing.assert_frame_equal(load_energy_efficiency(target).frame, expected.frame)
    assert openml["asked"][-1]["target_column"] == f"{target}_load"


@pytest.mark.parametrize("load", LOADERS)
def test_without_a_network(load, openml, monkeypatch):
    def fetch(**arguments):
        raise URLError("no route to host")

    monkeypatch.setattr(real, "fetch_openml", fetch)
    with pytest.raises(OSError, match=r"OpenML, but got: .*no route.*put .*csv.* into a folder"):
        load()


def test_other_energy_target():
    with pytest.raises(ValueError, match="'heating' or 'cooling', got 'both'"):
        load_energy_efficiency("both")


def test_unknown_word(folder):
    with gzip.open(folder / "california_housing.csv.gz", "wt") as file:
        file.write(CALIFORNIA.replace("ISLAND", "LAKE"))
    with pytest.raises(ValueError, match=r"ocean_proximity to be one of .*got \['LAKE'\]"):
        load_california_housing(data_home=folder)


@pytest.mark.parametrize("load", LOADERS)
def test_missing_columns(folder, load):
    for path in folder.iterdir():
        pd.read_csv(path).iloc[:, 2:].to_csv(path, index=False)
        pd.read_csv(path).rename(columns={"season": "s"}).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"Expected the columns .* missing "):
        load(data_home=folder)


@pytest.mark.skipif(not os.environ.get("SKGEH_DATA"), reason="SKGEH_DATA names no folder")
def test_the_real_files():
    housing = load_california_housing()
    assert housing.data.shape == (20433, 9)
    counts = housing.data["ocean_proximity"].value_counts().sort_index()
    assert len(counts) == 5 and counts["ISLAND"] == 5
    assert housing.target.max() == 500_001
    bikes = load_bike_sharing()
    assert bikes.data.shape == (17379, 12)
    assert (bikes.target.min(), bikes.target.max()) == (1, 977)
    assert bikes.data[["temp", "atemp", "hum", "windspeed"]].max().max() == 1
    for target, highest in (("heating", 43.1), ("cooling", 48.03)):
        energy = load_energy_efficiency(target)
        assert energy.data.shape == (768, 8) and energy.target.max() == highest
        areas = energy.data[["wall_area", "roof_area"]] @ [1, 2]
        np.testing.assert_allclose(energy.data["surface_area"], areas)


def test_days_of_bike_sharing_are_groups(tmp_path):
    """The weekday changes at midnight, also over a week."""
    columns = list(real._BIKE_COLUMNS)
    table = pd.DataFrame(np.ones((5, len(columns))), columns=columns)
    table["weekday"] = [6, 6, 0, 0, 1]
    table.to_csv(tmp_path / "bike_sharing.csv.gz")
    bikes = load_bike_sharing(data_home=tmp_path, as_frame=False)
    assert bikes.groups.tolist() == [0, 0, 1, 1, 2]
