"""Interactions: every pair of features with its strength, sign and uncertainty."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from skgeh.geh._group_effects import group_effects
from skgeh.geh._in_words import in_a_line, in_a_table, in_words
from skgeh.geh._regions import Regions
from skgeh.geh.components import Components
from skgeh.geh.decisions import Decisions
from skgeh.geh.pairs import to_matrix
from skgeh.tables.feature import Feature
from skgeh.tables.frames import Backend, make_frame

SIGNIFICANT = 0.05  # largest p_fdr
_SMALLEST = np.finfo(float).smallest_subnormal  # a probability is never printed as 0


@dataclass(frozen=True, eq=False, repr=False)
class Interactions:
    """Interactions of every pair of features: what the rows decide, and the posterior of the GEH.

    The table `to_frame()` decides: p-values, signs, and intervals that cover (see `decisions`).
    `describe_groups()` says in original values where the groups of points lie, `group_frame(a, b)`
    with which sign a pair interacts there, or at every level of a category. The posterior describes
    how strong interactions are, by the group expected Hessian (GEH). All values are in standard
    units: features and target are divided by their standard deviations. For labels, log-odds
    replace the target, and they are not scaled.

    Parameters
    ----------
    pairs : ndarray of shape (P, 2)
        Pairs ``i < j`` in lexicographic order.
    effect : ndarray of shape (P,)
        Magnitude of the interaction, M-GEH (Eq. 6), mean over draws of the posterior.
    std : ndarray of shape (P,)
        Standard deviation over draws.
    score : ndarray of shape (P,)
        Score by which pairs are ranked: how far the interaction stands above the networks'
        disagreement, or how much more the data say for it than a Gaussian process expects. If both
        are stacked, the weighted mean of the normal scores of the pairs' ranks by either.
    draws : ndarray of shape (K, P) or None
        M-GEH of every draw; None if there are too many to keep.
    group_effects, group_std : ndarray of shape (M, P)
        Signed mean second derivative in each group of points, as mean and standard deviation over
        draws. It is positive where an interaction is synergistic and negative where it is
        antagonistic. For a mean over several targets, it is their mean magnitude, without sign.
    group_weights : ndarray of shape (M,)
        Share of the points in each group.
    feature_names : tuple of str
    feature_scales : ndarray of shape (d,)
        Standard deviation of each feature.
    target_scale : float or None
        Standard deviation of the target; 1 for logits; None for a mean over several targets.
    frame_backend : {"pandas", "polars"}, default="pandas"
        Kind of data frame that `to_frame` returns.
    labels_ : ndarray of shape (n,), optional
        Group of every point that was asked for, or of every row in `rows_`.
    rows_ : ndarray of shape (n,), optional
        Rows of the fitted table (of those that count) that are the points, in increasing order;
        None if points were given.
    decisions : Decisions, optional
        What the table decides about the pairs; None for models trained elsewhere, whose table is
        not known.
    features : tuple of Feature, optional
        The features in original values; empty for models trained elsewhere.
    points : ndarray of shape (n, D), optional
        The points, in the order of `labels_`: columns of all features, in original units.
    targets : dict, optional
        Of a mean over several targets or classes, their labels and standard deviations.
    components : Components, optional
        The pairs' own contributions to a prediction, for `local` and pictures of surfaces; None for
        models trained elsewhere and for a mean over several targets.

    Notes
    -----
    `effect` is a mean of absolute values, so it is never negative. Neither the posterior's interval
    nor `p_bayes` controls an error rate: both describe the posterior, and do not decide which pairs
    are real. P-values and honest intervals do, whatever the posterior.

    References
    ----------
    T. Cui, P. Marttinen, S. Kaski, "Learning Global Pairwise Interactions with Bayesian Neural
    Networks", ECAI 2020, Section 4.

    Examples
    --------
    >>> from skgeh import BayesianInteractionRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X[:, 0] * X[:, 2] + 0.1 * rng.normal(size=200)
    >>> model = BayesianInteractionRegressor(max_epochs=20, random_state=0).fit(X, y)
    >>> model.interactions_.top(1)
    [('x0', 'x2')]
    >>> model.interactions_.to_frame()[["feature_i", "feature_j", "sign"]].iloc[0].tolist()
    ['x0', 'x2', '+']
    """

    pairs: NDArray[np.intp]
    effect: NDArray[np.float64]
    std: NDArray[np.float64]
    score: NDArray[np.float64]
    draws: NDArray[np.float64] | None
    group_effects: NDArray[np.float64]
    group_std: NDArray[np.float64]
    group_weights: NDArray[np.float64]
    feature_names: tuple[str, ...]
    feature_scales: NDArray[np.float64]
    target_scale: float | None
    frame_backend: Backend = "pandas"
    labels_: NDArray[np.intp] | None = None
    rows_: NDArray[np.intp] | None = None
    decisions: Decisions | None = None
    features: tuple[Feature, ...] = ()
    points: NDArray[np.float64] | None = None
    targets: Mapping[Any, float | None] = field(default_factory=dict)
    components: Components | None = None

    @property
    def p_value(self) -> NDArray[np.float64] | None:
        """P-values of pairs, shape (P,): NaN if not tested, None if the table is not known."""
        return None if self.decisions is None else self.decisions.p_value

    @property
    def p_fdr(self) -> NDArray[np.float64] | None:
        """P-values corrected for all pairs, at a false discovery rate (Benjamini, Hochberg)."""
        return None if self.decisions is None else self.decisions.p_fdr

    @property
    def tested(self) -> NDArray[np.bool_] | None:
        """Whether each pair was tested, shape (P,)."""
        return None if self.decisions is None else self.decisions.tested

    @property
    def sign(self) -> NDArray | None:
        """Sign of each pair, shape (P,).

        "+" or "-" where its effect in some group of points, or over all of them, is away from 0 and
        all such agree; "mixed" where they differ; "" where there are none. Intervals of all groups
        hold at once.
        """
        return None if self.decisions is None else self.decisions.sign

    @property
    def share(self) -> NDArray[np.float64] | None:
        """Share of the target's variance, or deviance, that each pair explains, shape (P,)."""
        return None if self.decisions is None else self.decisions.share

    @property
    def significant(self) -> NDArray[np.bool_]:
        """Pairs with ``p_fdr <= 0.05``, shape (P,)."""
        if self.decisions is None:
            return np.zeros(len(self.pairs), dtype=bool)
        return np.asarray(self.decisions.p_fdr <= SIGNIFICANT)

    @property
    def order(self) -> NDArray[np.intp]:
        """Indices of the pairs: significant ones by p-value, then tested ones and others by score.

        Without a test, all by score.
        """
        if self.decisions is None:
            return np.argsort(-self.score, kind="stable")
        first, tested = self.significant, self.decisions.tested
        p = np.where(first, self.decisions.p_value, 1)
        return np.lexsort([-self.score, p, ~tested, ~first])

    @property
    def p_bayes(self) -> NDArray[np.float64]:
        """Posterior probability ``Phi(-effect / std)`` that a Gaussian effect is below 0, (P,).

        It describes the posterior and is not an error-controlled p-value.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.effect == 0, 0.0, self.effect / self.std)
        return np.maximum(norm.sf(ratio), _SMALLEST)

    def interval(
        self, level: float = 0.95, kind: str | None = None, units: str = "standard"
    ) -> NDArray[np.float64]:
        """Intervals of the magnitudes.

        Parameters
        ----------
        level : float, default=0.95
            Between 0 and 1.
        kind : {"honest", "posterior"}, default=None
            "honest": a confidence interval, which covers the magnitude in as many tables as `level`
            says; its lower end is 0 unless the effect is away from 0 in some group or over all
            points. NaN for pairs that were not tested. "posterior": the Gaussian credible interval
            ``effect -+ z std``. None means "honest" where the table is known.
        units : {"standard", "original"}, default="standard"

        Returns
        -------
        ndarray of shape (P, 2)
        """
        check_level(level)
        if kind not in (None, "honest", "posterior"):
            raise ValueError(f"kind must be 'honest' or 'posterior'; got {kind!r}.")
        scale = self.unit_scale(units)[:, None]
        if kind == "posterior" or (kind is None and self.decisions is None):
            half = norm.ppf((1 + level) / 2) * self.std
            return np.column_stack([self.effect - half, self.effect + half]) * scale
        return self._decided("An honest interval").interval(level) * scale

    def top(self, k: int) -> list[tuple[str, str]]:
        """Names of the first k pairs in the order of the table."""
        names = self.feature_names
        return [(names[i], names[j]) for i, j in self.pairs[self.order[:k]]]

    def matrix(self, values: str = "effect") -> NDArray[np.float64]:
        """One number per pair, as a symmetric matrix with a zero diagonal.

        Parameters
        ----------
        values : {"effect", "score"}, default="effect"

        Returns
        -------
        ndarray of shape (d, d)
        """
        if values not in ("effect", "score"):
            raise ValueError(f"values must be 'effect' or 'score'; got {values!r}.")
        return to_matrix(getattr(self, values), len(self.feature_names))

    def to_frame(self, units: str = "standard", posterior: bool = False) -> Any:
        """Table with one row per pair, significant pairs first.

        Parameters
        ----------
        units : {"standard", "original"}, default="standard"
            Units of effects and intervals: standard deviations, or the units of the fitted table
            (target per product of both features). Score, share and p-values have no unit.
        posterior : bool, default=False
            Whether to describe the posterior instead of deciding.

        Returns
        -------
        data frame
            Columns feature_i, feature_j, score, effect (the magnitude, less what noise adds to it),
            ci_low, ci_high (see `interval`), sign, share, p_value, p_fdr, tested and reason (why
            not). Or, for the posterior, feature_i, feature_j, score, effect (mean over draws), std,
            post_low, post_high, p_bayes. Its kind is that of the data frame that the model was
            fitted on, or pandas for arrays.
        """
        return make_frame(self.columns(units, posterior), self.order, self.frame_backend)

    def columns(self, units: str = "standard", posterior: bool = False) -> dict[str, NDArray]:
        """Columns of the table, in the order of `pairs`; see `to_frame`."""
        (i, j), scale = self.pairs.T, self.unit_scale(units)
        names = np.array(self.feature_names, dtype=object)
        columns = {"feature_i": names[i], "feature_j": names[j], "score": self.score}
        if posterior or self.decisions is None:
            low, high = self.interval(kind="posterior", units=units).T
            columns |= {
                "effect": self.effect * scale,
                "std": self.std * scale,
                "post_low": low,
                "post_high": high,
                "p_bayes": self.p_bayes,
            }
        else:
            low, high = self.interval(units=units).T
            columns |= {
                "effect": self.decisions.effect * scale,
                "ci_low": low,
                "ci_high": high,
                "sign": self.decisions.sign,
                "share": self.decisions.share,
                "p_value": self.decisions.p_value,
                "p_fdr": self.decisions.p_fdr,
                "tested": self.decisions.tested,
                "reason": self.decisions.reason,
            }
        return columns

    def describe_groups(self) -> Any:
        """Where the groups of points lie, in original values.

        Returns
        -------
        data frame
            Columns group (numbers as in `labels_`), rows (number of points), share (of the points),
            rule (at most three conditions, which most of the group's points fulfil and few others),
            accuracy (share of the points for which the rule tells whether they are in the group),
            precision (share of the rule's points that are in the group), recall (share of the
            group's points that the rule finds), and the centre of every feature: the mean of a
            number, the mean on the circle of hours, weekdays and months, the median of ordered
            levels, and the most frequent level of a category.

        Raises
        ------
        ValueError
            If original values are not known, as for models trained elsewhere.

        Examples
        --------
        >>> from skgeh import BayesianInteractionRegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(200, 2))
        >>> model = BayesianInteractionRegressor(posterior="gaussian_process", n_groups=2)
        >>> found = model.fit(X, X[:, 0] * X[:, 1]).interactions_
        >>> list(found.describe_groups().columns[:5])
        ['group', 'rows', 'share', 'rule', 'accuracy']
        """
        regions = self._regions
        return make_frame(regions.columns(), regions.groups, self.frame_backend)

    def group_frame(
        self, feature_i: Any, feature_j: Any, units: str = "standard", target: Any = None
    ) -> Any:
        """Signed effect of a pair in every group of points, or at every level.

        Parameters
        ----------
        feature_i, feature_j : str or int
            Names or indices of two features.
        units : {"standard", "original"}, default="standard"
        target : int or class label, default=None
            One of several targets, from 0, or one class, where these are interactions of all.

        Returns
        -------
        data frame
            Columns group (numbers as in `labels_`), rule (see `describe_groups`), rows (number of
            points), share (of the points), effect (mean second derivative), ci_low, ci_high (95 %)
            and p_value: for each group alone, without correction for their number.

            For a pair with a category or with hours, weekdays or months, a row is a level, or a
            combination of two levels, instead of a group. Beside a number, the effect is the mean
            slope along the number at the level, less its mean over levels by their shares. For two
            categories, it is the value of the pair's function at both levels, less the means over
            either, in which combinations count by their rows; it is missing where there are none.

            If a feature is several columns of numbers, the effect in a group is the norm of their
            second derivatives, and interval and p-value are missing.

        Examples
        --------
        >>> from skgeh import BayesianInteractionRegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(200, 2))
        >>> y = X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=200)
        >>> model = BayesianInteractionRegressor(posterior="gaussian_process", n_groups=2)
        >>> frame = model.fit(X, y).interactions_.group_frame("x0", "x1", units="original")
        >>> frame.effect.round(1).tolist()
        [1.0, 1.0]
        """
        decisions = self._decided("A signed effect")
        place, (output, target_scale) = self._place(feature_i, feature_j), self._target(target)
        i, j = self.pairs[place].tolist()
        found = group_effects(decisions, self._regions, (i, j), place, output)
        scale = replace(self, target_scale=target_scale).unit_scale(units)[place]
        found |= {name: found[name] * scale for name in ("effect", "ci_low", "ci_high")}
        return make_frame(found, np.arange(len(found["rows"])), self.frame_backend)

    @cached_property
    def _regions(self) -> Regions:
        """The groups of points in original values."""
        if self.points is None or self.labels_ is None or not self.features:
            raise ValueError(
                "Groups are described in original values, which these interactions do not have: "
                "take those of an estimator that was fitted on the table."
            )
        return Regions(self.features, self.points, self.labels_)

    def _target(self, target: Any) -> tuple[int, float | None]:
        """Place of a target among the effects, and its standard deviation."""
        labels, several = list(self.targets), len(self._decided("A target").effects) > 1
        if target in labels:
            return labels.index(target), self.targets[target]
        if target is None and not several:
            return 0, self.target_scale
        if not several:
            raise ValueError(
                f"These are interactions of one target: leave target={target!r} out, or take "
                f"interactions(target={target!r}) of the estimator."
            )
        first = labels[0] if labels else 0
        raise ValueError(
            f"Effects of several targets have no common sign. Take one of them, as in "
            f"target={first!r} here or interactions(target={first!r}); got {target!r}."
        )

    def local(self, X: Any, feature_i: Any, feature_j: Any) -> tuple[NDArray, NDArray]:
        """Contribution of a pair alone to the prediction of every row.

        It is the pair's interaction ``f_ij(x_i, x_j)`` in the process, without what functions of
        either feature alone explain over the rows of the table, and without other pairs. It is in
        the units of the target; for labels, in log-odds; for counts and other losses with a log
        link, in logs of ratios (0.1 is about 10 % more). It corresponds to the sum of both SHAP
        interaction values of the pair, (i, j) and (j, i).

        Parameters
        ----------
        X : array-like or data frame of shape (n, d)
            Rows as `predict` takes them.
        feature_i, feature_j : str or int
            Names or indices of two features.

        Returns
        -------
        values, sd : ndarray of shape (n,)
            Contributions, which are shrunken estimates, and standard deviations of estimates that
            are not shrunken: at each row alone.

        Raises
        ------
        ValueError
            For models trained elsewhere, for a mean over several targets, and for pairs that were
            not tested.

        Examples
        --------
        >>> from skgeh import BayesianInteractionRegressor
        >>> X = np.random.default_rng(0).normal(size=(300, 3))
        >>> model = BayesianInteractionRegressor(posterior="gaussian_process")
        >>> model = model.fit(X, X[:, 0] * X[:, 2])
        >>> values, sd = model.interactions_.local([[1.0, 0.0, 2.0], [1.0, 0.0, -2.0]], 0, 2)
        >>> values.round().tolist()
        [2.0, -2.0]
        """
        if self.decisions is None:
            raise ValueError(
                "A contribution with its sd needs the rows of the table, which a model trained "
                "elsewhere does not have. Fit a BayesianInteractionRegressor or -Classifier on the "
                "same table and ask its interactions_.local, or take SHAP interaction values of "
                "the model."
            )
        components, pair = self.component(feature_i, feature_j)
        return components.local(X, pair)

    def component(self, feature_i: Any, feature_j: Any) -> tuple[Components, tuple[int, int]]:
        """The contributions of pairs, and the features of a pair by place, the lower first.

        Errors are those of `local`.
        """
        place = self._place(feature_i, feature_j)
        i, j = self.pairs[place].tolist()
        if self.decisions is not None and not self.decisions.tested[place]:
            raise ValueError(
                f"{self.feature_names[i]} and {self.feature_names[j]} were not tested: "
                f"{self.decisions.reason[place]}. So there is no estimate of their interaction."
            )
        if self.components is not None:
            return self.components, (i, j)
        if self.decisions is None:
            raise ValueError(
                "The contribution of a pair needs the model and its table, which interactions of a "
                "model trained elsewhere do not keep. For a picture, pass both, as in "
                "InteractionDisplay.from_estimator(model, X, kind='surface')."
            )
        raise ValueError(
            "The contributions of a pair to several targets are not one number. Take one of the "
            "targets, as in interactions(target=0)."
        )

    def _place(self, feature_i: Any, feature_j: Any) -> int:
        """Place of a pair that is named by its features."""
        names = {f: f for f in range(len(self.feature_names))}
        known: dict = names | {name: f for f, name in enumerate(self.feature_names)}
        if feature_i not in known or feature_j not in known:
            raise ValueError(
                f"A pair is two names or indices of features; got {feature_i!r} and {feature_j!r}."
            )
        pair = sorted((known[feature_i], known[feature_j]))
        found = np.flatnonzero((self.pairs == pair).all(1))
        if len(found) == 0:
            raise ValueError(f"{feature_i!r} and {feature_j!r} are no pair of two features.")
        return int(found[0])

    def _decided(self, what: str) -> Decisions:
        """The decisions; an error if there are none."""
        if self.decisions is None:
            raise ValueError(
                f"{what} needs the rows of the table, which a model trained elsewhere does not "
                "have: take interval(kind='posterior'), or score_test(X, y) of the same table."
            )
        return self.decisions

    def unit_scale(self, units: str) -> NDArray[np.float64]:
        """Factors that convert effects in standard units to other units, shape (P,)."""
        if units not in ("standard", "original"):
            raise ValueError(f"units must be 'standard' or 'original'; got {units!r}.")
        if units == "standard":
            return np.ones(len(self.pairs))
        if self.target_scale is None:
            raise ValueError(
                "A mean over several targets has no original units. Take one of the targets, as in "
                "interactions(target=0)."
            )
        i, j = self.pairs.T
        return self.target_scale / (self.feature_scales[i] * self.feature_scales[j])

    def __repr__(self) -> str:
        return in_a_line(self)

    def __str__(self) -> str:
        """The table in words: what was found, and how large an effect is ruled out elsewhere."""
        return in_words(self)

    def _repr_html_(self) -> str:
        return in_a_table(self).html()


def check_level(level: float) -> None:
    """Refuse a confidence or credible level that is not between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, such as 0.95; got {level!r}.")
