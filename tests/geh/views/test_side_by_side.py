import numpy as np
import torch

from skgeh import BayesianInteractionRegressor
from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.partition import Partition
from skgeh.geh.score import rank_pairs
from skgeh.geh.views.side_by_side import IndependentPosterior
from skgeh.posteriors import GaussianProcess
from tests.oracles import random_points, random_posterior


def parts():
    return [random_posterior([4, 6, 1], seed=seed) for seed in range(3)]


def test_outputs_are_those_of_the_parts():
    posterior, x = IndependentPosterior(parts()), random_points(7, 4)
    assert (posterior.n_features, posterior.n_outputs) == (4, 3)
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    found = posterior.draw(5, generators[0], first=1)(x)
    assert found.shape == (5, 7, 3)
    for k, part in enumerate(parts()):
        assert torch.equal(found[..., k], part.draw(5, generators[1], first=1)(x)[..., 0])
        assert torch.equal(posterior.members()(x)[..., k], part.members()(x)[..., 0])


def test_hessians_are_those_of_the_parts():
    posterior, x = IndependentPosterior(parts()).members(), random_points(20, 4)
    partition, pairs = Partition.kmeans(x.numpy(), 3), torch.tensor([[0, 2], [1, 3]])
    groups, points = group_mean_hessians(posterior, x, partition), pointwise_hessians(
        posterior, x, pairs
    )  # fmt: skip
    for k, part in enumerate(parts()):
        own = group_mean_hessians(part.members(), x, partition).full()
        assert torch.equal(groups.full()[:, k], own[:, 0])
        own = pointwise_hessians(part.members(), x, pairs)
        assert torch.equal(points[:, k], own[:, 0])


def test_the_score_is_a_mean_over_outputs_or_that_of_one():
    posterior, x, effect = IndependentPosterior(parts()), random_points(50, 4), np.ones(6)
    own = np.stack([rank_pairs(part, x, effect) for part in parts()])
    np.testing.assert_allclose(rank_pairs(posterior, x, effect), own.mean(0))
    np.testing.assert_allclose(rank_pairs(posterior, x, effect, target=1), own[1])


def test_a_gaussian_process_learns_each_target_by_itself():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    Y = np.column_stack([X[:, 0] * X[:, 1], X[:, 2]]) + 0.1 * rng.normal(size=(80, 2))
    # no pair can get finer products, which all targets would have in common
    given = {"posterior": GaussianProcess(14, 14), "random_state": 0}
    both = BayesianInteractionRegressor(**given).fit(X, Y)
    for k in range(2):
        alone = BayesianInteractionRegressor(**given).fit(X, Y[:, k])
        np.testing.assert_allclose(both.predict(X)[:, k], alone.predict(X), atol=1e-8)
        np.testing.assert_allclose(both.noise_variance_[k], alone.noise_variance_)
    first = both.interactions(target=0)
    assert first.top(1) == [("x0", "x1")]
