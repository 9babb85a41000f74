"""What the estimators share: learning, and the question for interactions."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from numbers import Integral
from typing import Any, Literal

import narwhals as nw
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from skorch.history import History

from skgeh.collinearity import exchangeable, warn_of_exchangeable
from skgeh.differences import DifferencedPosterior, Steps
from skgeh.estimators.parameters import NetworkParameters, check_auto
from skgeh.feature_groups import Blocks, GroupedPosterior, resolve_groups
from skgeh.functions import RandomFunction, evaluate
from skgeh.jobs import ONE_THREAD
from skgeh.learning import Learned, Task, learn
from skgeh.likelihoods import Likelihood
from skgeh.measuring import measure
from skgeh.posterior import Interactions
from skgeh.push_forward import BLOCK
from skgeh.quality import FitQuality
from skgeh.splits import counted_rows, point_rows
from skgeh.training import StackNet

MIN_ROWS = 8
PREDICT_DRAWS = 100


class InteractionEstimator(NetworkParameters):
    """A posterior over functions, learned from a table, and the interactions of its features."""

    def _validated(
        self, X: Any, y: Any, sample_weight: Any, **given: Any
    ) -> tuple[NDArray, NDArray, NDArray]:
        """The rows that count of a checked table: features, targets as they are, and weights."""
        self.__dict__.pop("posterior_", None)  # a fit that fails leaves no fitted model
        self._check_parameters()
        polars = nw.dependencies.is_polars_dataframe(X)
        self._frame_backend: Literal["pandas", "polars"] = "polars" if polars else "pandas"
        options = {"dtype": np.float64, "ensure_min_samples": MIN_ROWS, "ensure_min_features": 2}
        X, y = validate_data(self, X, y, **options, **given)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        self._check_target(y[weight > 0])
        counted = counted_rows(weight, MIN_ROWS)
        return X[counted], y[counted], weight[counted]

    def _check_target(self, y: NDArray) -> None:
        """Refuse a target that there is nothing to learn from."""

    @ONE_THREAD
    def _learn(self, X: NDArray, target: NDArray, weight: NDArray) -> Learned:
        """Learn from targets in standard units, shape (n, c), and set what does not need them."""
        likelihood = self._likelihood(target, weight)
        seeds = np.random.SeedSequence(check_random_state(self.random_state).randint(2**31 - 1))
        rows_seed, train_seed, self._seed = seeds.generate_state(3, np.uint32).tolist()
        self.feature_groups_ = resolve_groups(self.feature_groups, self._names, X)
        self._x_scaler = StandardScaler().fit(X, sample_weight=weight)
        Z = self._x_scaler.transform(X)
        alone = [one[0] for one in self.feature_groups_.values() if len(one) == 1]
        self._steps = Steps.of(X, Z, self._x_scaler.scale_, alone)  # a category has no step
        task = Task(
            Z,
            target,
            weight,
            n_networks=self.n_networks,
            n_perturbed=self.n_perturbed,
            validation_fraction=self.validation_fraction,
            likelihood=likelihood,
            train=lambda family, held_out, moves, seed: self._train(
                family, Z, target, weight, held_out, seed, likelihood=likelihood, moves=moves
            ),
        )
        learned = learn(self._network(), task, train_seed)
        held_out = learned.held_out
        self._points = Z[point_rows(held_out.rows, weight, np.random.default_rng(rows_seed))]
        self.fit_quality_ = FitQuality.of_fit(Z, target, weight, held_out, likelihood, rows_seed)
        self._exchangeable = exchangeable(Z)
        self._net = learned.net
        self._interactions: Interactions | None = None
        return learned

    def _score_points(self, points: NDArray) -> NDArray[np.float64] | None:
        """Where scores are computed, if not at the points themselves."""
        return None

    @abstractmethod
    def _likelihood(self, target: NDArray, weight: NDArray) -> Likelihood:
        """What networks learn by, from targets (n, c) as they are trained on, and weights (n,)."""

    def _row_weights(self, target: NDArray, weight: NDArray) -> NDArray[np.float64]:
        """Weights of the rows in training, shape (n,)."""
        return weight

    @abstractmethod
    def _output(self, target: Any) -> tuple[int | None, float]:
        """Which output a target is, None for all, and the sign of it."""

    @abstractmethod
    def _target_scale(self, output: int | None) -> float | None:
        """Standard deviation of an output; None if several have different ones."""

    @property
    def net_(self) -> StackNet:
        """The trained networks as a stack of copies."""
        check_is_fitted(self, "posterior_")
        if self._net is None:
            raise AttributeError(
                "There are no networks: this model is a Gaussian process. Ask posterior_ instead, "
                "or fit with posterior='concrete_dropout'."
            )
        return self._net

    @property
    def history_(self) -> History:
        """Losses by epoch."""
        return self.net_.history

    @property
    def interactions_(self) -> Interactions:
        """Interactions at held-out rows, computed when first asked for."""
        check_is_fitted(self, "posterior_")
        if self._interactions is None:
            self._interactions = self._measure(self._points, self.n_groups, self.n_draws)
            self._warn(self._interactions, stacklevel=2)
        return self._interactions

    @property
    def n_groups_(self) -> int:
        """Number of groups of `interactions_`."""
        return len(self.interactions_.group_weights)

    def interactions(
        self,
        X: Any = None,
        *,
        target: Any = None,
        n_groups: int | str | None = None,
        n_draws: int | None = None,
        differences: bool = False,
    ) -> Interactions:
        """Measure the interactions elsewhere, of one target, or otherwise grouped.

        Parameters
        ----------
        X : array-like of shape (n, d), default=None
            Points to average over, all of them (the number of groups and the scores are decided
            on 1000 of them); by default up to 1000 rows of the training table, held-out ones
            first, in proportion to their weights.
        target : int or class label, default=None
            One of several targets, by its place from 0, or one class, by its label. By default
            effects and scores are means over all, and group effects are magnitudes without sign;
            of two classes they are those of the second one's log-odds.
        n_groups : int or "auto", default=None
            The estimator's own if None.
        n_draws : int, default=None
            The estimator's own if None.
        differences : bool, default=False
            Along features of up to 20 whole numbers, booleans too, take finite differences of one
            unit, on the scale of derivatives, in their place. Scores stay those of derivatives.

        Returns
        -------
        Interactions

        Warns
        -----
        UserWarning
            If the model predicts rows that it has not seen no better than a constant, or worse than
            main effects alone (see ``fit_quality_``); if one of the first five pairs may stand for
            others, since some features nearly determine each other.
        """
        check_is_fitted(self, "posterior_")
        n_groups = self.n_groups if n_groups is None else n_groups
        n_draws = self.n_draws if n_draws is None else n_draws
        check_scalar(n_draws, "n_draws", Integral, min_val=2)
        check_auto(n_groups, "n_groups")
        points = self._points if X is None else self._standardised(X)
        found = self._measure(points, n_groups, n_draws, target, differences=differences)
        self._warn(found, stacklevel=2)
        return found

    def _warn(self, found: Interactions, stacklevel: int) -> None:
        """Say what speaks against believing a table."""
        self.fit_quality_.warn(stacklevel + 1)
        sets = self._exchangeable
        if len(found.feature_names) < self.n_features_in_:  # columns of one group are one feature
            group = self._blocks().group
            sets = [groups for one in sets if len(groups := set(group[list(one)].tolist())) > 1]
        warn_of_exchangeable(found, sets, stacklevel + 1)

    def _standardised(self, X: Any) -> NDArray[np.float64]:
        """New rows in the units of the posterior."""
        check_is_fitted(self, "posterior_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self._x_scaler.transform(X)

    def _drawn(
        self, posterior: RandomFunction, x: NDArray, dtype: torch.dtype
    ) -> Iterator[NDArray[np.float64]]:
        """Values of 100 draws at rows in standard units, block by block of shape (B, n, c)."""
        generator = torch.Generator().manual_seed(self._seed)
        for first in range(0, PREDICT_DRAWS, BLOCK):
            function = posterior.draw(BLOCK, generator, first=first)
            yield evaluate(function, x, BLOCK, dtype)

    @property
    def _names(self) -> list[str]:
        """Names of the columns."""
        given = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        return list(given)

    def _blocks(self) -> Blocks:
        """Columns by group."""
        return Blocks.of(list(self.feature_groups_.values()), self._points)

    @ONE_THREAD
    def _measure(
        self,
        points: NDArray,
        n_groups: int | str,
        n_draws: int,
        target: Any = None,
        *,
        differences: bool = False,
        by_column: bool = False,
    ) -> Interactions:
        """Interactions at some points, in standard units, of groups of columns if there are any."""
        output, sign = self._output(target)
        view: RandomFunction = self.posterior_
        names, scales = self._names, self._x_scaler.scale_
        if differences:
            view = DifferencedPosterior(view, self._steps)
        if len(self.feature_groups_) < len(names) and not by_column:
            view, names = GroupedPosterior(view, self._blocks()), list(self.feature_groups_)
            groups = self.feature_groups_.values()
            scales = np.array([scales[one[0]] if len(one) == 1 else 1.0 for one in groups])
        found = measure(
            self.posterior_,
            points,
            view=view,
            score_points=self._score_points(points),
            n_groups=n_groups,
            n_draws=n_draws,
            target=output,
            feature_names=names,
            feature_scales=scales,
            target_scale=self._target_scale(output),
            frame_backend=self._frame_backend,
            seed=self._seed,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )
        return replace(found, group_effects=sign * found.group_effects)
