"""The interaction of one pair as a function, with main effects taken out.

``f_ij(x) = sum_m w_m (phi_m(x) - sum_a T_am psi_a(x))`` for the products phi of the pair and the
functions psi of either feature alone, the constant included. T are the weights of least squares
over the rows of the table, so that f_ij is uncorrelated there with every function psi: what curves
and lines of single features explain is no interaction. The functions psi are the smoothest of each
feature, and fewer if rows are few, since many of them would explain anything. Other pairs and
triples are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from skgeh.process._pair_statistics import BLOCK, LEAST_ROWS
from skgeh.process._products import Products, blocks, multiplied
from skgeh.process.decide import PairTests

_ROWS_PER_FUNCTION = 200  # for every function of a feature that is projected out
_SMALLEST = 1e-6  # share of the largest eigenvalue of the functions' products


@dataclass(frozen=True, eq=False)
class PairComponent:
    """The interaction of one pair for one output, in standard units.

    Parameters
    ----------
    main : Products
        Main effects of the pair's columns.
    columns : ndarray of int
        These columns, in the table.
    factors : ndarray of shape (2, m)
        Both functions of every product.
    alone : ndarray of shape (F,)
        Functions of `main` that are projected out, the constant first.
    taken : ndarray of shape (F, m)
        Weights T by which these explain the products.
    shrunken, wide : ndarray of shape (m,)
        Weights of the products as estimates, and such that are hardly shrunk, for bands.
    root : ndarray of shape (m, m)
        R with R R' the covariance of `wide`.
    freedom : float
        Degrees of freedom of that covariance.
    """

    main: Products
    columns: NDArray[np.intp]
    factors: NDArray[np.intp]
    alone: NDArray[np.intp]
    taken: NDArray[np.float64]
    shrunken: NDArray[np.float64]
    wide: NDArray[np.float64]
    root: NDArray[np.float64]
    freedom: float

    @classmethod
    def of(cls, tests: PairTests, pair: tuple[int, int], output: int = 0) -> "PairComponent":
        """The interaction of a pair of features.

        Parameters
        ----------
        tests : PairTests
        pair : (int, int)
            Both features, the lower first; the pair must have been tested.
        output : int, default=0
        """
        weights = tests.weights_of(pair, output)
        every = tests.models[output].pairs
        columns = np.sort(np.concatenate([every.features[f] for f in pair]))
        main = Products.main_effects([every.main.bases[j] for j in columns.tolist()])
        place = np.zeros(every.main.starts[-1] + every.main.bases[-1].n_functions, dtype=np.intp)
        for own, j in enumerate(columns.tolist()):
            count = np.arange(main.bases[own].n_functions)
            place[every.main.starts[j] + count] = main.starts[own] + count
        factors = place[weights.factors]
        task = tests.task
        most = max(every.size, len(task.X) // _ROWS_PER_FUNCTION)
        firsts = zip(main.starts, main.bases, strict=True)
        first = [start + np.arange(min(basis.n_functions, most)) for start, basis in firsts]
        alone = np.concatenate([[0], *first])
        taken = _explained(main, factors, alone, task.X[:, columns], task.weight)
        values, vectors = np.linalg.eigh(weights.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        both = weights.shrunken, weights.wide
        return cls(main, columns, factors, alone, taken, *both, root, weights.freedom)

    def estimate(self, X: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values by the shrunken weights, and standard deviations of those by the wide ones.

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Rows in standard units; only the pair's columns are read.

        Returns
        -------
        values, sd : ndarray of shape (n,)
        """
        values, _, sd = self._at(X)
        return values, sd

    def band(self, X: NDArray, level: float) -> tuple[NDArray, NDArray, NDArray]:
        """Values, and the lower and the upper end of a pointwise band.

        The band holds at every single place with the given confidence, not at all places at once.
        It lies around values by weights that are hardly shrunk, as do the intervals of effects:
        shrunken values are the better guess, but they are biased towards 0. Here they are moved to
        the nearest end of the band where they lie outside, as effects are in the table.

        Parameters
        ----------
        X : ndarray of shape (n, d)
        level : float

        Returns
        -------
        values, low, high : ndarray of shape (n,)
        """
        values, centre, sd = self._at(X)
        half = student.ppf((1 + level) / 2, self.freedom) * sd
        low, high = centre - half, centre + half
        return np.clip(values, low, high), low, high

    def _at(self, X: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Shrunken values, those by the wide weights, and their standard deviations."""
        found = np.empty((3, len(X)))
        for rows, functions, products in _parts(self.main, self.factors, X[:, self.columns]):
            products -= self.taken.T @ functions[self.alone]
            found[0, rows] = self.shrunken @ products
            found[1, rows] = self.wide @ products
            found[2, rows] = np.linalg.norm(self.root.T @ products, axis=0)
        return found[0], found[1], found[2]


def _explained(
    main: Products, factors: NDArray, alone: NDArray, X: NDArray, weight: NDArray
) -> NDArray[np.float64]:
    """Weights of the functions in least squares of the products on them, shape (F, m)."""
    if X.shape[1] > 2:  # of levels, many rows are the same
        X, of = np.unique(X, axis=0, return_inverse=True)
        weight = np.bincount(of.ravel(), weight)
    gram, cross = np.zeros((len(alone),) * 2), np.zeros((len(alone), factors.shape[1]))
    for rows, functions, products in _parts(main, factors, X):
        own = functions[alone]
        weighed = weight[rows] * own
        gram += weighed @ own.T
        cross += weighed @ products.T
    values, vectors = np.linalg.eigh(gram)
    kept = values > _SMALLEST * values[-1]  # indicators of all levels add up to the constant
    vectors = vectors[:, kept]
    return vectors @ ((vectors.T @ cross) / values[kept, None])


def _parts(
    main: Products, factors: NDArray, X: NDArray
) -> Iterator[tuple[slice, NDArray, NDArray]]:
    """Blocks of rows, with all functions (F, r) and all products (m, r) there."""
    size = max(BLOCK // (10 * max(factors.shape[1], 1)), LEAST_ROWS)
    for rows in blocks(len(X), size):
        functions = main.values(X[rows])
        yield rows, functions, multiplied(functions, factors)
