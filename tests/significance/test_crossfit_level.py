import numpy as np
import pytest
from scipy.stats import norm, rankdata
from scipy.stats import t as t_distribution
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from tests.significance.crossfits import logistic, once, quick


def level(draw, tables=16, **given):
    """Shares of pairs at 0.05, and of tables with a false pair after Holm."""
    single, family = [], []
    for seed in range(tables):
        X, y = draw(np.random.default_rng([seed, 5]))
        learner = HistGradientBoostingRegressor(max_iter=15, max_leaf_nodes=6, random_state=0)
        options = {"n_repeats": 1, "variance_inflation": 1.5, **given}
        result = quick(X, y, learner, **options)
        single.append((result.p_value[result.tested] <= 0.05).mean())
        family.append((result.adjusted("fwer") <= 0.05).any())
    return np.mean(single), np.mean(family)


def correlated(rng, n, d, rho):
    return (
        rng.normal(size=(n, d))
        @ np.linalg.cholesky(rho ** np.abs(np.subtract.outer(range(d), range(d)))).T
    )


def with_noise(rng, f, ratio):
    return f + f.std() / np.sqrt(ratio) * rng.normal(size=len(f))


def heavy_tails(rng):
    X = t_distribution.ppf(norm.cdf(correlated(rng, 1000, 6, 0.7)), 2)
    return X, with_noise(rng, np.tanh(X[:, ::2]).sum(1) + np.log1p(np.abs(X)).sum(1), 10)


def jumps(rng):
    X = correlated(rng, 2000, 5, 0.9)
    steps = [(X[:, j] > 0.3 * j - 0.6) - 1.3 * (X[:, j] > 0.2 * j) for j in range(5)]
    return X, with_noise(rng, sum(steps), 10)


def near_copies(rng):
    X = rng.normal(size=(800, 4))
    X[:, 1] = 0.99 * X[:, 0] + np.sqrt(1 - 0.99**2) * X[:, 1]
    return X, with_noise(rng, np.sin(3 * X[:, 0]), 1)


def squares(rng):
    X = correlated(rng, 300, 12, 0.7)
    return X, with_noise(rng, (X**2).sum(1), 10)


@pytest.mark.filterwarnings("ignore:.*any interaction of these pairs")
@pytest.mark.filterwarnings("ignore:Some features are nearly")
@pytest.mark.parametrize("draw", [heavy_tails, jumps, near_copies, squares])
@pytest.mark.parametrize("cv", [5, "sequential"])
def test_bends_of_correlated_features_are_no_interactions(draw, cv):
    single, family = level(draw, cv=cv)
    assert single < 0.1 and family <= 0.25


@pytest.mark.filterwarnings("ignore:Some features are nearly")
def test_products_are_found_beside_bends():
    for draw, pair in ((heavy_tails, (0, 5)), (near_copies, (2, 3)), (squares, (0, 11))):
        X, y = draw(np.random.default_rng(0))
        i, j = (norm.ppf((rankdata(X[:, k]) - 0.5) / len(X)) for k in pair)
        result = quick(X, y + y.std() * i * j, n_repeats=1, pairs=[pair, (0, 1)])
        assert result.p_value[result.pairs.tolist().index(list(pair))] < 1e-6


def test_rare_labels_of_a_bent_logit():
    p = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = correlated(rng, 1500, 4, 0.8)
        logit = X[:, 0] ** 2 - 4 + X[:, 2]
        y = rng.random(1500) < 1 / (1 + np.exp(-logit))
        for cv in (5, "sequential"):
            p += once(logistic(), X, y, cv=cv, variance_inflation=1.5).p_value.tolist()
    assert np.nanmean(np.array(p) <= 0.05) < 0.09


@pytest.mark.parametrize("cv", [5, "sequential"])
@pytest.mark.parametrize("classes", [2, 3])
def test_labels_without_room_for_smooth_shapes(cv, classes):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(300, 16)), rng.integers(classes, size=300)
    result = once(LogisticRegression(), X, y, cv=cv, pairs=[(0, 1), (2, 3), (4, 15)])
    assert np.isnan(result.p_value[~result.tested]).all()
    p = result.p_value[result.tested]
    assert ((p > 0) & (p <= 1)).all()
