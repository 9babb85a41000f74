"""Digests of small fits with fixed seeds: equal digests mean equal bits.

A change that should change no number is judged by this table before and after. Digits depend on the
machine and on the versions of the libraries.
"""

import hashlib
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from skgeh import (
    BayesianInteractionClassifier,
    BayesianInteractionRegressor,
    GEHSelector,
    crossfit_test,
    interactions_of,
    permutation_test,
)
from skgeh.datasets import make_interactions

SEED = 0
FEW = {"max_epochs": 4, "n_draws": 30, "n_networks": 2, "random_state": SEED}
NETWORKS = FEW | {"posterior": "concrete_dropout"}
POSTERIORS = ("concrete_dropout", "mean_field", "ensemble", "gaussian_process", "auto")


def run(quick: bool = False) -> list[dict]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        kinds = POSTERIORS[:1] if quick else POSTERIORS
        found = [*fits(kinds), *(() if quick else (*options(), *decisions()))]
    return [{"fit": name, "digest": digest(numbers)} for name, numbers in found]


Numbers = Iterator[tuple[str, tuple]]


def table(n_rows: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """Five features, the last a whole number; one product, one bend."""
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(n_rows, 5))
    X[:, 4] = rng.integers(0, 3, n_rows)
    return X, X[:, 0] * X[:, 2] + X[:, 1] ** 2 + 0.3 * rng.normal(size=n_rows)


X, Y = table()
BOTH = np.column_stack([Y, X[:, 1] * X[:, 3]])
LABELS = np.where(np.median(Y) < Y, "high", "low")
CLASSES = np.digitize(Y, np.quantile(Y, [0.3, 0.6]))
WEIGHT = np.random.default_rng(1).integers(0, 3, len(X))


def digest(arrays: tuple) -> str:
    """The first digits of a hash of numbers, as they are."""
    together = hashlib.sha256()
    for array in arrays:
        together.update(np.ascontiguousarray(array, dtype=np.float64).tobytes())
    return together.hexdigest()[:16]


def of(found) -> tuple:
    """The numbers of a table of interactions."""
    return found.effect, found.std, found.score, found.group_effects, found.group_weights


def fits(posteriors: tuple[str, ...]) -> Numbers:
    """Each posterior, of one target, two targets, two and three classes."""
    for posterior in posteriors:
        given = FEW | {"posterior": posterior}
        model = BayesianInteractionRegressor(**given).fit(X, Y)
        mean = model.predict(X, return_std=True)
        yield f"{posterior}: numbers", (*mean, model.noise_variance_, *of(model.interactions_))
        few = model.interactions(X[:40], n_groups=3, n_draws=10)
        steps = model.interactions(n_groups=3, differences=True)
        yield f"{posterior}: elsewhere, differences", (*of(few), *of(steps))
        model = BayesianInteractionRegressor(**given).fit(X, BOTH)
        second = of(model.interactions(target=1))
        yield f"{posterior}: two targets", (model.predict(X), *of(model.interactions_), *second)
        for labels in (LABELS, CLASSES):
            model = BayesianInteractionClassifier(**given).fit(X, labels)
            last = of(model.interactions(target=model.classes_[-1]))
            name = f"{posterior}: {len(model.classes_)} classes"
            yield name, (model.predict_proba(X), *of(model.interactions_), *last)


def options() -> Numbers:
    """Many rows; networks with weights, splines, patience, class weights, a category."""
    many, target, _ = make_interactions(2000, signal_to_noise=1, random_state=SEED)
    model = BayesianInteractionRegressor(**FEW).fit(many, target)
    yield "auto: 2000 rows", (model.predict(many), *of(model.interactions_))
    model = BayesianInteractionRegressor(main_effects="spline", patience=1, **NETWORKS)
    yield "weights, splines, patience", of(model.fit(X, Y, WEIGHT).interactions_)
    model = BayesianInteractionClassifier(class_weight="balanced", **NETWORKS)
    yield "class weights", of(model.fit(X, LABELS, WEIGHT).interactions_)
    kinds = {f"kind_{k}": (X[:, 4] == k) * 1.0 for k in range(3)}
    frame = pd.DataFrame(X[:, :3], columns=["a", "b", "c"]).assign(**kinds)
    model = BayesianInteractionRegressor(**NETWORKS)
    yield "a category", of(model.fit(frame, Y).interactions_)
    own = interactions_of(lambda x: (x[:, 0] * x[:, 1]).sin(), X, random_state=SEED)
    yield "interactions_of a function", of(own)
    posterior = model.fit(X, Y).posterior_
    yield (
        "interactions_of a posterior",
        of(interactions_of(posterior, X, n_draws=10, random_state=SEED)),
    )


def decisions() -> Numbers:
    """The selector and both tests."""
    model, labels = BayesianInteractionRegressor(**NETWORKS), BayesianInteractionClassifier
    for test in ("crossfit", "sequential", "interval"):
        selector = GEHSelector(model, test=test, random_state=SEED).fit(X, Y)
        p = [] if test == "interval" else selector.test_result_.p_value
        yield f"selector, {test}", (selector.transform(X), *of(selector.interactions_), p)
    for name, estimator, target in (
        ("numbers", model, Y),
        ("two targets", model, BOTH),
        ("linear", LinearRegression(), Y),
        ("2 classes", labels(**NETWORKS), LABELS),
        ("3 classes", labels(**NETWORKS), CLASSES),
    ):
        found = crossfit_test(estimator, X, target, n_repeats=1, random_state=SEED)
        yield f"crossfit_test, {name}", (found.p_value, found.strength, found.statistic)
        if name != "linear":
            found = permutation_test(estimator, X, target, n_permutations=19, random_state=SEED)
            yield f"permutation_test, {name}", (found.null, found.statistic)
