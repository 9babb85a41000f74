"""Refit an estimator on chosen rows: networks of several refits train together as one stack."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from joblib import delayed
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.preprocessing import StandardScaler

from skgeh.estimators import InteractionEstimator
from skgeh.functions import RandomFunction, evaluate
from skgeh.geh import group_expected_hessian
from skgeh.hessian import group_mean_hessians
from skgeh.jobs import ONE_THREAD, run_jobs
from skgeh.networks import Auto
from skgeh.networks.centred import CentredPosterior, centred
from skgeh.networks.hybrid import Family
from skgeh.pairs import to_vector
from skgeh.partition import Partition
from skgeh.splits import MAX_HELD_OUT, held_out_rows

Split = tuple[NDArray[np.intp], NDArray[np.intp]]

STACK_VALUES = 2**18  # parameters that train as one stack: the states of more leave the cache
STACK = 8, 100  # networks in it, least and most
HIDDEN = 40, 40  # of networks that learn from a part of the rows, if the user leaves it open
LEAST_PROBABILITY = 1e-3  # of a class, as other models' logits know it
N_GROUPS = 11  # of points, if the user leaves it open


class Refit:
    """What one refit predicts, called with rows (m, d); for networks, their Hessians too.

    Parameters
    ----------
    predict : callable (m, d) -> (m,) or (m, c)
    n_targets : int, default=1
        c.
    """

    def __init__(self, predict: Callable[[NDArray], NDArray], n_targets: int = 1):
        self.predict, self.n_targets = predict, n_targets

    def __call__(self, X: NDArray) -> NDArray[np.float64]:
        """Predictions, shape (m, c)."""
        values = np.asarray(self.predict(X), dtype=np.float64)
        expected = (len(X),) if self.n_targets == 1 else (len(X), self.n_targets)
        if values.shape != expected:
            raise ValueError(
                "predict was expected to return one number a row and target, shape "
                f"{expected}; got {values.shape}."
            )
        return values.reshape(len(X), self.n_targets)


class NetworkRefit(Refit):
    """Mean of the networks of one refit.

    Parameters
    ----------
    members : MLP or Hybrid
        Stack of networks, in standard units.
    x_scaler : StandardScaler
    target_scales : ndarray of shape (n_networks, c)
    """

    def __init__(self, members: Any, x_scaler: StandardScaler, target_scales: NDArray):
        self.members, self.x_scaler, self.target_scales = members, x_scaler, target_scales

    def __call__(self, X: NDArray) -> NDArray[np.float64]:
        """Predictions up to a constant, shape (m, c)."""
        values = evaluate(self.members, self.x_scaler.transform(X), len(self.target_scales))
        return (values * self.target_scales[:, None]).mean(0)

    def group_hessians(self, X: NDArray, partition: Partition) -> NDArray[np.float64]:
        """Signed group mean Hessians of the mean network, in standard units, shape (c, M, P)."""
        x = torch.as_tensor(self.x_scaler.transform(X), dtype=torch.float32)
        with torch.no_grad():
            hessian = group_mean_hessians(self.members, x, partition).full()
        return to_vector(hessian.mean(0).numpy().astype(np.float64))

    def effects(self, X: NDArray, n_groups: int) -> NDArray[np.float64]:
        """M-GEH of the mean network (Eq. 6), mean over targets, shape (P,)."""
        partition = Partition.kmeans(self.x_scaler.transform(X), n_groups)
        hessians = self.group_hessians(X, partition)
        return group_expected_hessian(hessians, partition.weights).mean(0)


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
    estimator : scikit-learn regressor or classifier
        It is cloned, and what was fitted is not used.
    X : ndarray of shape (n, d)
    y : ndarray of shape (n, c)
        Numbers; or of labels 0 and 1, one column for two classes and else one a class.
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
        size, fit = refits_per_stack(estimator, X.shape[1], y.shape[1]), fit_stack
    chunks = list(of_one_length(splits, size))
    seeds = np.random.SeedSequence(seed).generate_state(len(chunks), np.uint32).tolist()
    jobs = [
        delayed(answers)(fit, estimator, X, y, chunk, ask, chunk_seed)
        for chunk, chunk_seed in zip(chunks, seeds, strict=True)
    ]
    return [one for chunk in progress(run_jobs(jobs, n_jobs), len(jobs)) for one in chunk]


def by_code(estimator: Any, classes: NDArray | None) -> Any:
    """The estimator with class weights, if there are any by label, by the codes it learns from."""
    if classes is None:
        return estimator
    codes = {label: code for code, label in enumerate(classes.tolist())}
    coded = {
        name: {codes.get(label, label): weight for label, weight in value.items()}
        for name, value in estimator.get_params().items()
        if name.split("__")[-1] == "class_weight" and isinstance(value, dict)
    }
    return clone(estimator).set_params(**coded) if coded else estimator


def trains_networks(estimator: Any) -> bool:
    """Whether tests can refit the estimator as a part of a stack of networks."""
    return isinstance(estimator, InteractionEstimator) and isinstance(
        small(estimator)._network(), Family
    )


def small(estimator: InteractionEstimator) -> InteractionEstimator:
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


def fixed_n_groups(estimator: InteractionEstimator) -> int:
    """The number of groups that the estimator names, or one that does not look at y."""
    return N_GROUPS if estimator.n_groups == "auto" else estimator.n_groups


def refits_per_stack(estimator: InteractionEstimator, n_features: int, n_targets: int = 1) -> int:
    """Refits whose networks train as one stack."""
    sizes = [n_features, *estimator._network().hidden_layer_sizes, n_targets]
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
    n_targets = y.shape[1]
    known = y[mine, 0] if n_targets == 1 else y[mine]
    if not is_classifier(estimator):
        fitted = clone(estimator).set_params(**states).fit(X[mine], known)
        return [Refit(fitted.predict, n_targets)]
    labels = known.astype(int) if n_targets == 1 else known.argmax(1)
    fitted = clone(estimator).set_params(**states).fit(X[mine], labels)
    return [Refit(partial(logits, fitted), n_targets)]


def logits(classifier: Any, X: NDArray) -> NDArray[np.float64]:
    """Log-odds of the second of two classes (m,), or logits of several, centred, (m, c)."""
    if not hasattr(classifier, "predict_proba"):
        return classifier.decision_function(X)
    logs = np.log(np.maximum(classifier.predict_proba(X), LEAST_PROBABILITY))
    return logs[:, 1] - logs[:, 0] if logs.shape[1] == 2 else logs - logs.mean(1, keepdims=True)


def fit_stack(
    estimator: InteractionEstimator,
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
    targets, scale = y, np.ones((len(orders), y.shape[1]))
    if not is_classifier(estimator):
        # the unit of a refit is that of its own rows: others must not reach it even by their mean
        shift, scale = y[orders].mean(1), y[orders].std(1)
        scale[scale == 0] = 1.0
        targets = (y - shift[:, None]) / scale[:, None]
    weight = estimator._row_weights(y, np.ones(len(X)))
    _, stack = estimator._train(
        estimator._network(),
        x_scaler.transform(X),
        targets,
        weight,
        orders[:, :n_held_out],
        int(generator.integers(2**31)),
        likelihood=estimator._likelihood(y, weight),
        training=orders[:, n_held_out:],
    )
    members: Any = stack.members()
    if is_classifier(estimator) and y.shape[1] > 1:
        members = centred(members)
    copies = np.arange(len(orders)).reshape(len(rows), -1)
    return [NetworkRefit(members[torch.from_numpy(mine)], x_scaler, scale[mine]) for mine in copies]


def fit_targets(
    estimator: InteractionEstimator, X: NDArray, targets: NDArray, seed: int
) -> list[RandomFunction]:
    """Refits that differ by their targets only: same start, batches, noise and held-out rows.

    Parameters
    ----------
    estimator : InteractionEstimator
    X : ndarray of shape (n, d)
        In standard units.
    targets : ndarray of shape (m, n, c)
        In standard units, or labels as 0 and 1.
    seed : int

    Returns
    -------
    list of m RandomFunction
    """
    generator = np.random.default_rng(seed)
    n_networks = estimator.n_networks
    held_out = held_out_rows(len(X), n_networks, estimator.validation_fraction, generator)
    weight = estimator._row_weights(targets[0], np.ones(len(X)))
    _, posterior = estimator._train(
        estimator._network(),
        X,
        np.repeat(targets, n_networks, axis=0),
        weight,
        held_out,
        int(generator.integers(2**31)),
        likelihood=estimator._likelihood(targets[0], weight),
    )
    copies = torch.arange(len(targets) * n_networks).reshape(len(targets), -1)
    if is_classifier(estimator) and targets.shape[2] > 1:
        return [CentredPosterior(posterior[mine]) for mine in copies]
    return [posterior[mine] for mine in copies]
