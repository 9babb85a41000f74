"""Columns of pairs of features, some of which are groups of columns, and their priors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.pairs import pair_places
from skgeh.process._model import AnovaModel
from skgeh.process._pair_statistics import PairColumns
from skgeh.process._products import Products


@dataclass(frozen=True, eq=False)
class FeaturePairs:
    """Columns of pairs of features, some of which are groups of columns.

    Parameters
    ----------
    main : Products
        Of all columns of the table.
    features : sequence of arrays of int
        Columns of every feature.
    pairs : ndarray of shape (P, 2)
        Pairs of features.
    size : int
        Functions of a column that enter products.
    """

    main: Products
    features: Sequence[NDArray[np.intp]]
    pairs: NDArray[np.intp]
    size: int

    @cached_property
    def column_pairs(self) -> list[NDArray[np.intp]]:
        """Places of each pair's pairs of columns, among all pairs of columns."""
        d = len(self.main.bases)
        found = []
        for one, other in self.pairs:
            i, j = np.meshgrid(self.features[one], self.features[other], indexing="ij")
            both = np.sort(np.column_stack([i.ravel(), j.ravel()]), axis=1)
            found.append(pair_places(both, d))
        return found

    @cached_property
    def columns(self) -> list[PairColumns]:
        """Columns of all pairs, together where pairs have the same number of them."""
        parts: dict[int, list] = {}
        for place, own in enumerate(self.column_pairs):
            products = [self.main.products_of(k, self.size) for k in own.tolist()]
            factors = np.concatenate([one.factors for one in products], axis=1)
            relative = np.concatenate([one.relative for one in products])
            if len(relative):
                parts.setdefault(len(relative), []).append((place, factors, relative))
        found = []
        for same in parts.values():
            places, factors, relative = (np.stack(part) for part in zip(*same, strict=True))
            functions = factors.swapaxes(0, 1)
            waves = self.waves[functions].sum(0)
            nothing = np.zeros_like(relative)
            found.append(PairColumns(places, functions, relative, waves, nothing))
        return found

    @cached_property
    def waves(self) -> NDArray[np.intp]:
        """Place of each function among those of its column; 0 for lines, shape (F,)."""
        sizes = [basis.n_functions for basis in self.main.bases]
        return np.concatenate([[0], *(np.arange(size) for size in sizes)]).astype(np.intp)

    def with_priors(self, model: AnovaModel) -> list[PairColumns]:
        """The same, with the prior variances of the model's pairs."""
        products = model.products
        active = model.solution.active
        own = model.variances[products.component[active]] * products.relative[active]
        known = dict(zip(map(tuple, products.factors[:, active].T.tolist()), own, strict=True))
        entered = set(products.sections)
        found = []
        for part in self.columns:
            prior = np.zeros_like(part.prior)
            for row, place in enumerate(part.places):
                if not entered.isdisjoint(self.column_pairs[place].tolist()):
                    both = part.factors[:, row].T.tolist()
                    prior[row] = [known.get((a, b), 0.0) for a, b in both]
            found.append(replace(part, prior=prior))
        return found

    def entered(self, main: Products, places: NDArray) -> Products:
        """Some main effects, and the products of some pairs."""
        if len(places) == 0:
            return main
        own = np.unique(np.concatenate([self.column_pairs[place] for place in places]))
        return main.with_pairs(own, self.size)
