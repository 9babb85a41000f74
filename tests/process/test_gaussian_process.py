import pickle

import numpy as np
import pytest
import torch
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgeh import BayesianInteractionRegressor
from skgeh.datasets import make_interactions
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.geh.score import rank_pairs
from skgeh.posteriors import GaussianProcess
from skgeh.process import _gaussian_process as gaussian_process
from skgeh.process import family
from skgeh.process._anova import Anova
from skgeh.process._gaussian_process import (
    FLOOR,
    SPREAD,
    TYPICAL,
    GaussianProcessPosterior,
    Sample,
    find_variances,
    negative_log_evidence,
)
from skgeh.process.family import _n_weights
from tests.oracles import assert_close, assert_mean

VARIANCES = np.array([0.5, 0.1, 0.3, 0.05, 0.02, 0.04, 0.3])
KINDS = ("plain", "turned")
SAMPLE_WEIGHT = {
    "check_sample_weight_equivalence_on_dense_data": "a process learns the noise from rows that "
    "differ: of repeated rows it learns that there is none, of a weight that it is smaller there"
}


def table(n=30, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X[:, 1] += 0.5 * X[:, 0]
    y = X[:, 0] * X[:, 1] + np.sin(X[:, -1]) + 0.5 * rng.normal(size=n)
    return (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()


def weights_of(n, seed=0):
    weight = np.random.default_rng(seed).uniform(0.2, 3, n)
    return weight / weight.mean()


def process(
    n=30, d=3, m=2, triples=True, kind="plain", variances=VARIANCES, weight=None, basis=None
):
    """A posterior at given variances, and what it was made of."""
    X, y = table(n, d)
    weight = np.ones(n) if weight is None else weight
    basis = basis or Anova.fit(X, m, triples, weight)
    sample = getattr(Sample, kind)(basis, X, y, np.sqrt(weight))
    return GaussianProcessPosterior(basis, sample, variances), X, y, weight


def prior_of(posterior):
    """Prior variances, one weight at a time."""
    basis, variances = posterior.basis, posterior.variances
    pairs = zip(basis.groups, basis.weights, strict=True)
    return np.array([variances[group] * weight for group, weight in pairs])


def regression(posterior, X, y, weight):
    """Bayesian linear regression in the space of the weights: mean and covariance."""
    design, noise = posterior.basis.design(X), posterior.variances[-1]
    precision = design.T @ (weight[:, None] * design) / noise + np.diag(1 / prior_of(posterior))
    covariance = np.linalg.inv(precision)
    return covariance @ design.T @ (weight * y) / noise, covariance


def posterior_of_rows(posterior, X, y, weight, at):
    """The same in the space of the rows: mean and variance of the function at new rows."""
    design, prior, new = posterior.basis.design(X), prior_of(posterior), posterior.basis.design(at)
    covariance = (design * prior) @ design.T + posterior.variances[-1] * np.diag(1 / weight)
    across = (new * prior) @ design.T
    gain = np.linalg.solve(covariance, across.T).T
    return gain @ y, (new**2) @ prior - (gain * across).sum(1)


# The posterior

rows = pytest.mark.parametrize("n", [12, 90])  # fewer and more than the 26 weights
samples = pytest.mark.parametrize("kind", KINDS)


@rows
@samples
@pytest.mark.parametrize("triples", [True, False], ids=["triples", "pairs"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_mean_is_that_of_bayesian_regression(n, kind, triples, weighted):
    weight = weights_of(n) if weighted else None
    posterior, X, y, weight = process(n, kind=kind, triples=triples, weight=weight)
    expected, _ = regression(posterior, X, y, weight)
    assert_close(posterior.mean, expected, 1e-5)
    x = torch.tensor(X)
    values = posterior.members()(x)[0, :, 0].numpy()
    assert_close(values, posterior_of_rows(posterior, X, y, weight, X)[0], 1e-5)
    assert posterior.n_features == 3 and posterior.n_outputs == 1


@pytest.mark.parametrize(("n", "kind"), [(5, "plain"), (40, "plain"), (40, "turned")])
def test_draws_have_mean_and_covariance_of_the_posterior(n, kind):
    posterior, X, y, weight = process(n, d=2, kind=kind, weight=weights_of(n))
    mean, covariance = regression(posterior, X, y, weight)
    draws = posterior.draw(20_000, torch.Generator().manual_seed(0)).weights
    assert draws.shape == (20_000, 8)
    assert_mean(draws, mean)
    away = draws - mean
    assert_mean(away[:, :, None] * away[:, None, :], covariance)


def test_draws_follow_their_generator():
    posterior, *_ = process()
    one, two = (posterior.draw(3, torch.Generator().manual_seed(seed)).weights for seed in (0, 1))
    again = posterior.draw(3, torch.Generator().manual_seed(0)).weights
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - two).min() > 0
    assert not np.allclose(one[0], one[1])


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_count_are_repeated_rows(kind):
    X, y = table(60)
    counts = np.random.default_rng(0).integers(0, 4, 60)
    basis = Anova.fit(X, 2, True, np.ones(60))
    repeated = np.repeat(np.arange(60), counts)
    make = getattr(Sample, kind)
    one, two = (
        GaussianProcessPosterior(basis, make(basis, X[rows], y[rows], root), VARIANCES)
        for rows, root in ((slice(None), np.sqrt(counts)), (repeated, np.ones(len(repeated))))
    )
    assert_close(one.mean, two.mean, 1e-5)
    assert_close(one.evidence_ratio(), two.evidence_ratio(), 1e-5)


# The evidence


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_evidence_is_the_density_of_the_target(kind, seed):
    theta = np.log(VARIANCES) + np.random.default_rng(seed).normal(size=7)
    posterior, X, y, _ = process(60, kind=kind, variances=np.exp(theta))
    design = posterior.basis.design(X)
    covariance = (design * prior_of(posterior)) @ design.T + np.exp(theta[-1]) * np.eye(60)
    value, _ = negative_log_evidence(theta, posterior.sample.observed(posterior.basis))
    expected = -multivariate_normal(cov=covariance).logpdf(y) - 30 * np.log(2 * np.pi)
    assert value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_gradient_of_the_evidence_against_finite_differences(kind, seed):
    theta = np.log(VARIANCES) + np.random.default_rng(seed).normal(size=7)
    posterior, *_ = process(60, kind=kind, weight=weights_of(60))
    seen = posterior.sample.observed(posterior.basis)
    _, gradient = negative_log_evidence(theta, seen)
    slope = approx_fprime(theta, lambda at: negative_log_evidence(at, seen)[0], 1e-6)
    np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-3)


def test_more_rows_than_weights_become_as_many_as_weights():
    posterior, X, y, _ = process(90, kind="turned")
    sample = posterior.sample
    assert sample.design.shape == (26, 26) and sample.n_left == 64
    design = posterior.basis.design(X)
    assert_close(sample.design.T @ sample.design, design.T @ design, 1e-6)
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert sample.left == pytest.approx(rest @ rest, rel=1e-4)


def test_blocks_have_every_row_once():
    rng = np.random.default_rng(0)
    sample = Sample(rng.normal(size=(3500, 2)), np.arange(3500.0))
    blocks = sample.blocks()
    assert sorted(len(block.target) for block in blocks) == [1166, 1167, 1167]
    rows = np.concatenate([block.target for block in blocks]).astype(int)
    assert sorted(rows) == list(range(3500)) and list(rows) != sorted(rows)
    np.testing.assert_array_equal(
        np.concatenate([block.design for block in blocks]), sample.design[rows]
    )


def test_variances_are_the_most_likely():
    """No step away from them is better, hyperprior included."""
    posterior, *_ = process(80)
    halves = [
        Sample(posterior.sample.design[part], posterior.sample.target[part]).observed(
            posterior.basis
        )
        for part in (slice(40), slice(40, None))
    ]
    found = find_variances(halves, iterations=500)

    def objective(theta):
        parts = [negative_log_evidence(theta, half)[0] for half in halves]
        return sum(parts) + np.square((theta - TYPICAL) / SPREAD).sum() / 2

    least = objective(found)
    assert least < objective(TYPICAL) - 1
    rng = np.random.default_rng(0)
    for size in (0.05, 0.3, 2):
        for step in rng.normal(size=(15, 7)):
            assert objective(found + size * step) > least - 1e-4


@pytest.mark.parametrize("n", [150, 500])  # fewer and more than the 202 weights
def test_noise_and_its_variance_are_recovered(n):
    rng = np.random.default_rng(n)
    found = []
    for _ in range(4):
        X = rng.normal(size=(n, 4))
        y = X[:, 0] * X[:, 1] + X[:, 2] + 0.7 * rng.normal(size=n)
        model = BayesianInteractionRegressor(posterior="gaussian_process", random_state=0)
        found.append(model.fit(X, y).noise_variance_)
    assert np.mean(found) == pytest.approx(0.49, rel=0.15)


def test_rows_of_more_weight_have_less_noise():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(600, 3)), rng.uniform(0.2, 5, 600)
    noise = rng.normal(size=600) * np.sqrt(0.4 / (weight / weight.mean()))
    model = BayesianInteractionRegressor(posterior="gaussian_process", random_state=0)
    model.fit(X, X[:, 0] * X[:, 1] + noise, sample_weight=weight)
    assert model.noise_variance_ == pytest.approx(0.4, rel=0.15)


# Rows left out


@pytest.mark.parametrize(("n", "kind"), [(20, "plain"), (60, "plain"), (60, "turned")])
@pytest.mark.parametrize("noise", [0.3, 1e-3, 1e-6])
@pytest.mark.parametrize("weighted", [False, True])
def test_predictions_of_rows_left_out_are_those_of_refits(n, kind, noise, weighted):
    variances = np.append(VARIANCES[:-1], noise)
    weight = weights_of(n) if weighted else None
    posterior, X, y, weight = process(n, kind=kind, variances=variances, weight=weight)
    expected = []
    for i in range(n):
        rest = np.arange(n) != i
        mean, _ = posterior_of_rows(posterior, X[rest], y[rest], weight[rest], X[[i]])
        expected.append(mean[0])
    share = 1e-4 if noise > 1e-4 else 0.05  # the jitter is a hundredth of the least noise
    assert_close(posterior.left_out(X, y, weight), expected, share)
    some = [7, 3, 11]
    found = posterior.left_out(X[some], y[some], weight[some])
    assert_close(found, np.array(expected)[some], share)


# The ratio that ranks


def share_of_pair(posterior, place, design):
    """Covariance of the rows by the weights of a pair and of the triples that contain it."""
    basis, m = posterior.basis, posterior.basis.n_functions
    d = posterior.n_features
    variances = np.maximum(posterior.variances[basis.groups], FLOOR) * basis.weights
    i, j = pair_index(d)[place].tolist()
    start = d * m + len(basis.pairs) * m**2
    columns = list(range(d * m + place * m**2, d * m + (place + 1) * m**2))
    for t, trio in enumerate(basis.trios.tolist()):
        if {i, j} <= set(trio):
            columns += range(start + 8 * t, start + 8 * (t + 1))
    return (design[:, columns] * variances[columns]) @ design[:, columns].T


@pytest.mark.parametrize(("n", "kind"), [(20, "plain"), (90, "turned")])
@pytest.mark.parametrize("d", [2, 4])
def test_evidence_ratio_is_its_formula_of_kernels(n, kind, d):
    variances = np.array([0.5, 0.1, 0.3, 0.05, 1e-9, 0.04, 0.3])  # one below the floor
    posterior, X, y, _ = process(n, d=d, kind=kind, variances=variances)
    design = posterior.basis.design(X)
    covariance = (design * prior_of(posterior)) @ design.T + variances[-1] * np.eye(n)
    inverse = np.linalg.inv(covariance)
    alpha = inverse @ y
    expected = []
    for place in range(len(posterior.basis.pairs)):
        G = share_of_pair(posterior, place, design)
        expected.append(alpha @ G @ alpha / np.trace(inverse @ G))
    assert_close(posterior.evidence_ratio(), expected, 1e-5)
    assert_close(rank_pairs(posterior, torch.tensor(X), np.zeros(len(expected))), expected, 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_evidence_ratio_is_one_on_average_under_the_model(kind):
    posterior, X, *_ = process(60, kind=kind)
    rng, design = np.random.default_rng(0), posterior.basis.design(X)
    found = []
    for _ in range(400):
        f = design @ (np.sqrt(prior_of(posterior)) * rng.normal(size=26))
        y = f + np.sqrt(VARIANCES[-1]) * rng.normal(size=60)
        sample = getattr(Sample, kind)(posterior.basis, X, y, np.ones(60))
        simulated = GaussianProcessPosterior(posterior.basis, sample, VARIANCES)
        found.append(simulated.evidence_ratio())
    assert_mean(found, 1.0)


def test_a_pair_that_is_there_asks_for_more():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 6))
    y = X[:, 1] * X[:, 4] + 0.5 * rng.normal(size=150)
    ratio = GaussianProcess().regress(X, (y - y.mean()) / y.std(), np.ones(150)).evidence_ratio()
    there = (pair_index(6) == [1, 4]).all(1)
    assert ratio[there] > 3 * ratio[~there].max()


# How rich a basis


@pytest.mark.parametrize(
    ("n", "d", "expected"),
    [
        (100, 2, (5, True)),
        (200, 40, (5, True)),
        (1000, 40, (5, False)),
        (3000, 10, (5, True)),
        (3001, 10, (5, True)),  # more rows, but fewer products
        (3001, 40, None),
        (5000, 8, (7, True)),
        (100, 300, (2, False)),
    ],
)
def test_as_rich_as_can_be_computed(n, d, expected):
    found = GaussianProcess().richest(n, d)
    assert found == expected
    assert GaussianProcess().is_rich(n, d) == (found is not None and found[0] >= 5)
    if found is not None:
        q = _n_weights(d, *found)
        assert min(n, q) <= 3000 and min(n, q) * q <= 6e7


def test_more_features_never_make_it_richer():
    for n in (50, 900, 4000):
        sizes = [GaussianProcess().richest(n, d) for d in range(2, 400)]
        values = [(0, False) if size is None else size for size in sizes]
        assert values == sorted(values, reverse=True)


def learn(n, d, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=n)
    return GaussianProcess().regress(X, (y - y.mean()) / y.std(), np.ones(n)), X


@pytest.mark.parametrize(
    ("most", "size"),
    [(15e3, (5, True)), (12e3, (5, False)), (5e3, (3, False)), (3e3, (2, False))],
)
def test_where_room_is_short_the_basis_is_poorer(monkeypatch, most, size):
    monkeypatch.setattr(family, "_MOST_VALUES", most)
    posterior, _ = learn(40, 5)
    assert (posterior.basis.n_functions, posterior.basis.triples) == size
    assert posterior.evidence_ratio().argmax() == 0
    assert len(posterior.mean) == _n_weights(5, *size)


def test_many_features():
    posterior, _ = learn(120, 40)
    assert len(posterior.mean) == 98_740
    assert posterior.evidence_ratio().argmax() == 0


def test_more_rows_than_products_are_turned():
    few, _ = learn(40, 2)
    many, _ = learn(30, 2)
    assert few.sample.design.shape == (35, 35) and few.sample.n_left == 5
    assert many.sample.design.shape == (30, 35) and many.sample.n_left == 0


def test_variances_of_many_rows_are_those_of_all_of_them(monkeypatch):
    """They start from a few rows, here those with little noise."""
    monkeypatch.setattr(gaussian_process, "some_rows", lambda n, size=None: np.arange(60))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = X[:, 0] * X[:, 1] + np.where(np.arange(400) < 60, 0.1, 1) * rng.normal(size=400)
    y = (y - y.mean()) / y.std()
    posterior = GaussianProcess().regress(X, y, np.ones(400))
    sample = Sample.plain(posterior.basis, X, y, np.ones(400))
    best = np.exp(find_variances([sample.observed(posterior.basis)], iterations=200))
    assert posterior.noise_variance == pytest.approx(best[-1], rel=0.02)
    few = Sample.plain(posterior.basis, X[:60], y[:60], np.ones(60))
    assert np.exp(find_variances([few.observed(posterior.basis)]))[-1] < best[-1] / 2


def test_too_large_a_table_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(family, "_MOST_ROWS", 50)
    X, y = table(60, 8)
    with pytest.raises(ValueError, match=r"at most 50.*60 rows and 8 features.*concrete_dropout"):
        regressor().fit(X, y)


@pytest.mark.parametrize(("value", "error"), [(1, ValueError), (0, ValueError), (2.5, TypeError)])
def test_functions_that_cannot_be_used(value, error):
    X, y = table()
    with pytest.raises(error, match="n_functions"):
        regressor(posterior=GaussianProcess(value)).fit(X, y)


@pytest.mark.parametrize("m", [2, 3, 10])
def test_number_of_functions(m):
    """More than there are knots are zero."""
    X, y = table(60)
    model = regressor(posterior=GaussianProcess(m)).fit(X, y)
    assert len(model.posterior_.mean) == _n_weights(3, m, True)
    assert np.isfinite(model.interactions_.effect).all()


# The estimator


def regressor(**given):
    defaults = {"posterior": "gaussian_process", "n_draws": 50, "n_groups": 4, "random_state": 0}
    return BayesianInteractionRegressor(**{**defaults, **given})


@parametrize_with_checks([regressor()], expected_failed_checks=lambda estimator: SAMPLE_WEIGHT)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_pickle_and_clone():
    X, y = table(80)
    model = regressor().fit(X, y)
    copy, again = pickle.loads(pickle.dumps(model)), clone(model).fit(X, y)
    for other in (copy, again):
        np.testing.assert_array_equal(model.predict(X), other.predict(X))
        np.testing.assert_array_equal(model.interactions_.effect, other.interactions_.effect)
        np.testing.assert_array_equal(model.interactions_.score, other.interactions_.score)


def test_there_are_no_networks_to_show():
    model = regressor()
    for name in ("net_", "history_"):
        with pytest.raises(NotFittedError):
            getattr(model, name)
    model.fit(*table(40))
    for name in ("net_", "history_"):
        with pytest.raises(AttributeError, match=r"There are no networks.*Gaussian process"):
            getattr(model, name)
        assert not hasattr(model, name)


@pytest.mark.parametrize(
    "given", [{"hidden_layer_sizes": (20,)}, {"activation": "tanh"}, {"length_scale": 2.0}]
)
@pytest.mark.parametrize("posterior", ["gaussian_process", GaussianProcess()])
def test_it_has_no_architecture_to_be_given(given, posterior):
    with pytest.raises(ValueError, match="brings its own architecture"):
        regressor(posterior=posterior, **given).fit(*table(40))


def test_predictions_are_those_of_bayesian_regression():
    X, y = table(70)
    model = regressor().fit(100 * X + 3, 7 * y - 2)
    at, _ = table(25, seed=1)
    posterior = model.posterior_
    mean, variance = posterior_of_rows(posterior, X, y, np.ones(70), at)
    found, std = model.predict(100 * at + 3, return_std=True)
    assert_close(found, 7 * mean - 2, 1e-5)
    expected = 7 * np.sqrt(variance + posterior.noise_variance)
    assert model.noise_variance_ == pytest.approx(49 * posterior.noise_variance)
    np.testing.assert_allclose(std, expected, rtol=0.15)  # from 100 draws


def test_the_unit_of_weights_does_not_matter():
    X, y = table(80)
    weight = weights_of(80)
    one = regressor().fit(X, y, sample_weight=weight)
    for factor in (0.7, 30):
        two = regressor().fit(X, y, sample_weight=factor * weight)
        assert two.noise_variance_ == pytest.approx(one.noise_variance_, rel=1e-3)
        assert two.fit_quality_.r2 == pytest.approx(one.fit_quality_.r2, abs=1e-3)
        assert_close(two.predict(X), one.predict(X), 1e-3)


def test_rows_of_weight_zero_are_not_there():
    X, y = table(80)
    weight = np.random.default_rng(0).integers(0, 3, 80).astype(float)
    one = regressor().fit(X, y, sample_weight=weight)
    two = regressor().fit(X[weight > 0], y[weight > 0], sample_weight=weight[weight > 0])
    np.testing.assert_array_equal(one.predict(X), two.predict(X))


def test_weights_and_repeated_rows_agree_about():
    """Where weights differ little, so that noise can be seen among the rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    y = X[:, 0] * X[:, 1] + X[:, 2] + 0.5 * rng.normal(size=500)
    weight = 1 + (rng.random(500) < 0.2)
    weighted = regressor().fit(X, y, sample_weight=weight)
    repeated = regressor().fit(np.repeat(X, weight, 0), np.repeat(y, weight))
    assert_close(weighted.predict(X), repeated.predict(X), 0.05)
    np.testing.assert_allclose(
        weighted.interactions(X, n_groups=2).effect,
        repeated.interactions(X, n_groups=2).effect,
        atol=0.03,
    )


def test_constant_and_duplicate_columns():
    X, y = table(120)
    shares = np.random.default_rng(0).dirichlet(np.ones(3), 120).sum(1)  # 1 up to rounding
    assert 0 < np.ptp(shares) < 1e-12
    model = regressor().fit(np.column_stack([X, np.full(120, 0.1), shares, X[:, 0]]), y)
    found = model.interactions_
    assert np.isfinite(found.to_frame()[["score", "effect", "std"]].to_numpy()).all()
    constant = np.isin(found.pairs, [3, 4]).any(1)
    assert not found.effect[constant].any() and not found.score[constant].any()
    twins = [(found.pairs == [i, 1]).all(1) | (found.pairs == [1, i]).all(1) for i in (0, 5)]
    assert_close(found.score[twins[0]], found.score[twins[1]], 1e-6)


@pytest.mark.parametrize("d", [2, 3])
def test_few_features(d):
    X, y = table(60, d)
    found = regressor().fit(X, y).interactions_
    assert found.effect.shape == found.score.shape == (d * (d - 1) // 2,)
    assert found.score.argmax() == 0


def test_few_rows():
    model = regressor().fit(*table(8))
    assert np.isfinite(model.interactions_.effect).all()


@pytest.mark.parametrize("target", ["bounded", "product"])
@pytest.mark.parametrize("seed", range(2))
def test_heavy_tails(target, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_cauchy((200, 4))
    X[:, 1] = np.exp(2 * rng.normal(size=200))
    y = X[:, 0] * X[:, 1] if target == "product" else np.tanh(X[:, 0]) + 0.1 * rng.normal(size=200)
    model = regressor().fit(X, y)
    assert (model.posterior_.prior >= 0).all()
    mean, std = model.predict(X, return_std=True)
    found = model.interactions_
    for values in (mean, std, found.effect, found.std, found.score):
        assert np.isfinite(values).all()
    assert (std > 0).all() and (found.score >= 0).all()


def test_clean_rows_left_out_are_still_predicted():
    """With noise at its bound, leverages come near 1."""
    rng = np.random.default_rng(0)
    X = np.exp(rng.normal(size=(300, 4)))
    y = X[:, 0] * X[:, 1]
    model = regressor().fit(X, y)
    assert model.noise_variance_ < 1e-3 * y.var()
    assert model.fit_quality_.r2 > 0.95


def test_intervals_cover_the_truth():
    """Group means of true pairs, over three tables."""
    covered = []
    for seed in range(3):
        X, y, truth = make_interactions(600, signal_to_noise=2, random_state=seed)
        model = regressor(n_draws=100).fit(X, y)
        found = model.interactions(X[:300], n_groups=5)
        groups = Partition.kmeans(model._x_scaler.transform(X[:300]), 5, model._seed)
        scales = found.target_scale / np.prod(found.feature_scales[found.pairs], axis=1)
        exact = groups.mean(truth.hessian(X[:300])) / scales
        inside = np.abs(found.group_effects - exact) < 1.96 * found.group_std
        covered.append(inside[:, truth.labels].mean())
        assert inside[:, ~truth.labels].mean() > 0.8
    assert np.mean(covered) > 0.8, covered
