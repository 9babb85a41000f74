"""The cross-fitted test: shapes learned on other rows, and smooth shapes known beforehand."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.base import is_classifier
from sklearn.utils import check_random_state, check_scalar

from skgeh.estimators import InteractionEstimator
from skgeh.geh.interactions import SIGNIFICANT
from skgeh.geh.pairs import chosen_pairs
from skgeh.parallel import progress_bar
from skgeh.posteriors.trainer import Trainer
from skgeh.significance._combination import SCORE, combined, inflation
from skgeh.significance._confirmation import confirm_by_halves, nothing_confirmed
from skgeh.significance._folds import (
    dealt_units,
    draw_folds,
    fold_rows,
    pair_limit,
    train_and_test,
)
from skgeh.significance._learned import assemble, fold_shapes
from skgeh.significance._refits import fixed_n_groups, learner_of, refit
from skgeh.significance._regressions import Regressions, information
from skgeh.significance._seen import Seen
from skgeh.significance.result import CrossfitResult
from skgeh.significance.score import of_table
from skgeh.tables.corrections import adjust
from skgeh.tables.features import Features
from skgeh.tables.messages import warn
from skgeh.tables.table import Table

_EPSILON = np.finfo(float).eps  # keeps the score of a p-value of 1 finite
_ALIASED = "a combination of main effects and other pairs"
_NOT_NAMED = "not among the strongest pairs in any training set"


def crossfit_test(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: int | str = 5,
    n_repeats: int = 3,
    pairs: Any = None,
    max_pairs: int | None = None,
    groups: Any = None,
    variance_inflation: float | str = "auto",
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> CrossfitResult:
    r"""Test which pairs interact, with error control in the presence of true interactions.

    Clones of the estimator learn on all folds but one. On the fold left out, the part of the
    prediction that belongs to a pair (its functional-ANOVA component, anchored at the mean) is a
    shape that the data of this fold did not influence. If the pair interacts, the target correlates
    with that shape after smooth main effects and all other pairs are removed from both. In addition
    to the learned shapes, there are smooth ones known beforehand: products of polynomials of degree
    1 and 2, and the p-value of the score test. All kinds of evidence, and repeated splits, are
    combined into one p-value per pair.

    Parameters
    ----------
    estimator : scikit-learn regressor or classifier
        Any estimator with `predict`; a classifier also needs `predict_proba` or
        `decision_function`, since components are those of log-odds. Clones of it are fitted, never
        the estimator itself, on arrays or, if X is a data frame with names, on such data frames:
        a pipeline may pick columns by name, and words and gaps are left to it.
        For networks of this package, each fold trains one network whatever `n_networks` is, with
        hidden layers (40, 40) unless their sizes were set.
    X : array-like or data frame of shape (n, d)
        At least 100 rows and 2 features, as `BayesianInteractionRegressor.fit` takes them. Other
        estimators are given the frame as it is. Columns are grouped to features by the estimator's
        `feature_groups` or, if it has none, one-hot columns are found by their names; a group is
        one feature, and its pairs are tested as a whole.
    y : array-like of shape (n,) or (n, c)
        Numbers, or labels with at least 10 rows of every class. With several targets or more than
        two classes, every pair is tested for each of them, and corrections are over all tests.
    cv : int or "sequential", default=5
        Number of folds (K). "sequential" learns only on the past (40, 60 and 80 % of the shuffled
        rows) and regresses inside each fold. Fold scores are then independent by construction and
        need no calibration, at the cost of power.
    n_repeats : int, default=3
        Number of splits into folds (R); a sequence has one.
    pairs : sequence of pairs, default=None
        Indices or names of features of the pairs to test; all by default.
    max_pairs : int, default=None
        Number of pairs that each training set may name, if not all are tested: its strongest by
        M-GEH or, for other models, by the spread of the component. Corrections are over all pairs
        that any training set named. By default, all pairs are tested if they are at most a tenth of
        the rows (in a sequence, of a fold's rows); otherwise each training set names half that
        number (in a sequence, that number).
    groups : array-like of shape (n,), default=None
        Unit (patient, site, ...) of every row, any labels. Rows of one unit are in one fold and
        count together; without it, rows must be independent.
    variance_inflation : float or "auto", default="auto"
        Variance of ``sum_rk t_rk / (R sqrt(K))`` for a pair without interaction; see the notes.
        Folds of one split are not independent, since each is trained on the others, which raises
        the variance above 1; averaging over splits lowers it. "auto" takes the value calibrated for
        the estimator's posterior, or 2, with a warning, for any other model or number of folds. A
        sequence needs none.
    n_jobs : int, default=None
        Jobs over chunks of refits, by joblib on any backend. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of folds and refits.
    verbose : int or bool, default=0
        Whether to show progress bars with the time left.

    Returns
    -------
    CrossfitResult
        `p_value`, `adjusted()`, `to_frame()`; `strength_lower()`, `confirmed_interval()`.

    Raises
    ------
    ValueError
        If the table has fewer than 100 rows, or columns or a parameter cannot be used, or the
        estimator has another loss than "squared_error".

    Warns
    -----
    UserWarning
        If features are copies of others, if the shapes of a pair are combinations of those of other
        pairs, or if the variance inflation was not calibrated for the estimator.

    Notes
    -----
    Let :math:`a` be a shape and :math:`e` the target, both residualised. Fold k of split r has the
    score :math:`t_{rk} = \sum a e / \sqrt{\sum a^2 e^2 / (1 - h)}`, and a pair has the score
    :math:`z = \sum_{rk} t_{rk} / (R \sqrt{K \phi})`, where :math:`\phi` is the variance inflation.
    The p-values of the score test (weight 1/2), ``norm.sf(z)`` of learned shapes (weight 1/4) and
    the two-sided ones of smooth shapes (weight 1/4) are combined by the Cauchy combination or, in a
    sequence, by that of Bonferroni. Main effects are cubic splines of the normal scores of every
    feature, or all functions of one with few values; with few rows, its values, scores and squared
    scores. Smooth shapes of a category are those of each level against the rest.

    If two features are strongly correlated, their pairs can hardly be distinguished from smooth
    main effects or from each other's pairs: the level holds, but power falls.

    References
    ----------
    Y. Liu, J. Xie, "Cauchy combination test", JASA 2020. J. MacKinnon, H. White, "Some
    heteroskedasticity-consistent covariance matrix estimators with improved finite sample
    properties", J. Econometrics 1985. R. Bell, D. McCaffrey, "Bias reduction in standard errors for
    linear regression with multi-stage samples", Survey Methodology 2002.

    Examples
    --------
    >>> from skgeh import BayesianInteractionRegressor, crossfit_test
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X[:, 0] * X[:, 2] + rng.normal(size=200)
    >>> model = BayesianInteractionRegressor(max_epochs=20)
    >>> result = crossfit_test(model, X, y, n_repeats=1, random_state=0)
    >>> result
    <CrossfitResult of 3 pairs, 1 at a false discovery rate of 0.05>
    >>> result.to_frame().loc[0, ["feature_i", "feature_j"]].tolist()
    ['x0', 'x2']
    >>> bool((result.p_value > 0).all())
    True
    """
    if not hasattr(estimator, "predict"):
        raise ValueError(
            "crossfit_test needs an estimator with predict, such as "
            f"BayesianInteractionRegressor(); got {estimator!r}."
        )
    check_loss(estimator)
    table = Table.of(X, y, groups=groups, labels=is_classifier(estimator), min_rows=1)
    return crossfit(
        estimator,
        table.check_testable(),
        cv=cv,
        n_repeats=n_repeats,
        pairs=pairs,
        max_pairs=max_pairs,
        variance_inflation=variance_inflation,
        n_jobs=n_jobs,
        random_state=random_state,
        verbose=verbose,
    )


def check_loss(estimator: Any) -> None:
    """Refuse an estimator of a loss for which no cross-fitted test is known.

    Raises
    ------
    ValueError
        If it learns by a log link: the test is of differences, not of ratios.
    """
    loss = getattr(estimator, "loss", "squared_error")
    if isinstance(estimator, InteractionEstimator) and loss != "squared_error":
        raise ValueError(
            f"The cross-fitted test needs loss='squared_error'; got loss={loss!r}, whose ratios it "
            "does not test. For values above 0, give the test np.log(y) and an estimator with "
            "loss='squared_error'; permutation_test, and GEHSelector with test='permutation', "
            "'interval' or None, take any loss."
        )


def crossfit(
    estimator: Any,
    table: Table,
    trainer: Trainer | None = None,
    *,
    features: Features | None = None,
    cv: int | str = 5,
    n_repeats: int = 3,
    pairs: Any = None,
    max_pairs: int | None = None,
    variance_inflation: float | str = "auto",
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> CrossfitResult:
    """The test of a checked table; see `crossfit_test`.

    `trainer` is the estimator's trainer, if it was made already. `features` are the features of
    which pairs are formed, by default the estimator's.
    """
    learner = learner_of(estimator, table.classes, trainer)
    if features is None:
        features = Features.of(table, getattr(estimator, "feature_groups", "auto"))
    seen = Seen.by(learner, table, features)
    pairs = chosen_pairs(features.asked_pairs(pairs), features.labels)
    sequential = isinstance(cv, str)
    check_scalar(n_repeats, "n_repeats", Integral, min_val=1)
    phi = inflation(learner, variance_inflation, cv, n_repeats)
    seeds = np.random.SeedSequence(check_random_state(random_state).randint(2**31 - 1))
    fold_seed, learn_seed, half_seed = seeds.generate_state(3, np.uint32).tolist()
    generator = np.random.default_rng(fold_seed)
    folds = draw_folds(len(table.X), cv, n_repeats, generator, table.strata, table.units)
    again = partial(
        refit, learner, seen.X, table.y, framed=seen.framed, units=table.units, n_jobs=n_jobs
    )

    bar = progress_bar("folds", verbose)
    tested, kept, shapes = _learned_shapes(
        partial(again, seed=learn_seed, progress=bar),
        table,
        features,
        seen,
        pairs,
        folds,
        max_pairs,
    )
    regressions = Regressions(table, pairs[tested], sequential, fold_rows(folds), features)
    evidence = _Evidence.of(regressions, shapes, kept, folds)
    _warn_of_aliases(features, pairs[tested[~evidence.alive.any(1)]])
    scored = of_table(table, features, pairs, n_jobs=n_jobs, verbose=verbose)
    third = scored.p_value.reshape(len(pairs), -1)
    p = evidence.p_values(phi, 1.0 if bool(kept.all()) else phi, sequential, third[tested])

    one = table.targets is None
    shaped = partial(_spread, places=tested, size=len(pairs), one=one)
    p = _spread(p, tested, len(pairs), one=False)
    alone = (2 + SCORE) / SCORE  # it keeps its share
    p = np.where(np.isnan(p), np.minimum(alone * third, 1.0), p)
    groups = fixed_n_groups(estimator) if isinstance(learner, Trainer) else None
    if (adjust(p, "fdr") <= SIGNIFICANT).any():
        again = partial(again, seed=half_seed, progress=progress_bar("halves", verbose))
        order = generator.permutation(len(table.X))
        halves = order % 2 if table.units is None else _halves(table, generator)
        found, effect = confirm_by_halves(
            again, table, regressions, halves, order, groups, seen.features
        )
    else:  # there is nothing to confirm, and nothing to refit for
        found, effect = nothing_confirmed(evidence.alive.shape, has_effect=groups is not None)
    known = np.isfinite(p)
    z = norm.isf(np.minimum(p, 1 - _EPSILON))
    return CrossfitResult(
        pairs=pairs,
        statistic=z[:, 0] if one else z,
        p_value=p[:, 0] if one else p,
        tested=known[:, 0] if one else known,
        feature_names=features.names,
        frame_backend=table.frame_backend,
        targets=table.targets,
        reason=_reasons(features, pairs, tested, np.asarray(known.all(axis=1))),
        fold_scores=shaped(evidence.learned),
        shape_scores=shaped(evidence.smooth.swapaxes(1, 2)).swapaxes(1, 2),
        variance_inflation=phi,
        strength=shaped(found.strength),
        strength_std=shaped(found.strength_std),
        confirmed_effect=effect and shaped(effect[0]),
        confirmed_std=effect and shaped(effect[1]),
    )


def _halves(table: Table, generator: np.random.Generator) -> NDArray[np.intp]:
    """Two halves of the rows, 0 and 1, of whole units."""
    assert table.units is not None
    return dealt_units(np.full(2, 0.5), table.units, table.strata, generator)


def _learned_shapes(
    again: Callable,
    table: Table,
    features: Features,
    seen: Seen,
    pairs: NDArray,
    folds: NDArray,
    max_pairs: int | None,
) -> tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.float64]]:
    """Refit on all training sets.

    Returns
    -------
    tested : ndarray of shape (q,)
        Indices of the pairs that any training set named.
    kept : ndarray of bool of shape (R, K, q)
    shapes : ndarray of shape (R, n, q, c)
    """
    testable = features.testable(pairs)
    candidates = np.flatnonzero(testable & seen.alone[pairs].all(axis=1))
    if not testable.any():
        flaws = "; ".join(dict.fromkeys(features.reasons(pairs)[:5]))
        raise ValueError(
            f"There is no pair to test: {flaws}. Name other pairs, or add other features."
        )
    limit = pair_limit(folds, len(candidates), max_pairs, information(table))
    splits = [split for row in folds for split in train_and_test(row)]
    ask = partial(fold_shapes, pairs=pairs[candidates], features=seen.features, limit=limit)
    answers = again(splits, ask)
    shapes, kept = assemble(splits, answers, len(folds), len(table.X), len(candidates))
    named = kept.any((0, 1))
    return candidates[named], kept[..., named], shapes


@dataclass(frozen=True, eq=False)
class _Evidence:
    """Scores of the tested pairs.

    Parameters
    ----------
    learned : ndarray of shape (R, K, q, c)
        Scores of learned shapes.
    smooth : ndarray of shape (R or 1, q, s, c)
        Scores of smooth shapes.
    weights : ndarray of shape (q, s)
    """

    learned: NDArray[np.float64]
    smooth: NDArray[np.float64]
    weights: NDArray[np.float64]

    @classmethod
    def of(
        cls, regressions: Regressions, shapes: NDArray, kept: NDArray, folds: NDArray
    ) -> "_Evidence":
        """Scores from learned shapes (R, n, q, c), folds that kept a pair, and folds (R, n)."""
        rows = zip(shapes[:, :, :, None], folds, strict=True)
        scores = np.stack([regressions.scores(one, row)[:, :, 0] for one, row in rows])
        return cls(kept[..., None] * scores, *regressions.smooth(kept, folds))

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Whether a pair is distinguishable from main effects and other pairs, shape (q, c)."""
        some = (self.weights > 0).any(axis=1, keepdims=True)
        scores = np.where(some, self.smooth.any((0, 2)), self.learned.any((0, 1)))
        return np.asarray(scores)

    def p_values(
        self, phi: float, phi_smooth: float, sequential: bool, score: NDArray | None = None
    ) -> NDArray[np.float64]:
        """One p-value per pair and target, shape (q, c)."""
        found = [
            combined(
                self.learned[..., k],
                phi,
                self.smooth[..., k],
                phi_smooth,
                self.weights,
                sequential,
                None if score is None else score[:, k],
            )
            for k in range(self.learned.shape[-1])
        ]
        return np.where(self.alive, np.stack(found, axis=-1), np.nan)


def _reasons(features: Features, pairs: NDArray, named: NDArray, known: NDArray) -> list[str]:
    """Why each pair was not tested, '' for those that were."""
    found = [why or _NOT_NAMED for why in features.reasons(pairs)]
    for k in named.tolist():
        found[k] = _ALIASED
    return np.where(known, "", found).tolist()


def _warn_of_aliases(features: Features, pairs: NDArray) -> None:
    """Warn about pairs that cannot be distinguished from others."""
    if len(pairs) == 0:
        return
    names = [" x ".join(features.names[j] for j in pair) for pair in pairs]
    warn(
        f"{', '.join(names)}: any interaction of these pairs would be a combination of main "
        "effects and of other pairs' interactions. They are not tested."
    )


def _spread(
    values: NDArray, places: NDArray, size: int, one: bool, fill: float = np.nan
) -> NDArray:
    """Put values (..., q, c) of some pairs among those of all; `one` target has no axis."""
    whole = np.full((*values.shape[:-2], size, values.shape[-1]), fill, dtype=values.dtype)
    whole[..., places, :] = values
    return whole[..., 0] if one else whole
