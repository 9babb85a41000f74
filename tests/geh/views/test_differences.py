import numpy as np
import pytest
import torch

from skgeh import BayesianInteractionRegressor
from skgeh.geh.hessians import group_mean_hessians
from skgeh.geh.partition import Partition
from skgeh.geh.score import rank_pairs
from skgeh.geh.views.differences import (
    DifferencedFunction,
    DifferencedPosterior,
    Steps,
    _group_mean_gradients,
)
from tests.oracles import assert_close, network, random_mlp, random_points, random_posterior


def points():
    """A boolean, two numbers, a count of 0 to 3, in units of their own."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random(40) < 0.3, rng.normal(size=(40, 2)), rng.integers(0, 4, 40)])
    scales = np.array([0.5, 1.0, 2.0, 1.25])
    return X, X / scales, scales


def steps():
    _, Z, scales = points()
    return Steps.of({0: Z[:, 0].max(), 3: Z[:, 3].max()}, scales, range(4))


def test_whole_numbers_of_few_values_have_steps():
    found = steps()
    assert found.features == [0, 3]
    np.testing.assert_allclose(found.sizes, [2.0, 0.8])
    np.testing.assert_allclose(found.highest, [2.0, 3 * 0.8])
    assert Steps.of({1: 1.0}, np.ones(3), range(3)).features == [1]
    assert Steps.of({1: 1.0}, np.ones(3), [0]).features == []


def test_a_step_goes_up_and_from_the_highest_value_down():
    X, Z, scales = points()
    upper, lower = steps().ends(torch.from_numpy(Z), 1)
    expected = np.minimum(X[:, 3] + 1, 3)
    np.testing.assert_allclose(upper * scales[3], expected)
    np.testing.assert_allclose(lower * scales[3], expected - 1, atol=1e-12)
    upper, lower = steps().ends(torch.from_numpy(Z), 0)
    assert (upper == 2).all() and (lower == 0).all()


@pytest.mark.parametrize("kind", ["closed", "any function"])
def test_gradients(kind):
    mlp, x = random_mlp([4, 6, 2], n_functions=3), random_points(20, 4)
    partition = Partition.kmeans(x.numpy(), 3)
    plain = network(mlp)
    at_points = torch.func.vmap(
        torch.func.jacrev(lambda point: plain(point[None])[:, 0]), out_dims=2
    )(x)
    expected = np.stack([at_points[:, :, partition.labels == m].mean(2) for m in range(3)], axis=2)
    found = _group_mean_gradients(mlp if kind == "closed" else plain, x, partition)
    assert_close(found.numpy(), expected, 1e-5)


def by_hand(f, Z, found):
    """Differences one point and one pair at a time; 0 where both features are continuous."""
    total = np.zeros((4, 4))
    h = 1e-4
    for z in Z:
        ends = {}
        for j in range(4):
            if j in found.features:
                place = found.features.index(j)
                up = min(z[j] + found.sizes[place], found.highest[place])
                ends[j] = up, up - found.sizes[place]
            else:
                ends[j] = z[j] + h, z[j] - h
        for i in range(4):
            for j in range(4):
                if i == j or not {i, j} & set(found.features):
                    continue
                value = 0.0
                for a in (0, 1):
                    for b in (0, 1):
                        point = z.copy()
                        point[i], point[j] = ends[i][a], ends[j][b]
                        value += (-1) ** (a + b) * f(point)
                size = (ends[i][0] - ends[i][1]) * (ends[j][0] - ends[j][1])
                total[i, j] += value / size / len(Z)
    return total


def test_differences_by_the_definition():
    mlp, found = random_mlp([4, 6, 1]), steps()
    _, Z, _ = points()
    x, partition = torch.from_numpy(Z), Partition.one_group(40)
    plain = group_mean_hessians(mlp, x, partition).full()[0, 0, 0].numpy()
    full = group_mean_hessians(DifferencedFunction(mlp, found), x, partition).full()[0, 0, 0]
    expected = by_hand(lambda z: mlp(torch.from_numpy(z)[None]).item(), Z, found)
    expected[[1, 2], [2, 1]] = plain[[1, 2], [2, 1]]
    off = ~np.eye(4, dtype=bool)
    assert_close(full.numpy()[off], expected[off], 1e-5)


def test_a_product_has_the_same_derivative_and_difference():
    def function(x):
        return (x[:, :1] * x[:, 1:2] + 2 * x[:, :1] * x[:, 3:] + torch.sin(x[:, 2:3]))[None]

    x = torch.from_numpy(points()[1])
    given = DifferencedFunction(function, steps()), x, Partition.one_group(40)
    full = group_mean_hessians(*given).full()[0, 0, 0]
    expected = torch.zeros(4, 4, dtype=full.dtype)
    expected[0, 1] = expected[1, 0] = 1
    expected[0, 3] = expected[3, 0] = 2
    off = ~torch.eye(4, dtype=torch.bool)
    np.testing.assert_allclose(full[off], expected[off], atol=1e-6)


def test_scores_stay():
    posterior, x = random_posterior([4, 6, 1]), random_points(50, 4)
    found = rank_pairs(DifferencedPosterior(posterior, steps()), x, np.ones(6))
    np.testing.assert_array_equal(found, rank_pairs(posterior, x, np.ones(6)))


@pytest.mark.parametrize("posterior", ["gaussian_process", "ensemble"])
def test_the_estimator_takes_differences_of_booleans(posterior):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random(400) < 0.4, rng.normal(size=(400, 2)), rng.random(400) < 0.5])
    y = 2 * X[:, 0] * X[:, 1] + X[:, 0] * X[:, 3] + X[:, 2] + 0.1 * rng.normal(size=400)
    model = BayesianInteractionRegressor(
        posterior=posterior, max_epochs=55, n_draws=25, random_state=0
    ).fit(X, y)
    found = model.interactions(differences=True, n_groups=2)
    original = found.to_frame("original").set_index(["feature_i", "feature_j"]).effect
    assert original["x0", "x1"] == pytest.approx(2, rel=0.15)
    assert original["x0", "x3"] == pytest.approx(1, rel=0.25)
    plain = model.interactions(n_groups=2)
    np.testing.assert_allclose(found.effect[3], plain.effect[3], rtol=1e-5)  # x1 and x2
    np.testing.assert_array_equal(found.score, plain.score)
