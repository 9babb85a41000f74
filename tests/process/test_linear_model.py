"""Both spaces against formulas for dense matrices, and against each other."""

import numpy as np
import pytest

from skgeh.process._linear_model import FewRows, InRows, InWeights, Rows, Sums, read
from tests.oracles import assert_close
from tests.process.dense import (
    SPACES,
    Dense,
    posterior_of,
    products_of,
    table,
    variances_of,
    weights_of,
)

spaces = pytest.mark.parametrize("space", SPACES)
rows = pytest.mark.parametrize("n", [12, 90])  # fewer and more than the 24 columns
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])


def solved(space, n=40, weighted=True, pruned=(), seed=0):
    """A posterior, where some components may have left."""
    X, y = table(n, seed=seed)
    weight = weights_of(n) if weighted else None
    products = products_of(X, weight=weight)
    variances = variances_of(products)
    variances[list(pruned)] = 0
    posterior = posterior_of(space, X, y, products, variances, weight=weight)
    return posterior, Dense(posterior)


# Sums


def test_sums_of_parts_add_up():
    X, y = table(50)
    y, weight = np.column_stack([y, X[:, 0]]), weights_of(50)
    products = products_of(X)
    whole = Sums.of(products, X, y, weight)
    one, two, three = (
        Sums.of(products, X[part], y[part], weight[part])
        for part in (slice(7), slice(7, 30), slice(30, 50))
    )
    added = one + two + three
    assert added.n_rows == whole.n_rows == 50
    for name in ("gram", "columns", "moments", "targets", "squares", "weight"):
        assert_close(getattr(added, name), getattr(whole, name), 1e-12)
    prior = variances_of(products)[products.component] * products.relative
    for output in (0, 1):
        assert_close(
            added.solve(prior, 0.2, output).mean, whole.solve(prior, 0.2, output).mean, 1e-9
        )


def test_sums_over_blocks_of_rows():
    X, y = table(2100)  # three blocks
    weight = weights_of(2100)
    products = products_of(X)
    found, phi = Sums.of(products, X, y[:, None], weight), products.design(X)
    assert_close(found.gram, (phi * weight) @ phi.T, 1e-12)
    np.testing.assert_array_equal(found.gram, found.gram.T)
    assert_close(found.columns, phi @ weight, 1e-12)
    assert_close(found.moments[:, 0], phi @ (weight * y), 1e-12)
    assert_close(found.squares, [weight @ y**2], 1e-12)
    assert found.weight == pytest.approx(weight.sum())


@spaces
def test_means_and_variances_of_columns(space):
    X, y = table(30)
    weight, products = weights_of(30), products_of(X)
    data, phi = SPACES[space].of(products, X, y[:, None], weight), products.design(X)
    centre = np.average(phi, axis=1, weights=weight)
    assert_close(data.centre, centre, 1e-12)
    expected = np.average((phi - centre[:, None]) ** 2, axis=1, weights=weight)
    assert_close(data.variances, expected, 1e-10)
    assert_close(data.means, [np.average(y, weights=weight)], 1e-9)
    assert data.n_rows == 30


def test_a_table_is_read_in_the_form_that_costs_less():
    X, y = table(60)
    products = products_of(X)
    few, many = (read(products, X[:n], y[:n, None], np.ones(n)) for n in (10, 60))
    assert isinstance(few, FewRows) and isinstance(many, Sums)
    prior = np.ones(len(products))
    assert isinstance(few.solve(prior, 1.0, 0), InRows)
    assert isinstance(many.solve(prior, 1.0, 0), InWeights)


@pytest.mark.parametrize("c", [1, 3, 10])
def test_the_cost_counts_outputs(c):
    """Outputs share their sums, but each output has a matrix of rows of its own."""
    X, _ = table(40)
    products = products_of(X)
    q, y = len(products), np.random.default_rng(0).normal(size=(40, c))
    found = []
    for n in range(2, 41):
        in_rows = c * (2 * n**2 * q + n**3 / 3)
        in_weights = n * q**2 + c * q**3
        data = read(products, X[:n], y[:n], np.ones(n))
        found.append(isinstance(data, FewRows))
        assert found[-1] == (in_rows < in_weights)
    assert found[0] and not found[-1] and found == sorted(found, reverse=True)


# The posterior


@spaces
@rows
@weighted
@pytest.mark.parametrize("pruned", [(), (0, 4, 7)], ids=["", "pruned"])
def test_mean_and_covariance_are_those_of_bayesian_regression(space, n, weighted, pruned):
    posterior, dense = solved(space, n, weighted, pruned)
    solution = posterior.solution
    active = np.flatnonzero(dense.prior)
    np.testing.assert_array_equal(solution.active, active)
    assert_close(solution.root, np.sqrt(dense.prior[active]), 1e-12)
    assert_close(solution.mean * solution.root, dense.mean[active], 1e-7)
    scale = np.outer(solution.root, solution.root)
    every = np.arange(len(active))
    expected = dense.covariance[np.ix_(active, active)]
    assert_close(solution.covariance(every) * scale, expected, 1e-7)
    some = every[3:17:2]
    assert_close((solution.covariance(some) * scale[np.ix_(some, some)]),
                 expected[np.ix_(some, some)], 1e-7)  # fmt: skip
    lost = 1 - expected.diagonal() / dense.prior[active]
    assert_close(solution.determined, lost, 1e-7)


@spaces
@rows
@weighted
def test_residuals(space, n, weighted):
    posterior, dense = solved(space, n, weighted)
    expected = np.sum((dense.y - dense.phi @ dense.mean) ** 2)
    assert posterior.solution.residual == pytest.approx(expected, rel=1e-7)


@spaces
@rows
@weighted
def test_what_the_model_leaves_unexplained(space, n, weighted):
    """Also of columns that are in the model."""
    posterior, dense = solved(space, n, weighted, pruned=(6, 7))
    for columns in (np.flatnonzero(dense.prior == 0), np.arange(10, 20)):
        u, C = posterior.solution.unexplained(columns)
        phi = dense.phi[:, columns]
        assert_close(u, phi.T @ dense.inverse @ dense.y, 1e-6)
        assert_close(C, phi.T @ dense.inverse @ phi, 1e-6)


@spaces
@rows
@weighted
@pytest.mark.parametrize("pruned", [(), (0, 4, 7)], ids=["", "pruned"])
def test_ridge_and_leverages(space, n, weighted, pruned):
    """``A^-1`` of any columns of weights, also of several axes, and the leverages of rows."""
    posterior, dense = solved(space, n, weighted, pruned)
    active = np.flatnonzero(dense.prior)
    Z = (dense.phi * np.sqrt(dense.prior))[:, active]
    A = Z.T @ Z + dense.noise * np.eye(len(active))
    given = np.random.default_rng(1).normal(size=(len(active), 5))
    assert_close(posterior.solution.ridge(given), np.linalg.solve(A, given), 1e-7)
    assert_close(posterior.solution.ridge(given[:, 0]), np.linalg.solve(A, given[:, 0]), 1e-7)
    hat = dense.phi @ (dense.prior[:, None] * dense.phi.T) @ dense.inverse
    assert_close(posterior.solution.leverages(Z.T), hat.diagonal(), 1e-7)
    some = np.arange(2, n, 3)
    assert_close(posterior.solution.leverages(Z[some].T), hat.diagonal()[some], 1e-7)


@spaces
@rows
@weighted
def test_what_is_expected_of_other_columns(space, n, weighted):
    """Given in blocks of rows."""
    posterior, dense = solved(space, n, weighted)
    phi = dense.centred(np.random.default_rng(1).normal(size=(n, 5)))
    Z = (dense.phi * np.sqrt(dense.prior))[:, posterior.solution.active]
    parts = [(Z[part].T, phi[part].T) for part in (slice(5), slice(5, n))]
    expected = np.einsum("np,nm,mp->p", phi, dense.inverse, phi)
    assert_close(posterior.solution.expected(iter(parts)), expected, 1e-7)


def naive(dense, weight, places, units, residuals):
    """Residuals without their unit and variances over s^2, by the whole hat matrix."""
    n, root = len(dense.y), np.sqrt(weight)
    level = root / np.sqrt(weight.sum())
    hat = dense.phi @ (dense.prior[:, None] * dense.phi.T) @ dense.inverse
    left = np.eye(n) - hat - np.outer(level, level)
    errors, variances = np.empty((2, len(places)))
    for unit in units:
        inverse = np.linalg.inv(left[np.ix_(places[unit], places[unit])])
        errors[unit], variances[unit] = inverse @ residuals[unit], inverse.diagonal()
    return errors, variances


# units of few rows, of more rows than there are weights, and of nearly all rows
DIVISIONS = {
    "small": lambda n: np.split(np.random.default_rng(0).permutation(5), [1, 4]),
    "mixed": lambda n: np.split(np.random.default_rng(0).permutation(n), [n // 2 + 1, n // 2 + 3]),
    "most": lambda n: [np.arange(n - 2), np.arange(n - 2, n)],
}


@spaces
@rows
@weighted
@pytest.mark.parametrize("division", DIVISIONS)
@pytest.mark.parametrize("pruned", [(), (0, 4, 7)], ids=["", "pruned"])
def test_units_that_are_left_out(space, n, weighted, division, pruned):
    posterior, dense = solved(space, n, weighted, pruned)
    weight, solution = posterior.observed.weight, posterior.solution
    units = DIVISIONS[division](n)
    places = np.random.default_rng(1).permutation(n)[: sum(map(len, units))]
    Z = (dense.phi[places] * np.sqrt(dense.prior)).T[solution.active]
    level = np.sqrt(weight[places] / weight.sum())
    residuals = (dense.y - dense.phi @ dense.mean)[places]
    found = solution.left_out(Rows(places, Z, level, residuals, units))
    for own, expected in zip(found, naive(dense, weight, places, units, residuals), strict=True):
        assert_close(own, expected, 1e-6)


def test_units_of_more_rows_than_weights_solve_matrices_of_the_weights(monkeypatch):
    posterior, dense = solved("weights", 90)
    places, k = np.arange(90), len(posterior.solution.active)
    Z = (dense.phi * np.sqrt(dense.prior)).T[posterior.solution.active]
    level, residuals = np.sqrt(posterior.observed.weight / 90), dense.y - dense.phi @ dense.mean
    sizes, solve = [], np.linalg.solve

    def noted(A, b):
        sizes.append(len(A))
        return solve(A, b)

    monkeypatch.setattr(np.linalg, "solve", noted)
    posterior.solution.left_out(Rows(places, Z, level, residuals, [places[:60], places[60:]]))
    assert sizes == [k + 1, k + 1]


@spaces
def test_draws_are_linear_in_normal_numbers(space):
    """So their mean and covariance are known exactly."""
    posterior, dense = solved(space, 15)
    solution = posterior.solution
    k, n = len(solution.active), solution.n_noise
    zero = solution.draws(np.zeros((1, k)), np.zeros((1, n)))[0]
    unit = solution.draws(np.eye(k + n)[:, :k], np.eye(k + n)[:, k:]) - zero
    # the noise's part of a Gaussian draw in the space of the rows is itself a part of the mean
    assert_close(zero * solution.root, dense.mean[solution.active], 1e-7)
    spread = unit * solution.root
    expected = dense.covariance[np.ix_(solution.active, solution.active)]
    assert_close(spread.T @ spread, expected, 1e-7)
    assert n == (0 if space == "weights" else 15)


@weighted
def test_several_outputs_share_their_sums(weighted):
    X, y = table(40)
    both, weight = np.column_stack([y, X[:, 0] ** 2]), weights_of(40) if weighted else np.ones(40)
    products = products_of(X)
    prior = variances_of(products)[products.component] * products.relative
    for kind in SPACES.values():
        together = kind.of(products, X, both, weight)
        for k in (0, 1):
            alone = kind.of(products, X, both[:, [k]], weight).solve(prior, 0.3, 0)
            found = together.solve(prior, 0.3, k)
            assert_close(found.mean, alone.mean, 1e-9)
            assert found.residual == pytest.approx(alone.residual, rel=1e-9)


@rows
def test_repeated_rows_are_rows_of_more_weight(n):
    """Posteriors for given variances, in both spaces; only the number of rows differs."""
    X, y = table(n)
    counts = np.random.default_rng(0).integers(1, 4, n)
    products = products_of(X)
    again = np.repeat(np.arange(n), counts)
    found = [
        posterior_of(space, X[part], y[part], products, weight=w.astype(float)).solution
        for space in SPACES
        for part, w in ((np.arange(n), counts), (again, np.ones(len(again))))
    ]
    for other in found[1:]:
        assert_close(other.mean, found[0].mean, 1e-7)
        assert_close(other.determined, found[0].determined, 1e-7)
        assert other.residual == pytest.approx(found[0].residual, rel=1e-6)
    assert [one.data.n_rows for one in found] == [n, len(again)] * 2


@spaces
def test_nothing_is_left_of_a_model_without_variances(space):
    X, y = table(20)
    products = products_of(X)
    posterior = posterior_of(space, X, y, products, 0 * variances_of(products))
    assert posterior.solution.residual == pytest.approx(20)
    np.testing.assert_allclose(posterior.predict(X), y.mean(), atol=1e-12)
    u, C = posterior.solution.unexplained(np.arange(3))
    dense = Dense(posterior)
    assert_close(u, dense.phi[:, :3].T @ dense.y / 0.3, 1e-9)
    assert_close(C, dense.phi[:, :3].T @ dense.phi[:, :3] / 0.3, 1e-9)
