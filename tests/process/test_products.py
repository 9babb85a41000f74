"""Columns of the model and their derivatives, against one product at a time."""

import copy
import gc
import pickle

import numpy as np
import pytest
import torch

from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.process._products import AnovaFunctions, Products, multiplied
from skgeh.process._smooth_basis import SmoothBasis
from tests.oracles import PARTITIONS, assert_close
from tests.process.dense import column, main_effects, products_of, table


def mixed_table(n=60):
    """Numbers, a feature of two values, one of three, a constant, and long tails."""
    rng = np.random.default_rng(0)
    return np.column_stack(
        [
            rng.normal(size=n),
            rng.integers(0, 2, n),
            rng.integers(0, 3, n),
            np.ones(n),
            rng.standard_cauchy(n),
        ]
    )


def functions_of(products, k=3, seed=0):
    rng = np.random.default_rng(seed)
    return AnovaFunctions(products, rng.normal(size=(k, len(products))), rng.normal(size=k))


def test_main_effects_are_the_functions_of_each_feature():
    X = mixed_table()
    bases = [SmoothBasis.fit(x, 4) for x in X.T]
    assert [basis.n_functions for basis in bases] == [4, 1, 2, 0, 4]
    products = Products.main_effects(bases)
    expected = [basis(x) for basis, x in zip(bases, X.T, strict=True)]
    np.testing.assert_array_equal(products.design(X).T, np.column_stack(expected))
    assert len(products) == 11 and (products.pair == -1).all()
    np.testing.assert_array_equal(products.component, [0, 5, 5, 5, 1, 2, 7, 4, 9, 9, 9])
    np.testing.assert_array_equal(products.relative[:4], np.sqrt(bases[0].weights))
    assert products.starts.tolist() == [1, 5, 6, 8, 8]
    assert products.n_pairs == 10


@pytest.mark.parametrize("m", [1, 2, 3])
def test_columns_of_pairs_are_all_products_of_their_first_functions(m):
    X = mixed_table()
    main = main_effects(X)
    products = main.with_pairs(np.arange(10), m)
    values = products.design(X)
    assert products.pair_functions == m
    for k, (i, j) in enumerate(pair_index(5).tolist()):
        a, b = (main.bases[f](X[:, f])[:, :m] for f in (i, j))
        expected = (a[:, :, None] * b[:, None]).reshape(len(X), -1)
        inside = products.pair == k
        np.testing.assert_allclose(values[inside].T, expected)
        assert inside.sum() == main.count_products(np.array([k]), m)[0]
        shares = np.outer(main.bases[i].weights[:m], main.bases[j].weights[:m]).ravel()
        np.testing.assert_array_equal(products.relative[inside], shares)
        assert len(set(products.component[inside])) == (1 if inside.any() else 0)
    # one component of every pair that has columns, after two of every feature
    own = {k: set(products.component[s]) for k, s in products.sections.items()}
    assert sorted(c for one in own.values() for c in one) == list(range(10, 10 + len(own)))
    for factors, value in zip(products.factors.T, values, strict=True):
        np.testing.assert_allclose(value, column(products, X, factors))


def test_some_pairs_may_have_columns():
    X, _ = table(d=5)
    products = main_effects(X).with_pairs(np.array([2, 7]), 2)
    assert list(products.sections) == [2, 7]
    for k, section in products.sections.items():
        assert set(products.pair[section]) == {k}
    assert np.array_equal(products.part(np.arange(20)).design(X), main_effects(X).design(X))


def test_finer_products_are_a_component_of_their_own():
    X, _ = table(n=80, d=4)
    coarse = products_of(X, n_functions=6, m=2)
    fine = coarse.refined([1, 4], 4)
    assert fine.pair_functions == 2
    assert len(fine) == len(coarse) + 2 * (16 - 4)
    assert len(set(fine.component)) == len(set(coarse.component)) + 2
    assert fine.component.max() == len(set(fine.component)) - 1
    old, new = coarse.design(X), fine.design(X)
    for k, section in fine.sections.items():
        of = coarse.sections[k]
        width = of.stop - of.start
        first = slice(section.start, section.start + width)
        np.testing.assert_array_equal(old[of], new[first])
        np.testing.assert_array_equal(coarse.relative[of], fine.relative[first])
        components = fine.component[section]
        assert len(set(components[:width])) == 1
        if k in (1, 4):
            i, j = pair_index(4)[k]
            assert section.stop - section.start == 16
            assert set(components[width:]) == {components[0] + 1}
            every = fine.bases[i](X[:, i])[:, :4, None] * fine.bases[j](X[:, j])[:, None, :4]
            assert_close(np.sort(new[section].sum(0)), np.sort(every.sum((1, 2))), 1e-12)
        else:
            assert section.stop - section.start == width
    again = fine.refined([1], 4)
    assert len(again) == len(coarse) + 12


def test_more_functions_than_there_are_make_no_finer_products():
    X, _ = table(d=3)
    coarse = products_of(X, n_functions=2, m=2)
    fine = coarse.refined([0, 1, 2], 9)
    assert len(fine) == len(coarse)
    np.testing.assert_array_equal(fine.component, coarse.component)


def test_products_of_three_functions():
    X, _ = table()
    products = products_of(X)
    values, factors = products.values(X), np.array([[1, 2], [5, 6], [9, 10]])
    expected = np.stack([column(products, X, one) for one in factors.T])
    np.testing.assert_allclose(multiplied(values, factors), expected)
    np.testing.assert_array_equal(
        products.multiplied(values, np.array([0, 15])), products.design(X)[[0, 15]]
    )


# Functions


def test_values_of_functions():
    X, _ = table(n=1300)  # more than one block of rows
    functions = functions_of(products_of(X))
    expected = functions.weights @ functions.columns.design(X) + functions.shift[:, None]
    np.testing.assert_allclose(functions.values(X), expected)
    found = functions(torch.tensor(X, dtype=torch.float32))
    assert found.shape == (3, 1300, 1) and found.dtype == torch.float32 and len(functions) == 3
    np.testing.assert_allclose(found[..., 0], expected, rtol=1e-3, atol=1e-4)


def differences(functions, X, i, j, step=1e-4):
    """Mixed second derivatives by differences of values, (K, n)."""
    total = 0.0
    for a in (-1, 1):
        for b in (-1, 1):
            moved = X.copy()
            moved[:, i] += a * step
            moved[:, j] += b * step
            total = total + a * b * functions.values(moved)
    return total / (4 * step**2)


@pytest.mark.parametrize("name", PARTITIONS)
@pytest.mark.parametrize("refined", [False, True])
def test_group_means_of_mixed_derivatives_are_differences(name, refined):
    X = mixed_table(50)
    at = X + 0.1 * np.random.default_rng(1).normal(size=X.shape)  # between and beyond the rows
    products = products_of(X, n_functions=5)
    functions = functions_of(products.refined([3], 3) if refined else products)
    partition = PARTITIONS[name](len(at))
    x = torch.tensor(at)
    found = group_mean_hessians(functions, x, partition).full()[:, 0].numpy()
    assert found.shape == (3, partition.n_groups, 5, 5)
    np.testing.assert_array_equal(np.einsum("kmii->kmi", found), 0)
    for i, j in pair_index(5):
        expected = partition.mean(differences(functions, at, i, j).T).T
        np.testing.assert_allclose(found[:, :, i, j], expected, rtol=1e-3, atol=2e-4)
        np.testing.assert_array_equal(found[:, :, i, j], found[:, :, j, i])


def test_pointwise_derivatives():
    X, _ = table(n=30, d=4)
    functions = functions_of(products_of(X))
    pairs = torch.tensor([[0, 3], [1, 2]])
    found = pointwise_hessians(functions, torch.tensor(X), pairs)
    assert found.shape == (3, 1, 30, 2)
    for place, (i, j) in enumerate(pairs.tolist()):
        expected = differences(functions, X, i, j)
        np.testing.assert_allclose(found[:, 0, :, place], expected, rtol=1e-3, atol=2e-4)


def test_two_values_have_the_slope_of_the_secant():
    """So the mean derivative of a product of two such features is the difference of differences."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (80, 2)).astype(float)
    functions = functions_of(products_of(X))
    corners = functions.values(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]))
    expected = corners @ [1, -1, -1, 1]
    found = functions.columns.mixed_derivatives(
        functions.weights, torch.tensor(X), Partition.one_group(80)
    )
    np.testing.assert_allclose(found[:, 0, 0], expected)


# Mean slopes that are kept


def test_mean_slopes_are_kept_for_the_same_points_and_groups():
    X, _ = table()
    products, x = products_of(X), torch.tensor(X)
    groups = PARTITIONS["a few uneven groups"](len(X))
    assert products.mean_slopes(x, groups) is products.mean_slopes(x, groups)


def test_mean_slopes_are_not_taken_for_other_points_or_groups():
    X, _ = table()
    products = products_of(X)
    one, two = PARTITIONS["a few uneven groups"](len(X)), Partition.singletons(len(X))
    places = [torch.tensor(X), torch.tensor(X + 0.3)]
    for partition in (one, two, one):
        for x in (*places, places[0]):
            expected = products_of(X).mean_slopes(x, partition)
            np.testing.assert_array_equal(products.mean_slopes(x, partition), expected)


def test_functions_know_their_feature():
    X, _ = table()
    products = products_of(X)
    moved = X.copy()
    moved[:, 1] += 1
    changed = (products.values(moved) != products.values(X)).any(1)
    np.testing.assert_array_equal(changed, products.feature == 1)
    assert products.feature[0] == -1 and set(products.feature[1:]) == set(range(X.shape[1]))


def test_mean_slopes_go_with_their_groups():
    X, _ = table()
    products = products_of(X)
    x, groups = torch.tensor(X), Partition.singletons(len(X))
    products.mean_slopes(x, groups)
    assert len(products._known) == 1
    del groups
    gc.collect()
    assert len(products._known) == 0


@pytest.mark.parametrize("copied", [lambda a: pickle.loads(pickle.dumps(a)), copy.deepcopy])
def test_copies_leave_out_what_is_kept(copied):
    X, _ = table()
    products, x, groups = products_of(X), torch.tensor(X), Partition.one_group(len(X))
    before = products.mean_slopes(x, groups)
    other = copied(products)
    assert "_known" not in vars(other) and "_known" in vars(products)
    np.testing.assert_array_equal(other.mean_slopes(x, groups), before)
    np.testing.assert_array_equal(other.design(X), products.design(X))
