import numpy as np
import pytest

from skgeh.geh.pairs import pair_index
from skgeh.significance._nuisance import legendre, main_effect_basis, smooth_shapes
from skgeh.significance._regressions import without
from tests.oracles import assert_close


def table(n=300, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def left_over(columns, basis):
    """Largest share of a column's square that the basis leaves."""
    columns = columns - columns.mean(0)
    return ((without(columns, basis) ** 2).sum(0) / (columns**2).sum(0)).max()


TABLES = {
    "normal": table(),
    "small": table(60),
    "wide": table(120, 20),
    "skewed": np.exp(3 * table()),
    "huge and tiny": table() * [1e9, 1e-9, 1] + [1e9, 0, -5],
    "ties": table().round(),
    "mostly zero": np.where(table() > 1, table(), 0),
    "three values": np.sign(table(d=3)) * (np.abs(table()) > 0.5),
    "binary": (table() > 0).astype(float),
    "constant": table() * [1, 0, 1] + [0, 7, 0],
    "copies": table()[:, [0, 1, 0]] * [1, 1, -2],
}


@pytest.mark.parametrize("name", TABLES)
def test_basis_is_orthonormal_and_has_all_linear_functions(name):
    X = TABLES[name]
    basis = main_effect_basis(X)
    assert np.abs(basis.T @ basis - np.eye(basis.shape[1])).max() < 1e-10
    assert np.abs(without(np.ones(len(X)), basis)).max() < 1e-10
    assert left_over(X[:, np.ptp(X, axis=0) > 0], basis) < 1e-10


def test_basis_has_cubics_and_bends_but_no_products():
    X = table(1000)
    basis = main_effect_basis(X)
    assert left_over(np.hstack([X**2, X**3]), basis) < 1e-10
    assert left_over(np.sin(2 * X), basis) < 0.1
    products = np.column_stack([X[:, i] * X[:, j] for i, j in pair_index(3)])
    assert (without(products, basis) ** 2).sum(0).min() > 0.8 * 1000


@pytest.mark.parametrize("n", [60, 100, 150, 300, 1000])
@pytest.mark.parametrize("d", [2, 5, 11])
def test_columns_are_a_fifth_of_the_rows_at_most(n, d):
    assert main_effect_basis(table(n, d)).shape[1] <= n / 5


def test_linear_functions_of_many_features_remain():
    basis = main_effect_basis(table(100, 40))
    assert basis.shape == (100, 41)


def test_more_rows_bring_more_columns():
    sizes = [main_effect_basis(table(n, 4)).shape[1] for n in (50, 100, 200)]
    assert sizes == [1 + 4, 1 + 4 * 4, 1 + 4 * 6]


@pytest.mark.parametrize("name", ["binary", "constant", "copies"])
def test_columns_that_say_nothing_new_are_left_out(name):
    size = {"binary": 1 + 3, "constant": 1 + 2 * 6, "copies": 1 + 2 * 6}[name]
    assert main_effect_basis(TABLES[name]).shape[1] == size


# Smooth shapes


def test_polynomials_of_ranks_are_nearly_orthonormal():
    polynomials = legendre(table(2000), 3)
    assert polynomials.shape == (2000, 3, 3)
    for feature in range(3):
        gram = polynomials[:, feature].T @ polynomials[:, feature] / 2000
        assert np.abs(gram - np.eye(3)).max() < 1e-2


def test_shapes_are_products_of_polynomials():
    X, pairs = table(), np.array([[0, 2], [1, 2]])
    shapes, weights = smooth_shapes(X, pairs, 4)
    p = legendre(X, 2)
    for k, (i, j) in enumerate(pairs):
        expected = [p[:, i, a] * p[:, j, b] for a in (0, 1) for b in (0, 1)]
        assert_close(shapes[:, k], np.column_stack(expected), 1e-12)
    assert_close(weights, np.array([16, 4, 4, 1]) / 25, 1e-12)


def test_a_monotone_change_of_scale_does_not_matter():
    X, pairs = table(), pair_index(3)
    moved = np.column_stack([np.exp(X[:, 0]), X[:, 1] ** 3, 5 * X[:, 2] - 1])
    assert_close(smooth_shapes(moved, pairs, 50)[0], smooth_shapes(X, pairs, 50)[0], 1e-12)


@pytest.mark.parametrize(("most", "shapes"), [(100, 4), (4, 4), (3, 1), (1, 1)])
def test_room_decides_about_the_degree(most, shapes):
    found, weights = smooth_shapes(table(), pair_index(3), most)
    assert found.shape == (300, 3, shapes)
    assert weights.shape == (shapes,)
    assert weights.sum() == pytest.approx(1)


def test_no_room_no_shapes():
    shapes, weights = smooth_shapes(table(), pair_index(3), 0)
    assert shapes.shape == (300, 3, 0)
    assert weights.shape == (0,)
