from itertools import pairwise

import numpy as np
import pytest

from skgeh.geh.pairs import pair_index
from skgeh.significance._smooth_shapes import legendre, smooth_shapes
from skgeh.tables.features import Features
from skgeh.tables.table import Table
from tests.oracles import assert_close


def table(n=300, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def categories(*sizes, n=300, numbers=1, seed=0):
    """One-hot columns of categories, and then numbers."""
    rng = np.random.default_rng(seed)
    levels = [rng.permutation(np.arange(n) % size) for size in sizes]
    X = np.column_stack([*(np.eye(k)[x] for k, x in zip(sizes, levels, strict=True)),
                         rng.normal(size=(n, numbers))])  # fmt: skip
    ends = np.cumsum([0, *sizes])
    groups = [list(range(a, b)) for a, b in pairwise(ends)]
    return Features.of(Table.of(X, X[:, -1]), groups), levels


def scored(found, pair):
    """The shapes of one pair that are scored, each a column."""
    mine = found.weights[pair] > 0
    return (found.functions[:, pair] @ found.directions[pair].T)[:, mine]


def test_polynomials_of_ranks_are_nearly_orthonormal():
    polynomials = legendre(table(2000), 3)
    assert polynomials.shape == (2000, 3, 3)
    for feature in range(3):
        gram = polynomials[:, feature].T @ polynomials[:, feature] / 2000
        assert np.abs(gram - np.eye(3)).max() < 1e-2


def test_shapes_are_products_of_polynomials():
    X, pairs = table(), np.array([[0, 2], [1, 2]])
    found = smooth_shapes(X, pairs, 4)
    p = legendre(X, 2)
    for k, (i, j) in enumerate(pairs):
        expected = [p[:, i, a] * p[:, j, b] for a in (0, 1) for b in (0, 1)]
        assert_close(found.functions[:, k], np.column_stack(expected), 1e-12)
        assert_close(scored(found, k), np.column_stack(expected), 1e-12)
        assert_close(found.weights[k], np.array([16, 4, 4, 1]) / 25, 1e-12)


def test_a_monotone_change_of_scale_does_not_matter():
    X, pairs = table(), pair_index(3)
    moved = np.column_stack([np.exp(X[:, 0]), X[:, 1] ** 3, 5 * X[:, 2] - 1])
    one, other = smooth_shapes(X, pairs, 50), smooth_shapes(moved, pairs, 50)
    assert_close(other.functions, one.functions, 1e-12)


@pytest.mark.parametrize(("most", "shapes"), [(100, 4), (4, 4), (3, 1), (1, 1)])
def test_room_decides_about_the_degree(most, shapes):
    found = smooth_shapes(table(), pair_index(3), most)
    assert found.functions.shape == (300, 3, shapes)
    assert found.weights.shape == (3, shapes)
    assert found.weights.sum(1) == pytest.approx(1)


def test_no_room_no_shapes():
    found = smooth_shapes(table(), pair_index(3), 0)
    assert found.functions.shape == (300, 3, 0)
    assert found.weights.shape == (3, 0)


def test_a_binary_feature_has_no_square():
    X = table()
    X[:, 0] = X[:, 0] > 0
    found = smooth_shapes(X, np.array([[0, 1]]), 4)
    assert found.functions.shape == (300, 1, 2)
    assert found.weights[0].tolist() == [0.8, 0.2]


# Categories


def test_each_level_against_the_rest_times_polynomials():
    features, (levels,) = categories(3)
    found = smooth_shapes(features, np.array([[0, 1]]), 100)
    p = legendre(features.X[:, -1:], 2)[:, 0]
    steps = [(levels == level) - 1 / 3 for level in range(3)]
    expected = np.column_stack([step * p[:, k] for step in steps for k in range(2)])
    shapes = scored(found, 0)
    assert shapes.shape == (300, 6) and found.functions.shape == (300, 1, 4)
    same = np.abs(np.corrcoef(shapes.T, expected.T)[:6, 6:]) > 1 - 1e-9
    assert same.sum(0).tolist() == same.sum(1).tolist() == [1] * 6
    assert sorted(found.weights[0].round(4)) == [0.0667] * 3 + [0.2667] * 3


def test_all_cells_of_two_categories():
    features, (first, second) = categories(3, 4)
    found = smooth_shapes(features, np.array([[0, 1]]), 100)
    assert found.functions.shape == (300, 1, 2 * 3)
    shapes = scored(found, 0)
    assert shapes.shape == (300, 12)
    for a in range(3):
        for b in range(4):
            cell = ((first == a) - 1 / 3) * ((second == b) - 1 / 4)
            assert np.abs(np.corrcoef(shapes.T, cell)[-1, :-1]).max() > 1 - 1e-9


def test_shapes_of_other_pairs_do_not_depend_on_a_category():
    features, _ = categories(5, numbers=2)
    found = smooth_shapes(features, pair_index(3), 100)
    alone = smooth_shapes(features, np.array([[1, 2]]), 100)
    assert_close(found.functions[:, 2, :4], alone.functions[:, 0], 1e-12)
    assert not found.functions[:, 2, 4:].any() and not found.weights[2, 4:].any()
    assert found.weights.sum(1) == pytest.approx(1)


@pytest.mark.parametrize("most", [1, 4, 10, 30, 200])
def test_large_categories_fit_the_room(most):
    features, _ = categories(15, 20, numbers=2)
    found = smooth_shapes(features, pair_index(4), most)
    assert 1 <= found.functions.shape[2] <= most
    assert found.weights.sum(1) == pytest.approx(1)
    for k in range(6):
        assert np.linalg.matrix_rank(found.functions[:, k]) >= min(most, 4) / 4


def test_rare_levels_have_no_shape_of_their_own():
    rng = np.random.default_rng(0)
    levels = np.repeat([0, 1, 2, 3, 4], [150, 100, 44, 3, 3])
    X = np.column_stack([np.eye(5)[levels], rng.normal(size=300)])
    features = Features.of(Table.of(X, X[:, -1]), [[0, 1, 2, 3, 4]])
    found = smooth_shapes(features, np.array([[0, 1]]), 100)
    assert found.functions.shape == (300, 1, 2 * 2)
