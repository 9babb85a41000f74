"""Do rankings and signs repeat on other rows? Bike sharing, against SHAP interaction values.

Three draws of 2000 rows have twenty random 80 % subsamples each. Stability is the mean Jaccard
index, over pairs of subsamples, of the sets of the first five pairs by score. SHAP interaction
values are those of LightGBM with its defaults, of 500 rows. Days are the groups of our fits.
Standard errors are over the draws.

The other rows are about disjoint halves of a draw, five of them a draw. Of the pairs that are among
the first five of both, the signed effect is the mean second derivative over the same 500 other
rows, in the target's own units. It agrees if the difference is within the 95 % interval that
follows from both standard deviations.
"""

import os
import warnings
from itertools import combinations, product

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.peers import QUICK
from benchmarks.rivals import shap_plain
from skgeh import BayesianInteractionRegressor, datasets

DRAWS, ROWS, SUBSAMPLES, HALVES, POINTS, FIRST = 3, 2000, 20, 5, 500, 5
SHARE = 0.8
OURS, THEIRS = "skgeh, default", "SHAP, LightGBM"


def run(quick: bool = False) -> list[dict]:
    draws, subsamples, halves = (2, 2, 1) if quick else (DRAWS, SUBSAMPLES, HALVES)
    options, jobs = (QUICK, 1) if quick else ({}, os.cpu_count())
    X, y, days = simulated() if quick else bike()
    rows = min(ROWS, len(X) // 2)
    sets = Parallel(jobs)(
        delayed(first_pairs)(X, y, days, rows, *one, options)
        for one in product(range(draws), range(subsamples))
    )
    signs = Parallel(jobs)(
        delayed(of_halves)(X, y, days, rows, *one, options)
        for one in product(range(draws), range(halves))
    )
    return [*of_sets(sets, draws, subsamples), of_signs(signs, draws)]


def simulated() -> tuple[NDArray, NDArray, NDArray]:
    X, y, _ = datasets.make_interactions(400, signal_to_noise=5, random_state=0)
    return X, y, np.arange(400) // 2


def bike() -> tuple[NDArray, NDArray, NDArray]:
    """Hours, their rentals and their days."""
    bikes = datasets.load_bike_sharing(as_frame=False)
    return bikes.data, bikes.target, bikes.groups


def drawn(n: int, rows: int, draw: int) -> tuple[NDArray, NDArray]:
    """Rows of a draw, and the points at which signed effects are measured."""
    order = np.random.default_rng(draw).permutation(n)
    return order[:rows], order[rows : rows + POINTS]


def first(score: NDArray) -> frozenset[int]:
    return frozenset(np.argsort(-score, kind="stable")[:FIRST].tolist())


def first_pairs(
    X: NDArray, y: NDArray, days: NDArray, rows: int, draw: int, subsample: int, options: dict
) -> dict[str, frozenset[int]]:
    """The first pairs of a subsample by both methods."""
    of_draw, _ = drawn(len(X), rows, draw)
    generator = np.random.default_rng([draw, subsample])
    some = generator.permutation(of_draw)[: round(SHARE * rows)]
    model = fitted(X[some], y[some], days[some], subsample, options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        score = model.interactions_.score
    return {OURS: first(score), THEIRS: first(shap_plain(X[some], y[some], subsample))}


def fitted(
    X: NDArray, y: NDArray, days: NDArray, seed: int, options: dict
) -> BayesianInteractionRegressor:
    return BayesianInteractionRegressor(random_state=seed, **options).fit(X, y, groups=days)


def of_sets(sets: list[dict], draws: int, subsamples: int) -> list[dict]:
    """Mean Jaccard index of both methods, and the paired difference."""
    stability = {
        name: np.array(
            [
                jaccard([one[name] for one in sets[draw * subsamples :][:subsamples]])
                for draw in range(draws)
            ]
        )
        for name in (OURS, THEIRS)
    }
    stability["difference"] = stability[OURS] - stability[THEIRS]
    return [
        {"what": f"Jaccard index, {name}", "number": float(values.mean()), "+-": error(values)}
        for name, values in stability.items()
    ]


def jaccard(sets: list[frozenset[int]]) -> float:
    return float(np.mean([len(a & b) / len(a | b) for a, b in combinations(sets, 2)]))


def error(values: NDArray) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def of_halves(
    X: NDArray, y: NDArray, days: NDArray, rows: int, draw: int, half: int, options: dict
) -> tuple[int, int, int]:
    """Of a draw in halves: pairs among the first of both, agreeing effects, and equal signs."""
    of_draw, points = drawn(len(X), rows, draw)
    order = np.random.default_rng([draw, half, 1]).permutation(of_draw)
    found = []
    for some in np.array_split(order, 2):
        model = fitted(X[some], y[some], days[some], half, options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            score = model.interactions_.score
            signed = model.interactions(X[points], n_groups=1)  # the halves' groups would differ
        scale = signed.unit_scale("original")  # standard units of the halves differ
        found.append((first(score), signed.group_effects[0] * scale, signed.group_std[0] * scale))
    (mine, a, a_std), (theirs, b, b_std) = found
    both = sorted(mine & theirs)
    agree = np.abs(a - b) <= norm.ppf(0.975) * np.hypot(a_std, b_std)
    return len(both), int(agree[both].sum()), int((a * b > 0)[both].sum())


def of_signs(signs: list[tuple[int, int, int]], draws: int) -> dict:
    """Shares of the pairs of all halves."""
    common, agree, same = np.array(signs).reshape(draws, -1, 3).sum(1).T
    shares = agree / np.maximum(common, 1)
    return {
        "what": "signed effects of halves that agree within 95 % intervals",
        "number": float(agree.sum() / max(common.sum(), 1)),
        "+-": error(shares),
        "equal signs": float(same.sum() / max(common.sum(), 1)),
        "pairs in both": int(common.sum()),
    }
