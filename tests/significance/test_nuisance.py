import numpy as np
import pytest

from skgeh.geh.pairs import pair_index
from skgeh.significance._nuisance import main_effect_basis
from skgeh.significance._regressions import without
from skgeh.tables.features import Features
from skgeh.tables.table import Table


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
    lines = 0.05 if name == "wide" else 1e-10  # where rows are few, by scores and their squares
    assert left_over(X[:, np.ptp(X, axis=0) > 0], basis) < lines


def test_basis_has_cubics_and_bends_but_no_products():
    X = table(1000)
    basis = main_effect_basis(X)
    assert left_over(np.hstack([X**2, X**3]), basis) < 0.01
    assert left_over(np.sin(2 * X), basis) < 0.1
    products = np.column_stack([X[:, i] * X[:, j] for i, j in pair_index(3)])
    assert (without(products, basis) ** 2).sum(0).min() > 0.6 * 1000


@pytest.mark.parametrize("n", [100, 150, 300, 1000])
@pytest.mark.parametrize("d", [2, 5, 11])
def test_columns_are_a_fifth_of_the_rows_at_most_or_those_without_knots(n, d):
    assert main_effect_basis(table(n, d)).shape[1] <= max(n / 5, 1 + 3 * d)


@pytest.mark.parametrize(
    ("n", "d"), [(60, 3), (100, 8), (300, 20), (590, 30), (1000, 50), (100, 40)]
)
@pytest.mark.parametrize("information", [1.0, 0.1])
def test_curvature_is_never_left_to_products(n, d, information):
    """A square of any feature is in the basis, however few the rows, and however correlated."""
    X = table(n, d) + table(n, 1, seed=1)
    basis = main_effect_basis(X, information)
    assert left_over(X, basis) < 0.1
    assert left_over(X**2, basis) < 0.25
    if basis.shape[1] > 1 + 2 * d:
        assert left_over(X, basis) < 1e-10


def test_more_rows_bring_more_columns():
    sizes = [
        main_effect_basis(table(n, 4)).shape[1] for n in (50, 90, 120, 200, 300, 500, 900, 1500)
    ]
    assert sizes == [1 + 4 * k for k in (2, 3, 5, 7, 11, 17, 42, 62)]


def test_bends_are_followed_where_the_rows_are():
    """Heavy tails: a function that levels off within a thousandth of the range of its feature."""
    X = np.random.default_rng(0).standard_t(1, size=(2000, 2))
    assert (
        left_over(np.column_stack([np.tanh(X), np.log1p(np.abs(X))]), main_effect_basis(X)) < 0.02
    )


@pytest.mark.parametrize("values", [2, 3, 7, 16])
def test_a_feature_with_few_values_is_free(values):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(values, size=1000) ** 3.0, rng.normal(size=1000)])
    steps = X[:, :1] == np.unique(X[:, 0])
    assert left_over(steps.astype(float), main_effect_basis(X)) < 1e-10


def test_three_values_are_no_line_in_few_rows():
    X = np.column_stack([np.repeat([0.0, 1.0, 5.0], [90, 5, 5]), table(100, 1)[:, 0]])
    assert left_over(X[:, :1] == 5, main_effect_basis(X, 0.1)) < 1e-10


def test_a_category_is_one_feature_with_all_its_levels():
    rng = np.random.default_rng(0)
    levels = rng.integers(12, size=200)
    X = np.column_stack([np.eye(12)[levels], rng.normal(size=200)])
    features = Features.of(Table.of(X, X[:, -1]), [list(range(12))])
    basis = main_effect_basis(features)
    assert left_over(X[:, :12], basis) < 1e-10
    assert basis.shape[1] == 1 + 11 + 27  # splines of the number with 25 knots, and a line


def test_a_group_of_numbers_is_one_feature_with_its_products():
    X = table(200)
    features = Features.of(Table.of(X, X[:, 0]), {"place": [0, 1]})
    assert left_over(X[:, :1] * X[:, 1:2], main_effect_basis(features)) < 0.05
    assert left_over(X[:, :1] * X[:, 2:], main_effect_basis(features)) > 0.5


@pytest.mark.parametrize("name", ["binary", "constant", "copies"])
def test_columns_that_say_nothing_new_are_left_out(name):
    size = {"binary": 1 + 3, "constant": 1 + 2 * 27, "copies": 1 + 2 * 17}[name]
    assert main_effect_basis(TABLES[name]).shape[1] == size
