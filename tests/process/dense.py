"""Small tables, and the process on them by formulas for dense matrices of rows."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import multivariate_normal

from skgeh.process._linear_model import FewRows, Sums
from skgeh.process._model import Observed
from skgeh.process._posterior import ProcessPosterior
from skgeh.process._products import Products
from skgeh.process._smooth_basis import SmoothBasis

SPACES = {"weights": Sums, "rows": FewRows}


def standard(a):
    return (a - a.mean(0)) / a.std(0)


def table(n=40, d=3, seed=0):
    """Correlated features, a product and a curve."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X[:, 1] += 0.5 * X[:, 0]
    y = X[:, 0] * X[:, 1] + np.sin(X[:, -1]) + 0.5 * rng.normal(size=n)
    return standard(X), standard(y)


def weights_of(n, seed=0):
    weight = np.random.default_rng(seed).uniform(0.2, 3, n)
    return weight / weight.mean()


def main_effects(X, n_functions=4, weight=None):
    return Products.main_effects([SmoothBasis.fit(x, n_functions, weight) for x in X.T])


def products_of(X, n_functions=4, m=2, weight=None):
    """Main effects and all pairs."""
    main = main_effects(X, n_functions, weight)
    return main.with_pairs(np.arange(main.n_pairs), m)


def variances_of(products, seed=0):
    """Any variances of the components."""
    size = products.component.max() + 1
    return np.random.default_rng(seed).uniform(0.02, 0.5, size)


def posterior_of(
    space, X, y, products=None, variances=None, noise=0.3, weight=None
) -> ProcessPosterior:
    """A posterior for given variances, in one of the spaces."""
    weight = np.ones(len(X)) if weight is None else weight
    products = products_of(X) if products is None else products
    variances = variances_of(products) if variances is None else variances
    data = SPACES[space].of(products, X, y[:, None], weight)
    solution = data.solve(variances[products.component] * products.relative, noise, 0)
    return ProcessPosterior(products, data, variances, solution, Observed(X, y, weight))


def column(products, X, factors):
    """The product of functions of features, one by one."""
    value = np.ones(len(X))
    for place in factors:
        if place > 0:
            feature = np.flatnonzero(products.starts <= place)[-1]
            basis = products.bases[feature]
            value = value * basis(X[:, feature])[:, place - products.starts[feature]]
    return value


@dataclass(frozen=True, eq=False)
class Dense:
    """Rows times the roots of their weights: columns phi (n, q) and a target, both centred."""

    posterior: ProcessPosterior

    @cached_property
    def prior(self):
        given = self.posterior
        return given.variances[given.products.component] * given.products.relative

    @property
    def noise(self):
        return self.posterior.solution.noise

    def centred(self, values):
        """Columns (n, ...) minus their weighted means, times the roots of the weights."""
        weight = self.posterior.observed.weight
        away = values - np.average(values, axis=0, weights=weight)
        return (np.sqrt(weight) * away.T).T

    def columns(self, factors):
        """Centred columns (n, p) of any products."""
        products, X = self.posterior.products, self.posterior.observed.X
        return self.centred(np.column_stack([column(products, X, one) for one in factors.T]))

    @cached_property
    def phi(self):
        return self.columns(self.posterior.products.factors)

    @cached_property
    def y(self):
        return self.centred(self.posterior.observed.y)

    def K(self, leave_out=()):
        """Covariance of the rows, perhaps without some columns."""
        prior = self.prior.copy()
        prior[list(leave_out)] = 0
        return (self.phi * prior) @ self.phi.T + self.noise * np.eye(len(self.y))

    @cached_property
    def inverse(self):
        return np.linalg.inv(self.K())

    @cached_property
    def mean(self):
        return self.prior * (self.phi.T @ self.inverse @ self.y)

    @cached_property
    def covariance(self):
        half = self.phi * self.prior
        return np.diag(self.prior) - half.T @ self.inverse @ half

    def log_evidence(self):
        return multivariate_normal(np.zeros(len(self.y)), self.K()).logpdf(self.y)
