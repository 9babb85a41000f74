"""Variances by MacKay's fixed point: every component its own, from what the data determine.

At a maximum of the marginal likelihood, the variance of a component is the sum of its squared
posterior means over the number of weights that the data determine, and the noise variance is the
sum of squared residuals over the degrees of freedom that are left (D. MacKay, "Bayesian
interpolation", 1992). One step needs only the diagonal of the posterior covariance.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skgeh.parallel import no_bar
from skgeh.process._linear_model import Data, Solution
from skgeh.process._products import Products

TYPICAL = 0.1, 0.05, 0.003  # variances of lines, waves and pairs, in those of the target
NOISE = 0.5
LEAST_NOISE = 1e-7
COUNTS = 1.0  # weights of typical size that each component is given in addition
RELAXED = 2  # power of a factor: noise takes many small steps in one direction
LONGEST = 20.0  # largest factor by which a variance changes in one step
LEAST = 1e-5  # a variance below this share of the unit leaves the algebra ...
SETTLED = 3  # ... after this number of steps from scratch
VARYING = 1e-10  # least variance of a column that enters


def typical_variances(products: Products) -> NDArray[np.float64]:
    """Typical variance of every component."""
    d = len(products.bases)
    n_pairs = products.component.max(initial=2 * d - 1) + 1 - 2 * d
    return np.repeat(TYPICAL, [d, d, n_pairs])


def prior_variances(products: Products, data: Data, variances: NDArray) -> NDArray[np.float64]:
    """Prior variance of every column, from those of the components; 0 if it does not vary, (q,)."""
    return np.where(data.variances > VARYING, variances[products.component] * products.relative, 0)


def find_variances(
    products: Products,
    data: Data,
    variances: NDArray,
    noise: float,
    *,
    output: int = 0,
    steps: int = 9,
    known_noise: bool = False,
    unit: float = 1.0,
    settled: int = SETTLED,
    progress: Callable = no_bar,
) -> tuple[NDArray[np.float64], Solution]:
    """Variances of the components, and the posterior of the weights for them.

    Parameters
    ----------
    products : Products
    data : Sums or FewRows
    variances : ndarray
        Of the components, to start from; those that are 0 stay at 0.
    noise : float
        Noise variance to start from.
    output : int, default=0
    steps : int, default=9
        Posteriors that are computed.
    known_noise : bool, default=False
        Whether the noise variance stays as it is.
    unit : float, default=1
        Variance of the function that is expected.
    settled : int, default=3
        Steps before a component may leave the algebra.
    progress : callable (iterable, total, part) -> iterable, optional
        Wraps the steps.
    """
    v, of, typical = variances.copy(), products.component, unit * typical_variances(products)
    for step in progress(range(steps), steps, "variances"):
        solution = data.solve(prior_variances(products, data, v), noise, output)
        if step == steps - 1:
            break
        squares, counts = (
            np.bincount(of[solution.active], values, len(v))
            for values in (solution.mean**2, solution.determined)
        )
        prior = COUNTS * np.minimum(1, typical / np.maximum(v, LEAST_NOISE * typical))
        ratio = (squares + prior) / (counts + COUNTS)
        v *= np.clip(ratio**RELAXED, 1 / LONGEST, LONGEST)
        if step >= settled:
            v[v < LEAST * unit] = 0
        if not known_noise:
            free = max(data.n_rows - solution.determined.sum(), 1)
            noise = max(solution.residual / free, LEAST_NOISE)
    return v, solution
