"""Coverage of 95 % intervals of signed group effects, and of magnitudes.

Eight features, correlated by .4, have main effects and four pairs: a product, a wave, a saturating
and a local form. There is as much noise as signal, and its spread is even, or goes with a feature
or with the product of two that do not interact ("noise pair"). Coverage is that of the true mean
mixed derivative in the model's groups, in standard units, as the mean over groups and pairs; errors
are those of a mean over tables. "Width" is that of the interval over the width of an unshrunk
one: least squares on smooth main effects, coarse products of all pairs and fine ones of the pair.
The magnitude is the M-GEH of a pair; its upper end is a median over true pairs.
"""

import os
import warnings
from dataclasses import dataclass
from itertools import product

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.oracles import least_squares
from skgeh import BayesianInteractionRegressor
from skgeh.geh.effect import group_expected_hessian
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.process._smooth_basis import SmoothBasis

TABLES, FIRST_SEED = 10, 3_000_000
ROWS = (1000, 2000)
NOISES = ("even", "by a feature", "by a product")
D, PAIRS = 8, pair_index(8)
FORMS = {"product": (0, 1), "wave": (2, 3), "saturating": (4, 5), "local": (6, 7)}
PLACES = {form: PAIRS.tolist().index(list(pair)) for form, pair in FORMS.items()}
TRUE = np.isin(np.arange(len(PAIRS)), list(PLACES.values()))
NOISE_PAIR = PAIRS.tolist().index([3, 5])
MAIN, COARSE, FINE = 16, 2, 5  # functions of a feature in the unshrunk model


def run(quick: bool = False) -> list[dict]:
    if quick:
        return [row_of(300, "even", [one_table(300, "even", 0, {"max_epochs": 3, "n_draws": 25})])]
    seeds = range(FIRST_SEED, FIRST_SEED + TABLES)
    rows = []
    for n, noise in product(ROWS, NOISES):
        tasks = (delayed(one_table)(n, noise, seed, {}) for seed in seeds)
        rows.append(row_of(n, noise, Parallel(n_jobs=os.cpu_count())(tasks)))
    return rows


def draw(n: int, noise: str, seed: int) -> tuple[NDArray, NDArray]:
    rng = np.random.default_rng([seed, 5])
    X = rng.normal(size=(n, D)) @ np.linalg.cholesky(0.4 + 0.6 * np.eye(D)).T
    x = X.T
    f = x[0] * x[1] + np.sin(2 * x[2]) * x[3] + 1.5 * np.tanh(2 * x[4]) * np.tanh(2 * x[5])
    f += 1.5 * np.exp(-((x[6] - x[7]) ** 2)) + x[0] + np.cos(x[3]) + x[6] ** 2 / 2
    spread = {
        "even": np.ones(n),
        "by a feature": np.exp(0.8 * x[3]),
        "by a product": np.exp(0.6 * x[3] * x[5]),
    }[noise]
    return X, f + f.std() * spread / np.sqrt(np.mean(spread**2)) * rng.normal(size=n)


def true_group_effects(points: NDArray, labels: NDArray) -> NDArray[np.float64]:
    """Mean mixed derivatives of the mean in every group, shape (M, P), in the units of X and y."""
    x = points.T
    away = (x[6] - x[7]) ** 2
    hessian = np.zeros((len(points), len(PAIRS)))
    hessian[:, PLACES["product"]] = 1.0
    hessian[:, PLACES["wave"]] = 2 * np.cos(2 * x[2])
    hessian[:, PLACES["saturating"]] = 6 / (np.cosh(2 * x[4]) * np.cosh(2 * x[5])) ** 2
    hessian[:, PLACES["local"]] = 1.5 * np.exp(-away) * (2 - 4 * away)
    return Partition(labels).mean(hessian)


@dataclass(frozen=True)
class Answer:
    """What a model says: arrays of estimate, lower and upper end, in standard units.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        In the units of X.
    labels : ndarray of shape (n,)
        Groups of the points.
    signed : ndarray of shape (3, M, P)
    magnitude : ndarray of shape (3, P)
    unit : ndarray of shape (P,)
        One standard unit of every pair, in the units of X and y.
    """

    points: NDArray
    labels: NDArray
    signed: NDArray
    magnitude: NDArray
    unit: NDArray


def answer(model: BayesianInteractionRegressor, X: NDArray) -> Answer:
    """All that this benchmark reads of a fitted model."""
    found, columns = model.interactions_, ["effect", "ci_low", "ci_high"]
    names = np.array(found.feature_names)[found.pairs]
    frames = [found.group_frame(first, second)[columns].to_numpy() for first, second in names]
    table = found.to_frame().set_index(["feature_i", "feature_j"])[columns]
    return Answer(
        points=X[found.rows_],
        labels=found.labels_,
        signed=np.stack(frames).transpose(2, 1, 0),
        magnitude=table.loc[list(map(tuple, names))].to_numpy().T,
        unit=found.unit_scale("original"),
    )


def one_table(n: int, noise: str, seed: int, options: dict) -> dict:
    """Shares and ratios of one table."""
    X, y = draw(n, noise, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        said = answer(BayesianInteractionRegressor(random_state=seed, **options).fit(X, y), X)
    truth = true_group_effects(said.points, said.labels) / said.unit
    magnitude = group_expected_hessian(truth, Partition(said.labels).weights)
    _, low, high = said.signed
    inside = ((low <= truth) & (truth <= high)).mean(0)
    _, least, most = said.magnitude
    held = (least <= magnitude) & (magnitude <= most)
    width = (high - low).mean(0) / unshrunk_width(X, y, said, noise == "even").mean(0)
    return {
        "true pairs": inside[TRUE].mean(),
        "null pairs": inside[~TRUE].mean(),
        "noise pair": inside[NOISE_PAIR],
        **{form: inside[place] for form, place in PLACES.items()},
        "magnitude, true": held[TRUE].mean(),
        "null above 0": (least[~TRUE] > 0).mean(),
        "width, true": width[TRUE].mean(),
        "width, null": width[~TRUE].mean(),
        "upper end / truth": np.median(most[TRUE] / magnitude[TRUE]),
    }


def unshrunk_width(X: NDArray, y: NDArray, said: Answer, even: bool) -> NDArray[np.float64]:
    """Widths (M, P), in standard units, of least-squares intervals of the same group effects."""
    mean, scale = X.mean(0), X.std(0)
    bases = [SmoothBasis.fit(column, MAIN) for column in ((X - mean) / scale).T]
    values = [basis(x) for basis, x in zip(bases, ((X - mean) / scale).T, strict=True)]
    at = ((said.points - mean) / scale).T
    slopes = [basis.derivative(x) for basis, x in zip(bases, at, strict=True)]
    coarse = [products(values, pair, COARSE) for pair in PAIRS]
    groups, widths = Partition(said.labels), []
    for place, pair in enumerate(PAIRS):
        others = coarse[:place] + coarse[place + 1 :]
        own = products(values, pair, FINE)
        _, spread = least_squares(
            np.hstack([np.ones((len(X), 1)), *values, *others, own]), y, even=even
        )
        contrasts = groups.mean(products(slopes, pair, FINE))
        widths.append(np.linalg.norm(contrasts @ spread[-own.shape[1] :], axis=1))
    return 2 * norm.ppf(0.975) / y.std() * np.array(widths).T


def products(functions: list[NDArray], pair: NDArray, size: int) -> NDArray[np.float64]:
    """Products of the first functions of two features, in columns."""
    first, second = (functions[j][:, :size] for j in pair)
    return (first[:, :, None] * second[:, None, :]).reshape(len(first), -1)


def row_of(n: int, noise: str, tables: list[dict]) -> dict:
    """Means over tables; of ratios to the truth, the median."""
    row: dict = {"n": n, "noise": noise, "tables": len(tables)}
    for name in tables[0]:
        values = np.array([table[name] for table in tables])
        row[name] = float(np.median(values) if "/" in name else values.mean())
        if name in ("true pairs", "null pairs", "noise pair", "magnitude, true"):
            row[f"{name} +-"] = float(values.std() / len(values) ** 0.5)
    return row
