"""Log-additive tables of counts and amounts: do pairs stand out that do not interact on log scale?

The log of the mean is a sum of smooth functions of four features; four others do nothing. On the
scale of the counts, pairs of the four interact; on the log scale, no pair does. The AUC says how
far scores of pairs among the four stand above those of the other pairs: 0.5 is right for a log
link. In the second kind of table, the log of the mean has a product too, and the AUC is that of
this pair against all others. Rates are counts over exposures between 0.5 and 2.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.measure import seconds
from skgeh import BayesianInteractionRegressor
from skgeh.geh.pairs import pair_index

N_ROWS, N_FEATURES, ACTIVE, TABLES = 1000, 8, 4, 10
LOSSES = {"counts": "poisson", "rates": "poisson", "amounts": "gamma"}


def run(quick: bool = False) -> list[dict]:
    tables, options = (1, {"max_epochs": 2, "n_draws": 25}) if quick else (TABLES, {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return [
            row_of(kind, loss, product, tables, 200 if quick else N_ROWS, options)
            for kind, own in LOSSES.items()
            for product in (False, True)
            for loss in ("squared_error", own)
        ]


def row_of(kind: str, loss: str, product: bool, tables: int, n: int, options: dict) -> dict:
    areas, spent = [], []
    for seed in range(tables):
        X, y, weight = table(kind, product, seed, n)
        model = BayesianInteractionRegressor(loss=loss, random_state=seed, **options)
        spent.append(seconds(lambda m=model, t=(X, y, weight): m.fit(*t).interactions_))
        pairs = pair_index(N_FEATURES)
        asked = (pairs == [0, 1]).all(1) if product else (pairs < ACTIVE).all(1)
        areas.append(roc_auc_score(asked, model.interactions_.score))
    return {
        "table": kind,
        "product": "x0 x1" if product else "none",
        "loss": loss,
        "tables": tables,
        "AUC": float(np.mean(areas)),
        "+-": float(np.std(areas, ddof=1) / np.sqrt(tables)) if tables > 1 else None,
        "CPU s": float(np.mean(spent)),
    }


def table(kind: str, product: bool, seed: int, n: int) -> tuple[NDArray, NDArray, NDArray | None]:
    """Features, targets and exposures."""
    rng = np.random.default_rng([seed, 77])
    X = rng.normal(size=(n, N_FEATURES))
    log_mean = 1.5 + 0.4 * X[:, 0] + 0.4 * np.sin(2 * X[:, 1]) + 0.3 * X[:, 2] - 0.4 * X[:, 3]
    log_mean += 0.3 * X[:, 0] * X[:, 1] * product
    if kind == "amounts":
        return X, np.exp(log_mean) * rng.gamma(4, 1 / 4, size=n), None
    if kind == "counts":
        return X, rng.poisson(np.exp(log_mean)).astype(float), None
    exposure = rng.uniform(0.5, 2, size=n)
    return X, rng.poisson(exposure * np.exp(log_mean)) / exposure, exposure
