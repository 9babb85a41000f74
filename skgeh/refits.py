"""Refit an estimator on chosen rows: networks of several refits train together as one stack."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from joblib import delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from skgeh.estimators import BayesianInteractionRegressor
from skgeh.functions import MLP, Hybrid, evaluate
from skgeh.geh import group_expected_hessian
from skgeh.hessian import group_mean_hessians
from skgeh.jobs import ONE_THREAD, run_jobs
from skgeh.networks import Auto
from skgeh.networks.hybrid import Family, StackPosterior
from skgeh.pairs import to_vector
from skgeh.partition import Partition
from skgeh.splits import MAX_HELD_OUT, held_out_rows

Split = tuple[NDArray[np.intp], NDArray[np.intp]]

STACK_VALUES = 2**18  # parameters that train as one stack: the states of more leave the cache
STACK = 8, 100  # networks in it, least and most
HIDDEN = 40, 40  # of networks that learn from a part of the rows, if the user leaves it open
N_GROUPS = 11  # of points, if the user leaves it open


class Refit:
    """What one refit predicts, called with rows (m, d); for networks, their Hessians too.

    Parameters
    ----------
    predict : callable (m, d) -> (m,)
    """

    def __init__(self, predict: Callable[[NDArray], NDArray]):
        self.predict = predict

    def __call__(self, X: NDArray) -> NDArray[np.float64]:
        """Predictions, shape (m,)."""
        values = np.asarray(self.predict(X), dtype=np.float64)
        if values.shape != (len(X),):
            raise ValueError(
                f"predict was expected to return one number a row, shape ({len(X)},); got "
                f"{values.shape}. Tests take one target."
            )
        return values


class NetworkRefit(Refit):
    """Mean of the networks of one refit.

    Parameters
    ----------
    members : MLP or Hybrid
        Stack of networks, in standard units.
    x_scaler : StandardScaler
    target_scales : ndarray of shape (n_networks,)
    """

    def __init__(self, members: MLP | Hybrid, x_scaler: StandardScaler, target_scales: NDArray):
        self.members, self.x_scaler, self.target_scales = members, x_scaler, target_scales

    def __call__(self, X: NDArray) -> NDArray[np.float64]:
        """Predictions up to a constant, shape (m,)."""
        values = evaluate(self.members, self.x_scaler.transform(X), len(self.members))
        return self.target_scales @ values[..., 0] / len(values)

    def group_hessians(self, X: NDArray, partition: Partition) -> NDArray[np.float64]:
        """Signed group mean Hessians of the mean network, in standard units, shape (M, P)."""
        x = torch.as_tensor(self.x_scaler.transform(X), dtype=torch.float32)
        with torch.no_grad():
            hessian = group_mean_hessians(self.members, x, partition).full()
        return to_vector(hessian[:, 0].mean(0).numpy().astype(np.float64))

    def effects(self, X: NDArray, n_groups: int) -> NDArray[np.float64]:
        """M-GEH of the mean network (Eq. 6), shape (P,)."""
        partition = Partition.kmeans(self.x_scaler.transform(X), n_groups)
        return group_expected_hessian(self.group_hessians(X, partition), partition.weights)


def refit(
    estimator: Any,
    X: NDArray,
    y: NDArray,
    splits: Sequence[Split],
    ask: Callable[..., Any],
    *,
    n_networks: int = 1,
    seed: int,
    n_jobs: int | None = None,
    progress: Callable,
) -> list[Any]:
    """Fit clones, each on its own rows, and ask each of them one question.

    Parameters
    ----------
    estimator : scikit-learn regressor
        It is cloned, and what was fitted is not used.
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    splits : sequence of (train, test)
        Rows that a refit learns from, and rows that it is asked about.
    ask : callable (Refit, X, train, test) -> answer
        Called where the refit was made, so that models do not travel.
    n_networks : int, default=1
        Networks of each refit, if the estimator is one of ours.
    seed : int
    n_jobs : int, optional
        Jobs over chunks of refits, by joblib on any backend; results do not depend on it.
    progress : callable (iterable, total) -> iterable
        Wraps the iterable of chunks.

    Returns
    -------
    list of answers
    """
    estimator, size, fit = clone(estimator), 1, fit_one
    if trains_networks(estimator):
        estimator = small(estimator).set_params(n_networks=n_networks)
        size, fit = refits_per_stack(estimator, X.shape[1]), fit_stack
    chunks = list(of_one_length(splits, size))
    seeds = np.random.SeedSequence(seed).generate_state(len(chunks), np.uint32).tolist()
    jobs = [
        delayed(answers)(fit, estimator, X, y, chunk, ask, chunk_seed)
        for chunk, chunk_seed in zip(chunks, seeds, strict=True)
    ]
    return [one for chunk in progress(run_jobs(jobs, n_jobs), len(jobs)) for one in chunk]


def trains_networks(estimator: Any) -> bool:
    """Whether tests can refit the estimator as a part of a stack of networks."""
    return isinstance(estimator, BayesianInteractionRegressor) and isinstance(
        small(estimator)._network(), Family
    )


def small(estimator: BayesianInteractionRegressor) -> BayesianInteractionRegressor:
    """A clone whose networks are small, unless the user chose their size.

    What chooses a posterior by itself becomes concrete dropout, for which tests are calibrated.
    """
    estimator = clone(estimator)
    estimator._check_parameters()
    network = estimator._network()
    if isinstance(network, Auto):
        estimator.set_params(posterior="concrete_dropout")
    elif not isinstance(network, Family):
        return estimator
    if isinstance(estimator.posterior, str) and estimator.hidden_layer_sizes is None:
        estimator.set_params(hidden_layer_sizes=HIDDEN)
    return estimator


def fixed_n_groups(estimator: BayesianInteractionRegressor) -> int:
    """The number of groups that the estimator names, or one that does not look at y."""
    return N_GROUPS if estimator.n_groups == "auto" else estimator.n_groups


def refits_per_stack(estimator: BayesianInteractionRegressor, n_features: int) -> int:
    """Refits whose networks train as one stack."""
    sizes = [n_features, *estimator._network().hidden_layer_sizes, 1]
    n_parameters = sum((a + 1) * b for a, b in pairwise(sizes))
    least, most = STACK
    copies = min(max(STACK_VALUES // n_parameters, least), most)
    return max(1, copies // estimator.n_networks)


def of_one_length(splits: Sequence[Split], size: int) -> Iterator[Sequence[Split]]:
    """Runs of at most `size` splits that train on equally many rows, give or take one.

    Examples
    --------
    >>> rows = [(np.arange(n), np.arange(0)) for n in (9, 8, 9, 5)]
    >>> [len(run) for run in of_one_length(rows, 2)]
    [2, 1, 1]
    """
    start = 0
    for end in range(1, len(splits) + 1):
        lengths = [len(train) for train, _ in splits[start : end + 1]]
        if end == len(splits) or end - start == size or np.ptp(lengths) > 1:
            yield splits[start:end]
            start = end


def answers(
    fit: Callable,
    estimator: Any,
    X: NDArray,
    y: NDArray,
    splits: Sequence[Split],
    ask: Callable,
    seed: int,
) -> list[Any]:
    """Answers of the refits of one chunk."""
    with ONE_THREAD:
        refits = fit(estimator, X, y, [train for train, _ in splits], seed)
        return [ask(one, X, train, test) for one, (train, test) in zip(refits, splits, strict=True)]


def fit_one(
    estimator: Any, X: NDArray, y: NDArray, rows: Sequence[NDArray[np.intp]], seed: int
) -> list[Refit]:
    """One clone of any estimator, its random state set."""
    (mine,) = rows
    states = {
        name: seed
        for name in estimator.get_params()
        if name == "random_state" or name.endswith("__random_state")
    }
    fitted = clone(estimator).set_params(**states).fit(X[mine], y[mine])
    return [Refit(fitted.predict)]


def fit_stack(
    estimator: BayesianInteractionRegressor,
    X: NDArray,
    y: NDArray,
    rows: Sequence[NDArray[np.intp]],
    seed: int,
) -> list[Refit]:
    """The networks of several clones as one stack."""
    generator = np.random.default_rng(seed)
    size = min(map(len, rows))  # copies of a stack have as many rows, give or take one
    n_held_out = min(max(1, round(estimator.validation_fraction * size)), MAX_HELD_OUT, size - 1)
    orders = np.stack(
        [generator.permutation(mine)[:size] for mine in rows for _ in range(estimator.n_networks)]
    )
    x_scaler = StandardScaler().fit(X)
    # the unit of a refit is that of its own rows: others must not reach it even by their mean
    shift, scale = y[orders].mean(1), y[orders].std(1)
    scale[scale == 0] = 1.0
    targets = (y - shift[:, None]) / scale[:, None]
    _, stack = estimator._train(
        estimator._network(),
        x_scaler.transform(X),
        targets[..., None],
        np.ones(len(X)),
        orders[:, :n_held_out],
        int(generator.integers(2**31)),
        training=orders[:, n_held_out:],
    )
    members = stack.members()
    copies = np.arange(len(orders)).reshape(len(rows), -1)
    return [NetworkRefit(members[torch.from_numpy(mine)], x_scaler, scale[mine]) for mine in copies]


def fit_targets(
    estimator: BayesianInteractionRegressor, X: NDArray, targets: NDArray, seed: int
) -> list[StackPosterior]:
    """Refits that differ by their targets only: same start, batches, noise and held-out rows.

    Parameters
    ----------
    estimator : BayesianInteractionRegressor
    X : ndarray of shape (n, d)
        In standard units.
    targets : ndarray of shape (m, n)
        In standard units.
    seed : int

    Returns
    -------
    list of m StackPosterior
    """
    generator = np.random.default_rng(seed)
    n_networks = estimator.n_networks
    held_out = held_out_rows(len(X), n_networks, estimator.validation_fraction, generator)
    _, posterior = estimator._train(
        estimator._network(),
        X,
        np.repeat(targets, n_networks, axis=0)[..., None],
        np.ones(len(X)),
        held_out,
        int(generator.integers(2**31)),
    )
    copies = torch.arange(len(targets) * n_networks).reshape(len(targets), -1)
    return [posterior[mine] for mine in copies]
