"""The fixed point of the variances, against the evidence of dense matrices and its maximum."""

import numpy as np
import pytest
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from skgeh.process._variances import (
    LEAST,
    LEAST_NOISE,
    TYPICAL,
    find_variances,
    typical_variances,
)
from tests.oracles import assert_close
from tests.process.dense import SPACES, main_effects, products_of, standard, table, weights_of

spaces = pytest.mark.parametrize("space", SPACES)
seeds = pytest.mark.parametrize("seed", range(3))


class Evidence:
    """Log marginal likelihood of a table, and what the pseudo-count adds to it.

    One count of the typical size leaves a variance alone below this size, and above it pulls by
    ``-(t / v + log v) / 2``, so that ``v (count + 1) = squares + t`` where the sum is stationary.
    """

    def __init__(self, products, X, y, weight, unit=1.0):
        phi = products.design(X).T
        root = np.sqrt(weight)
        self.phi = root[:, None] * (phi - np.average(phi, axis=0, weights=weight))
        self.y = root * (y - np.average(y, weights=weight))
        self.products, self.typical = products, unit * typical_variances(products)

    def __call__(self, variances, noise):
        prior = variances[self.products.component] * self.products.relative
        K = (self.phi * prior) @ self.phi.T + noise * np.eye(len(self.y))
        factor = cho_factor(K, lower=True)
        square = self.y @ cho_solve(factor, self.y)
        return -square / 2 - np.log(factor[0].diagonal()).sum() - len(K) * np.log(2 * np.pi) / 2

    def pulled(self, variances, noise):
        large = np.maximum(variances, self.typical)
        return self(variances, noise) - (self.typical / large + np.log(large)).sum() / 2


def problem(space, n=40, d=3, seed=0, weighted=True, m=1):
    X, y = table(n, d, seed)
    weight = weights_of(n) if weighted else np.ones(n)
    products = products_of(X, n_functions=3, m=m)
    data = SPACES[space].of(products, X, y[:, None], weight)
    return products, data, Evidence(products, X, y, weight)


def test_typical_variances_are_those_of_lines_waves_and_pairs():
    X, _ = table(d=4)
    products = products_of(X)
    assert typical_variances(products).tolist() == [TYPICAL[0]] * 4 + [TYPICAL[1]] * 4 + (
        [TYPICAL[2]] * 6
    )
    assert len(typical_variances(products.refined([0, 3], 3))) == 16
    assert len(typical_variances(main_effects(X))) == 8


@spaces
@seeds
def test_steps_climb_the_evidence(space, seed):
    """Without the variances that leave; each but for a rest, since the updates are not exact."""
    products, data, evidence = problem(space, seed=seed)
    start, noise = typical_variances(products), 0.5
    heights = [evidence.pulled(start, noise)]
    for steps in range(2, 6):
        variances, solution = find_variances(products, data, start, noise, steps=steps)
        heights.append(evidence.pulled(variances, solution.noise))
    assert (np.diff(heights) > -0.02).all()
    assert heights[-1] > heights[0] + 1


@spaces
@seeds
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_they_end_where_a_numerical_optimum_is(space, seed, weighted):
    """Over the variances that have not left, and the noise."""
    products, data, evidence = problem(space, seed=seed, weighted=weighted)
    found, solution = find_variances(products, data, typical_variances(products), 0.5, steps=1000)
    kept = found > 0
    full = found.copy()

    def loss(theta):
        full[kept] = np.exp(theta[:-1])
        return -evidence.pulled(full, np.exp(theta[-1]))

    here = np.log([*found[kept], solution.noise])
    best = minimize(loss, here + 0.3, method="BFGS", options={"gtol": 1e-4, "maxiter": 100})
    assert best.fun == pytest.approx(loss(here), abs=5e-3)
    # flat directions: variances far below the typical size, where the evidence has no maximum
    clear = np.append(found[kept] > 0.01, True)
    np.testing.assert_allclose(best.x[clear], here[clear], atol=0.05)


@seeds
def test_both_spaces_find_the_same(seed):
    found = []
    for space in SPACES:
        products, data, _ = problem(space, seed=seed, m=2)
        found.append(find_variances(products, data, typical_variances(products), 0.5))
    (one, first), (two, second) = found
    assert_close(one, two, 1e-6)
    assert first.noise == pytest.approx(second.noise, rel=1e-6)
    assert_close(first.mean, second.mean, 1e-6)


@spaces
def test_the_solution_is_that_of_the_variances(space):
    products, data, _ = problem(space)
    variances, solution = find_variances(products, data, typical_variances(products), 0.5, steps=7)
    again = data.solve(variances[products.component] * products.relative, solution.noise, 0)
    np.testing.assert_array_equal(solution.mean, again.mean)


@spaces
def test_one_step_only_solves(space):
    products, data, _ = problem(space)
    start = typical_variances(products)
    variances, solution = find_variances(products, data, start, 0.4, steps=1)
    np.testing.assert_array_equal(variances, start)
    assert variances is not start and solution.noise == 0.4


@spaces
def test_known_noise_stays(space):
    products, data, evidence = problem(space)
    start = typical_variances(products)
    variances, solution = find_variances(products, data, start, 1.0, steps=50, known_noise=True)
    assert solution.noise == 1.0
    assert evidence.pulled(variances, 1.0) > evidence.pulled(start, 1.0)


@spaces
@seeds
def test_what_does_not_matter_leaves(space, seed):
    rng = np.random.default_rng(seed)
    X = standard(rng.normal(size=(150, 4)))
    y = standard(2 * X[:, 0] + X[:, 1] * X[:, 2] + 0.2 * rng.normal(size=150))
    products = products_of(X, n_functions=4, m=2)
    data = SPACES[space].of(products, X, y[:, None], np.ones(150))
    start = typical_variances(products)
    variances, solution = find_variances(products, data, start, 0.5, steps=60)
    left = variances == 0
    assert left.sum() >= 3 and not left[0] and not left[8 + 3]
    assert (variances[~left] >= LEAST / 20).all()
    inside = np.isin(np.arange(len(products)), solution.active)
    np.testing.assert_array_equal(inside, ~left[products.component])
    # and stays outside
    again, _ = find_variances(products, data, variances, solution.noise)
    assert (again[left] == 0).all()
    assert again[0] == pytest.approx(variances[0], rel=0.05)
    assert solution.noise == pytest.approx(0.2**2 / 6, rel=0.6)


@spaces
def test_nothing_leaves_within_the_first_steps(space):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 3)), rng.normal(size=500)
    products = products_of(X)
    data = SPACES[space].of(products, X, y[:, None], np.ones(500))
    small = np.full(12, 1e-7)[: products.component.max() + 1]
    early, _ = find_variances(products, data, small, 1.0, steps=4)
    later, _ = find_variances(products, data, small, 1.0, steps=5)
    assert (early > 0).all() and (later == 0).any()


@spaces
def test_everything_may_leave(space):
    """Of a target that has nothing to do with the features."""
    rng = np.random.default_rng(1)
    X, y = standard(rng.normal(size=(300, 2))), standard(rng.normal(size=300))
    products = products_of(X)
    data = SPACES[space].of(products, X, y[:, None], np.ones(300))
    variances, solution = find_variances(products, data, 0 * typical_variances(products), 0.5)
    assert not variances.any() and len(solution.mean) == 0
    assert solution.noise == pytest.approx(1, rel=0.02)


@spaces
def test_columns_that_do_not_vary_stay_outside(space):
    X, y = table(60)
    products = products_of(X)
    flat = X.copy()
    flat[:, 1] = X[0, 1]
    data = SPACES[space].of(products, flat, y[:, None], np.ones(60))
    _, solution = find_variances(products, data, typical_variances(products), 0.5)
    varying = np.flatnonzero(np.ptp(products.design(flat), axis=1) > 1e-8)
    np.testing.assert_array_equal(solution.active, varying)


@spaces
def test_a_unit_is_one_of_the_target(space):
    """A target ten times as large has variances a hundred times as large."""
    X, y = table(60)
    products = products_of(X)
    found = []
    for scale in (1.0, 10.0):
        data = SPACES[space].of(products, X, scale * y[:, None], np.ones(60))
        start = scale**2 * typical_variances(products)
        found.append(find_variances(products, data, start, 0.5 * scale**2, unit=scale**2))
    (one, first), (two, second) = found
    assert_close(two / 100, one, 1e-6)
    assert second.noise == pytest.approx(100 * first.noise, rel=1e-6)


@spaces
def test_noise_has_a_least_value(space):
    X, _ = table(60)
    products = products_of(X)
    y = standard(X[:, 0] * X[:, 1])
    data = SPACES[space].of(products, X, y[:, None], np.ones(60))
    variances, solution = find_variances(products, data, typical_variances(products), 0.5, steps=40)
    assert LEAST_NOISE <= solution.noise < 1e-3
    assert np.isfinite(variances).all() and np.isfinite(solution.mean).all()
    assert np.isfinite(solution.determined).all()
