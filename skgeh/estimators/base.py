"""The part that both estimators share: learning a posterior and measuring its interactions."""

import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch.history import History

from skgeh.estimators._collinearity import warn_of_exchangeable
from skgeh.estimators._components import ProcessComponents
from skgeh.estimators.fit_quality import FitQuality, _FitSample
from skgeh.estimators.parameters import _NetworkParameters, check_auto
from skgeh.geh.functions import RandomFunction, evaluate
from skgeh.geh.interactions import Interactions
from skgeh.geh.levels import LevelPoints
from skgeh.geh.measure import Axes, Question, measure
from skgeh.geh.n_groups import find_n_groups
from skgeh.geh.partition import Partition
from skgeh.geh.push_forward import BLOCK
from skgeh.geh.task import Learned
from skgeh.geh.views.blocks import Blocks, GroupedPosterior
from skgeh.geh.views.differences import DifferencedPosterior, Steps
from skgeh.parallel import ONE_THREAD, progress_bar
from skgeh.posteriors.stacking import StackedPosterior, Stacking
from skgeh.posteriors.trainer import Trainer
from skgeh.process.decide import PairTests
from skgeh.tables.column_groups import joined_features
from skgeh.tables.features import Features
from skgeh.tables.messages import warn
from skgeh.tables.reading import Reading
from skgeh.tables.rows import point_rows
from skgeh.tables.suspicions import suspicions
from skgeh.tables.table import Table
from skgeh.training.loop import StackNet

_PREDICT_DRAWS = 100


class InteractionEstimator(_NetworkParameters):
    """A posterior over functions, learned from a table, and the interactions of its features."""

    def fit(self, X, y, sample_weight=None, groups=None):
        """Learn the posterior.

        Parameters
        ----------
        X : array-like or data frame of shape (n, d)
            At least 8 rows and 2 features. A pandas, polars or pyarrow frame may have numbers,
            words, categories, booleans, dates and missing values; ``encoding_.notes`` says what
            each column was taken for.
        y : array-like of shape (n,) or, for a regressor, (n, c)
            Numbers for one or several targets; for a classifier, labels of two or more classes.
        sample_weight : array-like of shape (n,), default=None
            How often each row counts. Networks weigh the prior against the sum of the weights. In a
            Gaussian process, the noise variance of a row is divided by its weight relative to the
            mean weight. For the losses "poisson" and "gamma", a weight is an exposure, as in
            scikit-learn's PoissonRegressor: pass counts divided by exposures as y, and exposures as
            weights. A row of weight 2 is then as good as the mean of two rows of weight 1.
        groups : array-like of shape (n,), default=None
            Unit that each row belongs to, such as a patient or a day, if rows of one unit are not
            independent. All rows of a unit are held out together, so that the noise, the weights of
            the process and of networks, and `fit_quality_` are those for new units.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If columns cannot be used (free text, ids, lists, infinity; named with the cure), the
            table has too few rows or features, or only one class, or if a parameter cannot be used;
            the message says what was expected.
        """
        self.__dict__.pop("posterior_", None)  # a fit that fails leaves no fitted model
        trainer, labels = self.trainer(), is_classifier(self)
        reader = type(self).__name__
        table = Table.of(
            X, y, sample_weight, groups, labels=labels, loss=trainer.loss, reader=reader
        )
        return self.learn(table, trainer)

    def learn(self, table: Table, trainer: Trainer) -> "InteractionEstimator":
        """Learn the posterior from a checked table, with the trainer that `trainer()` returned.

        Parameters
        ----------
        table : Table
        trainer : Trainer

        Returns
        -------
        self
        """
        table.name_features_of(self)
        trainer = replace(trainer, classes=table.classes)
        weight = trainer.row_weights(table.y, table.weight)
        weighed = table if weight is table.weight else replace(table, weight=weight)
        learned = self._learn(weighed, trainer)
        self._keep(table, learned)
        return self

    @abstractmethod
    def _keep(self, table: Table, learned: Learned) -> None:
        """Set the posterior and the attributes that depend on the kind of target."""

    @ONE_THREAD
    def _learn(self, table: Table, trainer: Trainer) -> Learned:
        """Learn, and keep the data that interactions need."""
        seeds = np.random.SeedSequence(check_random_state(self.random_state).randint(2**31 - 1))
        rows_seed, train_seed, self._seed = seeds.generate_state(3, np.uint32).tolist()
        self._frame_backend, self.encoding_ = table.frame_backend, table.encoding
        self.features_ = joined_features(self.feature_groups, table.encoding, table.X)
        self.feature_groups_ = {one.name: list(one.columns) for one in self.features_}
        self._x_scaler, Z = table.x_scaler, table.Z
        self._whole_columns = table.whole_columns
        task = trainer.task(Z, table.target, table.weight, table.units)
        learned = trainer.family.learn(task, trainer, train_seed)
        held_out = learned.held_out
        generator = np.random.default_rng(rows_seed)
        self._rows = point_rows(held_out.rows, task.weight, generator)
        self._points = Z[self._rows]
        self._fit_sample = _FitSample.of(task, held_out, rows_seed)
        self._net = learned.net
        self._task = task
        self._tests: PairTests | None = None
        self._interactions: Interactions | None = None
        self._fit_quality: FitQuality | None = None
        return learned

    def _score_points(self, points: NDArray) -> NDArray[np.float64] | None:
        """Points at which scores are computed; None means the given points."""
        return None

    @abstractmethod
    def _output(self, target: Any) -> tuple[int | None, float]:
        """Index of a target's output (None for all outputs), and its sign."""

    @abstractmethod
    def _target_scale(self, output: int | None) -> float | None:
        """Standard deviation of an output; None if several have different ones."""

    @property
    @abstractmethod
    def _unit_name(self) -> str:
        """Unit of the outputs, in words."""

    @property
    def net_(self) -> StackNet:
        """The trained networks as a stack of copies."""
        check_is_fitted(self, "posterior_")
        if self._net is None:
            raise AttributeError(
                "There are no networks: this model is a Gaussian process. Use posterior_ instead, "
                "or fit with posterior='concrete_dropout'."
            )
        return self._net

    @property
    def history_(self) -> History:
        """Losses per epoch."""
        return self.net_.history

    @property
    def stacking_weights_(self) -> dict[str, float]:
        """Weights of the process and of the networks in the posterior."""
        check_is_fitted(self, "posterior_")
        if isinstance(self.posterior_, StackedPosterior):
            return self.posterior_.weights
        if not (self.posterior == "auto" or isinstance(self.posterior, Stacking)):
            raise AttributeError(
                "There are no weights: this posterior is not stacked. Fit with posterior='auto'."
            )
        return {"process": 0.0, "networks": 1.0}  # of a table that is too large for a process

    @property
    def fit_quality_(self) -> FitQuality:
        """Quality of predictions for rows that the model has not seen, computed on first access.

        That access warns if gradient boosting predicts much better.
        """
        check_is_fitted(self, "posterior_")
        if self._fit_quality is None:
            self._fit_quality = self._fit_sample.quality_beside_boosting()
            self._fit_quality.warn_of_missed()
        return self._fit_quality

    @property
    def interactions_(self) -> Interactions:
        """Interactions at held-out rows, computed on first access."""
        check_is_fitted(self, "posterior_")
        if self._interactions is None:
            self._interactions = self._measure(self._points, self.n_groups, self.n_draws)
            self._warn(self._interactions)
        return self._interactions

    @property
    def n_groups_(self) -> int:
        """Number of groups of points in `interactions_`."""
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
        """Measure interactions at other points, for one target, or with other groups.

        Parameters
        ----------
        X : array-like of shape (n, d), default=None
            Points to average over. All of them are used, but the number of groups and the scores
            are computed from 1000 of them. By default, up to 1000 rows of the training table,
            held-out rows first, in proportion to their weights.
        target : int or class label, default=None
            Index of one of several targets, from 0, or label of one class. By default, effects and
            scores are means over all targets or classes, and group effects are magnitudes without
            sign; for two classes, they are those of the log-odds of the second class.
        n_groups : int or "auto", default=None
            None means the estimator's own value.
        n_draws : int, default=None
            None means the estimator's own value.
        differences : bool, default=False
            Whether finite differences of one unit, on the scale of derivatives, replace derivatives
            along features with up to 20 distinct whole numbers, booleans included. Scores are
            always those of derivatives.

        Returns
        -------
        Interactions

        Warns
        -----
        UserWarning
            If, for rows that it has not seen, the model predicts no better than a constant or worse
            than main effects alone (see ``fit_quality_``), or if one of the first five pairs may
            stand for other pairs because some features nearly determine each other.
        """
        check_is_fitted(self, "posterior_")
        n_groups = self.n_groups if n_groups is None else n_groups
        n_draws = self.n_draws if n_draws is None else n_draws
        check_scalar(n_draws, "n_draws", Integral, min_val=2)
        check_auto(n_groups, "n_groups")
        points = self._points if X is None else self._standardised(X)
        found = self._measure(points, n_groups, n_draws, target, differences=differences)
        self._warn(found)
        return found

    def doubts(self) -> list[str]:
        """What speaks against the tables of this model, in sentences, each a warning of its own.

        Returns
        -------
        list of str
            What was said at the first access of `interactions_` and of `fit_quality_`.
        """
        check_is_fitted(self, "posterior_")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found, quality = self.interactions_, self.fit_quality_
            for doubt in self._table_doubts:
                warn(doubt)
            self._warn(found)
            quality.warn_of_missed()
        return list(dict.fromkeys(str(one.message) for one in caught))

    def choose_n_groups(self, n_groups: int | str = "auto") -> tuple[int, NDArray | None]:
        """Number of groups, as given or as chosen by rank-weighted distances, and the distances.

        Parameters
        ----------
        n_groups : int or "auto", default="auto"

        Returns
        -------
        n_groups : int
        distances : ndarray of shape (1, M_max - 1) or None
            None if the number was given.
        """
        asked = self.n_groups if n_groups == "auto" else n_groups
        if not isinstance(asked, str):
            return asked, None
        points = torch.as_tensor(self._points, dtype=torch.float32)
        return find_n_groups(self.posterior_, points)

    def _warn(self, found: Interactions) -> None:
        """Warn if a table of interactions may not be reliable."""
        self._fit_sample.quality().warn()  # without boosting, which takes longer
        free = [(f, column) for f, one in enumerate(self.features_) for column in one.free]
        owners, columns = np.array(free).T
        sets = [set(owners[list(one)].tolist()) for one in self._fit_sample.exchangeable(columns)]
        sets = [features for features in sets if len(features) > 1]
        warn_of_exchangeable(found, sets)

    def _standardised(self, X: Any) -> NDArray[np.float64]:
        """New rows in the units of the posterior."""
        check_is_fitted(self, "posterior_")
        read = Reading.of(X, type(self).__name__)
        validate_data(self, X, skip_check_array=True, reset=False)
        return self._x_scaler.transform(self.encoding_.transform(read))

    def _drawn(
        self, posterior: RandomFunction, x: NDArray, dtype: torch.dtype
    ) -> Iterator[NDArray[np.float64]]:
        """Values of 100 draws at rows in standard units, in blocks of shape (B, n, c)."""
        generator = torch.Generator().manual_seed(self._seed)
        for first in range(0, _PREDICT_DRAWS, BLOCK):
            function = posterior.draw(BLOCK, generator, first=first)
            yield evaluate(function, x, BLOCK, dtype)

    def _reader(self) -> "InteractionEstimator":
        """A copy that reads rows and has the tests, whatever this one learns next."""
        found = copy(self)
        for name in ("_interactions", "_fit_sample", "_fit_quality", "_net", "_predictive"):
            found.__dict__.pop(name, None)  # they are large
        found.posterior_ = None
        return found

    def _blocks(self) -> Blocks:
        """Columns of each feature."""
        return Blocks.of_features(self.features_, self._points)

    @property
    def _has_groups(self) -> bool:
        """Whether some features have several columns, or no slope."""
        return not all(one.is_number and len(one.columns) == 1 for one in self.features_)

    def pair_tests(self) -> PairTests:
        """Tests of all pairs of features, computed once, on first access of `interactions_`."""
        if self._tests is None:
            features = Features.named(self._task.X, self.feature_groups_)
            bar = progress_bar("score test", self.verbose)
            self._tests = PairTests.of(self._task, features, n_jobs=self.n_jobs, progress=bar)
            given = replace(features, X=self._x_scaler.inverse_transform(self._task.X))
            odd = suspicions(given, self._task.y)
            self._table_doubts = [*odd, *self._tests.doubts(features.owners)]
            for doubt in self._table_doubts:
                warn(doubt)
        return self._tests

    @ONE_THREAD
    def _measure(
        self,
        points: NDArray,
        n_groups: int | str,
        n_draws: int,
        target: Any = None,
        *,
        differences: bool = False,
    ) -> Interactions:
        """Interactions at points in standard units, between groups of columns if there are any."""
        output, sign = self._output(target)
        view: RandomFunction = self.posterior_
        names: Sequence[str] = self.encoding_.column_names
        scales, steps = self._x_scaler.scale_, None
        if differences:  # a category has no steps
            alone = [one.columns[0] for one in self.features_ if len(one.columns) == 1]
            steps = Steps.of(self._whole_columns, scales, alone)
            view = DifferencedPosterior(view, steps)
        if self._has_groups:
            view, names = GroupedPosterior(view, self._blocks()), list(self.feature_groups_)
            scales = np.array(
                [scales[one.columns[0]] if one.is_number else 1.0 for one in self.features_]
            )
        found = measure(
            self.posterior_,
            points,
            Question(n_groups, n_draws, output, self._seed, self.n_jobs, self.verbose),
            Axes(names, scales, self._target_scale(output), self._frame_backend),
            view=view,
            score_points=self._score_points(points),
        )
        found = replace(found, group_effects=sign * found.group_effects)
        found = self._decided(found, points, output, sign, steps)
        if points is not self._points:
            return found
        order = np.argsort(self._rows, kind="stable")
        assert found.labels_ is not None
        assert found.points is not None
        labels, original = found.labels_[order], found.points[order]
        return replace(found, labels_=labels, rows_=self._rows[order], points=original)

    def _decided(
        self,
        found: Interactions,
        points: NDArray,
        output: int | None,
        sign: float,
        steps: Steps | None,
    ) -> Interactions:
        """Add what the table decides, and what it takes to say where and how."""
        assert found.labels_ is not None
        original = self._x_scaler.inverse_transform(points)
        levels = LevelPoints(self.features_, original, self._x_scaler.transform)
        at = points, Partition(found.labels_), self._blocks()
        decisions = self.pair_tests().decided(
            *at, output=output, sign=sign, steps=steps, levels=levels
        )
        each = [] if output is not None else enumerate(self._target_labels)
        targets = {label: self._target_scale(k) for k, label in each}
        components = None
        if output is not None and (unit := self._target_scale(output)) is not None:
            asked = self.features_, output, sign * unit, self._unit_name
            components = ProcessComponents(self._reader(), *asked)
        return replace(
            found,
            decisions=decisions,
            features=self.features_,
            targets=targets,
            components=components,
            points=original,
        )

    @property
    def _target_labels(self) -> list:
        """Labels of the classes, or places of the targets."""
        return getattr(self, "classes_", np.arange(self.posterior_.n_outputs)).tolist()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        return tags

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        """Fitted attributes that a notebook shows: only those that were computed already."""
        stored, kept = BaseEstimator(), vars(self)
        lazy = {"interactions_": "_interactions", "fit_quality_": "_fit_quality", "net_": "_net"}
        known = {name: kept[own] for name, own in lazy.items() if kept.get(own) is not None}
        vars(stored).update(kept | known)
        found = BaseEstimator._get_fitted_attr_html(stored, doc_link)
        found.estimator_class = type(self)
        return found
