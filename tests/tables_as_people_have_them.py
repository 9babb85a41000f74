"""Three small tables as people have them, made up, with pairs that are known to interact.

Words, dates, gaps, ids, free text, blank strings and long tails are as in well-known tables of
passengers, of rented bikes and of customers who leave.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class PeoplesTable:
    """A table with its target, the pairs that interact, and columns that cannot be used."""

    frame: pd.DataFrame
    target: str
    pairs: frozenset[frozenset[str]]
    unusable: frozenset[str] = frozenset()
    groups: str | None = None

    def write(self, path, **options):
        """Write it as CSV, without an index."""
        self.frame.to_csv(path, index=False, **options)
        return str(path)


def _known(*pairs):
    return frozenset(map(frozenset, pairs))


def _picked(generator, n, **shares):
    return generator.choice(list(shares), size=n, p=list(shares.values()))


def _labels(generator, logit):
    return generator.random(len(logit)) < 1 / (1 + np.exp(-logit))


def passengers(n=900, seed=0):
    """Who survived: sex and class interact, and sex and age."""
    rng = np.random.default_rng(seed)
    surname = np.array(["Allen", "Braun", "Cho", "Dahl", "Evans", "Ford", "Garcia", "Hart"])
    sex = _picked(rng, n, male=0.6, female=0.4)
    pclass = rng.choice([1, 2, 3], size=n, p=[0.25, 0.2, 0.55])
    age = np.clip(rng.gamma(5, 6, n), 0.5, 80).round(1)
    female, years = sex == "female", (age - 30) / 14
    title = np.where(female, "Mrs.", "Mr.")
    logit = np.where(female, 3.0 - 2.2 * (pclass - 2), -1.2 + 0.4 * (pclass - 2))
    logit += np.where(female, 0.9, -0.9) * years
    frame = pd.DataFrame(
        {
            "passenger_id": np.arange(1, n + 1),
            "survived": _labels(rng, logit).astype(int),
            "pclass": pclass,
            "name": [
                f"{rng.choice(surname)}, {t} {chr(65 + i % 26)}. no {i}"
                for i, t in enumerate(title)
            ],
            "sex": sex,
            "age": np.where(rng.random(n) < 0.2, np.nan, age),
            "ticket": [f"{rng.choice(['A/5', 'PC', 'W.C.'])} {k}" for k in rng.permutation(n)],
            "fare": (np.exp(rng.normal(4.5 - 0.8 * pclass, 0.6)) + 4).round(2),
            "cabin": np.where(rng.random(n) < 0.77, None, [f"{c}{k}" for c, k in _cabins(rng, n)]),
            "embarked": np.where(rng.random(n) < 0.01, None, _picked(rng, n, S=0.7, C=0.2, Q=0.1)),
        }
    )
    pairs = _known(("sex", "pclass"), ("sex", "age"))
    return PeoplesTable(frame, "survived", pairs, frozenset({"passenger_id", "name", "ticket"}))


def _cabins(rng, n):
    return zip(rng.choice(list("ABCDEF"), n), rng.integers(1, 60, n), strict=True)


def bikes(days=60, seed=0):
    """Bikes rented in an hour: the hour and whether people work interact, in one way all week."""
    rng = np.random.default_rng(seed)
    when = pd.date_range("2011-01-01", periods=24 * days, freq="h")
    n, hour, day = len(when), when.hour.to_numpy(), np.arange(24 * days) // 24
    works = rng.random(days) < np.where(when[::24].day_of_week < 5, 0.7, 0.3)  # a town of shifts
    working = works[day]
    weather = _picked(rng, n, clear=0.6, mist=0.3, rain=0.1)
    temp = 12 + 8 * np.sin(2 * np.pi * day / 120) + 4 * np.sin(2 * np.pi * (hour - 9) / 24)
    temp += rng.normal(0, 3, n)
    commuting = np.exp(-((hour - 8) ** 2) / 4) + np.exp(-((hour - 18) ** 2) / 6)
    leisure = np.exp(-((hour - 14) ** 2) / 18)
    count = 150 + 6 * temp + np.where(working, 260 * commuting, 200 * leisure)
    count -= 60 * (weather == "rain")
    frame = pd.DataFrame(
        {
            "timestamp": when.strftime("%Y-%m-%d %H:%M:%S"),
            "workingday": working.astype(int),
            "weather": weather,
            "temp": temp.round(1),
            "humidity": np.clip(rng.normal(60, 15, n), 10, 100).round(),
            "count": np.maximum(count + rng.normal(0, 40, n), 0).round().astype(int),
        }
    )
    return PeoplesTable(frame, "count", _known(("timestamp: hour", "workingday")))


def customers(n=2000, seed=0):
    """Who leaves: contract and tenure interact, and age and charges."""
    rng = np.random.default_rng(seed)
    tenure = rng.integers(0, 73, n)
    contract = _picked(rng, n, **{"Month-to-month": 0.5, "One year": 0.25, "Two year": 0.25})
    internet = _picked(rng, n, DSL=0.4, **{"Fiber optic": 0.4, "No": 0.2})
    senior = (rng.random(n) < 0.3).astype(int)
    monthly = 30 + 30 * (internet == "Fiber optic") + rng.gamma(4, 6, n)
    total = monthly * tenure * np.exp(rng.normal(0, 0.5, n))
    months, price = (tenure - 36) / 21, (monthly - 66) / 20
    logit = np.where(contract == "Month-to-month", -1.4 * months, 0.5 * months - 1.0)
    logit += np.where(senior == 1, 1.2, -0.5) * price
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    frame = pd.DataFrame(
        {
            "customerID": [
                f"{k:04d}-{''.join(rng.choice(letters, 5))}" for k in rng.permutation(n)
            ],
            "gender": _picked(rng, n, Female=0.5, Male=0.5),
            "SeniorCitizen": senior,
            "Partner": _picked(rng, n, Yes=0.5, No=0.5),
            "tenure": tenure,
            "InternetService": internet,
            "Contract": contract,
            "MonthlyCharges": monthly.round(2),
            "TotalCharges": [
                " " if t == 0 else f"{x:.2f}" for t, x in zip(tenure, total, strict=True)
            ],
            "Churn": np.where(_labels(rng, logit), "Yes", "No"),
        }
    )
    pairs = _known(("Contract", "tenure"), ("SeniorCitizen", "MonthlyCharges"))
    return PeoplesTable(frame, "Churn", pairs, frozenset({"customerID"}))
