"""Three real data sets, from a folder or from OpenML."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml
from sklearn.utils import Bunch

# codes of words: ocean proximity in order of distance, the rest as in UCI's hour.csv
_CODES = {
    "ocean_proximity": {"INLAND": 0, "<1H OCEAN": 1, "NEAR BAY": 2, "NEAR OCEAN": 3, "ISLAND": 4},
    "season": {"spring": 1, "summer": 2, "fall": 3, "winter": 4},
    "holiday": {"False": 0, "True": 1},
    "workingday": {"False": 0, "True": 1},
    "weathersit": {"clear": 1, "misty": 2, "rain": 3, "heavy_rain": 4},
}
_CALIFORNIA_COLUMNS = (
    "longitude", "latitude", "housing_median_age", "total_rooms", "total_bedrooms", "population",
    "households", "median_income", "ocean_proximity", "median_house_value",
)  # fmt: skip
_BIKE_COLUMNS = (
    "season", "yr", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit", "temp", "atemp",
    "hum", "windspeed", "cnt",
)  # fmt: skip
_BIKE_NAMES = {  # OpenML's name: UCI's name
    "year": "yr", "month": "mnth", "hour": "hr", "weather": "weathersit", "feel_temp": "atemp",
    "humidity": "hum", "count": "cnt",
}  # fmt: skip
_BIKE_SCALES = {"temp": 41, "atemp": 50, "hum": 100, "windspeed": 67}  # UCI's divisors
_ENERGY_COLUMNS = (
    "relative_compactness", "surface_area", "wall_area", "roof_area", "overall_height",
    "orientation", "glazing_area", "glazing_area_distribution",
)  # fmt: skip
_ENERGY_NAMES = {f"X{k}": name for k, name in enumerate(_ENERGY_COLUMNS, 1)}
_ENERGY_NAMES |= {"Y1": "heating_load", "Y2": "cooling_load"}


def _read_table(file_name: str, openml_id: int, data_home: Any, **openml: str) -> Any:
    """Read from the folder `data_home`, else from the folder SKGEH_DATA, else from OpenML."""
    folder = os.environ.get("SKGEH_DATA") if data_home is None else data_home
    if folder:
        path = Path(folder).expanduser() / file_name
        if not path.is_file():
            raise FileNotFoundError(
                f"Expected the file {file_name} in {path.parent}, but found none. Put it there, "
                "set data_home or the environment variable SKGEH_DATA to another folder, or set "
                "neither to download it from OpenML."
            )
        return pd.read_csv(path)
    try:
        return fetch_openml(data_id=openml_id, as_frame=True, parser="auto", **openml).frame
    except OSError as error:  # urllib raises this without a network
        raise OSError(
            f"Expected to download data set {openml_id} from OpenML, but got: {error}. Try again, "
            f"or put {file_name} into a folder and set data_home or SKGEH_DATA to that folder."
        ) from error


def _clean(table: Any, columns: Sequence[str]) -> Any:
    """Select columns, drop rows with missing values, and code words as numbers; all are floats."""
    if missing := sorted(set(columns) - set(table.columns)):
        raise ValueError(
            f"Expected the columns {list(columns)}, but the table is missing {missing}. Use the "
            "original table, with its header."
        )
    table = table[list(columns)].dropna().reset_index(drop=True)
    for name in table.columns.intersection(list(_CODES)):
        if table[name].dtype.kind in "biuf":  # numbers already
            continue
        words = table[name].astype(str).str.strip(" '\"")
        if unknown := sorted(set(words) - set(_CODES[name])):
            raise ValueError(
                f"Expected {name} to be one of {list(_CODES[name])}, got {unknown}. "
                "Correct these rows or leave them out."
            )
        table[name] = words.map(_CODES[name])
    return table.astype(np.float64)


def _bunch(frame: Any, description: str | None, return_X_y: bool, as_frame: bool) -> Any:
    """Split off the last column as the target; return the forms of scikit-learn's loaders."""
    *feature_names, target_name = frame.columns
    data, target = frame[feature_names], frame[target_name]
    if not as_frame:
        data, target, frame = data.to_numpy(), target.to_numpy(), None
    if return_X_y:
        return data, target
    names = {"feature_names": feature_names, "target_name": target_name}
    return Bunch(data=data, target=target, frame=frame, **names, DESCR=description)


def load_california_housing(
    *, data_home: str | os.PathLike | None = None, return_X_y: bool = False, as_frame: bool = True
) -> Any:
    """Load California housing: 20,433 block groups of the 1990 census [1]_, 9 features.

    It has raw counts, unlike the ratios in scikit-learn. The target ``median_house_value`` is in
    US dollars, capped at 500,001. ``ocean_proximity`` is a category; in arrays, it is coded
    0 INLAND, 1 <1H OCEAN, 2 NEAR BAY, 3 NEAR OCEAN, 4 ISLAND. The 207 rows without
    ``total_bedrooms`` are dropped.

    Parameters
    ----------
    data_home : path-like, default=None
        Folder with ``california_housing.csv.gz``. If None, the folder in the environment variable
        ``SKGEH_DATA``, or else OpenML data set 43939, which scikit-learn downloads and caches.
    return_X_y : bool, default=False
        Return only ``(data, target)``.
    as_frame : bool, default=True
        Return pandas objects; if False, arrays, and ``frame`` is None.

    Returns
    -------
    Bunch
        ``data`` (n, d) and ``target`` (n,), float64 but for categories; ``frame``, both together;
        ``feature_names``, ``target_name``, ``DESCR``.

    Raises
    ------
    FileNotFoundError
        If a folder is given and lacks the file.
    OSError
        If OpenML cannot be reached.
    ValueError
        If the table lacks a column or holds an unknown word.

    References
    ----------
    .. [1] R. K. Pace and R. Barry, "Sparse spatial autoregressions", Statistics and Probability
       Letters 33, 1997; ``ocean_proximity`` added by A. Geron.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> row = [-122.23, 37.88, 41, 880, 129, 322, 126, 8.3252, "NEAR BAY", 452600]
    >>> table = pd.DataFrame([row], columns=_CALIFORNIA_COLUMNS)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table.to_csv(f"{folder}/california_housing.csv.gz")
    ...     housing = load_california_housing(data_home=folder)
    >>> housing.data.shape, housing.target_name, housing.data["ocean_proximity"].tolist()
    ((1, 9), 'median_house_value', ['NEAR BAY'])
    """
    table = _read_table("california_housing.csv.gz", 43939, data_home)
    frame = _clean(table, _CALIFORNIA_COLUMNS)
    if as_frame:
        codes = frame["ocean_proximity"].astype(int)
        frame["ocean_proximity"] = pd.Categorical.from_codes(codes, list(_CODES["ocean_proximity"]))
    return _bunch(frame, load_california_housing.__doc__, return_X_y, as_frame)


def load_bike_sharing(
    *, data_home: str | os.PathLike | None = None, return_X_y: bool = False, as_frame: bool = True
) -> Any:
    """Load bike sharing: 17,379 hours of bicycle rentals in Washington, 2011 and 2012 [1]_.

    It has the 12 features and the target ``cnt`` of UCI's ``hour.csv``, with the same codes. It
    leaves out ``instant`` and ``dteday``, which are not features, and ``casual`` and
    ``registered``, which add up to the target. OpenML's copy has other names, words instead of
    codes, and unscaled weather. It is converted to UCI's form: season 1 to 4, from January on;
    weathersit 1 clear to 4 heavy rain; temp / 41, atemp / 50, hum / 100 and windspeed / 67, each
    rounded to four digits.

    Parameters
    ----------
    data_home, return_X_y, as_frame
        As in `load_california_housing`; the file is ``bike_sharing.csv.gz`` (``hour.csv``
        compressed), the OpenML data set 42712.

    Returns
    -------
    Bunch
        As in `load_california_housing`, with 12 features; and ``groups`` (n,), the day of every
        row, from 0. Hours of one day are not independent: pass ``fit(X, y, groups=groups)``.

    Raises
    ------
    FileNotFoundError, OSError, ValueError
        As in `load_california_housing`.

    References
    ----------
    .. [1] H. Fanaee-T and J. Gama, "Event labeling combining ensemble detectors and background
       knowledge", Progress in Artificial Intelligence 2, 2014; doi:10.24432/C5W894, CC BY 4.0.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> row = [1, 0, 1, 0, 0, 6, 0, 1, 0.24, 0.2879, 0.81, 0, 16]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pd.DataFrame([row], columns=_BIKE_COLUMNS)
    ...     table.to_csv(f"{folder}/bike_sharing.csv.gz")
    ...     X, y = load_bike_sharing(data_home=folder, return_X_y=True)
    >>> X.shape, y.tolist()
    ((1, 12), [16.0])
    """
    table = _read_table("bike_sharing.csv.gz", 42712, data_home).rename(columns=_BIKE_NAMES)
    frame = _clean(table, _BIKE_COLUMNS)
    for name, scale in _BIKE_SCALES.items():
        if frame[name].max() > 1:  # UCI's scaled columns never exceed 1
            frame[name] = (frame[name] / scale).round(4)
    found = _bunch(frame, load_bike_sharing.__doc__, return_X_y, as_frame)
    if not return_X_y:  # rows are in the order of time, and the weekday changes from day to day
        found.groups = (frame["weekday"].diff().fillna(0) != 0).cumsum().to_numpy()
    return found


def load_energy_efficiency(
    target: Literal["heating", "cooling"] = "heating",
    *,
    data_home: str | os.PathLike | None = None,
    return_X_y: bool = False,
    as_frame: bool = True,
) -> Any:
    """Load energy efficiency: simulated loads of 768 building shapes, in kWh per square metre [1]_.

    The eight features depend strongly on each other (surface area = wall area + 2 roof area). The
    other load is left out, because it would give the target away.

    Parameters
    ----------
    target : {"heating", "cooling"}, default="heating"
        Which load is the target: ``heating_load`` or ``cooling_load``.
    data_home, return_X_y, as_frame
        As in `load_california_housing`; the file is ``energy_efficiency.csv`` (UCI's ENB2012, with
        columns X1 .. X8, Y1, Y2), the OpenML data set 44960.

    Returns
    -------
    Bunch
        As in `load_california_housing`, with 8 features.

    Raises
    ------
    FileNotFoundError, OSError, ValueError
        As in `load_california_housing`; ValueError also for any other `target`.

    References
    ----------
    .. [1] A. Tsanas and A. Xifara, "Accurate quantitative estimation of energy performance of
       residential buildings using statistical machine learning tools", Energy and Buildings 49,
       2012; doi:10.24432/C51307, CC BY 4.0.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> row = [0.98, 514.5, 294, 110.25, 7, 2, 0, 0, 15.55, 21.33]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pd.DataFrame([row], columns="X1 X2 X3 X4 X5 X6 X7 X8 Y1 Y2".split())
    ...     table.to_csv(f"{folder}/energy_efficiency.csv")
    ...     energy = load_energy_efficiency("cooling", data_home=folder)
    >>> energy.feature_names[0], energy.target_name, energy.target.tolist()
    ('relative_compactness', 'cooling_load', [21.33])
    """
    if target not in ("heating", "cooling"):
        raise ValueError(
            f"Expected target 'heating' or 'cooling', got {target!r}. Choose one of the two loads."
        )
    column = f"{target}_load"
    table = _read_table("energy_efficiency.csv", 44960, data_home, target_column=column)
    frame = _clean(table.rename(columns=_ENERGY_NAMES), (*_ENERGY_COLUMNS, column))
    return _bunch(frame, load_energy_efficiency.__doc__, return_X_y, as_frame)
