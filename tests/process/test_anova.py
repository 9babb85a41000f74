from itertools import combinations, product

import numpy as np
import pytest
import torch

from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.process._anova import GROUPS, Anova, AnovaFunctions
from skgeh.process.family import _n_weights
from tests.oracles import PARTITIONS, assert_close, group_means, upper

M, STEP = 3, 1e-4


def table(n=40, d=4, seed=0):
    """Correlated features, the last one of whole numbers."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X[:, 1] += 0.7 * X[:, 0]
    X[:, -1] = rng.integers(0, 4, n)
    return (X - X.mean(0)) / X.std(0)


def fitted(d=4, triples=True, weight=None):
    X = table(d=d)
    weight = np.ones(len(X)) if weight is None else weight
    return Anova.fit(X, M, triples, weight), X


def products_by_hand(basis, d, triples):
    """Every product as a list of (feature, function), in the order of the weights."""
    found = [[(i, a)] for i in range(d) for a in range(M)]
    found += [
        [(i, a), (j, b)] for i, j in combinations(range(d), 2) for a in range(M) for b in range(M)
    ]
    if triples:
        found += [
            list(zip(trio, functions, strict=True))
            for trio in combinations(range(d), 3)
            for functions in product(range(2), repeat=3)
        ]
    return found


kinds = pytest.mark.parametrize("triples", [True, False], ids=["triples", "pairs"])
sizes = pytest.mark.parametrize("d", [2, 3, 4])


@kinds
@sizes
def test_design_is_that_of_a_loop(d, triples):
    weight = np.random.default_rng(3).uniform(0, 2, 40)
    weight /= weight.mean()
    basis, X = fitted(d, triples, weight)
    single = [one(X[:, i]) for i, one in enumerate(basis.bases)]
    columns = []
    for factors in products_by_hand(basis, d, triples):
        column = np.ones(len(X))
        for i, a in factors:
            column = column * single[i][:, a]
        columns.append(column - np.average(column, weights=weight))
    assert_close(basis.design(X), np.column_stack(columns), 1e-10)
    assert len(columns) == len(basis.weights) == len(basis.groups) == _n_weights(d, M, triples)


def test_products_at_new_rows_are_not_centred_again():
    basis, X = fitted()
    np.testing.assert_allclose(basis.design(X).mean(0), 0, atol=1e-10)
    assert_close(basis.design(X[3:5]), basis.design(X)[3:5], 1e-12)


@kinds
@sizes
def test_prior_weights_and_groups_are_those_of_a_loop(d, triples):
    basis, _ = fitted(d, triples)
    each = np.stack([one.weights for one in basis.bases])
    for place, factors in enumerate(products_by_hand(basis, d, triples)):
        waves = sum(a > 0 for _, a in factors)
        name = {
            1: ("main, lines", "main, waves"),
            2: ("line x line", "line x wave", "wave x wave"),
            3: ("triples",) * 4,
        }[len(factors)][waves]
        assert GROUPS[basis.groups[place]] == name
        expected = np.prod([each[i, a] for i, a in factors])
        expected *= 0.3**waves if len(factors) == 3 else 1
        assert basis.weights[place] == pytest.approx(expected, rel=1e-12)


@kinds
@sizes
def test_sums_of_pairs_count_their_triples(d, triples):
    basis, _ = fitted(d, triples)
    values = np.random.default_rng(0).normal(size=len(basis.weights))
    factors = products_by_hand(basis, d, triples)
    expected = [
        sum(
            value
            for value, one in zip(values, factors, strict=True)
            if len(one) > 1 and {i, j} <= {feature for feature, _ in one}
        )
        for i, j in pair_index(d).tolist()
    ]
    assert_close(basis.of_pairs(values), expected, 1e-10)


def hessians_by_differences(basis, weights, X):
    """Mixed second derivatives at every point, shape (K, n, P)."""
    found = []
    for i, j in pair_index(X.shape[1]):
        total = 0.0
        for one, two in product((-1, 1), repeat=2):
            moved = X.copy()
            moved[:, i] += one * STEP
            moved[:, j] += two * STEP
            total = total + one * two * (basis.design(moved) @ weights.T)
        found.append(total / (4 * STEP**2))
    return np.stack(found, axis=-1).swapaxes(0, 1)


def functions(d=4, triples=True, K=3):
    basis, X = fitted(d, triples)
    return basis, np.random.default_rng(1).normal(size=(K, len(basis.weights))), X


@kinds
@sizes
@pytest.mark.parametrize("kind", PARTITIONS)
def test_mixed_derivatives_against_finite_differences(kind, d, triples):
    basis, weights, X = functions(d, triples)
    partition = PARTITIONS[kind](len(X))
    pointwise = hessians_by_differences(basis, weights, X)
    expected = group_means(pointwise, partition.labels, axis=1)
    assert_close(basis.mixed_derivatives(weights, X, partition), expected, 1e-5)


@kinds
def test_points_that_the_basis_has_not_seen(triples):
    basis, weights, _ = functions(triples=triples)
    X = 3 * table(seed=5)[:20]  # some of it outside
    partition = Partition.from_labels(np.arange(20) % 3)
    expected = group_means(hessians_by_differences(basis, weights, X), partition.labels, axis=1)
    assert_close(basis.mixed_derivatives(weights, X, partition), expected, 1e-5)


@kinds
def test_group_hessians_are_symmetric_and_have_no_diagonal(triples):
    basis, weights, X = functions(triples=triples)
    partition = PARTITIONS["a few uneven groups"](len(X))
    hessian = group_mean_hessians(AnovaFunctions(basis, weights), torch.tensor(X), partition)
    full = hessian.full().numpy()
    assert full.shape == (3, 1, 3, 4, 4)
    np.testing.assert_array_equal(full, full.swapaxes(-1, -2))
    assert not np.diagonal(full, axis1=-2, axis2=-1).any()
    pointwise = hessians_by_differences(basis, weights, X)
    assert_close(upper(full)[:, 0], group_means(pointwise, partition.labels, axis=1), 1e-5)


@kinds
def test_hessians_at_points_for_chosen_pairs(triples):
    basis, weights, X = functions(triples=triples)
    pairs = torch.tensor([[1, 3], [0, 2]])
    x = torch.tensor(X, dtype=torch.float32)
    found = pointwise_hessians(AnovaFunctions(basis, weights), x, pairs)
    assert found.shape == (3, 1, len(X), 2) and found.dtype == torch.float32
    places = [pair_index(4).tolist().index(pair) for pair in pairs.tolist()]
    expected = hessians_by_differences(basis, weights, X)[..., places]
    assert_close(found[:, 0].numpy(), expected, 1e-5)


def test_main_effects_have_no_mixed_derivatives():
    basis, weights, X = functions()
    weights[:, 4 * M :] = 0
    assert not basis.mixed_derivatives(weights, X, Partition.singletons(len(X))).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_are_those_of_a_linear_model(dtype):
    basis, weights, X = functions()
    stack = AnovaFunctions(basis, weights)
    values = stack(torch.tensor(X, dtype=dtype))
    assert len(stack) == 3
    assert values.shape == (3, len(X), 1) and values.dtype == dtype
    assert_close(values[..., 0].numpy(), weights @ basis.design(X).T, 1e-5)
