"""Decisions about the pairs of a table: one null model for each output, asked for every pair."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray

from skgeh.geh.decisions import Decisions, SignedEffects
from skgeh.geh.levels import LevelPoints
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.geh.task import Task
from skgeh.geh.views.blocks import Blocks
from skgeh.geh.views.differences import Steps
from skgeh.parallel import no_bar
from skgeh.process._doubts import doubts
from skgeh.process._feature_pairs import FeaturePairs
from skgeh.process._level_effects import EffectsAtLevels, PairWeights
from skgeh.process._null_model import (
    NullModel,
    main_effects,
    null_models,
    promising_pairs,
)
from skgeh.process._p_values import WEIGHTS, degrees_of_freedom
from skgeh.process._pair_statistics import PairStatistics
from skgeh.process._products import Products, mean_products
from skgeh.process._screen import Sizes, is_feasible
from skgeh.process._variances import TYPICAL
from skgeh.tables.corrections import over_targets
from skgeh.tables.features import Features

_WIDE = 0.1  # prior variance of a pair's weights in estimates, times that of the function expected
_LEAST = 1e-12  # prior variance of a weight
_MOST_PAIRS = 20_000  # that are tested
SIGNAL_WEIGHTS = WEIGHTS[:2]  # of both statistics in `PairTests.signals`
LEAST_ROWS, _LEAST_CLASS, _LEAST_UNITS = 40, 10, 5
_FUNCTION = 0.98  # share of a feature that functions of another explain
_MOST_COMPARED = 5000  # rows
_SIZES = Sizes(24, 4)
_LOST = "main effects and other pairs explain all that could be seen of it"


@dataclass(frozen=True, eq=False)
class PairTests:
    """Tests of pairs of features.

    Parameters
    ----------
    task : Task
    pairs : ndarray of shape (P, 2)
    places : ndarray of shape (p,)
        Of the pairs that the null models were asked about, among these.
    given_reason : ndarray of P str
        Why others were not; '' for pairs that were.
    models : sequence of NullModel
        One for each output.
    """

    task: Task
    pairs: NDArray[np.intp]
    places: NDArray[np.intp]
    given_reason: NDArray
    models: Sequence[NullModel]

    @classmethod
    def of(
        cls,
        task: Task,
        features: Features,
        *,
        pairs: NDArray | None = None,
        sizes: Sizes = _SIZES,
        n_jobs: int | None = None,
        progress: Callable = no_bar,
    ) -> "PairTests":
        """Find the null models of a task in standard units.

        Parameters
        ----------
        task : Task
        features : Features
            Columns of the table that belong to none of them are covariates.
        pairs : ndarray of shape (P, 2), optional
            Pairs of features, by default all.
        sizes : Sizes, optional
        n_jobs : int, optional
        progress : callable
        """
        pairs = pair_index(len(features)) if pairs is None else pairs
        if task.units is not None and task.units.max() + 1 == len(task.X):
            task = replace(task, units=None)  # every row is a unit
        why = features.reasons(pairs)
        few = _too_few(task)
        if not is_feasible(len(task.X), task.X.shape[1], sizes):
            few = few or "too many features for a test"
        if few:
            why = np.where(why == "", few, why)
        models: Sequence[NullModel] = ()
        if (why == "").any():
            main = main_effects(task, sizes)
            _say_functions(why, main, task, features, pairs)
            places = np.flatnonzero(why == "")
            asked = FeaturePairs(main, features.columns, pairs[places], sizes.pair)
            if len(places) > _MOST_PAIRS:
                best = promising_pairs(task, asked, _MOST_PAIRS, progress)
                others = np.setdiff1d(places, places[best])
                why[others] = f"not one of the {_MOST_PAIRS} pairs with the strongest products"
                places, asked = places[best], replace(asked, pairs=pairs[places[best]])
            models = null_models(task, asked, n_jobs, progress) if len(places) else ()
        places = np.flatnonzero(why == "")
        return cls(task, pairs, places, why, models)

    @cached_property
    def p_value(self) -> NDArray[np.float64]:
        """P-values, shape (P, c); NaN where there was no test."""
        found = np.full((len(self.pairs), self.task.y.shape[1]), np.nan)
        for k, model in enumerate(self.models):
            found[self.places, k] = model.p_value
        return found

    @property
    def signals(self) -> NDArray[np.float64]:
        """How much pairs stand out, by two statistics, (P, c, 2, 2); NaN without a test."""
        found = np.full((*self.p_value.shape, 2, 2), np.nan)
        for k, model in enumerate(self.models):
            found[self.places, k] = model.signals
        return found

    def doubts(self, names: Sequence[str]) -> list[str]:
        """What speaks against the p-values, in sentences; `names` are those of the columns."""
        return doubts(self.task, names, self.models)

    @property
    def reason(self) -> NDArray:
        """Why pairs were not tested; '' for those that were, shape (P,)."""
        lost = (self.given_reason == "") & np.isnan(self.p_value).all(1)
        return np.where(lost, _LOST, self.given_reason).astype(object)

    @property
    def pair_p_value(self) -> NDArray[np.float64]:
        """The least p-value over outputs, times their number, shape (P,)."""
        return over_targets(self.p_value)

    @cached_property
    def share(self) -> NDArray[np.float64]:
        """Shares of the variance that pairs explain, shape (P, c).

        For labels and a log link, it is that of the working responses.
        """
        found = np.full(self.p_value.shape, np.nan)
        for k, model in enumerate(self.models):
            for part in model.statistics:
                weights, wide, _ = self._weights(model, part)
                covariance = wide @ part.spread @ wide
                own = np.einsum("pa,pab,pb->p", weights, part.C, weights)
                noise = np.einsum("pab,pba->p", part.C, covariance)
                size = model.rows.model.noise_variance * np.maximum(own - noise, 0)
                found[self.places[part.columns.places], k] = size / model.rows.total
        return found

    def decided(
        self,
        points: NDArray,
        partition: Partition,
        groups: Blocks,
        *,
        output: int | None = None,
        sign: float = 1.0,
        steps: Steps | None = None,
        levels: LevelPoints | None = None,
    ) -> Decisions:
        """P-values, and effects in groups of points.

        Parameters
        ----------
        points : ndarray of shape (n, d)
            In standard units.
        partition : Partition
        groups : Blocks
            Columns of every feature.
        output : int, optional
            All outputs by default.
        sign : float, default=1
            -1 for the opposite of an output.
        steps : Steps, optional
            Finite differences that replace derivatives.
        levels : LevelPoints, optional
            The points, with the levels of their features.
        """
        outputs = list(range(self.task.y.shape[1])) if output is None else [output]
        at = _Places(points, partition, groups, steps)
        effects = [self._effects(k, at).turned(sign) for k in outputs]
        p = self.pair_p_value if len(outputs) > 1 else self.p_value[:, outputs[0]]
        share = self.share[:, outputs].mean(1)
        at_levels = None
        if levels is not None:
            asked = self.pairs, self._pair_weights, at.slopes, points
            at_levels = EffectsAtLevels(*asked, levels, outputs, sign)
        return Decisions(p, self.reason, share, effects, partition.weights, at_levels)

    def _pair_weights(self, place: int, output: int) -> PairWeights | None:
        """Weights of one pair for one output; None if it was not tested."""
        for part in self.models[output].statistics if self.models else ():
            own = np.flatnonzero(self.places[part.columns.places] == place)
            if len(own):
                model, one = self.models[output], part.part(own)
                (weights,), (wide,), (means,) = self._weights(model, one)
                return PairWeights(
                    model.pairs.main,
                    one.columns.factors[:, 0],
                    means,
                    weights,
                    wide @ one.M[0] @ wide,
                    float(_freedom(one)[0]),
                )
        return None

    def weights_of(self, pair: tuple[int, int], output: int) -> PairWeights:
        """Weights of one pair that was tested."""
        (place,) = np.flatnonzero((self.pairs == pair).all(1))
        found = self._pair_weights(int(place), output)
        if found is None:
            raise ValueError(f"The pair {pair} was not tested: {self.reason[place]}.")
        return found

    def _effects(self, output: int, at: "_Places") -> SignedEffects:
        """Effects of one output: along numbers, if these have a sign, or norms.

        If values are missing, a pair may interact by that alone: where the numbers say no sign, the
        norm counts what is missing too.
        """
        groups = at.groups
        is_norm = np.asarray(~groups.signed[self.pairs].all(axis=1))
        found = self._measured(output, at, is_norm)
        silent = groups.has_gaps[self.pairs].any(axis=1) & ~is_norm
        if silent.any():
            silent &= found.sign() == ""
        return self._measured(output, at, is_norm | silent) if silent.any() else found

    def _measured(self, output: int, at: "_Places", is_norm: NDArray) -> SignedEffects:
        """Effects of one output, some of them as norms over the columns of both features."""
        P, M = len(self.pairs), at.partition.n_groups + 1
        effect, shrunken, square, spread = np.full((4, P, M), np.nan)
        correlation, freedom = np.full((P, M, M), np.nan), np.full(P, np.nan)
        for part in self.models[output].statistics if self.models else ():
            model = self.models[output]
            weights, wide, means = self._weights(model, part)
            covariance = wide @ part.M @ wide
            slopes = at.mean_slopes(model.pairs.main, part.columns.factors)
            df = _freedom(part)
            for row, own in enumerate(part.columns.places):
                place = self.places[own]
                b, S, mean = weights[row], covariance[row], means[row]
                freedom[place] = df[row]
                turned = self._turned(at.groups, place, slopes[row], whole=bool(is_norm[place]))
                if is_norm[place]:
                    found = turned @ b
                    errors = turned @ S @ turned.swapaxes(1, 2)
                    effect[place] = np.linalg.norm(found, axis=1)
                    shrunken[place] = np.linalg.norm(turned @ mean, axis=1)
                    square[place] = np.einsum("gss->g", errors)
                    spread[place] = np.square(errors).sum((1, 2))
                    correlation[place] = np.eye(M)
                    continue
                a = turned[:, 0]
                effect[place], shrunken[place], errors = a @ b, a @ mean, a @ S @ a.T
                square[place] = errors.diagonal()
                error = np.sqrt(np.maximum(square[place], np.finfo(float).tiny))
                correlation[place] = errors / np.outer(error, error)
        return SignedEffects(effect, shrunken, square, spread, correlation, freedom, is_norm)

    def _turned(
        self, groups: Blocks, place: int, slopes: NDArray, *, whole: bool
    ) -> NDArray[np.float64]:
        """Mean slopes by group of points and by pair of uncorrelated coordinates, (M, s, m)."""
        model = self.models[0]
        own = model.pairs.column_pairs[int(np.searchsorted(self.places, place))]
        counts = [len(model.pairs.main.products_of(k, model.pairs.size).pair) for k in own.tolist()]
        of = np.repeat(np.arange(len(own)), counts)
        turn = groups.turn(*self.pairs[place], whole=whole)
        return np.einsum("sm,mg->gsm", turn[:, of], slopes)

    @staticmethod
    def _weights(model: NullModel, part: PairStatistics) -> tuple[NDArray, NDArray, NDArray]:
        """Weights that are hardly shrunk, what makes them of u, and weights by the pair's prior.

        Their covariance is that of u as the rows show it, with what the pair itself adds to the
        residuals: it makes up for what is finer than the columns of a pair. A pair that is not in
        the model has a typical prior.
        """
        o, unit = part.columns.relative, model.rows.model.unit
        own = part.columns.prior.any(1, keepdims=True)
        priors = _WIDE * unit * o, np.where(own, part.columns.prior, TYPICAL[2] * unit * o)
        wide, inverse = (
            np.linalg.inv(part.C + np.eye(o.shape[1]) / np.maximum(prior, _LEAST)[:, None])
            for prior in priors
        )
        weights, means = (np.einsum("pab,pb->pa", one, part.u) for one in (wide, inverse))
        return weights, wide, means


@dataclass(frozen=True, eq=False)
class _Places:
    """Points at which effects are asked for.

    Parameters
    ----------
    points : ndarray of shape (n, d)
    partition : Partition
    groups : Blocks
    steps : Steps, optional
    """

    points: NDArray[np.float64]
    partition: Partition
    groups: Blocks
    steps: Steps | None = None

    def mean_slopes(self, products: Products, factors: NDArray) -> NDArray[np.float64]:
        """Mean products of slopes in every group and over all points, (p, m, M + 1).

        Parameters
        ----------
        products : Products
        factors : ndarray of shape (2, p, m)
        """
        slopes, flat = partial(self.slopes, products), factors.reshape(2, -1)
        means = mean_products(slopes, flat, self.points, self.partition)
        both = np.vstack([means, self.partition.weights @ means])
        return both.T.reshape(*factors.shape[1:], -1)

    def slopes(self, products: Products, X: NDArray) -> NDArray[np.float64]:
        """Derivatives of all functions, or their differences over a step, shape (F, n)."""
        found = products.slopes(X)
        if self.steps is not None:
            for place, j in enumerate(self.steps.features):
                basis, start = products.bases[j], products.starts[j]
                above, below = (end.numpy() for end in self.steps.ends(torch.as_tensor(X), place))
                change = (basis(above) - basis(below)) / self.steps.sizes[place]
                found[start : start + basis.n_functions] = change.T
        return found


def _freedom(part: PairStatistics) -> NDArray[np.float64]:
    """Degrees of freedom of the variances of pairs."""
    trace = np.einsum("pm,pmm->p", part.columns.relative, part.M)
    return degrees_of_freedom(trace, part.fourth)


def _say_functions(
    why: NDArray, main: Products, task: Task, features: Features, pairs: NDArray
) -> None:
    """Say where one feature is nearly a function of the other, so that a product is curvature."""
    alone = np.array([len(own) == 1 for own in features.columns])
    asked = np.flatnonzero((why == "") & alone[pairs].all(axis=1))
    values = main.values(task.X[:_MOST_COMPARED])
    d = len(main.bases)
    centred = values[1:] - values[1:].mean(1, keepdims=True)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), np.finfo(float).tiny)
    there = np.array([basis.n_functions > 0 for basis in main.bases])
    explained = np.zeros((d, d))
    lines = centred[main.starts[there] - 1]
    for j in np.flatnonzero(there).tolist():
        own = slice(main.starts[j] - 1, main.starts[j] - 1 + main.bases[j].n_functions)
        explained[there, j] = np.square(lines @ centred[own].T).sum(1)  # functions are orthogonal
    for place in asked.tolist():
        i, j = (features.columns[f][0] for f in pairs[place])
        for a, b, one, other in ((i, j, *pairs[place]), (j, i, *pairs[place][::-1])):
            if explained[a, b] > _FUNCTION and main.bases[b].n_functions < len(task.X) / 2:
                why[place] = (
                    f"{features.names[one]} is nearly a function of {features.names[other]}: their "
                    "interaction cannot be told from curvature"
                )


def _too_few(task: Task) -> str:
    """Why a table has too few rows for tests; '' if it has enough."""
    if len(task.X) < LEAST_ROWS:
        return f"{len(task.X)} rows; a test needs at least {LEAST_ROWS}"
    if task.has_labels:
        counts = task.y.sum(0)
        rarest = min(counts.min(), (len(task.y) - counts).min())
        if rarest < _LEAST_CLASS:
            return f"{rarest:.0f} rows of the rarest class; a test needs at least {_LEAST_CLASS}"
    if task.units is not None and (n_units := task.units.max() + 1) < _LEAST_UNITS:
        return f"rows of {n_units} units; a test needs at least {_LEAST_UNITS}"
    return ""
