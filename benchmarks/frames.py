"""Files as people have them: planted pairs that are found, others, and time against EBM and SHAP.

The small tables are those of the tests (passengers, bikes by the hour, customers); the long one has
gaps, a long tail, a category of 60 levels, a date, counts and booleans, and three planted pairs.
"false" counts significant pairs that were not planted, over all seeds, beside pairs that were.
Times are CPU seconds on one thread of the first seed: ours is the default fit with
``interactions_.to_frame()``; EBM is the regressor or classifier of interpret with its defaults and
one job, which takes the frame as it is but for dates, whose parts it gets as numbers; SHAP is
LightGBM with 300 trees on codes of the words and interaction values of 500 rows.
"""

import warnings
from collections.abc import Callable

import lightgbm
import numpy as np
import pandas as pd
import shap
from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

from benchmarks.measure import seconds
from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor
from skgeh.tables.encoding import refusals
from skgeh.tables.targets import task_of
from tests.tables_as_people_have_them import PeoplesTable, bikes, customers, passengers

SEEDS, SHAP_ROWS, TREES = 10, 500, 300
LONG = 50_000


def run(quick: bool = False) -> list[dict]:
    made: dict[str, Callable[[int], PeoplesTable]] = {
        "passengers": lambda seed: passengers(seed=seed),
        "bikes": lambda seed: bikes(seed=seed),
        "customers": lambda seed: customers(seed=seed),
        "long": lambda seed: long_table(seed=seed),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first_use()
        if quick:
            return [of_table("passengers", lambda seed: passengers(n=300, seed=seed), 1)]
        return [of_table(name, make, 2 if name == "long" else SEEDS) for name, make in made.items()]


def long_table(n: int = LONG, seed: int = 0) -> PeoplesTable:
    """Customers with gaps, towns, plans and a date."""
    rng = np.random.default_rng(seed)
    towns, often = [f"t{k}" for k in range(60)], np.repeat([0.08, 0.004], (10, 50))
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "income": rng.lognormal(10, 1, n),
            "sex": rng.choice(["female", "male"], n),
            "town": rng.choice(towns, n, p=often),
            "plan": rng.choice(["basic", "plus", "pro"], n),
            "vip": rng.random(n) < 0.3,
            "start": pd.Timestamp("2020") + pd.to_timedelta(rng.integers(0, 26_000, n), unit="h"),
            "calls": rng.poisson(3, n),
            "score": rng.normal(size=n),
            "height": rng.normal(170, 10, n),
        }
    )
    y = 0.3 * np.log(frame["income"]) + 0.03 * frame["age"] * (frame["sex"] == "male")
    y += 0.4 * (frame["plan"] == "pro") * frame["score"]
    y += np.sin(2 * np.pi * frame["start"].dt.hour / 24) * frame["vip"]
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    frame["spent"] = y + 1.5 * rng.normal(size=n)
    pairs = [("age", "sex"), ("plan", "score"), ("vip", "start: hour")]
    return PeoplesTable(frame, "spent", frozenset(map(frozenset, pairs)))


def of_table(name: str, make: Callable[[int], PeoplesTable], n_seeds: int) -> dict:
    """Pairs that are found over the seeds, and times of the first."""
    found = [significant(make(seed)) for seed in range(n_seeds)]
    planted = [make(seed).pairs for seed in range(n_seeds)]
    hits = [len(mine & true) for mine, true in zip(found, planted, strict=True)]
    table = make(0)
    times = {"ours": seconds(lambda: ours(table)), "EBM": seconds(lambda: ebm(table))}
    times["SHAP"] = seconds(lambda: shap_values(table))
    return {
        "table": name,
        "rows": len(table.frame),
        "columns": table.frame.shape[1] - 1,
        "seeds": n_seeds,
        "planted, of all seeds": sum(map(len, planted)),
        "found": sum(hits),
        "false": sum(map(len, found)) - sum(hits),
        **{f"{who} CPU s": value for who, value in times.items()},
        "ours / EBM": times["ours"] / times["EBM"],
        "ours / SHAP": times["ours"] / times["SHAP"],
        "goal": "all found, none false, ours / EBM <= 1",
    }


def parts(table: PeoplesTable) -> tuple[pd.DataFrame, pd.Series, bool]:
    """Features that can be used, the target, and whether it holds labels."""
    y = table.frame[table.target]
    X = table.frame.drop(columns=[table.target, *table.unusable])
    X = X.drop(columns=list(refusals(X)))
    return X, y, task_of(y)[0] == "classification"


def ours(table: PeoplesTable) -> pd.DataFrame:
    X, y, labels = parts(table)
    model = BayesianInteractionClassifier if labels else BayesianInteractionRegressor
    return model(random_state=0).fit(X, y).interactions_.to_frame()


def significant(table: PeoplesTable) -> set[frozenset]:
    found = ours(table)
    found = found[found["p_fdr"] <= 0.05]
    return set(map(frozenset, zip(found["feature_i"], found["feature_j"], strict=True)))


def dates_as_numbers(X: pd.DataFrame) -> pd.DataFrame:
    """Month, weekday and hour of dates as columns of their own."""
    X = X.copy()
    for name in list(X):
        looks = X[name].dtype.kind == "M" or name == "timestamp"
        if looks:
            when = pd.to_datetime(X.pop(name)).dt
            X[[f"{name} {part}" for part in ("month", "weekday", "hour")]] = np.column_stack(
                [when.month, when.day_of_week, when.hour]
            )
    return X


def ebm(table: PeoplesTable) -> None:
    X, y, labels = parts(table)
    model = ExplainableBoostingClassifier if labels else ExplainableBoostingRegressor
    model(n_jobs=1, random_state=0).fit(dates_as_numbers(X), y)


def shap_values(table: PeoplesTable) -> None:
    X, y, labels = parts(table)
    X = dates_as_numbers(X)
    words = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    X[words] = X[words].apply(lambda column: pd.factorize(column)[0])
    model = lightgbm.LGBMClassifier if labels else lightgbm.LGBMRegressor
    fitted = model(n_estimators=TREES, n_jobs=1, verbose=-1).fit(X.astype(float), y)
    some = X.astype(float).sample(min(SHAP_ROWS, len(X)), random_state=0)
    shap.TreeExplainer(fitted).shap_interaction_values(some)


def first_use() -> None:
    """What is set up on first use is no part of any time."""
    small = passengers(n=120)
    for one in (ours, ebm, shap_values):
        one(small)
