"""Tables with known interactions, for judging tests in the presence of true interactions.

They have eight features and 28 pairs. The features are uniform, if need be correlated by a Gaussian
copula. The noise has the variance of the function.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from skgeh.datasets import make_interactions
from skgeh.geh.pairs import pair_index

LOW = np.array([0.5, -0.5, 0.5, -0.5, 0.5, 0.5, -0.5, 0.5])
PAIRS = pair_index(8)
STRONG = [(3, 4), (5, 6)]  # of the partial design
_, _, TRUTH = make_interactions(10, random_state=0)


def signal(U: NDArray) -> NDArray:
    """The paper's simulation: seven pairs of neighbours and linear main effects."""
    return TRUTH.function(LOW + U)


def main_effects(U: NDArray) -> NDArray:
    """Strong main effects, some of them with kinks and jumps, in columns."""
    c = U - 0.5
    columns = [
        1.5 * np.cos(2 * np.pi * U[:, 0]),
        4 * np.abs(c[:, 1]),
        1.5 * (U[:, 2] > 0.4),
        np.expm1(2 * U[:, 3]) / 3,
        6 * c[:, 4] ** 2,
        -8 * c[:, 5] ** 3,
        np.sin(3 * np.pi * U[:, 6]),
        -1.5 * c[:, 7],
    ]
    return np.column_stack(columns)


def additive(U: NDArray) -> NDArray:
    """Main effects, and no interaction."""
    return main_effects(U).sum(1)


def partial(U: NDArray) -> NDArray:
    """The same with two strong pairs."""
    X = LOW + U
    first = np.sin(3.3 * (X[:, 3] + X[:, 4]))
    return additive(U) + 1.2 * first + 1.4 * X[:, 5] * np.cos(2 * np.pi * X[:, 6])


FUNCTIONS: dict[str, tuple[Callable, NDArray]] = {
    "signal": (signal, TRUTH.labels.astype(bool)),
    "additive": (additive, np.zeros(len(PAIRS), dtype=bool)),
    "partial": (partial, np.array([tuple(pair) in STRONG for pair in PAIRS])),
}


@dataclass(frozen=True)
class Design:
    """A way to draw tables.

    Parameters
    ----------
    function : {"signal", "additive", "partial"}
    n : int
    features : {"independent", "AR .8", "equal .7"}
        Correlation of the features: ``.8^|i - j|``, or .7 between any two.
    noise : {"Gaussian", "t3"}
        "t3" is Student's t with 3 degrees of freedom, whose scale depends on two interacting
        features.
    permuted : bool
        Shuffle the target, so that no effect is left.
    """

    function: str
    n: int
    features: str = "independent"
    noise: str = "Gaussian"
    permuted: bool = False

    @property
    def name(self) -> str:
        parts = [self.function, self.features, self.noise, "permuted" if self.permuted else ""]
        return ", ".join(part for part in parts if part not in ("independent", "Gaussian", ""))

    def draw(self, seed: int) -> tuple[NDArray, NDArray, NDArray]:
        """X (n, 8), y (n,) and which pairs interact (28,)."""
        rng = np.random.default_rng(seed)
        U = self._uniform(rng)
        function, true = FUNCTIONS[self.function]
        f = function(U)
        noise = rng.normal(size=self.n)
        if self.noise == "t3":
            scale = 0.3 + 2 * U[:, 3] * U[:, 5]
            noise = rng.standard_t(3, self.n) / np.sqrt(3) * scale / np.sqrt((scale**2).mean())
        y = f + f.std() * noise
        if self.permuted:
            y, true = rng.permutation(y), np.zeros_like(true)
        return LOW + U, y, true

    def _uniform(self, rng: np.random.Generator) -> NDArray:
        if self.features == "independent":
            return rng.random((self.n, 8))
        apart = np.abs(np.subtract.outer(range(8), range(8)))
        correlation = 0.8**apart if self.features == "AR .8" else np.where(apart, 0.7, 1.0)
        return norm.cdf(rng.normal(size=(self.n, 8)) @ np.linalg.cholesky(correlation).T)


def oracle_shapes(design: Design, X: NDArray) -> NDArray[np.float64]:
    """The true forms of interacting pairs, products for the others, shape (n, 28, 1)."""
    i, j = PAIRS.T
    shapes = X[:, i] * X[:, j]
    forms = {
        (0, 1): lambda a, b: a**2 * b,
        (1, 2): lambda a, b: a**2 * b,
        (2, 3): lambda a, b: b / a,
        (3, 4): lambda a, b: np.sin(3.3 * (a + b)),
        (4, 5): lambda a, b: np.exp(a * b),
        (5, 6): lambda a, b: a * np.cos(2 * np.pi * b),
        (6, 7): lambda a, b: a * b,
    }
    for place in np.flatnonzero(FUNCTIONS[design.function][1]):
        a, b = PAIRS[place]
        shapes[:, place] = forms[a, b](X[:, a], X[:, b])
    return shapes[..., None]
