"""Null models: main effects, and the pairs that the data ask for, against which others are tested.

A model of all pairs learns noise where rows are few. So pairs enter one after another, only where
they stand out from the noise, and few by chance. The line and the first wave of a main effect are
not shrunk, nor is any wave that the data show to be larger than its prior: what shrinkage leaves of
a main effect would look like an interaction of correlated features.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.likelihoods import SquaredError
from skgeh.geh.task import Task
from skgeh.parallel import no_bar
from skgeh.process._feature_pairs import FeaturePairs
from skgeh.process._newton import FEW, MANY, Newton
from skgeh.process._noise import design_effect, is_normal, row_weights
from skgeh.process._p_values import p_values, signals
from skgeh.process._pair_statistics import (
    PairColumns,
    PairStatistics,
    Rows,
    pair_statistics,
)
from skgeh.process._posterior import ProcessPosterior
from skgeh.process._products import Products
from skgeh.process._regression import regress
from skgeh.process._screen import MOST_WEIGHTS, Sizes
from skgeh.process._smooth_basis import SmoothBasis
from skgeh.process._variances import VARYING, prior_variances

ROUNDS = 2  # in which pairs enter
ENTER = 0.25  # largest p-value of a pair that enters
ROWS_PER_PAIR = 400  # for each pair that enters by chance
FREE = 1000.0  # prior variance of what is not shrunk, in that of a typical function
FOUND = 0.05  # level, over all pairs, from which on a pair's own signal is no noise
TAILS = 3  # knots that halve the last interval of a feature
FREE_WAVES = 1
MOST_QUICK = 100  # pairs that may enter by quick p-values, whose far tails are too light
ROWS_PER_FREE = 5  # at least; with fewer, main effects enter one after another
MOST_ROUNDS = 10  # in which they do
STEPS = 6  # that find variances once pairs have entered
UNEVEN = 3.0  # standard errors by which a variance function must predict rows better
LEAST_NOISE = 1e-4  # noise variance, in that of a typical function: below it, digits cancel
NO_SIZES = Sizes(0, 0)  # of models whose products are chosen here


@dataclass(frozen=True, eq=False)
class NullModel:
    """The model of one output at its rows, and the pairs that it is asked about.

    Parameters
    ----------
    rows : Rows
    pairs : FeaturePairs
    n_jobs : int, optional
    progress : callable
    """

    rows: Rows
    pairs: FeaturePairs
    n_jobs: int | None = None
    progress: Callable = no_bar

    @cached_property
    def statistics(self) -> list[PairStatistics]:
        """Score statistics of all pairs, some of them at a time."""
        return self._statistics(quick=False)

    def _statistics(self, *, quick: bool) -> list[PairStatistics]:
        """The same, or quick ones that believe the model's noise."""
        parts = self.pairs.with_priors(self.rows.model)
        of, progress = self.rows, self.progress
        return list(pair_statistics(of, parts, self.n_jobs, quick=quick, progress=progress))

    @cached_property
    def p_value(self) -> NDArray[np.float64]:
        """P-value of every pair, (P,); NaN if nothing of its columns is left."""
        return self._p_values(self.statistics)

    @cached_property
    def signals(self) -> NDArray[np.float64]:
        """Noncentralities and degrees of freedom of two statistics, (P, 2, 2); see `signals`."""
        found = np.full((len(self.pairs.pairs), 2, 2), np.nan)
        for part in self.statistics:
            found[part.columns.places] = signals(part)
        return found

    @property
    def quick_p_value(self) -> NDArray[np.float64]:
        """The same if the model's noise is believed, which takes half the time."""
        return self._p_values(self._statistics(quick=True))

    def _p_values(self, statistics: Sequence[PairStatistics]) -> NDArray[np.float64]:
        """P-values of all pairs."""
        p = np.full(len(self.pairs.pairs), np.nan)
        for found in statistics:
            p[found.columns.places] = p_values(found, FOUND / len(p))
        return p


def main_effects(task: Task, sizes: Sizes) -> Products:
    """Main effects of all columns, with knots where functions bend at the ends."""
    main = sizes.of_many(task.X.shape[1]).main
    weight = task.weight / task.weight.mean()
    return Products.main_effects([SmoothBasis.fit(x, main, weight, TAILS) for x in task.X.T])


def promising_pairs(
    task: Task, asked: FeaturePairs, most: int, progress: Callable = no_bar
) -> NDArray[np.intp]:
    """Places of the pairs whose products fit best what main effects leave, in increasing order."""
    weight = task.weight / task.weight.mean()
    newton = Newton(replace(task, weight=weight), NO_SIZES, progress)
    best, features = np.zeros(len(asked.pairs)), asked.features
    i, j = asked.pairs.T
    for model in _Search(newton, asked).main_effects_alone():
        rest = model.observed.weight * (model.observed.y - model.fitted)
        products = np.abs((task.X * rest[:, None]).T @ task.X)
        products = np.array([np.max(products[own], axis=0) for own in features])
        products = np.array([np.max(products[:, own], axis=1) for own in features])
        best = np.maximum(best, products[i, j] / rest.std())
    return np.sort(np.argsort(-best, kind="stable")[:most])


def null_models(
    task: Task, pairs: FeaturePairs, n_jobs: int | None = None, progress: Callable = no_bar
) -> list[NullModel]:
    """Null models of all outputs of a task in standard units."""
    task = replace(task, weight=task.weight / task.weight.mean())
    if task.units is not None:
        task = task.some(np.argsort(task.units, kind="stable"))
    newton = Newton(task, NO_SIZES, progress)
    return _Search(newton, pairs, n_jobs).found()


@dataclass(eq=False)
class _Search:
    """Find the null models of a task."""

    newton: Newton
    pairs: FeaturePairs
    n_jobs: int | None = None
    design_effect: float = 1.0

    def __post_init__(self) -> None:
        self.main = self.pairs.main

    def found(self) -> list[NullModel]:
        """Let pairs enter, and once more with weights of the rows if the noise is uneven."""
        fits = self.main_effects_alone()
        models, entered = self._enter(fits, np.array([], dtype=np.intp))
        if self.task.units is not None:
            self._weigh_units(models)
            models, _ = self._enter(models, entered)
        rows = [self._rows(one) for one in models]
        if self._is_linear and self.task.units is None and not self._is_wide:
            even = partial(row_weights, progress=self.newton.progress)
            weights, doubts = zip(*map(even, rows), strict=True)
            if max(doubts) > UNEVEN:
                self.newton = replace(self.newton, row_weights=np.column_stack(weights))
                models, _ = self._enter(models, entered)
                rows = [self._rows(one) for one in models]
            elif np.ptp(self.task.weight) == 0:
                rows = [replace(one, even=is_normal(one)) for one in rows]
        return [self._asked(one) for one in rows]

    def _weigh_units(self, models: Sequence[ProcessPosterior]) -> None:
        """Let rows of a unit say less together than alone."""
        units = self.task.units
        assert units is not None
        found = [design_effect(one, units) for one in models]
        self.design_effect = max(found)
        scale = [k * one.noise_variance for k, one in zip(found, models, strict=True)]
        weights = np.tile(1 / np.array(scale), (len(self.task.X), 1))
        self.newton = replace(self.newton, row_weights=weights, known_noise=True)

    def main_effects_alone(self) -> Sequence[ProcessPosterior]:
        """Models of the main effects, of those that stand out if all are too many."""
        if self._is_wide:
            return self._main_effects_that_stand_out()
        return self._main_effects()

    def _main_effects_that_stand_out(self) -> list[ProcessPosterior]:
        """Only features whose main effects the data ask for, where all would be too many."""
        every, d = self.pairs.main, len(self.pairs.main.bases)
        feature = every.component % d
        entered = np.array([], dtype=np.intp)
        for _ in range(MOST_ROUNDS):
            self.main = every.part(np.flatnonzero(np.isin(feature, entered)))
            fits = self._learn(self.main)
            p = [of_features(self._rows(one), every) for one in map(with_free_main_effects, fits)]
            least = np.fmin.reduce(p)
            level = self._information / (ROWS_PER_PAIR * d) / len(fits)
            room = int(len(self.task.X) / (ROWS_PER_FREE * (1 + FREE_WAVES))) - len(entered)
            order = np.setdiff1d(np.flatnonzero(least < min(level, ENTER)), entered)
            order = order[np.argsort(least[order], kind="stable")][: max(room, 0)]
            if len(order) == 0:
                break
            entered = np.append(entered, order)
        return fits

    @property
    def task(self) -> Task:
        """What is learned."""
        return self.newton.task

    @property
    def _is_wide(self) -> bool:
        """Whether the free main effects of all features would be too many for the rows."""
        return (1 + FREE_WAVES) * len(self.main.bases) * ROWS_PER_FREE > len(self.task.X)

    @property
    def _is_linear(self) -> bool:
        """Whether the targets are their own working response."""
        return isinstance(self.task.likelihood, SquaredError)

    def _main_effects(self) -> Sequence[ProcessPosterior]:
        """Models of the main effects alone, of some rows first if there are many."""
        newton, main = self.newton, self.main
        some = newton.some(MANY if self._is_linear else 2 * FEW)
        if len(some) == len(self.task.X):
            return self._learn(main)
        few = _Search(replace(newton, task=self.task.some(some)), self.pairs)
        return self._learn(main, few._learn(main))

    def _learn(
        self, products: Products, start: Sequence[ProcessPosterior] = ()
    ) -> list[ProcessPosterior]:
        """Models with given products, perhaps from a start on other products or other rows."""
        newton, task = self.newton, self.task
        if self._is_linear:
            steps: dict = {"start": start, "steps": STEPS} if start else {}
            value, weight = newton.response(task.y)
            return regress(products, task.X, value, weight, **steps, **newton.options)
        if not start:
            first = newton.response(newton.constant(), bounded=True)
            start = regress(products, task.X, *first, **newton.options)
        outputs = np.column_stack([one.predict(task.X) for one in start])
        outputs, fits = newton.steps(products, outputs, list(start))
        return newton.around(products, outputs, fits)

    def _enter(
        self, fits: Sequence[ProcessPosterior], entered: NDArray
    ) -> tuple[list[ProcessPosterior], NDArray[np.intp]]:
        """Let pairs enter that stand out for any output."""
        if len(entered) or self.newton.known_noise:
            fits = self._learn(self.pairs.entered(self.main, entered), fits)
        models = [with_free_main_effects(one) for one in fits]
        for _ in range(ROUNDS):
            asked = [self._asked(self._rows(one)) for one in models]
            few = len(self.pairs.pairs) <= MOST_QUICK and self.task.units is None
            p = [one.quick_p_value if few else one.p_value for one in asked]
            more = np.union1d(entered, self._standing_out(np.fmin.reduce(p)))
            if len(more) == len(entered):
                break
            entered = more
            fits = self._learn(self.pairs.entered(self.main, entered), fits)
            models = [with_free_main_effects(one) for one in fits]
        return models, entered

    def _standing_out(self, p: NDArray) -> NDArray[np.intp]:
        """Places of the pairs with the least p-values, so few that few enter by chance."""
        level = min(ENTER, self._information / (ROWS_PER_PAIR * len(p))) / self.task.y.shape[1]
        order = np.argsort(p, kind="stable")
        order = order[p[order] < level]  # NaN is not
        sizes = np.array([len(own) for own in self.pairs.column_pairs]) * self.pairs.size**2
        room = MOST_WEIGHTS - len(self.main)
        return order[np.cumsum(sizes[order]) <= room].astype(np.intp)

    @property
    def _information(self) -> float:
        """Number of independent rows; of labels, how many balanced ones would say as much."""
        task, n_rows = self.task, len(self.task.X) / self.design_effect
        if not task.has_labels:
            return n_rows
        shares = np.average(task.y, axis=0, weights=task.weight)
        return float(n_rows * 4 * (shares * (1 - shares)).min())

    def _asked(self, rows: Rows) -> NullModel:
        """A model at its rows, asked about the pairs."""
        return NullModel(rows, self.pairs, self.n_jobs, self.newton.progress)

    def _rows(self, model: ProcessPosterior) -> Rows:
        """The rows of a model, with what is known about their noise."""
        task = self.task
        if task.units is not None:
            return Rows(model, np.flatnonzero(np.diff(task.units, prepend=-1)))
        if task.has_labels and np.ptp(task.weight) == 0:
            n_logits = task.y.shape[1]  # whose curvature is p (1 - p), or more if centred
            return Rows(model, known=1 if n_logits == 1 else (n_logits - 1) / n_logits)
        return Rows(model)


def of_features(rows: Rows, main: Products) -> NDArray[np.float64]:
    """Quick p-values of the main effects of features that are no part of a model, shape (d,)."""
    d = len(main.bases)
    p, inside = np.full(d, np.nan), rows.model.products.component % d
    sizes = np.array([basis.n_functions for basis in main.bases])
    outside = np.setdiff1d(np.flatnonzero(sizes), inside)
    for size in np.unique(sizes[outside]):
        own = outside[sizes[outside] == size]
        wave = np.tile(np.arange(size), (len(own), 1))
        factors = np.stack([main.starts[own][:, None] + wave, 0 * wave])
        relative = np.stack([main.bases[f].weights for f in own])
        columns = PairColumns(own, factors, relative, wave, 0 * relative)
        for found in pair_statistics(rows, [columns], quick=True):
            p[found.columns.places] = p_values(found)
    return p


def with_free_main_effects(model: ProcessPosterior) -> ProcessPosterior:
    """The same, but lines, first waves and all waves that are large are hardly shrunk."""
    products, solution = model.products, model.solution
    prior = prior_variances(products, model.data, model.variances)
    squares = solution.root**2 * (solution.mean**2 + 1 - solution.determined)
    main = products.pair[solution.active] < 0
    own = solution.active[main]
    prior[own] = np.maximum(prior[own], squares[main])
    wave = products.factors[0] - products.starts[products.component % len(products.bases)]
    free = (products.pair < 0) & (wave <= FREE_WAVES) & (model.data.variances > VARYING)
    prior[free] = FREE * model.unit
    noise = max(model.noise_variance, LEAST_NOISE * model.unit)
    found = model.data.solve(prior, noise, solution.output)
    return replace(model, solution=found)
