"""Small fitted models of every kind, each fitted once, with their tables."""

import warnings
from functools import cache

import numpy as np
import pandas as pd

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor, GEHSelector
from skgeh.pages import report

PROCESS = {"posterior": "gaussian_process", "random_state": 0}
NETWORKS = {"hidden_layer_sizes": (8, 8), "max_epochs": 5, "n_draws": 20, "random_state": 0}
HOSTILE = [
    "<script>alert(1)</script>",
    "=1+1",
    'quote"\'s & "more" `${x}` {{ 7*7 }}',
    "emoji \U0001f98a $x^2$",
    "a very long name of a column that somebody exported from a spreadsheet, " + "w" * 60,
]


def table(n=300, names="abcd", seed=0):
    rng = np.random.default_rng(seed)
    names = list(names)
    return pd.DataFrame(rng.normal(size=(n, len(names))), columns=names), rng


def with_product():
    X, rng = table()
    y = X["a"] * X["b"] + X["c"] + 0.5 * rng.normal(size=len(X))
    return BayesianInteractionRegressor(**PROCESS), X, pd.Series(y, name="price")


def with_nothing():
    X, rng = table()
    return BayesianInteractionRegressor(**PROCESS), X, X["a"].to_numpy() + rng.normal(size=len(X))


def with_two_classes():
    X, rng = table(400)
    ill = 4 * X["a"] * X["b"] + rng.logistic(size=len(X)) > 0
    return BayesianInteractionClassifier(**PROCESS), X, np.where(ill, "<i>ill</i>", "well")


def with_three_classes():
    X, rng = table(400)
    logits = np.column_stack([2 * X["a"] * X["b"], X["c"], np.zeros(len(X))])
    labels = np.array(["x", "y", "z"])[(logits + rng.gumbel(size=logits.shape)).argmax(1)]
    return BayesianInteractionClassifier(**PROCESS), X, labels


def with_counts():
    X, rng = table(400)
    y = rng.poisson(np.exp(0.5 * X["a"] * X["b"] + 0.3 * X["c"]))
    return BayesianInteractionRegressor(loss="poisson", **PROCESS), X, y


def with_targets():
    X, rng = table()
    y = np.column_stack([X["a"] * X["b"], X["c"] * X["d"]]) + rng.normal(size=(len(X), 2))
    return BayesianInteractionRegressor(**PROCESS), X, y


def with_networks():
    X, rng = table()
    y = X["a"] * X["b"] + rng.normal(size=len(X))
    return BayesianInteractionRegressor(posterior="concrete_dropout", **NETWORKS), X, y


def with_few_rows():
    X, _ = table(30)
    return BayesianInteractionRegressor(**PROCESS), X, X["a"] * X["b"]


def with_selector():
    X, rng = table()
    y = X["a"] * X["b"] + rng.normal(size=len(X))
    model = GEHSelector(BayesianInteractionRegressor(**PROCESS), random_state=0)
    return model, X, pd.Series(y, name="price")


def with_hostile_names():
    X, rng = table(names=HOSTILE)
    x = X.to_numpy().T
    y = x[0] * x[1] + x[2] * x[3] + 0.3 * rng.normal(size=len(X))
    return BayesianInteractionRegressor(**PROCESS), X, pd.Series(y, name="<b>price</b>")


def with_a_copy():
    X, rng = table()
    X = X.assign(e=X["a"], f=1.0)
    y = X["a"] * X["b"] + rng.normal(size=len(X))
    return BayesianInteractionRegressor(**PROCESS), X, y


def with_words_and_dates():
    """Categories, booleans, dates and missing values, with a category in two of three pairs."""
    rng = np.random.default_rng(0)
    n = 600
    X = pd.DataFrame(
        {
            "age": rng.gamma(6, 6, n).round(1),
            "sex": rng.choice(["female", "<i>male</i>"], n),
            "class": rng.choice(["1st", "2nd", "3rd"], n),
            "when": pd.date_range("2024-01-01", periods=n, freq="5h"),
            "alone": rng.random(n) > 0.5,
        }
    )
    y = np.where(X["sex"] == "female", 1, -1) * (X["age"] / 15 + 2 * (X["class"] == "3rd"))
    X.loc[rng.random(n) < 0.1, "age"] = np.nan
    y = pd.Series(y + rng.normal(size=n), name="price")
    return BayesianInteractionRegressor(**PROCESS), X, y


KINDS = {
    "product": with_product,
    "nothing": with_nothing,
    "two classes": with_two_classes,
    "three classes": with_three_classes,
    "counts": with_counts,
    "targets": with_targets,
    "networks": with_networks,
    "few rows": with_few_rows,
    "selector": with_selector,
    "hostile": with_hostile_names,
    "copy": with_a_copy,
    "words": with_words_and_dates,
}


@cache
def fitted(kind):
    """The fitted model, X and y."""
    model, X, y = KINDS[kind]()
    model.fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those that a page has, of a copy and a constant
        assert model.interactions_ is not None
    return model, X, y


@cache
def page(kind, folder):
    """The text of the report."""
    return written(kind, folder).read_text(encoding="utf-8")


@cache
def written(kind, folder):
    """The file of the report."""
    model, X, y = fitted(kind)
    return report(model, X, y, path=folder / f"{kind.replace(' ', '_')}.html")
