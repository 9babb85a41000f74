"""Make the small tables of the gallery from the whole ones: ``python docs/data/make.py``.

The folder of the whole tables is in the environment variable SKGEH_DATA; SOURCES.rst names them.
"""

import os
import shutil
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
WEATHER = {1: "clear", 2: "mist", 3: "rain", 4: "rain"}


def bikes(whole):
    """All hours of every tenth day, with words for codes and the weather in its own units."""
    days = pd.to_datetime(whole["dteday"])
    chosen = (days - days.min()).dt.days % 10 == 4
    whole = whole[chosen]
    return pd.DataFrame(
        {
            "day": whole["dteday"],
            "hour": whole["hr"],
            "year": 2011 + whole["yr"],
            "workingday": whole["workingday"].map({0: "no", 1: "yes"}),
            "weather": whole["weathersit"].map(WEATHER),
            "temperature": (whole["temp"] * 41).round(1),
            "humidity": (whole["hum"] * 100).round().astype(int),
            "wind": (whole["windspeed"] * 67).round().astype(int),
            "rentals": whole["cnt"],
        }
    )


if __name__ == "__main__":
    folder = Path(os.environ["SKGEH_DATA"])
    table = bikes(pd.read_csv(folder / "bike_sharing.csv.gz"))
    table.to_csv(HERE / "bikes.csv", index=False)
    shutil.copyfile(folder / "energy_efficiency.csv", HERE / "energy_efficiency.csv")
