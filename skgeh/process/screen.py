"""Which products enter: all pairs if they are few, otherwise those that the data ask for.

Every pair is scored against the main effects; the first pairs enter. Then the others are scored
again, with these pairs in the model, so that no pair is taken for another one's shadow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.pairs import pair_index
from skgeh.process._model import AnovaModel
from skgeh.process._products import Products
from skgeh.process._regression import regress
from skgeh.process._scores import score_outside
from skgeh.process._smooth_basis import SmoothBasis

MOST_WEIGHTS = 3000  # weights of a model
MOST_IN_ROWS = 5e9  # multiplications of a step in the space of the rows, where more may enter
MOST_VALUES = 5e7  # entries of its columns
MAIN_WEIGHTS = 1500  # weights of main effects, if every feature has at least three
DETERMINED = 0.5  # share of a pair's weights from which on it gets finer products
FINER, FINEST = 4, 14  # pairs with finer products, and their functions of a feature
MOST_PRODUCTS = 2.5e12  # multiplications of the Gram matrix with finer products


@dataclass(frozen=True)
class Sizes:
    """Numbers of functions.

    Parameters
    ----------
    main : int
        Functions of a feature.
    pair : int
        Functions of a feature that enter products.
    """

    main: int
    pair: int

    def of_many(self, n_features: int) -> "Sizes":
        """Fewer functions, if features are so many that main effects would fill the model."""
        main = min(self.main, max(MAIN_WEIGHTS // n_features, 3))
        return Sizes(main, min(self.pair, main))


def choose_products(
    X: NDArray, value: NDArray, weight: NDArray, sizes: Sizes, *, known_noise: bool, unit: float
) -> Products:
    """Main effects and pairs for responses (n, c) with weights (n, c)."""
    sizes = sizes.of_many(X.shape[1])
    common = weight.mean(1)
    main = Products.main_effects(
        [SmoothBasis.fit(x, sizes.main, common / common.mean()) for x in X.T]
    )
    every = np.arange(main.n_pairs)
    n, q = len(X), len(main) + n_products(main, every, sizes.pair)
    if q <= MOST_WEIGHTS or (n * n * q <= MOST_IN_ROWS and n * q <= MOST_VALUES):
        return main.with_pairs(every, sizes.pair)
    products = main
    for share in (0.5, 1.0):
        fits = regress(products, X, value, weight, known_noise=known_noise, unit=unit)
        scores = np.mean([_scores(fit) for fit in fits], axis=0)
        ranked = np.argsort(-scores, kind="stable")
        room = share * (MOST_WEIGHTS - len(main))
        count = int(
            np.searchsorted(np.cumsum(n_products(main, ranked, sizes.pair, each=True)), room)
        )
        entered = np.sort(ranked[: max(count, 1)])
        products = main.with_pairs(entered, sizes.pair)
    return products


def _scores(fit: AnovaModel) -> NDArray[np.float64]:
    """Scores of the pairs outside of a model; infinity for those inside."""
    scores = np.full(fit.products.n_pairs, np.inf)
    outside = np.setdiff1d(np.arange(len(scores)), list(fit.products.sections))
    scores[outside] = score_outside(fit, outside)
    return scores


def n_products(main: Products, pairs: NDArray, m: int, each: bool = False):
    """Number of products of pairs, together or each."""
    sizes = np.minimum([basis.n_functions for basis in main.bases], m)
    found = sizes[pair_index(len(main.bases))[pairs]].prod(1)
    return found if each else int(found.sum())


def finer(products: Products, fits: Sequence[AnovaModel], n_rows: int) -> Products:
    """More products for pairs whose weights the data determine, for any of the outputs."""
    shares = np.max([fit.determined_pairs for fit in fits], axis=0)
    chosen = np.argsort(-shares, kind="stable")[:FINER]
    chosen = chosen[shares[chosen] > DETERMINED]
    room = np.sqrt(MOST_PRODUCTS / n_rows) - len(products)
    most = min(FINEST, int(np.sqrt(max(room, 0) / max(len(chosen), 1))))
    if len(chosen) == 0 or most <= products.pair_functions:
        return products
    return products.refined(chosen.tolist(), most)
