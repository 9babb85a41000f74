"""Tables in which a test of interactions may go wrong, and those in which it should find them.

A table is made of main effects, forms of pairs and noise. A pair is null if the mean of the target
(its log for counts and amounts, its logits for labels) is a sum of functions without it. The
columns and forms are in a design's function. `number`, `label` and `count` make the target of them
and ask an oracle that knows all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, softmax
from scipy.stats import norm
from scipy.stats import t as student

from benchmarks import designs
from benchmarks.oracles import likelihood_ratio, log_linear, wald
from skgeh.geh.pairs import pair_index

Forms = dict[tuple[int, int], NDArray]


@dataclass(frozen=True)
class Design:
    """A way to draw tables.

    Parameters
    ----------
    name : str
    n, d : int
        Rows, and features; a category is one feature.
    function : callable
        ``function(rng, n, d)``: a table, as `number` gives it.
    """

    name: str
    n: int
    d: int
    function: Callable[[Generator, int, int], dict]

    def __str__(self) -> str:
        return f"{self.name}, {self.n} x {self.d}"

    def draw(self, seed: int) -> dict:
        """Draw a table.

        Returns
        -------
        dict
            X (n, d) as an array or a frame; y (n,); whether each pair interacts, true (P,); whether
            it counts, judged (P,); oracle (P,), its p-values, which are 1 for null pairs; kwargs of
            the test.
        """
        return self.function(
            np.random.default_rng([seed, crc32(str(self).encode())]), self.n, self.d
        )


@dataclass
class Truth:
    """What the mean is made of.

    Parameters
    ----------
    X : array or frame
    mains : sequence of ndarray of shape (n,)
        Main effects.
    forms : dict
        The part of the mean of each interacting pair of features.
    triple : tuple of int
        Features of an interaction of three, whose pairs are not judged.
    beyond : ndarray of shape (n,)
        The part of the mean of the triple.
    d : int
        Features; columns of X by default.
    """

    X: Any
    mains: Sequence[NDArray]
    forms: Forms = field(default_factory=dict)
    triple: tuple[int, ...] = ()
    beyond: NDArray | None = None
    d: int | None = None

    @property
    def columns(self) -> NDArray[np.float64]:
        """The constant, main effects, the triple, and last the forms."""
        more = [] if self.beyond is None else [self.beyond]
        return np.column_stack([np.ones(len(self.X)), *self.mains, *more, *self.forms.values()])

    @property
    def mean(self) -> NDArray[np.float64]:
        """Sum of all effects."""
        return self.columns[:, 1:].sum(1)

    def table(self, y: NDArray, p: Callable[[NDArray, int], NDArray], **kwargs: Any) -> dict:
        """The table; `p` gives the oracle's p-values of the forms."""
        pairs = pair_index(self.d or self.X.shape[1])
        place = {tuple(pair): k for k, pair in enumerate(pairs.tolist())}
        mine = [place[pair] for pair in self.forms]
        true, oracle = np.zeros(len(pairs), dtype=bool), np.ones(len(pairs))
        true[mine] = True
        if mine:
            oracle[mine] = p(self.columns, len(mine))
        judged = true | ~np.isin(pairs, self.triple).all(1)
        return {
            "X": self.X,
            "y": y,
            "true": true,
            "judged": judged,
            "oracle": oracle,
            "kwargs": kwargs,
        }


def number(
    truth: Truth,
    noise: NDArray,
    signal_to_noise: float = 1.0,
    even: bool = True,
    units: NDArray | None = None,
    weight: NDArray | None = None,
    **kwargs: Any,
) -> dict:
    """A table with a number as target; noise of variance 1 has the variance of the mean over S/N.

    Under noise that is not even, the oracle is robust, by unit if there are units.
    """
    f = truth.mean
    y = f + f.std() / np.sqrt(signal_to_noise) * noise
    root = np.ones(len(y)) if weight is None else np.sqrt(weight)
    if units is not None:
        kwargs["groups"] = units
    if weight is not None:
        kwargs["sample_weight"] = weight

    def p(B: NDArray, asked: int) -> NDArray:
        return wald(root[:, None] * B, asked, root * y, units, even and units is None)

    return truth.table(y, p, **kwargs)


def label(rng: Generator, truth: Truth, share: float = 0.5) -> dict:
    """A table of two classes; `share` of its rows are expected to be positive."""
    f = truth.mean
    f = f + brentq(lambda c: expit(f + c).mean() - share, -50, 50)
    y = np.where(rng.random(len(f)) < expit(f), "yes", "no")
    return truth.table(y, partial(likelihood_ratio, labels=y), task="classification")


def classes(rng: Generator, truth: Truth) -> dict:
    """A table of three classes with the logits (f, 0, -f)."""
    f = truth.mean - truth.mean.mean()
    p = softmax(np.outer(f, [1.0, 0.0, -1.0]), axis=1)
    y = np.array(["high", "middle", "low"])[(p.cumsum(1) > rng.random((len(f), 1))).argmax(1)]
    return truth.table(y, partial(likelihood_ratio, labels=y), task="classification")


def count(
    rng: Generator,
    truth: Truth,
    loss: str = "poisson",
    factor: NDArray | float = 1.0,
    weight: NDArray | None = None,
    units: NDArray | None = None,
) -> dict:
    """A table of counts, or of amounts of variation 1/2; factor multiplies the mean."""
    mean = np.exp(truth.mean) * factor
    exposure = np.ones(len(mean)) if weight is None else weight
    if loss == "gamma":
        y = mean * rng.gamma(4, 1 / 4, len(mean))
    else:
        y = rng.poisson(exposure * mean) / exposure
    kwargs: dict = {"loss": loss}
    if weight is not None:
        kwargs["sample_weight"] = weight
    if units is not None:
        kwargs["groups"] = units
    p = partial(log_linear, y=y, loss=loss, weight=exposure, units=units)
    return truth.table(y, p, **kwargs)


def unit(v: NDArray) -> NDArray:
    return (v - v.mean()) / v.std()


def normal(rng: Generator, n: int, d: int, rho: float = 0.0) -> NDArray:
    """Normal features with the correlations ``rho^|i - j|``."""
    apart = np.abs(np.subtract.outer(range(d), range(d)))
    return rng.normal(size=(n, d)) @ np.linalg.cholesky(rho**apart).T


def bent(X: NDArray) -> list[NDArray]:
    """Bent main effects of all features, of variance 1."""
    x = np.tanh(X.T)
    return [unit(np.cos((1 + j % 3) * x[j]) + x[j]) for j in range(len(x))]


def four_forms(X: NDArray, size: float = 1.0) -> Forms:
    """A product, a wave, a local and a saturating form of the first eight features."""
    x = np.tanh(X.T)
    return {
        (0, 1): size * unit(x[0] * x[1]),
        (2, 3): size * unit(np.sin(3 * (x[2] + x[3]))),
        (4, 5): 0.8 * size * unit(np.exp(x[4] * x[5])),
        (6, 7): size * unit(x[6] * np.cos(3 * x[7])),
    }


def products(X: NDArray, size: float = 0.5) -> Forms:
    """Products of the first two features and of the next two."""
    return {(0, 1): size * unit(X[:, 0] * X[:, 1]), (2, 3): size * unit(X[:, 2] * X[:, 3])}


# traps of correlated features with bent main effects


def jumps(rng: Generator, n: int, d: int) -> dict:
    Z = normal(rng, n, d, 0.9)
    U = norm.cdf(Z).T
    steps = [(U[j] > 0.2 + 0.08 * j) - 1.3 * (U[j] > 0.45 + 0.06 * j) for j in range(d)]
    return number(Truth(Z, [unit(step) for step in steps]), rng.normal(size=n), 10)


def long_tails(rng: Generator, n: int, d: int) -> dict:
    X = student.ppf(norm.cdf(normal(rng, n, d, 0.7)), 2)
    mains = [np.tanh(x) if j % 2 else unit(np.log1p(np.abs(x))) for j, x in enumerate(X.T)]
    return number(Truth(X, mains), rng.normal(size=n), 10)


def squares(rng: Generator, n: int, d: int) -> dict:
    Z = normal(rng, n, d, 0.7)
    return number(Truth(Z, (Z**2).T), rng.normal(size=n), 10)


def near_copy(rng: Generator, n: int, d: int) -> dict:
    Z = normal(rng, n, d)
    Z[:, 1] = 0.99 * Z[:, 0] + np.sqrt(1 - 0.99**2) * Z[:, 1]
    return number(Truth(Z, [np.sin(3 * Z[:, 0])]), rng.normal(size=n))


def some_mains(Z: NDArray, slope: float = 1.0) -> list[NDArray]:
    return [np.tanh(slope * Z[:, 0]), Z[:, 3] ** 2 / 2, Z[:, 5]]


def uneven(rng: Generator, n: int, d: int, by: str, true: bool = False) -> dict:
    Z = normal(rng, n, d, 0.5)
    sd = np.exp(0.8 * Z[:, 3] if by == "feature" else 0.6 * Z[:, 3] * Z[:, 5])
    forms = {(1, 2): 0.6 * Z[:, 1] * Z[:, 2], (6, 7): 0.6 * Z[:, 6] * Z[:, 7]} if true else {}
    noise = sd / sd.std() * rng.normal(size=n)
    return number(Truth(Z, some_mains(Z), forms), noise, even=False)


def heavy_noise(rng: Generator, n: int, d: int, df: int) -> dict:
    Z = normal(rng, n, d, 0.5)
    return number(Truth(Z, some_mains(Z, 2)), rng.standard_t(df, n), even=False)


def shapes(rng: Generator, n: int, d: int, rho: float, true: bool = False) -> dict:
    Z = normal(rng, n, d, rho)
    return number(Truth(Z, bent(Z), four_forms(Z) if true else {}), rng.normal(size=n))


def simulated(rng: Generator, n: int, d: int, function: str, **more: Any) -> dict:
    """The designs of `benchmarks.designs`."""
    design = designs.Design(function, n, **more)
    X, y, true = design.draw(int(rng.integers(2**31)))
    pairs = [tuple(pair) for pair in designs.PAIRS[true].tolist()]
    forms = designs.oracle_shapes(design, X)[:, true, 0].T
    mains = X.T if function == "signal" else designs.main_effects(X - designs.LOW).T
    truth = Truth(X, mains, dict(zip(pairs, forms, strict=True)))
    return truth.table(y, partial(wald, y=y, even=design.noise == "Gaussian"))


# labels, counts and amounts


def curved_labels(rng: Generator, n: int, d: int, share: float, true: bool = False) -> dict:
    Z = normal(rng, n, d, 0.3 if true else 0.7)
    mains = [np.sin(2 * Z[:, 0]), 0.8 * Z[:, 1] ** 2, 0.5 * Z[:, 3]]
    forms = {(0, 1): 0.7 * Z[:, 0] * Z[:, 1], (2, 5): np.tanh(2 * Z[:, 2] * Z[:, 5])}
    return label(rng, Truth(Z, mains, forms if true else {}), share)


def copied_labels(rng: Generator, n: int, d: int) -> dict:
    Z = rng.normal(size=(n, d))
    Z[:, 1] = 0.98 * Z[:, 0] + 0.2 * Z[:, 1]
    return label(rng, Truth(Z, [1.5 * np.sin(3 * Z[:, 0])]))


def simulated_labels(rng: Generator, n: int, d: int, function: str, n_classes: int) -> dict:
    """Labels whose log-odds are three times the standardised functions of `benchmarks.designs`."""
    design = designs.Design(function, n)
    X, _, true = design.draw(int(rng.integers(2**31)))
    f, U = designs.FUNCTIONS[function][0](X - designs.LOW), X - designs.LOW
    pairs = [tuple(pair) for pair in designs.PAIRS[true].tolist()]
    forms = designs.oracle_shapes(design, X)[:, true, 0].T
    mains = X.T if function == "signal" else designs.main_effects(U).T
    B = np.column_stack([np.ones(n), *mains, *forms])
    sizes = 3 / f.std() * np.linalg.lstsq(B, f)[0][1:]
    parts = [size * part for size, part in zip(sizes, [*mains, *forms], strict=True)]
    own = dict(zip(pairs, parts[len(mains) :], strict=True))
    truth = Truth(X, parts[: len(mains)], own)
    return label(rng, truth) if n_classes == 2 else classes(rng, truth)


def log_linear_mean(X: NDArray, true: bool) -> Truth:
    """Factors that multiply the mean; their product interacts on the log scale."""
    x = X.T
    mains = [0.4 * x[0], 0.4 * np.sin(2 * x[1]), 0.3 * x[2], -0.4 * x[3], np.full(len(X), 1.5)]
    forms = {(0, 1): 0.1 * x[0] * x[1], (2, 4): 0.1 * x[2] * x[4]} if true else {}
    return Truth(X, [*mains[:3], mains[3] + mains[4]], forms)


def counts(
    rng: Generator, n: int, d: int, loss: str = "poisson", true: bool = False, more: str = ""
) -> dict:
    """Counts; or with exposures, with more spread than counts have, rare, or units that differ."""
    truth = log_linear_mean(normal(rng, n, d, 0.5), true)
    options: dict = {}
    if more == "exposures":
        options["weight"] = rng.uniform(0.5, 2, n)
    elif more == "overdispersed":
        options["factor"] = rng.gamma(2, 1 / 2, n)
    elif more == "rare":
        options["factor"] = 0.05
    elif more == "units":
        options["units"] = np.repeat(np.arange(n // 10), 10)
        options["factor"] = rng.gamma(3, 1 / 3, n // 10)[options["units"]]
    return count(rng, truth, loss, **options)


# categories


def codes(Z: NDArray, levels: int) -> NDArray:
    """Levels of each latent column; the first are the largest."""
    ends = np.cumsum(1 / np.sqrt(np.arange(1.0, levels + 1)))
    return (norm.cdf(Z)[..., None] > (ends / ends[-1])[:-1]).sum(-1)


def indicators(name: str, code: NDArray) -> pd.DataFrame:
    """Indicator columns of the levels that occur, named as an encoder names them."""
    levels = np.unique(code)
    names = [f"{name}_{chr(ord('a') + level)}" for level in levels]
    return pd.DataFrame((code[:, None] == levels).astype(float), columns=names)


def categories(
    rng: Generator, n: int, d: int, levels: int, true: bool = False, noise: str = "even"
) -> dict:
    """Two categories and numbers, all correlated; in the table, categories are indicators."""
    Z = normal(rng, n, d, 0.6)
    a, b = codes(Z[:, :2], levels).T
    frames = [indicators("colour", a), indicators("shape", b)]
    numbers = pd.DataFrame({f"x{j}": Z[:, j] for j in range(2, d)})
    X = pd.concat([*frames, numbers], axis=1)
    effects = np.random.default_rng(0)  # those of the levels are the same in every table
    first, second, slopes = effects.normal(size=(3, levels))
    cells = effects.normal(size=(levels, levels))
    forms = {}
    if true:
        forms = {(0, 2): 0.6 * unit(slopes[a] * Z[:, 2]), (0, 1): 0.6 * unit(cells[a, b])}
    truth = Truth(X, [unit(first[a]), unit(second[b]), *bent(Z[:, 2:])], forms, d=d)
    sd = 1.0 if noise == "even" else np.exp(0.8 * effects.normal(size=levels))[a]
    return number(truth, sd * rng.normal(size=n), even=noise == "even", feature_groups="auto")


# groups of rows, and weights


def units(
    rng: Generator, n: int, d: int, size: int, slopes: bool = False, true: bool = False
) -> dict:
    """Units of rows with intercepts, if need be slopes, of their own.

    The first half of the features is constant within a unit. Slopes are of the last feature. A
    true pair is of a feature of the unit and one of the row.
    """
    place = np.arange(n) // size
    if size > 10:  # then units are of many sizes
        place = np.sort(rng.choice(n // size, n, p=rng.dirichlet(np.full(n // size, 2.0))))
    shared, half = normal(rng, n, d, 0.5), d // 2
    Z = np.sqrt(0.5) * (normal(rng, n, d, 0.5) + shared[place])
    Z[:, :half] = shared[place][:, :half]
    own = rng.normal(size=(2, n))[:, place]
    noise = rng.normal(size=n) + 0.8 * own[0]
    if slopes:
        noise = noise + 0.8 * own[1] * Z[:, -1]
    forms = {(0, d - 1): 1.2 * Z[:, 0] * Z[:, -1], (1, half): 0.9 * Z[:, 1] * Z[:, half]}
    truth = Truth(Z, bent(Z), forms if true else {})
    return number(truth, noise, units=place)


def weights(rng: Generator, n: int, d: int, kind: str, true: bool = False) -> dict:
    """Weights that are precisions, that say nothing, or that go with a feature."""
    Z = normal(rng, n, d, 0.5)
    weight = rng.gamma(1, 1, n) + 0.1 if kind != "by a feature" else np.exp(Z[:, 3])
    sd = 1 / np.sqrt(weight) if kind == "precisions" else 1.0
    truth = Truth(Z, bent(Z), four_forms(Z) if true else {})
    return number(truth, sd * rng.normal(size=n), weight=weight, even=kind == "precisions")


# columns of other kinds


def whole_numbers(rng: Generator, n: int, d: int, true: bool = False) -> dict:
    """Counts, marks from 1 to 5, booleans and rounded numbers, with ties in all of them."""
    Z = normal(rng, n, d, 0.6)
    kinds: list[Callable] = [
        lambda z: np.floor(np.exp(z)),
        lambda z: np.clip(np.round(1.2 * z) + 3, 1, 5),
        lambda z: (z > 0.5) * 1.0,
        lambda z: np.round(z, 1),
    ]
    X = np.column_stack([kinds[j % 4](Z[:, j]) for j in range(d)])
    mains = [unit(np.minimum(X[:, j], 4) ** 2 / 4 + np.sin(2 * X[:, j])) for j in range(d)]
    forms = {(1, 2): 1.5 * unit(X[:, 1] * X[:, 2]), (3, 5): 0.9 * unit(X[:, 3] * X[:, 5])}
    return number(Truth(X, mains, forms if true else {}), rng.normal(size=n))


def tails_beside_products(rng: Generator, n: int, d: int) -> dict:
    """Two true products; the other columns have long tails."""
    Z = normal(rng, n, d, 0.5)
    X = np.column_stack([Z[:, :4], student.ppf(norm.cdf(Z[:, 4:]), 2)])
    mains = [*bent(Z[:, :4]), *(unit(np.arctan(x)) for x in X[:, 4:].T)]
    return number(Truth(X, mains, products(Z, 0.8)), rng.normal(size=n))


def lognormal(rng: Generator, n: int, d: int, true: bool = False) -> dict:
    """Features and noise with one long tail."""
    X = np.exp(normal(rng, n, d, 0.6))
    mains = [unit(np.log(x)) if j % 2 else unit(np.sqrt(x)) for j, x in enumerate(X.T)]
    forms = {(0, 1): 0.6 * unit(np.log(X[:, 0]) * np.log(X[:, 1]))} if true else {}
    noise = (np.exp(rng.normal(size=n)) - np.exp(0.5)) / 2
    return number(Truth(X, mains, forms), noise, even=False)


def triple(rng: Generator, n: int, d: int) -> dict:
    """A strong interaction of three features, beside one pair.

    All are independent: otherwise pairs of one of the three and a neighbour share its variance.
    """
    Z = normal(rng, n, d)
    strong = 2 * unit(Z[:, 0] * Z[:, 1] * Z[:, 2])
    truth = Truth(Z, bent(Z), {(3, 4): 0.5 * unit(Z[:, 3] * Z[:, 4])}, (0, 1, 2), strong)
    return number(truth, rng.normal(size=n), 2)


def strong_pair(rng: Generator, n: int, d: int) -> dict:
    """A strong form of two features that others are correlated with."""
    Z = normal(rng, n, d, 0.8)
    form = 4 * unit(np.tanh(2 * Z[:, 2]) * np.tanh(2 * Z[:, 3]))
    return number(Truth(Z, bent(Z), {(2, 3): form}), rng.normal(size=n), 10)


def zero_inflated(rng: Generator, n: int, d: int, true: bool = False) -> dict:
    """Columns that are mostly zero and otherwise long-tailed; their zeros go together."""
    Z, V = normal(rng, n, d, 0.7), normal(rng, n, d, 0.5)
    X = np.where(Z > 0.5, np.exp(V), 0.0)
    mains = [unit(np.log1p(x) + (x > 0)) for x in X.T]
    forms = {(0, 1): 0.5 * unit(np.log1p(X[:, 0]) * np.log1p(X[:, 1]))} if true else {}
    return number(Truth(X, mains, forms), rng.normal(size=n), 2)


def trends(rng: Generator, n: int, d: int) -> dict:
    """Smooth columns that drift with time; the noise is independent."""
    time = np.linspace(-1.5, 1.5, n)
    walks = np.cumsum(rng.normal(size=(n, d)), axis=0)
    X = unit(time)[:, None] * np.where(np.arange(d) % 2, 1, -1) + walks / np.sqrt(n)
    return number(Truth(X, [unit(np.sin(2 * x)) for x in X.T]), rng.normal(size=n), 4)


def rare_booleans(rng: Generator, n: int, d: int, true: bool = False) -> dict:
    """Booleans of which two are rarely true at once, beside numbers."""
    Z = normal(rng, n, d, 0.4)
    X = np.column_stack([Z[:, : d // 2] > 1.5, Z[:, d // 2 :]]).astype(float)
    mains = [*X[:, : d // 2].T, *bent(Z[:, d // 2 :])]
    forms = {(0, 1): 2 * X[:, 0] * X[:, 1], (2, d - 1): X[:, 2] * X[:, -1]} if true else {}
    return number(Truth(X, mains, forms), rng.normal(size=n), 2)


def leverage(rng: Generator, n: int, d: int, true: bool = False) -> dict:
    """One row in fifty is ten times as far out in all features."""
    Z = normal(rng, n, d, 0.5)
    far = rng.random(n) < 0.02
    X = np.where(far[:, None], 10 * Z, Z)
    forms = {(0, 1): unit(np.tanh(X[:, 0]) * np.tanh(X[:, 1]))} if true else {}
    noise = np.where(far, 3, 1) * rng.normal(size=n)
    return number(Truth(X, [unit(np.arctan(x)) for x in X.T], forms), noise, even=False)


def noise_of_mean(rng: Generator, n: int, d: int) -> dict:
    """The noise grows with the mean."""
    Z = normal(rng, n, d, 0.5)
    truth = Truth(Z, bent(Z))
    noise = np.exp(unit(truth.mean)) * rng.normal(size=n)
    return number(truth, noise / noise.std(), even=False)


def ratios(rng: Generator, n: int, d: int) -> dict:
    """A feature is nearly a product of others, and one a ratio; both have main effects."""
    Z = normal(rng, n, d, 0.3)
    Z[:, 2] = unit(Z[:, 0] * Z[:, 1]) + 0.1 * Z[:, 2]
    Z[:, 3] = Z[:, 4] / np.hypot(Z[:, 5], 0.5) + 0.1 * Z[:, 3]
    mains = [unit(np.tanh(Z[:, 2])), unit(np.arctan(Z[:, 3])), *bent(Z[:, 4:])]
    return number(Truth(Z, mains), rng.normal(size=n), 2)


def fractions(rng: Generator, n: int, d: int) -> dict:
    """Fractions that sum to 1, so that every pair is a function of the others."""
    X = rng.dirichlet(np.full(d, 1.5), n)
    return number(Truth(X, [unit(np.sqrt(x)) for x in X.T]), rng.normal(size=n), 4)


def codes_for_missing(rng: Generator, n: int, d: int) -> dict:
    """A tenth of the values of every column is -999, together in related columns."""
    Z, V = normal(rng, n, d, 0.5), normal(rng, n, d, 0.7)
    gone = norm.cdf(V) > 0.9
    mains = [unit(np.where(gone[:, j], 1.0, np.sin(1.5 * Z[:, j]))) for j in range(d)]
    return number(Truth(np.where(gone, -999.0, Z), mains), rng.normal(size=n), 2)


def fine_wave(rng: Generator, n: int, d: int) -> dict:
    """A main effect too fine for smooth functions, of a feature with a near-copy."""
    U = norm.cdf(normal(rng, n, d, 0.95))
    return number(Truth(U, [np.sin(16 * np.pi * U[:, 0]), U[:, 2]]), rng.normal(size=n), 10)


def thresholds(rng: Generator, n: int, d: int) -> dict:
    """Pairs that interact by thresholds, beside main effects that jump."""
    Z = normal(rng, n, d, 0.3)
    high = (Z > 0.3) * 1.0
    forms = {(0, 1): 1.5 * high[:, 0] * high[:, 1], (2, 3): 1.5 * high[:, 2] * (1 - high[:, 3])}
    return number(Truth(Z, high.T, forms), rng.normal(size=n))


def _both(name: str, n: int, d: int, function: Callable, **options: Any) -> list[Design]:
    """The design without and with true pairs."""
    return [
        Design(name, n, d, partial(function, **options)),
        Design(f"{name}, true pairs", n, d, partial(function, true=True, **options)),
    ]


def _simulations() -> list[Design]:
    variants: list[tuple[str, dict]] = [
        ("signal", {}),
        ("additive", {}),
        ("partial", {}),
        ("signal", {"permuted": True}),
        ("signal", {"noise": "t3"}),
        ("additive", {"noise": "t3"}),
        ("signal", {"features": "AR .8"}),
        ("additive", {"features": "AR .8"}),
        ("signal", {"features": "equal .7"}),
    ]
    return [
        Design(
            designs.Design(function, n, **more).name,
            n,
            8,
            partial(simulated, function=function, **more),
        )
        for n in (600, 2000, 10_000)
        for function, more in variants
    ]


NUMBERS = [
    Design("jumps", 5000, 8, jumps),
    Design("long tails", 2000, 8, long_tails),
    Design("squares", 150, 8, squares),
    Design("squares", 590, 30, squares),
    Design("near copy", 1000, 6, near_copy),
    *_both("uneven by a feature", 1000, 8, uneven, by="feature"),
    *_both("uneven by a product", 1000, 8, uneven, by="product"),
    Design("Cauchy noise", 1000, 8, partial(heavy_noise, df=1)),
    Design("t3 noise", 1000, 8, partial(heavy_noise, df=3)),
    Design("shapes", 600, 8, partial(shapes, rho=0.0, true=True)),
    Design("shapes, AR .7", 2000, 8, partial(shapes, rho=0.7, true=True)),
    Design("main effects, AR .5", 600, 8, partial(shapes, rho=0.5)),
    Design("main effects, AR .5", 150, 4, partial(shapes, rho=0.5)),
    *_both("shapes, AR .5", 2000, 20, shapes, rho=0.5),
    *_both("shapes, AR .5", 3000, 30, shapes, rho=0.5),
    *_both("shapes, AR .5", 10_000, 10, shapes, rho=0.5),
    *_simulations(),
]
LABELS = [
    *_both("balanced labels", 1000, 8, curved_labels, share=0.5),
    *_both("labels, 10 % positive", 1000, 8, curved_labels, share=0.1),
    *_both("labels, 4 % positive", 2000, 8, curved_labels, share=0.04),
    Design("labels, near copy", 1500, 8, copied_labels),
    *(
        Design(
            f"labels, {function}, {k} classes",
            n,
            8,
            partial(simulated_labels, function=function, n_classes=k),
        )
        for n in (1000, 3000)
        for k in (2, 3)
        for function in ("signal", "additive")
    ),
]
COUNTS = [
    *_both("counts", 1000, 8, counts),
    *_both("amounts", 1000, 8, counts, loss="gamma"),
    *_both("rates", 1000, 8, counts, more="exposures"),
    *_both("rare counts", 2000, 8, counts, more="rare"),
    *_both("overdispersed counts", 1000, 8, counts, more="overdispersed"),
    *_both("counts, units", 1000, 8, counts, more="units"),
]
CATEGORIES = [
    *_both("3 levels", 1000, 6, categories, levels=3),
    *_both("6 levels", 1000, 6, categories, levels=6),
    *_both("12 levels", 2000, 6, categories, levels=12),
    Design("6 levels, uneven", 1000, 6, partial(categories, levels=6, noise="by level")),
]
ROWS = [
    *_both("units", 600, 6, units, size=10),
    *_both("units", 2000, 6, units, size=10),
    *_both("few units", 900, 6, units, size=30),
    *_both("units with slopes", 600, 6, units, size=10, slopes=True),
    *_both("units with slopes", 2000, 6, units, size=10, slopes=True),
    *_both("weights, precisions", 1000, 8, weights, kind="precisions"),
    *_both("weights, any", 1000, 8, weights, kind="any"),
    *_both("weights by a feature", 1000, 8, weights, kind="by a feature"),
]
COLUMNS = [
    *_both("whole numbers", 1000, 8, whole_numbers),
    Design("tails beside products", 1000, 8, tails_beside_products),
    *_both("lognormal", 1000, 8, lognormal),
    Design("triple", 1000, 8, triple),
    Design("strong pair", 2000, 8, strong_pair),
    *_both("zero-inflated", 1000, 8, zero_inflated),
    Design("trends", 1000, 6, trends),
    *_both("rare booleans", 1000, 8, rare_booleans),
    *_both("leverage", 1000, 8, leverage),
    Design("noise of the mean", 1000, 8, noise_of_mean),
    Design("products and ratios", 1000, 8, ratios),
    Design("fractions", 1000, 6, fractions),
    Design("codes for missing", 1000, 8, codes_for_missing),
    Design("fine wave", 2000, 6, fine_wave),
    Design("thresholds", 1000, 8, thresholds),
]
DESIGNS = list(chain(NUMBERS, LABELS, COUNTS, CATEGORIES, ROWS, COLUMNS))
