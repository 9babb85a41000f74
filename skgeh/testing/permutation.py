"""The permutation null: refits on shuffled targets, and the maximum over pairs."""

import os
import warnings
import zipfile
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import delayed, hash
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, check_scalar
from tqdm.auto import tqdm

from skgeh.estimators import MIN_ROWS, InteractionEstimator
from skgeh.functions import RandomFunction
from skgeh.jobs import run_jobs
from skgeh.partition import Partition
from skgeh.push_forward import BLOCK, push_forward
from skgeh.ranking import rank_pairs
from skgeh.refits import (
    ONE_THREAD,
    fit_targets,
    fixed_n_groups,
    refits_per_stack,
    small,
    trains_networks,
)
from skgeh.testing.result import PermutationResult, share_above
from skgeh.testing.table import Table

N_POINTS = 300  # at most: the statistic is computed as often as networks are trained
N_DRAWS = BLOCK  # at most, for each refit: one block; all refits share its noise
NOT_HASHED = ("n_jobs", "verbose", "callbacks", "random_state", "device")


def permutation_test(
    estimator: InteractionEstimator,
    X: Any,
    y: Any,
    *,
    statistic: str = "effect",
    n_permutations: int = 199,
    checkpoint: Any = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: bool = False,
) -> PermutationResult:
    """Test whether the target depends on the features at all, by refits on shuffled targets.

    Parameters
    ----------
    estimator : BayesianInteractionRegressor or BayesianInteractionClassifier
        Clones of it are fitted, once on the target and once on each permutation of it; all share
        the start of their networks, batches, dropout noise and held-out rows. Hidden layers are
        (40, 40) where `hidden_layer_sizes` is None.
    X : array-like or data frame of shape (n, d)
        At least 8 rows and 2 features, all numbers, none missing.
    y : array-like of shape (n,) or (n, c)
        Rows of several targets are shuffled together.
    statistic : {"effect", "score"}, default="effect"
        M-GEH (Eq. 6) at 300 rows, mean over 25 draws, with `n_groups` groups or 11 if that is
        "auto"; or what the ranking sorts by. Means over several targets or classes.
    n_permutations : int, default=199
        B. No p-value is below ``1 / (1 + B)``.
    checkpoint : path, default=None
        A file that keeps what is done, chunk by chunk. A run that was interrupted goes on from
        there and ends with the same numbers.
    n_jobs : int, default=None
        Jobs over chunks of refits, by joblib on any backend. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of permutations and refits; with None, a checkpoint brings its own.
    verbose : bool, default=False
        Show a progress bar with the time left.

    Returns
    -------
    PermutationResult
        `global_p_value` is what the test is made for; `p_value`, `adjusted()`, `null`.

    Raises
    ------
    ValueError
        If the table or a parameter cannot be used, or the checkpoint belongs to another run.

    Warns
    -----
    UserWarning
        If ``1 / (1 + B)`` is above 0.05: nothing can be rejected at that level.

    Notes
    -----
    The hypothesis is global. A permuted target has no main effects and no interactions, and a pair
    without interaction that stands beside real ones is not bound by such a null (in published
    practice, pairs are selected by its maximum all the same). To decide which pairs are real, use
    `crossfit_test`.

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
    if not trains_networks(estimator):
        raise ValueError(
            "permutation_test refits networks and reads their Hessians: it takes a "
            "BayesianInteractionRegressor or BayesianInteractionClassifier whose posterior is one "
            f"of networks, or 'auto'; got {estimator!r}. crossfit_test takes any regressor or "
            "classifier."
        )
    if getattr(estimator, "class_weight", None) is not None:
        raise ValueError(
            f"permutation_test has no class weights; got class_weight={estimator.class_weight!r}. "
            "Leave it at None: they move logits by a constant, and no interaction."
        )
    if statistic not in ("effect", "score"):
        raise ValueError(f"statistic must be 'effect' or 'score'; got {statistic!r}.")
    check_scalar(n_permutations, "n_permutations", Integral, min_val=1)
    table = Table.of(X, y, minimum=MIN_ROWS, labels=is_classifier(estimator))
    if 1 + n_permutations < 20:
        warnings.warn(
            f"With {n_permutations} permutations no p-value is below 1 / {1 + n_permutations}, so "
            "nothing can be rejected at 0.05. Take 19 at least, better 199.",
            UserWarning,
            stacklevel=2,
        )
    estimator = small(estimator)
    size = refits_per_stack(estimator, table.X.shape[1], table.y.shape[1])
    todo = {
        start: min(start + size, 1 + n_permutations) for start in range(0, 1 + n_permutations, size)
    }
    used = {name: value for name, value in estimator.get_params().items() if name not in NOT_HASHED}
    done = Checkpoint(
        checkpoint, hash((table.X, table.y, str(used), statistic, n_permutations, size))
    )
    null = Null.of(estimator, table, statistic, done.seed(random_state))
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
        pairs=table.pairs,
        statistic=observed,
        p_value=share_above(observed, null_values),
        tested=np.ones(len(observed), dtype=bool),
        feature_names=table.feature_names,
        frame_backend=table.frame_backend,
        null=null_values,
    )


@dataclass(frozen=True, eq=False)
class Null:
    """Statistics of refits, the first on the target and the others on permutations of it.

    Parameters
    ----------
    estimator : InteractionEstimator
    Z : ndarray of shape (n, d)
        In standard units.
    target : ndarray of shape (n, c)
        In standard units, or labels as 0 and 1.
    points : ndarray of int
        Rows to measure at.
    partition : Partition of the points
    statistic : {"effect", "score"}
    seed : int
    """

    estimator: InteractionEstimator
    Z: NDArray[np.float64]
    target: NDArray[np.float64]
    points: NDArray[np.intp]
    partition: Partition
    statistic: str
    seed: int

    @classmethod
    def of(cls, estimator: InteractionEstimator, table: Table, statistic: str, seed: int) -> "Null":
        """Choose the points and their groups, by X alone."""
        Z = StandardScaler().fit_transform(table.X)
        target = table.y if table.classes is not None else StandardScaler().fit_transform(table.y)
        points = np.random.default_rng(seed).permutation(len(Z))[:N_POINTS]
        partition = Partition.kmeans(Z[points], fixed_n_groups(estimator), seed)
        return cls(estimator, Z, target, points, partition, statistic, seed)

    def __call__(self, start: int, stop: int) -> tuple[int, NDArray[np.float64]]:
        """Statistics of the refits ``start .. stop - 1``, shape (stop - start, P)."""
        with ONE_THREAD:
            targets = np.stack([self.permuted(number) for number in range(start, stop)])
            refits = fit_targets(self.estimator, self.Z, targets, self.seed)
            return start, np.stack([self.measured(posterior) for posterior in refits])

    def permuted(self, number: int) -> NDArray[np.float64]:
        """The target, or its permutation of a number from 1."""
        if number == 0:
            return self.target
        return np.random.default_rng([self.seed, number]).permutation(self.target)

    def measured(self, posterior: RandomFunction) -> NDArray[np.float64]:
        """The statistic of every pair, shape (P,)."""
        x = torch.as_tensor(self.Z[self.points], dtype=torch.float32)
        n_draws = min(N_DRAWS, self.estimator.n_draws)
        pushed = push_forward(posterior, x, self.partition, n_draws=n_draws, seed=self.seed)
        effect = pushed.effect.mean
        return effect if self.statistic == "effect" else rank_pairs(posterior, x, effect)


class Checkpoint:
    """Chunks of statistics that are done, in a file if one is named.

    Parameters
    ----------
    path : path or None
    key : str
        What the run depends on, as a hash.

    Raises
    ------
    ValueError
        If the file holds another run, or none.
    """

    def __init__(self, path: Any, key: str):
        self.path, self.key = None if path is None else Path(path), key
        if self.path is not None and not self.path.parent.is_dir():
            raise ValueError(f"The folder {self.path.parent} of the checkpoint does not exist.")
        self.chunks: dict[int, NDArray[np.float64]] = {}
        self.kept_seed: int | None = None
        if self.path is None or not self.path.exists():
            return
        try:
            with open(self.path, "rb") as file, np.load(file) as arrays:
                held = dict(arrays)
            found = str(held.pop("key"))
            self.kept_seed = int(held.pop("seed"))
            self.chunks = {int(start): values for start, values in held.items()}
        except (OSError, EOFError, TypeError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(f"{self.path} is no checkpoint of permutation_test.") from error
        if found != key:
            raise ValueError(
                f"The checkpoint {self.path} belongs to another run: other data, parameters, "
                "statistic or number of permutations. Name another file, or remove this one."
            )

    def seed(self, random_state: Any) -> int:
        """The seed of the run: that of the file, which has to agree with the one asked for."""
        asked = int(check_random_state(random_state).randint(2**31 - 1))
        if self.kept_seed is None:
            self.kept_seed = asked
        elif random_state is not None and asked != self.kept_seed:
            raise ValueError(
                f"The checkpoint {self.path} was begun with another random_state. Name another "
                "file, or remove this one."
            )
        return self.kept_seed

    def add(self, start: int, values: NDArray[np.float64]) -> None:
        """Keep a chunk; the file is replaced as a whole, so that it is never half written."""
        self.chunks[start] = values
        if self.path is None:
            return
        part = self.path.with_name(self.path.name + ".part")
        with open(part, "wb") as file:
            arrays: dict[str, Any] = {"key": self.key, "seed": self.kept_seed}
            np.savez(file, **arrays | {str(first): one for first, one in self.chunks.items()})
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.path)
