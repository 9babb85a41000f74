"""Does the screen help? Models with the chosen pairs against models without and with other choices.

Ridge regression gets the products of the pairs that `GEHSelector` chose, of none, of all, and of as
many from EBM's FAST and from SHAP interaction values of LightGBM. Explainable boosting (EBM) gets
our pairs or its own choice. Histogram gradient boosting is held to our pairs, to no interactions,
or not at all. There are three real data sets and two simulations, four random splits each. R2 is on
rows that nothing was fitted on. Differences are paired, with their standard errors.
"""

import os
import time

import numpy as np
from joblib import Parallel, delayed
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgeh import GEHSelector, datasets
from skgeh.geh.pairs import n_pairs, pair_index

TRAIN, TEST, SPLITS = 2000, 5000, 4
SHAP_ROWS = 300
ALPHAS = np.logspace(-3, 4, 22)


def run(quick: bool = False) -> list[dict]:
    if quick:
        X, y, _ = datasets.make_interactions(300, random_state=0)
        one = one_split(X, y, 0, train=150)
        return summary("simulation, quick", [one, one])
    rows = []
    for name, (X, y) in tables().items():
        task = delayed(one_split)
        rows += summary(name, Parallel(os.cpu_count())(task(X, y, seed) for seed in range(SPLITS)))
    return rows


def tables() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    real = {
        "energy efficiency": datasets.load_energy_efficiency,
        "bike sharing": datasets.load_bike_sharing,
        "California housing": datasets.load_california_housing,
    }
    found = {}
    for name, load in real.items():
        X, y = load(return_X_y=True)
        found[name] = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    for signal_to_noise in (1, 5):
        X, y, _ = datasets.make_interactions(
            TRAIN + TEST, signal_to_noise=signal_to_noise, random_state=7
        )
        found[f"simulation, S/N {signal_to_noise}"] = X, y
    return found


def one_split(X: np.ndarray, y: np.ndarray, seed: int, train: int = TRAIN) -> dict:
    """R2 of every model on one split."""
    train = min(train, 2 * len(X) // 3)
    test = min(TEST, len(X) - train)
    X, X_test, y, y_test = train_test_split(
        X, y, train_size=train, test_size=test, random_state=seed
    )
    start = time.process_time()
    selector = GEHSelector(random_state=seed).fit(X, y)
    seconds = time.process_time() - start
    ours, k = selector.pairs_, len(selector.pairs_)
    fast, booster = fast_pairs(X, y, k, seed)
    choices = {
        "our pairs": ours,
        "none": [],
        "all": pair_index(X.shape[1]).tolist(),
        "FAST": fast,
        "SHAP": shap_pairs(X, y, k, seed),
    }
    scores = {"pairs": k, "of": n_pairs(X.shape[1]), "selector, CPU s": seconds}
    for name, pairs in choices.items():
        model = make_pipeline(StandardScaler(), RidgeCV(ALPHAS)).fit(products(X, X, pairs), y)
        scores[f"ridge, {name}"] = r2_score(y_test, model.predict(products(X, X_test, pairs)))
    for name, interactions in (("our pairs", ours), ("its own", "3x")):
        model = booster(interactions).fit(X, y)
        scores[f"EBM, {name}"] = r2_score(y_test, model.predict(X_test))
    constraints = {"our pairs": selector.interaction_cst(), "none": "no_interactions", "all": None}
    for name, constraint in constraints.items():
        model = HistGradientBoostingRegressor(interaction_cst=constraint, random_state=seed)
        scores[f"HGB, {name}"] = r2_score(y_test, model.fit(X, y).predict(X_test))
    return scores


def products(X: np.ndarray, X_new: np.ndarray, pairs: list) -> np.ndarray:
    centred = X_new - X.mean(0)
    return np.column_stack([X_new, *(centred[:, i] * centred[:, j] for i, j in pairs)])


def fast_pairs(X: np.ndarray, y: np.ndarray, k: int, seed: int) -> tuple:
    """FAST's k strongest pairs on the residuals of an additive EBM, and how to make an EBM."""
    from interpret.glassbox import ExplainableBoostingRegressor
    from interpret.utils import measure_interactions

    def booster(interactions):
        return ExplainableBoostingRegressor(
            interactions=interactions, outer_bags=8, n_jobs=1, random_state=seed
        )

    additive = booster(0).fit(X, y).predict(X)
    ranked = measure_interactions(X, y, init_score=additive, objective="rmse")
    return [pair for pair, _ in ranked[:k]], booster


def shap_pairs(X: np.ndarray, y: np.ndarray, k: int, seed: int) -> list:
    """The k pairs with the largest mean absolute SHAP interaction value of LightGBM."""
    import shap
    from lightgbm import LGBMRegressor, early_stopping

    X_fit, X_stop, y_fit, y_stop = train_test_split(X, y, test_size=0.2, random_state=seed)
    model = LGBMRegressor(
        n_estimators=1000, learning_rate=0.05, n_jobs=1, random_state=seed, verbose=-1
    )
    model.fit(
        X_fit, y_fit, eval_X=X_stop, eval_y=y_stop, callbacks=[early_stopping(30, verbose=False)]
    )
    values = shap.TreeExplainer(model).shap_interaction_values(X[:SHAP_ROWS])
    strength = np.abs(values).mean(0)
    pairs = pair_index(X.shape[1])
    order = np.argsort(-strength[pairs[:, 0], pairs[:, 1]], kind="stable")
    return pairs[order[:k]].tolist()


def summary(name: str, splits: list[dict]) -> list[dict]:
    """One row per model: its mean R2, and how much more our pairs reach."""
    rows = []
    for model in [key for key in splits[0] if ", " in key and not key.endswith("CPU s")]:
        family = model.split(", ")[0]
        difference = np.array([one[f"{family}, our pairs"] - one[model] for one in splits])
        rows.append(
            {
                "data": name,
                "model": model,
                "R2": float(np.mean([one[model] for one in splits])),
                "our pairs minus it": float(difference.mean()),
                "+-": float(difference.std(ddof=1) / np.sqrt(len(splits))),
                "pairs": float(np.mean([one["pairs"] for one in splits])),
                "of": splits[0]["of"],
                "selector, CPU s": float(np.mean([one["selector, CPU s"] for one in splits])),
            }
        )
    return rows
