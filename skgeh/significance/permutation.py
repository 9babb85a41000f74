"""The permutation null: refits on shuffled targets, and the maximum over pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch
from joblib import delayed, hash
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils import check_scalar
from tqdm.auto import tqdm

from skgeh.estimators import InteractionEstimator
from skgeh.geh.functions import RandomFunction
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.geh.push_forward import BLOCK, push_forward
from skgeh.geh.score import rank_pairs
from skgeh.geh.views.blocks import Blocks, GroupedPosterior
from skgeh.parallel import ONE_THREAD, run_jobs
from skgeh.posteriors.trainer import Trainer
from skgeh.significance._checkpoint import Checkpoint
from skgeh.significance._refits import fit_targets, fixed_n_groups, learner_of, refits_per_stack
from skgeh.significance.result import PermutationResult, _share_above
from skgeh.tables.features import Features
from skgeh.tables.messages import warn
from skgeh.tables.table import MIN_ROWS, Table, standard_scaler

_N_POINTS = 300  # at most, since the statistic is computed for every refit
_N_DRAWS = BLOCK  # at most, per refit; all refits share the noise of this one block
_NOT_HASHED = ("n_jobs", "verbose", "callbacks", "random_state", "device")


def permutation_test(
    estimator: InteractionEstimator,
    X: Any,
    y: Any,
    *,
    statistic: str = "effect",
    n_permutations: int = 199,
    groups: Any = None,
    checkpoint: Any = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> PermutationResult:
    """Test whether the target depends on the features at all, by refits on shuffled targets.

    Parameters
    ----------
    estimator : BayesianInteractionRegressor or BayesianInteractionClassifier
        Clones of it are fitted, once on the target and once on each permutation of it. All share
        their initial weights, batches, dropout noise and held-out rows. Hidden layers are (40, 40)
        unless their sizes were set.
    X : array-like or data frame of shape (n, d)
        At least 8 rows and 2 features, as `BayesianInteractionRegressor.fit` takes them.
    y : array-like of shape (n,) or (n, c)
        Rows are shuffled as a whole, so several targets stay together.
    statistic : {"effect", "score"}, default="effect"
        M-GEH (Eq. 6) at 300 rows, averaged over 25 draws, with `n_groups` groups of points, or 11
        if that is "auto"; or the score that the ranking sorts by. With several targets or classes,
        it is a mean over them.
    n_permutations : int, default=199
        Number of permutations (B). No p-value is below ``1 / (1 + B)``.
    groups : array-like of shape (n,), default=None
        Unit (patient, site, ...) of every row, any labels. Targets of whole units change places,
        between units of as many rows, in the order of their rows; others stay where they are.
        Without it, rows must be independent.
    checkpoint : path, default=None
        File that keeps the finished chunks. An interrupted run goes on from there and ends with the
        same numbers.
    n_jobs : int, default=None
        Jobs over chunks of refits, by joblib on any backend. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of permutations and refits; with None, the seed of an existing checkpoint is used.
    verbose : int or bool, default=0
        Whether to show progress bars with the time left.

    Returns
    -------
    PermutationResult
        `global_p_value` is the main result; `p_value`, `adjusted()` and `null` come with it.

    Raises
    ------
    ValueError
        If the table or a parameter cannot be used, or the checkpoint belongs to another run, or
        more than half of the rows belong to units whose size no other unit has.

    Warns
    -----
    UserWarning
        If ``1 / (1 + B)`` is above 0.05, so that nothing can be rejected at that level.

    Notes
    -----
    The hypothesis is global. A permuted target has no main effects and no interactions, so this
    null does not bound the statistic of a pair without interaction when other pairs do interact.
    (In published practice, pairs are nevertheless selected by its maximum.) To decide which pairs
    are real, use `crossfit_test`.

    References
    ----------
    T. Cui, P. Marttinen, S. Kaski, "Learning Global Pairwise Interactions with Bayesian Neural
    Networks", ECAI 2020, Section 4. P. Westfall, S. Young, "Resampling-based multiple testing",
    Wiley 1993.

    Examples
    --------
    >>> from skgeh import BayesianInteractionRegressor, permutation_test
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 3))
    >>> y = X[:, 0] * X[:, 2] + 0.5 * rng.normal(size=100)
    >>> model = BayesianInteractionRegressor(max_epochs=10, n_networks=1)
    >>> result = permutation_test(model, X, y, n_permutations=19, random_state=0)
    >>> result.global_p_value, result.null.shape
    (0.05, (19, 3))
    """
    trainer = _networks_of(estimator)
    labels = is_classifier(estimator)
    table = Table.of(X, y, groups=groups, labels=labels, loss=trainer.loss, min_rows=1)
    return permute(
        estimator,
        table.check_testable(MIN_ROWS, min_class=1),
        trainer,
        statistic=statistic,
        n_permutations=n_permutations,
        checkpoint=checkpoint,
        n_jobs=n_jobs,
        random_state=random_state,
        verbose=verbose,
    )


def _networks_of(estimator: Any, trainer: Trainer | None = None) -> Trainer:
    """The trainer for an estimator's refits; `trainer` is its own, if it was made already.

    Raises
    ------
    ValueError
        If the estimator has no networks, or has class weights.
    """
    known = isinstance(estimator, InteractionEstimator)
    learner = learner_of(estimator, None, trainer) if known else None
    if not isinstance(learner, Trainer):
        raise ValueError(
            "permutation_test refits networks and reads their Hessians: it takes a "
            "BayesianInteractionRegressor or BayesianInteractionClassifier whose posterior has "
            f"networks only, or is 'auto'; got {estimator!r}. crossfit_test takes any regressor or "
            "classifier."
        )
    if getattr(estimator, "class_weight", None) is not None:
        raise ValueError(
            "permutation_test takes no class weights; got "
            f"class_weight={estimator.class_weight!r}. Leave it at None: class weights shift "
            "logits by a constant and change no interaction."
        )
    return learner


def permute(
    estimator: Any,
    table: Table,
    trainer: Trainer | None = None,
    *,
    features: Features | None = None,
    statistic: str = "effect",
    n_permutations: int = 199,
    checkpoint: Any = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> PermutationResult:
    """The test of a checked table; see `permutation_test`.

    `trainer` is the estimator's trainer, if it was made already; `features` are by default those of
    the estimator.
    """
    learner = _networks_of(estimator, trainer)
    features = Features.of(table, estimator.feature_groups) if features is None else features
    _movable_units(table.units)
    if statistic not in ("effect", "score"):
        raise ValueError(f"statistic must be 'effect' or 'score'; got {statistic!r}.")
    check_scalar(n_permutations, "n_permutations", Integral, min_val=1)
    total = 1 + n_permutations
    if total < 20:
        warn(
            f"With n_permutations={n_permutations}, no p-value can be below 1 / {total}, so "
            "nothing can be rejected at 0.05. Use at least 19, or better 199."
        )
    size = refits_per_stack(learner, table.X.shape[1], table.y.shape[1])
    todo = {start: min(start + size, total) for start in range(0, total, size)}
    used = {
        name: value for name, value in estimator.get_params().items() if name not in _NOT_HASHED
    }
    columns = [mine.tolist() for mine in features.columns]
    run = table.X, table.y, str(used), statistic, n_permutations, size, table.units, columns
    done = Checkpoint(checkpoint, hash(run))
    seed = done.seed(random_state)
    draws = min(_N_DRAWS, estimator.n_draws)
    null = _Null.of(learner, table, statistic, seed, fixed_n_groups(estimator), draws, columns)
    jobs = [delayed(null)(start, stop) for start, stop in todo.items() if start not in done.chunks]
    bar = tqdm(
        run_jobs(jobs, n_jobs, ordered=False),
        total=len(todo),
        initial=len(done.chunks),
        desc="permutations",
        disable=not verbose,
    )
    for start, values in bar:
        done.add(start, values)
    observed, *shuffled = np.concatenate([done.chunks[start] for start in todo])
    null_values = np.stack(shuffled)
    return PermutationResult(
        pairs=pair_index(len(features)),
        statistic=observed,
        p_value=_share_above(observed, null_values),
        tested=np.ones(len(observed), dtype=bool),
        feature_names=features.names,
        frame_backend=table.frame_backend,
        null=null_values,
    )


@dataclass(frozen=True, eq=False)
class _Null:
    """Statistics of refits, the first on the target and the others on permutations of it.

    Parameters
    ----------
    trainer : Trainer
    Z : ndarray of shape (n, d)
        In standard units.
    target : ndarray of shape (n, c)
        In standard units, labels as 0 and 1, or ratios to the mean.
    points : ndarray of int
        Rows to measure at.
    partition : Partition of the points
    statistic : {"effect", "score"}
    n_draws : int
    seed : int
    blocks : Blocks, optional
        Columns of each feature, if some have several.
    units : ndarray of shape (n,), optional
        Unit of every row.
    """

    trainer: Trainer
    Z: NDArray[np.float64]
    target: NDArray[np.float64]
    points: NDArray[np.intp]
    partition: Partition
    statistic: str
    n_draws: int
    seed: int
    blocks: Blocks | None = None
    units: NDArray[np.intp] | None = None

    @classmethod
    def of(
        cls,
        trainer: Trainer,
        table: Table,
        statistic: str,
        seed: int,
        n_groups: int,
        n_draws: int,
        columns: Sequence[Sequence[int]] | None = None,
    ) -> "_Null":
        """Choose the points and their groups from X alone."""
        Z = standard_scaler().fit_transform(table.X)
        points = np.random.default_rng(seed).permutation(len(Z))[:_N_POINTS]
        partition = Partition.kmeans(Z[points], n_groups, seed)
        several = columns is not None and len(columns) < Z.shape[1]
        return cls(
            trainer,
            Z,
            table.target,
            points,
            partition,
            statistic,
            n_draws,
            seed,
            Blocks.of(columns, Z[points]) if several and columns is not None else None,
            table.units,
        )

    def __call__(self, start: int, stop: int) -> tuple[int, NDArray[np.float64]]:
        """Statistics of the refits ``start .. stop - 1``, shape (stop - start, P)."""
        with ONE_THREAD:
            targets = np.stack([self.permuted(number) for number in range(start, stop)])
            refits = fit_targets(self.trainer, self.Z, targets, self.seed)
            return start, np.stack([self.measured(posterior) for posterior in refits])

    def permuted(self, number: int) -> NDArray[np.float64]:
        """The target for number 0, otherwise its permutation of that number."""
        if number == 0:
            return self.target
        generator = np.random.default_rng([self.seed, number])
        if self.units is None:
            return generator.permutation(self.target)
        found = self.target.copy()
        for rows in _movable_units(self.units):
            found[rows] = self.target[generator.permutation(rows)]
        return found

    def measured(self, posterior: RandomFunction) -> NDArray[np.float64]:
        """The statistic of every pair, shape (P,)."""
        x = torch.as_tensor(self.Z[self.points], dtype=torch.float32)
        if self.blocks is not None:
            posterior = GroupedPosterior(posterior, self.blocks)
        pushed = push_forward(posterior, x, self.partition, n_draws=self.n_draws, seed=self.seed)
        effect = pushed.effect.mean
        return effect if self.statistic == "effect" else rank_pairs(posterior, x, effect)


def _movable_units(units: NDArray[np.intp] | None) -> list[NDArray[np.intp]]:
    """Rows of units of the same size, each (number of units, size), where there are several.

    Raises
    ------
    ValueError
        If more than half of the rows belong to units whose size no other unit has.

    Examples
    --------
    >>> [rows.tolist() for rows in _movable_units(np.array([0, 1, 1, 2, 3, 3, 4, 4]))]
    [[[0], [3]], [[1, 2], [4, 5], [6, 7]]]
    """
    if units is None:
        return []
    sizes = np.bincount(units)
    order = np.argsort(units, kind="stable")
    found = [
        order[sizes[units[order]] == size].reshape(-1, size) for size in np.unique(sizes[sizes > 0])
    ]
    movable = [rows for rows in found if len(rows) > 1]
    if 2 * sum(rows.size for rows in movable) < len(units):
        raise ValueError(
            "A permutation exchanges whole units of equal size, and more than half of the rows are "
            f"in units whose size no other unit has; got units of {sizes.tolist()[:10]} rows. Take "
            "equally many rows of every unit, or use crossfit_test."
        )
    return movable
