import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.preprocessing import StandardScaler

from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.significance import _confirmation as confirmation
from skgeh.significance._confirmation import (
    HALF_NETWORKS,
    MOST,
    Confirmation,
    coefficients,
    confirm_by_halves,
    confirmed_effect,
    number_coefficients,
)
from skgeh.significance._nuisance import main_effect_basis
from skgeh.significance._refits import NetworkRefit, Refit
from skgeh.significance._regressions import Regressions
from skgeh.tables.table import Table
from tests.oracles import assert_close, double, random_mlp


def case(n=400, q=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2 * q))
    true = X[:, :q] * X[:, q:]
    return rng, true, main_effect_basis(X), rng.permutation(n) % 2


def confirm(y, shapes, folds, nuisance):
    """Of one target: shapes (2, n, q) of the two halves; without the axis of targets."""
    clean = np.stack([f - nuisance @ (nuisance.T @ f) for f in shapes])[..., None]
    theta = number_coefficients(y[:, None], clean, folds, nuisance)
    found = confirmation.confirm(clean, *theta)
    return Confirmation(found.strength[:, 0], found.strength_std[:, 0], found.scale[:, 0])


def of_one_target(*values):
    return Confirmation(*(value[:, None] for value in values))


@pytest.mark.parametrize("shrunk", [0.5, 1.0, 2.0])
def test_lambda_undoes_what_shapes_are_shrunk_by(shrunk):
    _, true, nuisance, folds = case()
    true -= nuisance @ (nuisance.T @ true)
    y = true @ [1.0, 3.0] + nuisance[:, 1] * 100
    found = confirm(y, np.stack([shrunk * true * [1, 3]] * 2), folds, nuisance)
    np.testing.assert_allclose(found.scale, 1 / shrunk, rtol=1e-3)
    np.testing.assert_allclose(found.strength, true.std(0) * [1, 3], rtol=1e-3)


def test_by_the_definition():
    """``lambda = sqrt(theta_1 theta_2) / <f_1, f_2>``, theta the projections on held-out rows."""
    rng, true, nuisance, folds = case(q=1)
    shapes = np.stack([true + 0.5 * rng.normal(size=true.shape) for _ in range(2)])
    y = true[:, 0] + rng.normal(size=400)
    found = confirm(y, shapes, folds, nuisance)
    clean = [f[:, 0] - nuisance @ (nuisance.T @ f[:, 0]) for f in shapes]
    rest = y - nuisance @ (nuisance.T @ y)
    theta, std = [], []
    for k, f in enumerate(clean):
        unit = f / np.sqrt(np.mean(f**2))
        mine, e = unit[folds == k], rest[folds == k]
        theta.append(mine @ e / (mine @ mine))
        residual = e - mine * theta[-1]
        std.append(np.sqrt(np.sum((mine * residual) ** 2)) / (mine @ mine))
    assert found.strength == pytest.approx(np.mean(theta), rel=1e-5)
    assert found.strength_std == pytest.approx(np.sqrt(1.5 * np.sum(np.square(std))) / 2, rel=1e-5)
    projections = [t * np.sqrt(np.mean(f**2)) for t, f in zip(theta, clean, strict=True)]
    expected = np.sqrt(np.prod(projections)) / np.mean(clean[0] * clean[1])
    assert found.scale == pytest.approx(expected, rel=1e-5)


def test_what_one_half_contradicts_is_scaled_to_nothing():
    _, true, nuisance, folds = case(q=1)
    y = np.where(folds == 0, 1.0, -1.0) * true[:, 0]
    found = confirm(y, np.stack([true, true]), folds, nuisance)
    assert found.scale == 0
    assert abs(found.strength) < 0.5 * true.std()


def test_lambda_has_a_limit():
    _, true, nuisance, folds = case(q=1)
    found = confirm(true[:, 0], 1e-3 * np.stack([true, true]), folds, nuisance)
    assert found.scale == MOST


def test_shapes_of_zeros_are_no_evidence():
    rng, true, nuisance, folds = case()
    y = true[:, 0] + rng.normal(size=400)
    shapes = np.stack([true * [1, 0]] * 2)
    found = confirm(y, shapes, folds, nuisance)
    assert found.strength[1] == found.strength_std[1] == found.scale[1] == 0
    alone = confirm(y, shapes[..., :1], folds, nuisance)
    assert found.strength[0] == pytest.approx(alone.strength[0], rel=1e-9)


def test_the_lower_bound_covers():
    """The shapes of each half are noisy versions of the truth: what they miss only lowers it."""
    covered = strengths = 0
    for seed in range(200):
        rng, true, nuisance, folds = case(n=300, q=2, seed=seed)
        shapes = np.stack([true + 0.3 * rng.normal(size=true.shape) for _ in range(2)])
        y = true @ [0.4, 0.0] + rng.normal(size=300) * (1 + np.abs(true[:, 0])) / 2
        found = confirm(y, shapes, folds, nuisance)
        lower = found.strength - norm.ppf(0.95) * found.strength_std
        covered += lower <= [0.4, 0.0]
        strengths += found.strength / 200
    assert (covered >= 180).all()
    assert 0.3 < strengths[0] < 0.45
    assert abs(strengths[1]) < 0.02


def test_coefficients_are_those_of_least_squares_with_hc0_errors():
    rng = np.random.default_rng(0)
    f = rng.normal(size=(200, 3)) * [1, 1e3, 1e-3] @ np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    y = f @ [1, 1e-3, 1e3] + rng.normal(size=200) * np.abs(f[:, 0])
    beta, error = coefficients(y, f)
    expected = np.linalg.lstsq(f, y)[0]
    inverse = np.linalg.inv(f.T @ f)
    middle = f.T @ (f * (y - f @ expected)[:, None] ** 2)
    np.testing.assert_allclose(beta, expected, rtol=1e-5)
    np.testing.assert_allclose(error, np.sqrt(np.diag(inverse @ middle @ inverse)), rtol=1e-5)


def test_the_effect_is_that_of_the_mean_of_both_halves():
    rng = np.random.default_rng(0)
    hessians, weights = rng.normal(size=(2, 5, 3)), rng.dirichlet(np.ones(5))
    scale = np.array([0.5, 1.0, 2.0])
    found = of_one_target(np.ones(3), np.zeros(3), scale)
    effect, std = confirmed_effect(found, hessians, weights, 0)
    assert_close(effect, scale * (weights @ np.abs(hessians.mean(0))), 1e-12)
    # the halves' mean has variance (h_1 - h_2)^2 / 4
    assert_close(std, scale * np.sqrt(weights @ (np.diff(hessians, axis=0)[0] ** 2 / 4)), 1e-12)


def test_the_effect_is_as_uncertain_as_the_strength():
    hessians, weights = np.ones((2, 4, 3)), np.full(4, 0.25)
    found = of_one_target(np.array([2.0, 1.0, -1.0]), np.array([0.5, 1.0, 1.0]), np.full(3, 1.5))
    effect, std = confirmed_effect(found, hessians, weights, 0)
    assert effect.tolist() == [1.5] * 3
    assert std.tolist() == [1.5 * 0.25, 1.5, 1.5 * 2]


# Halves


def rows(n):
    return np.random.default_rng(0).normal(size=(n, 3)) * [1, 2, 1] + np.array([0, 2, -1])


def halves(refits, n_groups, n):
    """What is found if the halves learn a third of the truth, and the rows of each."""
    rng, X = np.random.default_rng(1), rows(n)
    truth = 3 * np.mean([one(X)[:, 0] for one in refits], axis=0)
    table = Table.of(X, truth + 0.1 * truth.std() * rng.normal(size=n))
    order, asked = rng.permutation(n), []

    def again(splits, ask, n_networks):
        assert n_networks == HALF_NETWORKS
        asked.extend(splits)
        return [ask(one, *split) for one, split in zip(refits, splits, strict=True)]

    regressions = Regressions(table, pair_index(3)[[0, 2]])
    found = confirm_by_halves(again, table, regressions, order % 2, order, n_groups)
    return found, table, order, asked


def test_each_half_confirms_what_the_other_has_learned():
    one = Refit(lambda X: (X[:, 0] + 1) * X[:, 1] + np.sin(X[:, 2]))
    (found, effect), table, _, asked = halves([one, one], None, 300)
    assert effect is None
    assert found.scale[0, 0] == pytest.approx(3, rel=0.03)
    a, b, _ = table.X.T
    true = 3 * ((a - a.mean()) * (b - b.mean())).std() / table.y.std()
    assert found.strength[0, 0] == pytest.approx(true, rel=0.05)
    assert abs(found.strength[1, 0]) < 0.02
    (first, every), (second, all_rows) = asked
    assert len(first) == len(second) == 150
    assert sorted([*first, *second]) == every.tolist() == all_rows.tolist() == list(range(300))


def test_networks_have_effects_at_the_points():
    """Eq. 6 at up to 1000 rows in random order, in groups that both halves share."""
    members = double(random_mlp([3, 6, 1], n_functions=3), torch.float32)
    scaler, scales = StandardScaler().fit(rows(1100)), np.ones((2, 1))
    networks = [
        NetworkRefit(members[torch.tensor(mine)], scaler, scales) for mine in ([0, 1], [0, 2])
    ]
    (found, (effect, std)), table, order, _ = halves(networks, 5, 1100)
    points = table.X[order[:1000]]
    partition = Partition.kmeans(StandardScaler().fit_transform(points), 5)
    hessians = np.stack([one.group_hessians(points, partition)[0][:, [0, 2]] for one in networks])
    expected = confirmed_effect(found, hessians, partition.weights, 0)
    assert effect.shape == std.shape == (2, 1) and effect.min() > 0 and std.min() > 0
    assert_close(np.stack([effect[:, 0], std[:, 0]]), np.stack(expected), 1e-6)
