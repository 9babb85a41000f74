import numpy as np
import pytest
import torch

from skgeh import BayesianInteractionRegressor
from skgeh.datasets import make_interactions
from skgeh.geh.pairs import pair_index

rivals = pytest.importorskip("benchmarks.rivals", reason="needs the extra `bench`")


@pytest.fixture(scope="module")
def table():
    return make_interactions(300, signal_to_noise=20, random_state=0)


@pytest.fixture(scope="module")
def one_product():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (400, 4))
    return X, X[:, 0] + 2 * X[:, 1] * X[:, 3] + 0.5 * rng.normal(size=400)


@pytest.mark.parametrize("name", [name for name in rivals.RIVALS if name != "oracle"])
def test_every_rival_finds_a_product(name, one_product):
    scores = rivals.RIVALS[name](*one_product, seed=0)
    assert scores.shape == (6,)
    assert np.isfinite(scores).all()
    assert pair_index(4)[scores.argmax()].tolist() == [1, 3]


@pytest.mark.parametrize("name", ["NID", "SHAP, LightGBM"])
def test_a_seed_decides_everything(name, one_product):
    state = torch.get_rng_state()
    first, second = (rivals.RIVALS[name](*one_product, seed=3) for _ in range(2))
    assert (first == second).all()
    assert (torch.get_rng_state() == state).all()


def test_nid_is_its_formula():
    generator = torch.Generator().manual_seed(0)
    sizes = [torch.rand(1, a, b, generator=generator) for a, b in [(4, 5), (5, 3), (3, 1)]]
    first, second, third = (size[0].double().numpy() for size in sizes)
    paths = (second @ third)[:, 0]
    expected = [(np.minimum(first[i], first[j]) * paths).sum() for i, j in pair_index(4)]
    np.testing.assert_allclose(rivals.nid_strength(sizes)[0], expected)


def test_nid_of_our_networks(table):
    X, y, _ = table
    model = BayesianInteractionRegressor(
        posterior="concrete_dropout", max_epochs=2, n_networks=2, random_state=0
    ).fit(X, y)
    assert rivals.nid_of(model.posterior_.members()).shape == (28,)


def test_partial_dependences_of_an_additive_function_add_up():
    points = np.random.default_rng(0).normal(size=(20, 3))
    single, joint = rivals.partial_dependences(lambda X: np.sin(X).sum(1), points)
    i, j = pair_index(3).T
    np.testing.assert_allclose(joint, single[i] + single[j], atol=1e-12)


def test_the_oracle_ranks_by_what_a_pair_alone_explains(table):
    X, y, truth = table
    columns = np.column_stack([np.ones(len(X)), X, X[:, :1] * X[:, 1:2], X[:, 2:3] * X[:, 3:4]])

    def unexplained(columns):
        return np.linalg.lstsq(columns, y)[1][0]

    t = rivals.oracle(X, y, 0, shapes=columns[:, 9:])
    gain = [unexplained(np.delete(columns, k, 1)) - unexplained(columns) for k in (9, 10)]
    np.testing.assert_allclose(t**2 / t[0] ** 2, gain / gain[0])
    assert rivals.oracle(X, y, 0)[truth.labels].min() > 1


def test_a_fixed_penalty(one_product):
    assert not rivals.lasso(10.0)(*one_product, 0).any()
