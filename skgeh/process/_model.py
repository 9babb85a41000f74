"""An ANOVA model with the posterior of its weights: predictions, also of rows left out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skgeh.process._linear_model import Data, Parts, Rows, Solution
from skgeh.process._products import AnovaFunctions, Products
from skgeh.process._variances import prior_variances, typical_variances

REVIVED = 0.1  # share of a typical variance that a component restarts from, given more rows


@dataclass(frozen=True, eq=False)
class Observed:
    """The rows that a process has learned from.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    weight : ndarray of shape (n,)
        The noise variance of a row is that of the process over its weight.
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    weight: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AnovaModel:
    """Columns of one output, and the posterior of their Gaussian weights.

    Parameters
    ----------
    products : Products
    data : Sums or FewRows
    variances : ndarray
        Of the components, in squared standard deviations of the target.
    solution : InWeights or InRows
    observed : Observed
    unit : float, default=1
        Variance of the function that is expected.
    """

    products: Products
    data: Data
    variances: NDArray[np.float64]
    solution: Solution
    observed: Observed
    unit: float = 1.0

    @property
    def noise_variance(self) -> float:
        """Variance of the noise of a row of weight 1."""
        return self.solution.noise

    @property
    def intercept(self) -> float:
        """Mean of the target."""
        return float(self.data.means[self.solution.output])

    def functions(self, whitened: NDArray, shift: NDArray | float = 0.0) -> AnovaFunctions:
        """Functions with active weights (K, k) that are given over the roots of their variances."""
        weights = np.zeros((len(whitened), len(self.products)))
        weights[:, self.solution.active] = whitened * self.solution.root
        return AnovaFunctions(
            self.products, weights, self.intercept + shift - weights @ self.data.centre
        )

    def predict(self, X: NDArray) -> NDArray[np.float64]:
        """Posterior mean at rows, shape (n,)."""
        return self.functions(self.solution.mean[None]).values(X)[0]

    @cached_property
    def fitted(self) -> NDArray[np.float64]:
        """Posterior mean at the rows that it was learned from, shape (n,)."""
        return self.predict(self.observed.X)

    @property
    def determined_pairs(self) -> NDArray[np.float64]:
        """Share of every pair's weights that the data determine, shape (P,)."""
        determined = np.zeros(len(self.products))
        determined[self.solution.active] = self.solution.determined
        found = np.zeros(self.products.n_pairs)
        for k, columns in self.products.sections.items():
            found[k] = determined[columns].mean()
        return found

    def variances_of(
        self, products: Products, n_rows: int, unit: float = 1.0
    ) -> NDArray[np.float64]:
        """Variances of the components of other columns of the same features, for as many rows."""
        typical = unit * typical_variances(products)
        found = typical.copy()
        d = len(products.bases)
        found[: 2 * d] = self.variances[: 2 * d]
        own = self.products.sections
        for k, columns in products.sections.items():
            if k in own:
                mine, theirs = self.products.component[own[k]], products.component[columns]
                # the first products, and finer ones where both have them
                for of, to in zip(np.unique(mine), np.unique(theirs), strict=False):
                    found[to] = self.variances[of]
        if self.data.n_rows < n_rows:  # more rows may need what fewer did without
            found = np.maximum(found, REVIVED * typical)
        return found

    def with_least_variance(self, share: float) -> Self:
        """The same, but every pair has at least a share of a typical variance."""
        typical = self.unit * typical_variances(self.products)
        least = np.where(np.arange(len(typical)) < 2 * len(self.products.bases), 0, share * typical)
        variances = np.maximum(self.variances, least)
        prior = prior_variances(self.products, self.data, variances)
        solution = self.data.solve(prior, self.noise_variance, self.solution.output)
        return replace(self, variances=variances, solution=solution)

    def columns(self, values: NDArray, root_weight: NDArray) -> NDArray[np.float64]:
        """Active columns at rows, centred and times both roots, from functions (F, r): (k, r)."""
        active, root = self.solution.active, self.solution.root
        found = self.products.multiplied(values, active)
        found -= self.data.centre[active, None]
        found *= root[:, None]
        found *= root_weight
        return found

    def unshared(self, parts: Parts) -> NDArray[np.float64]:
        """``phi' phi / s^2``, as if other columns had nothing in common with those of the model."""
        return sum(np.einsum("pn,pn->p", phi, phi) for _, phi in parts) / self.noise_variance

    def left_out(self, rows: NDArray, units: Sequence[NDArray]) -> tuple[NDArray, NDArray]:
        """Means and variances of rows' targets, predicted without the rows of the same unit.

        Parameters
        ----------
        rows : ndarray of shape (m,)
            Rows that the process has learned from.
        units : sequence of ndarray
            Places of each unit's rows among `rows`; all rows of a unit must be there.
        """
        X, y, weight = (part[rows] for part in vars(self.observed).values())
        root = np.sqrt(weight)
        Z = self.columns(self.products.values(X), root)
        residuals = root * (y - self.intercept) - self.solution.mean @ Z
        level = root / np.sqrt(self.data.weight)
        errors, variances = self.solution.left_out(Rows(rows, Z, level, residuals, units))
        return y - errors / root, self.noise_variance * variances / weight
