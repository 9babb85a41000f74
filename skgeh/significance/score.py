"""The score test: one fit in closed form, and a p-value for every pair."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, ncx2, norm

from skgeh.geh.pairs import chosen_pairs
from skgeh.parallel import ONE_THREAD, progress_bar
from skgeh.posteriors.trainer import Trainer
from skgeh.process.decide import LEAST_ROWS, SIGNAL_WEIGHTS, PairTests
from skgeh.process.family import GaussianProcess
from skgeh.significance.result import TestResult
from skgeh.tables.encoding import Encoding
from skgeh.tables.features import Features
from skgeh.tables.frames import Backend
from skgeh.tables.messages import warn
from skgeh.tables.reading import Reading
from skgeh.tables.suspicions import suspicions
from skgeh.tables.table import Table, standard_scaler
from skgeh.tables.targets import task_of

_TASKS = ("auto", "regression", "classification")


@dataclass(frozen=True, eq=False, repr=False)
class ScoreResult(TestResult):
    """P-values of the score test, and the rows that it would take to find a pair.

    Parameters
    ----------
    pairs, statistic, p_value, tested, feature_names, frame_backend, targets, reason
        See `TestResult`; the statistic is the absolute normal score that has this p-value.
    n_rows : int
        Rows of the table, or units if rows belong to units.
    signals : ndarray of shape (P, 2, 2) or (P, c, 2, 2)
        Noncentralities and degrees of freedom of two statistics: of all columns of a pair, and of
        the product of lines.
    """

    n_rows: int = 0
    signals: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        tests: PairTests,
        feature_names: tuple[str, ...],
        frame_backend: Backend = "pandas",
        outputs: list | None = None,
    ) -> "ScoreResult":
        """The result of tests; `outputs` are the names of targets, if there are several."""
        p = tests.p_value if outputs is not None else tests.p_value[:, 0]
        units = tests.task.units
        return cls(
            pairs=tests.pairs,
            statistic=norm.isf(p / 2),
            p_value=p,
            tested=np.isfinite(p),
            feature_names=feature_names,
            frame_backend=frame_backend,
            targets=outputs,
            reason=tests.reason,
            signals=tests.signals if outputs is not None else tests.signals[:, 0],
            n_rows=len(tests.task.X) if units is None else int(units.max()) + 1,
        )

    def some(self, places: NDArray) -> "ScoreResult":
        """The result of some of the pairs."""
        assert self.signals is not None
        return replace(
            self,
            pairs=self.pairs[places],
            statistic=self.statistic[places],
            p_value=self.p_value[places],
            tested=self.tested[places],
            reason=self.reason[places],
            signals=self.signals[places],
        )

    def rows_needed(
        self, power: float = 0.8, level: float = 0.05, *, return_interval: bool = False
    ) -> Any:
        """Rows at which a pair would be found.

        A pair is found if its p-value is at most `level` divided by the number of tests. The
        noncentralities of its statistics grow in proportion to the rows; the one counts that needs
        fewer rows.

        Parameters
        ----------
        power : float, default=0.8
            Probability of finding the pair.
        level : float, default=0.05
            Probability of finding any pair that has no interaction.
        return_interval : bool, default=False
            Whether to return a 95 % interval too: what is known of a weak pair is little.

        Returns
        -------
        rows : ndarray in the shape of p_value
            inf where nothing is left after the noise's part, NaN where not tested.
        interval : ndarray of shape (..., 2), only if `return_interval`
        """
        for name, value in (("power", power), ("level", level)):
            if not 0 < value < 1:
                raise ValueError(f"{name} must lie between 0 and 1; got {value!r}.")
        assert self.signals is not None
        signal, freedom = np.moveaxis(self.signals, -1, 0)
        wanted = _noncentrality(
            freedom, level / self.p_value.size * np.array(SIGNAL_WEIGHTS), power
        )
        spread = 1.96 * np.sqrt(2 * (freedom + 2 * np.maximum(signal, 0)))
        sizes = np.maximum([signal, signal + spread, signal - spread], 0)
        with np.errstate(divide="ignore"):
            rows = np.ceil(self.n_rows * wanted / sizes)
        best = np.nanargmin(np.where(np.isnan(rows[0]), np.inf, rows[0]), axis=-1)
        found = np.take_along_axis(rows, best[None, ..., None], axis=-1)[..., 0]
        return (found[0], np.moveaxis(found[1:], 0, -1)) if return_interval else found[0]


def _noncentrality(freedom: NDArray, level: NDArray, power: float) -> NDArray[np.float64]:
    """Noncentralities at which chi-squares exceed their quantile with a given power.

    By bisection, for degrees of freedom (..., k) and levels (k,).

    Examples
    --------
    >>> from scipy.stats import chi2, ncx2
    >>> needed = _noncentrality(np.array([4.0]), np.array([0.001]), 0.8)
    >>> round(float(ncx2.sf(chi2.isf(0.001, 4), 4, needed[0])), 1)
    0.8
    """
    threshold = chi2.isf(level, freedom)
    low, high = np.zeros_like(threshold), 10 * (threshold + 10)
    for _ in range(50):
        middle = (low + high) / 2
        weak = ncx2.sf(threshold, freedom, middle) < power
        low, high = np.where(weak, middle, low), np.where(weak, high, middle)
    return (low + high) / 2


def score_test(
    X: Any,
    y: Any,
    *,
    task: str = "auto",
    loss: str = "squared_error",
    pairs: Any = None,
    features: Any = None,
    feature_groups: Any = "auto",
    groups: Any = None,
    sample_weight: Any = None,
    covariates: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> ScoreResult:
    """Test which pairs interact, from one fit in closed form.

    The null model has smooth main effects, and random interactions of the pairs that the data ask
    for; a pair is tested as if it alone were left out. Nothing is random: the same table has the
    same p-values.

    Parameters
    ----------
    X : array-like or data frame of shape (n, d)
        At least 40 rows and 2 features, as `BayesianInteractionRegressor.fit` takes them.
    y : array-like of shape (n,) or (n, c)
        Numbers or labels. With several targets or more than two classes, every pair is tested for
        each of them, and corrections are over all tests.
    task : {"auto", "regression", "classification"}, default="auto"
        Whether y holds labels. "auto" takes it for labels if it is not numeric, or has exactly two
        different values that are whole numbers.
    loss : {"squared_error", "poisson", "gamma"}, default="squared_error"
        As in `BayesianInteractionRegressor`. With the last two, pairs are tested for interactions
        in the log of the mean.
    pairs : sequence of pairs, default=None
        Indices or names of the features of the pairs to test; all by default.
    features : sequence, default=None
        Indices or names of features: only pairs with at least one of them are tested.
    feature_groups : "auto", None, dict or sequence, default="auto"
        Columns that are one feature, as in `BayesianInteractionRegressor`. A category is tested as
        one, with all its levels.
    groups : array-like of shape (n,), default=None
        Unit that each row belongs to, such as a patient or a day, if rows of one unit are not
        independent.
    sample_weight : array-like of shape (n,), default=None
        Precisions of the rows, or exposures. P-values do not change if all are multiplied by one
        number.
    covariates : array-like or data frame of shape (n, k), default=None
        Further columns whose smooth main effects are taken out, encoded as X is. Their pairs are
        not tested.
    n_jobs : int, default=None
        Threads over blocks of pairs. Results do not depend on it.
    verbose : int or bool, default=0
        Whether to show progress bars with the time left.

    Returns
    -------
    ScoreResult
        `p_value`, `adjusted()`, `to_frame()`, `rows_needed()`.

    Notes
    -----
    For the columns phi of a pair (products of smooth functions of both features) and the covariance
    K0 of the rows without the pair, ``u = phi' K0^-1 y``. The covariance of u under the null
    hypothesis is that of the model, but its noise part comes from squared residuals of the model
    without the pair, divided by a power of what the model leaves of their rows. For labels, the
    noise is that of their probabilities. P-values of ``sum o u^2`` (by saddlepoint, with
    Satterthwaite's degrees of freedom), of the product of lines and of single columns are combined
    by the Cauchy combination. If a process of log squared residuals predicts that noise is uneven,
    rows are weighted.

    The test cannot tell a product of near-copies from curvature; such pairs are not tested. Pairs
    of three features that interact all together may be found one by one. Rows that are dependent in
    a way that `groups` does not say make p-values too small.

    References
    ----------
    D. Zhang, X. Lin, "Hypothesis testing in semiparametric additive mixed models", Biostatistics 4,
    2003. A. Maity, X. Lin, "Powerful tests for detecting a gene effect in the presence of possible
    gene-gene interactions using garrote kernel machines", Biometrics 67, 2011. Y. Liu, J. Xie,
    "Cauchy combination test", JASA 2020. J. Pustejovsky, E. Tipton, "Small-sample methods for
    cluster-robust variance estimation", JBES 36, 2018.

    Examples
    --------
    >>> from skgeh import score_test
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 3))
    >>> y = X[:, 0] * X[:, 2] + np.sin(X[:, 1]) + rng.normal(size=300)
    >>> result = score_test(X, y)
    >>> result
    <ScoreResult of 3 pairs, 1 at a false discovery rate of 0.05>
    >>> result.to_frame().loc[0, ["feature_i", "feature_j"]].tolist()
    ['x0', 'x2']
    """
    if task not in _TASKS:
        raise ValueError(f"task must be one of {', '.join(map(repr, _TASKS))}; got {task!r}.")
    if task == "auto" and loss == "squared_error":
        task = task_of(y)[0]
    labels = task == "classification"
    table = Table.of(X, y, sample_weight, groups, labels=labels, loss=loss, min_rows=1)
    table.check_testable(LEAST_ROWS)
    known = Features.of(table, feature_groups)
    asked = _asked_pairs(pairs, features, known)
    if covariates is not None:
        covariates = _covariate_columns(covariates, sample_weight, len(np.asarray(y)))
    return of_table(table, known, asked, covariates, n_jobs=n_jobs, verbose=verbose)


@ONE_THREAD
def of_table(
    table: Table,
    features: Features,
    pairs: NDArray,
    covariates: NDArray | None = None,
    *,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> ScoreResult:
    """The test of a checked table, for pairs of its features; covariates are in standard units."""
    process = GaussianProcess()
    trainer = Trainer(process, has_labels=table.classes is not None, loss=table.loss)
    columns, names = table.Z, features.owners
    if covariates is not None:
        columns = np.column_stack([columns, covariates])
        names += [f"covariate {k}" for k in range(covariates.shape[1])]
    task = trainer.task(columns, table.target, table.weight, table.units)
    tests = PairTests.of(
        task,
        features,
        pairs=pairs,
        sizes=process.sizes(),
        n_jobs=n_jobs,
        progress=progress_bar("score test", verbose),
    )
    for doubt in [*suspicions(features, table.y), *tests.doubts(names)]:
        warn(doubt)
    return result_of(tests, table, features)


def result_of(tests: PairTests, table: Table, features: Features) -> ScoreResult:
    """The result of tests of a table's features."""
    return ScoreResult.of(tests, features.names, table.frame_backend, table.targets)


def _asked_pairs(pairs: Any, some: Any, features: Features) -> NDArray[np.intp]:
    """Pairs that are asked about: some or all, and of them those with one of some features."""
    found = chosen_pairs(features.asked_pairs(pairs), features.labels)
    if some is None:
        return found
    some = [some] if isinstance(some, str | int) else list(some)
    some = [one for name in some for one in features.asked(name)]
    place = {f: f for f in range(len(features))}
    place |= {label: f for f, label in enumerate(features.labels)}
    unknown = [one for one in some if one not in place]
    if unknown:
        raise ValueError(
            f"features must be names or indices of features; got {unknown!r}, which the table does "
            "not have."
        )
    return found[np.isin(found, [place[one] for one in some]).any(1)]


def _covariate_columns(covariates: Any, sample_weight: Any, n_rows: int) -> NDArray[np.float64]:
    """Covariates in standard units, at the rows that count."""
    if getattr(covariates, "ndim", 2) == 1 or not hasattr(covariates, "columns"):
        covariates = np.asarray(covariates).reshape(len(covariates), -1)
    read = Reading.of(covariates, "covariates")
    if read.n_rows != n_rows:
        raise ValueError(f"covariates must have {n_rows} rows, as X has; got {read.n_rows}.")
    if sample_weight is not None:
        read = read.at(np.broadcast_to(np.asarray(sample_weight) > 0, n_rows))
    return standard_scaler().fit_transform(Encoding.of(read).transform(read))
