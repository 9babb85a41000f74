"""A transformer that appends products of interacting features."""

from itertools import product
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from skgeh.estimators import BayesianInteractionRegressor, InteractionEstimator, check_auto
from skgeh.posteriors.trainer import Trainer
from skgeh.significance.crossfit import check_loss, crossfit
from skgeh.significance.permutation import permute
from skgeh.significance.result import CrossfitResult, TestResult
from skgeh.significance.score import LEAST_ROWS, of_table, result_of
from skgeh.tables.encoding import unique_names
from skgeh.tables.features import Features
from skgeh.tables.frames import make_frame
from skgeh.tables.messages import warn
from skgeh.tables.reading import Reading
from skgeh.tables.table import MIN_ROWS, Table

_CROSSFITTED = ("crossfit", "sequential")
_TESTED = ("p_value", "p_fdr", "tested", "reason")  # columns that are those of the test instead
_TESTS = ("score", "crossfit", "sequential", "permutation", "interval", None)


class GEHSelector(TransformerMixin, BaseEstimator):
    """Find the pairs of features that interact, and append their products to the table.

    `fit` ranks the pairs with a Bayesian estimator and tests which of them are real. `transform`
    appends one column per chosen pair, the product of the two centred features, so that a linear
    model after it can use the interaction; it never looks at the target. If no pair is chosen, the
    table passes through unchanged.

    Parameters
    ----------
    estimator : BayesianInteractionRegressor or -Classifier, or FrozenEstimator, default=None
        Estimator that ranks the pairs. A clone of it is fitted; None means a regressor with default
        parameters. A fitted estimator inside `sklearn.frozen.FrozenEstimator` ranks as it is.
    test : {"score", "crossfit", "sequential", "permutation", "interval", None}, default="score"
        Rule by which pairs are chosen. "score" is `score_test`, "crossfit" is `crossfit_test`,
        which refits the estimator and takes in the score test, and "sequential" is the same with
        sequential splits; all three control errors in the presence of true interactions.
        "permutation" is `permutation_test`, which tests the global hypothesis that nothing in the
        table matters; it does not control errors in the presence of true interactions (a warning
        says so). "interval" chooses pairs whose posterior interval lies above 0, a description
        without error control. None chooses the `max_pairs` strongest pairs.
    control : {"fdr", "fwer"}, default="fdr"
        Error rate that `alpha` bounds: the false discovery rate or the family-wise error rate. It
        is the rate over pairs; with several targets or classes, a pair is false if it interacts for
        none of them.
    alpha : float, default=0.05
        Level of the test; the interval has probability ``1 - alpha``.
    max_pairs : int, default=None
        Largest number of pairs to choose, the strongest of those that pass the test. Required if
        `test` is None.
    n_groups : int or "auto", default="auto"
        Number of groups of points (M) in the group expected Hessian; "auto" leaves the choice to
        the estimator.
    n_jobs : int, default=None
        Jobs over refits and posterior draws. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of the ranking and of the test.
    verbose : int or bool, default=0
        Whether to show progress bars with the time left.

    Attributes
    ----------
    pairs_ : list of tuple of two int
        Chosen pairs of features, strongest first, in the form that ExplainableBoosting's
        `interactions` takes. Features are columns, or groups of them such as the one-hot columns of
        a category, in the order of ``interactions_.feature_names``.
    column_pairs_ : list of tuple of two int
        The same as pairs of columns, all between the columns of both features.
    interactions_ : Interactions
        The ranking.
    test_result_ : ScoreResult, CrossfitResult, PermutationResult or None
        Result of the test.
    estimator_ : BayesianInteractionRegressor or BayesianInteractionClassifier
        The fitted estimator that ranks the pairs.
    n_groups_ : int
        Number of groups of points.
    distances_ : ndarray or None
        Rank-weighted distances (Eq. 7) from which "auto" chose `n_groups_`.
    means_ : ndarray of shape (D,)
        Centres of the encoded columns.
    encoding_ : Encoding
        What each given column was taken for, and the columns that it became.
    n_features_in_ : int
        Number of columns given.
    feature_names_in_ : ndarray of shape (d,)
        Only if X has column names.

    References
    ----------
    T. Cui, P. Marttinen, S. Kaski, "Learning Global Pairwise Interactions with Bayesian Neural
    Networks", ECAI 2020.

    Examples
    --------
    >>> from skgeh import BayesianInteractionRegressor, GEHSelector
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X[:, 0] * X[:, 2] + rng.normal(size=200)
    >>> selector = GEHSelector(BayesianInteractionRegressor(max_epochs=20), random_state=0)
    >>> selector.fit_transform(X, y).shape
    (200, 4)
    >>> selector.pairs_, selector.get_feature_names_out().tolist()
    ([(0, 2)], ['x0', 'x1', 'x2', 'x0 x2'])
    """

    def __init__(
        self,
        estimator=None,
        *,
        test="score",
        control="fdr",
        alpha=0.05,
        max_pairs=None,
        n_groups="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.test = test
        self.control = control
        self.alpha = alpha
        self.max_pairs = max_pairs
        self.n_groups = n_groups
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None, groups=None):
        """Rank the pairs and decide which interact.

        Parameters
        ----------
        X : array-like or data frame of shape (n, d)
            At least 40 rows for the score test, 100 for a cross-fitted one. Words, categories,
            booleans, dates and missing values as in `BayesianInteractionRegressor.fit`.
        y : array-like of shape (n,) or (n, c)
            With several targets or classes, pairs that interact for any of them are chosen; see
            `TestResult.adjusted_pairs`.
        sample_weight : array-like of shape (n,), default=None
            How often each row counts in the ranking, and its precision in the score test. Other
            tests leave out rows of weight 0 and support no other weights.
        groups : array-like of shape (n,), default=None
            Unit (patient, site, ...) of every row, for rows that are not independent; see
            `crossfit_test`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the table or a parameter cannot be used; the message says what was expected.
        """
        self.__dict__.pop("pairs_", None)  # a fit that fails leaves no fitted selector
        self._check_parameters()
        rank_seed, test_seed = check_random_state(self.random_state).randint(2**31 - 1, size=2)
        model = self._ranking_model(rank_seed)
        trainer, frozen = model.trainer(), isinstance(self.estimator, FrozenEstimator)
        labels, reader = is_classifier(model), type(self).__name__
        checked = frozen or self.test in ("score", *_CROSSFITTED)  # the test checks its own
        least = 1 if checked else MIN_ROWS
        if self.test in _CROSSFITTED:
            check_loss(model)
        known = {
            "labels": labels,
            "loss": trainer.loss,
            "encoding": model.encoding_ if frozen else None,
        }
        if frozen:
            self._check_same_columns(model, X)
        table = Table.of(X, y, sample_weight, groups, **known, min_rows=least, reader=reader)
        table.name_features_of(self)
        self._check_testable(table)
        model = model if frozen else model.learn(table, trainer)
        self.encoding_ = table.encoding
        self.estimator_ = model
        self.n_groups_, self.distances_ = model.choose_n_groups(self.n_groups)
        self.interactions_ = model.interactions(n_groups=self.n_groups_)
        self.means_ = np.average(table.X, axis=0, weights=table.weight)
        self.test_result_ = self._tested(table, trainer, int(test_seed))
        order = self._order()
        chosen = order[self._passed()[order]][: self.max_pairs]
        self.pairs_ = [(int(i), int(j)) for i, j in self.interactions_.pairs[chosen]]
        self._columns = list(model.feature_groups_.values())
        products = [product(self._columns[i], self._columns[j]) for i, j in self.pairs_]
        self.column_pairs_ = [tuple(sorted(pair)) for pairs in products for pair in pairs]
        if not self.pairs_ and self.max_pairs != 0:
            warn(self._nothing_chosen())
        return self

    def transform(self, X):
        """Append the products of the centred columns of the two features of every chosen pair.

        Parameters
        ----------
        X : array-like or data frame of shape (n, d)
            Levels that `fit` has not seen count as the average of the known ones.

        Returns
        -------
        ndarray or data frame of shape (n, D + k)
            The encoded table, which is the table itself if it holds numbers, none missing; and k
            products, one for each chosen pair of features that are single columns.
        """
        check_is_fitted(self, "pairs_")
        read = Reading.of(X, type(self).__name__)
        validate_data(self, X, skip_check_array=True, reset=False)
        encoded = self.encoding_.transform(read)
        first, second = np.array(self.column_pairs_, dtype=np.intp).reshape(-1, 2).T
        centred = encoded - self.means_
        return np.hstack([encoded, centred[:, first] * centred[:, second]])

    def get_feature_names_out(self, input_features=None):
        """Names of the columns, and "a b" for the product of a and b.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns; those seen in `fit` by default.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self, "pairs_")
        names = _check_feature_names_in(self, input_features)
        names = names if self.encoding_.is_plain else self.encoding_.column_names
        products = [f"{names[i]} {names[j]}" for i, j in self.column_pairs_]
        return np.array(unique_names([*names, *products]), dtype=object)

    def to_frame(self, units="standard"):
        """The table of `Interactions.to_frame` with the p-values of the selector's test.

        Parameters
        ----------
        units : {"standard", "original"}, default="standard"

        Returns
        -------
        data frame
            p_adjusted is p_value corrected as `control` says, and replaces p_fdr; with several
            targets, both belong to an interaction for any of them. Both are missing without a test.
            There is a column selected. After a cross-fitted test of one target by networks, there
            are also confirmed_effect, with the confidence interval confirmed_low to confirmed_high
            for detected pairs, and strength_low; see `CrossfitResult`.
        """
        check_is_fitted(self, "pairs_")
        found, result = self.interactions_, self.test_result_
        p, q = np.full((2, len(found.pairs)), np.nan)
        tested, reason = np.zeros(len(p), dtype=bool), np.full(len(p), "no test", dtype=object)
        if result is not None:
            p, q = result.pair_p_value, result.adjusted_pairs(self.control)
            tested, reason = result.tested_pairs, result.reason
        chosen = set(self.pairs_)
        columns = {
            "p_value": p,
            "p_adjusted": q,
            "tested": tested,
            "reason": reason,
            "selected": np.array([tuple(pair) in chosen for pair in found.pairs.tolist()]),
        }
        if (
            isinstance(result, CrossfitResult)
            and result.targets is None
            and result.confirmed_effect is not None
        ):
            scale = found.unit_scale(units)
            low, high = result.confirmed_interval().T * scale
            columns |= {
                "confirmed_effect": result.confirmed_effect * scale,
                "confirmed_low": low,
                "confirmed_high": high,
                "strength_low": result.strength_lower(),
            }
        own = {name: values for name, values in found.columns(units).items() if name not in _TESTED}
        return make_frame(own | columns, self._order(), found.frame_backend)

    def interaction_cst(self):
        """Interaction constraints for HistGradientBoosting: chosen pairs, and other features alone.

        Returns
        -------
        list of set of int
            Columns that may interact.
        """
        check_is_fitted(self, "pairs_")
        paired = {feature for pair in self.pairs_ for feature in pair}
        given = [set(self.encoding_.given_columns(own)) for own in self._columns]
        together = [given[i] | given[j] for i, j in self.pairs_]
        return together + [own for k, own in enumerate(given) if k not in paired]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        return tags

    def _check_parameters(self) -> None:
        """Raise an error if a parameter cannot be used."""
        if self.test not in _TESTS:
            known = ", ".join(map(repr, _TESTS))
            raise ValueError(f"test must be one of {known}; got {self.test!r}.")
        if self.control not in ("fdr", "fwer"):
            raise ValueError(f"control must be 'fdr' or 'fwer'; got {self.control!r}.")
        check_scalar(self.alpha, "alpha", Real, min_val=0, max_val=1, include_boundaries="neither")
        check_auto(self.n_groups, "n_groups")
        if self.max_pairs is not None:
            check_scalar(self.max_pairs, "max_pairs", Integral, min_val=0)
        elif self.test is None:
            raise ValueError(
                "With test=None, max_pairs must say how many pairs to choose; got None. Set "
                "max_pairs, or choose a test."
            )

    def _order(self) -> NDArray[np.intp]:
        """Pairs by p-value of the test, then by score; without a test, as in `interactions_`."""
        found, result = self.interactions_, self.test_result_
        if result is None:
            return found.order
        p = np.nan_to_num(result.pair_p_value, nan=np.inf)
        return np.lexsort([-found.score, p])

    def _ranking_model(self, seed: int) -> InteractionEstimator:
        """The estimator that ranks: an unfitted clone, or the one inside a FrozenEstimator."""
        model = self.estimator
        if isinstance(model, FrozenEstimator):
            model = model.estimator
        elif model is None:
            model = BayesianInteractionRegressor()
        if not isinstance(model, InteractionEstimator):
            raise ValueError(
                "estimator must be a BayesianInteractionRegressor or a "
                "BayesianInteractionClassifier, fitted if it is inside a FrozenEstimator; got "
                f"{self.estimator!r}. Pairs of other models can be tested with crossfit_test."
            )
        if isinstance(self.estimator, FrozenEstimator):
            check_is_fitted(model)
            return model
        model = clone(model)
        if model.random_state is None:
            model.set_params(random_state=seed)
        if model.n_jobs is None:
            model.set_params(n_jobs=self.n_jobs)
        if not model.verbose:
            model.set_params(verbose=self.verbose)
        return model

    def _check_same_columns(self, model: InteractionEstimator, X: Any) -> None:
        """Raise an error if a frozen estimator was fitted on other columns."""
        given = Reading.of(X, type(self).__name__)
        if model.n_features_in_ != len(given):
            raise ValueError(
                f"The frozen estimator was fitted on {model.n_features_in_} features; X has "
                f"{len(given)}. They must be the same."
            )
        mine, theirs = list(given.names), list(getattr(model, "feature_names_in_", ()))
        mine = mine if given.is_named else []
        if mine and theirs and mine != theirs:
            raise ValueError(
                f"The frozen estimator was fitted on the columns {theirs}; X has {mine}. They must "
                "be the same, in the same order."
            )

    def _check_testable(self, table: Table) -> None:
        """Raise an error if the table cannot be tested."""
        if self.test in ("interval", None):
            return
        if np.ptp(table.weight) > 0 and self.test != "score":
            raise ValueError(
                f"The test {self.test!r} does not support sample weights: all weights above zero "
                "must be equal, but they differ. Use test='score', or leave the weights out."
            )
        if self.test == "score":
            table.check_testable(LEAST_ROWS)
        elif self.test in _CROSSFITTED:
            table.check_testable()
        else:
            table.check_testable(MIN_ROWS, min_class=1)

    def _tested(self, table: Table, trainer: Trainer, seed: int) -> TestResult | None:
        """Result of the test."""
        if self.test in ("interval", None):
            return None
        features = Features.joined(table, self.estimator_.features_)
        if self.test == "score":
            if isinstance(self.estimator, FrozenEstimator):  # its own tests are of another table
                options = {"n_jobs": self.n_jobs, "verbose": self.verbose}
                return of_table(table, features, self.interactions_.pairs, **options)
            return result_of(self.estimator_.pair_tests(), table, features)
        model = clone(self.estimator_).set_params(n_groups=self.n_groups_)
        verbose = self.verbose or model.verbose
        options = {"n_jobs": self.n_jobs, "random_state": seed, "verbose": verbose}
        if self.test == "permutation":
            warn(
                "test='permutation' selects pairs by the maximum of a null without any signal, as "
                "published. This tests the hypothesis that nothing in the table matters; it does "
                "not control errors in the presence of true interactions. test='score' does."
            )
            return permute(model, table, trainer, features=features, **options)
        cv = "sequential" if self.test == "sequential" else 5
        return crossfit(model, table, trainer, features=features, cv=cv, **options)

    def _nothing_chosen(self) -> str:
        """What to say where no pair passes the test."""
        asked = f"test={self.test!r}, control={self.control!r}, alpha={self.alpha}"
        opening = f"GEHSelector chooses no pair ({asked})"
        ending = (
            "transform returns the table without products. For the strongest pairs, tested or not, "
            "set test=None and max_pairs."
        )
        found, result = self.interactions_, self.test_result_
        if result is None:
            return f"{opening}: no posterior interval lies above 0. {ending}"
        p = result.adjusted_pairs(self.control)
        if np.isnan(p).all():
            return f"{opening}: none could be tested ({result.reason[0]}). {ending}"
        best = int(np.lexsort([result.pair_p_value, np.nan_to_num(p, nan=np.inf)])[0])
        first, second = (found.feature_names[f] for f in found.pairs[best])
        return (
            f"{opening}: the smallest adjusted p-value is {p[best]:.2g}, of {first} x {second}. "
            f"Either no pair interacts, or the rows are too few to show it. {ending}"
        )

    def _passed(self) -> NDArray[np.bool_]:
        """Whether each pair passes the test, shape (P,)."""
        if self.test is None:
            return np.ones(len(self.interactions_.pairs), dtype=bool)
        if self.test_result_ is None:
            found = self.interactions_
            return found.effect > norm.isf(self.alpha / 2) * found.std
        return np.asarray(self.test_result_.adjusted_pairs(self.control) <= self.alpha)
