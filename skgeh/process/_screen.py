"""Which products enter: all pairs if they are few, otherwise those that the data ask for.

Every pair is scored against the main effects; the first pairs enter. Then the others are scored
again, with these pairs in the model, so that no pair is taken for another one's shadow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from skgeh.parallel import no_bar
from skgeh.process._model import AnovaModel
from skgeh.process._products import Products
from skgeh.process._regression import regress
from skgeh.process._scores import score_outside
from skgeh.process._smooth_basis import SmoothBasis

MOST_WEIGHTS = 3000  # weights of a model
MOST_IN_ROWS = 5e9  # multiplications of a step in the space of the rows, where more may enter
MOST_VALUES = 5e7  # entries of its columns
MAIN_WEIGHTS = 1500  # weights of main effects, unless there are more features
DETERMINED = 0.4  # share of a pair's weights from which on it gets finer products
FINER, FINEST = 4, 20  # pairs with finer products, and their functions of a feature
MOST_FINER = 1600  # weights of a model with finer products
MOST_PRODUCTS = 2e12  # multiplications of the Gram matrix with finer products


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
        main = min(self.main, max(MAIN_WEIGHTS // n_features, 1))
        return Sizes(main, min(self.pair, main))


def choose_products(
    X: NDArray,
    value: NDArray,
    weight: NDArray,
    sizes: Sizes,
    *,
    known_noise: bool,
    unit: float,
    progress: Callable = no_bar,
) -> Products:
    """Main effects and pairs for responses (n, c) with weights (n, c)."""
    if not is_feasible(len(X), X.shape[1], sizes):
        raise ValueError(
            "The table is too large for posterior='gaussian_process': it holds up to "
            f"{MOST_WEIGHTS} features, or up to as many rows. Got a table of {len(X)} rows and "
            f"{X.shape[1]} features. Use posterior='concrete_dropout', or fewer rows or features."
        )
    sizes = sizes.of_many(X.shape[1])
    common = weight.mean(1) / weight.mean()
    main = Products.main_effects([SmoothBasis.fit(x, sizes.main, common) for x in X.T])
    every = np.arange(main.n_pairs)
    n, q = len(X), len(main) + main.count_products(every, sizes.pair).sum()
    c = value.shape[1]
    most = MOST_WEIGHTS / c ** (1 / 3)  # as much work for several outputs as for one
    if q <= most or (n * n * q * c <= MOST_IN_ROWS and n * q <= MOST_VALUES):
        return main.with_pairs(every, sizes.pair)
    products = main
    fitted = partial(regress, known_noise=known_noise, unit=unit, progress=progress)
    for share in (0.5, 1.0):
        fits = fitted(products, X, value, weight)
        ranked = np.argsort(-np.mean([_scores(fit) for fit in fits], axis=0), kind="stable")
        room = share * max(most - len(main), 0)
        filled = np.cumsum(main.count_products(ranked, sizes.pair))
        entered = ranked[: max(int(np.searchsorted(filled, room)), 1)]
        products = main.with_pairs(np.sort(entered), sizes.pair)
    return products


def is_feasible(n_rows: int, n_features: int, sizes: Sizes) -> bool:
    """Whether the main effects, or the rows, are few enough."""
    return min(n_rows, n_features * sizes.of_many(n_features).main) <= MOST_WEIGHTS


def _scores(fit: AnovaModel) -> NDArray[np.float64]:
    """Scores of the pairs outside of a model; infinity for those inside."""
    scores = np.full(fit.products.n_pairs, np.inf)
    outside = np.setdiff1d(np.arange(len(scores)), list(fit.products.sections))
    scores[outside] = score_outside(fit, outside)
    return scores


def finer(products: Products, fits: Sequence[AnovaModel], n_rows: int) -> Products:
    """More products for pairs whose weights the data determine, for any of the outputs."""
    shares = np.max([fit.determined_pairs for fit in fits], axis=0)
    chosen = np.argsort(-shares, kind="stable")[:FINER]
    chosen = chosen[shares[chosen] > DETERMINED]
    room = min(MOST_FINER, np.sqrt(MOST_PRODUCTS / n_rows)) - len(products)
    each = max(room, 0) / max(len(chosen), 1) + products.pair_functions**2
    most = min(FINEST, int(np.sqrt(each)))
    if len(chosen) == 0 or most <= products.pair_functions:
        return products
    return products.refined(chosen.tolist(), most)
