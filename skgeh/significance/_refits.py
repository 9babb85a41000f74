"""Refits on chosen rows; the networks of several refits train together as one stack."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from joblib import delayed
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier

from skgeh.estimators import InteractionEstimator
from skgeh.geh.effect import group_expected_hessian
from skgeh.geh.functions import RandomFunction, evaluate
from skgeh.geh.hessians import group_mean_hessians
from skgeh.geh.pairs import to_vector
from skgeh.geh.partition import Partition
from skgeh.geh.units import Units, in_units
from skgeh.geh.views.units import InUnits
from skgeh.parallel import ONE_THREAD, run_jobs
from skgeh.posteriors.trainer import Trainer
from skgeh.tables.rows import MAX_HELD_OUT
from skgeh.tables.table import standard_scaler

Split = tuple[NDArray[np.intp], NDArray[np.intp]]
Learner = Any  # a `Trainer` of networks, or any scikit-learn regressor or classifier

STACK_VALUES = 2**18  # parameters that train as one stack; the states of more leave the cache
STACK = 8, 100  # least and most networks in a stack
LEAST_PROBABILITY = 1e-3  # least probability of a class from which other models' logits are made
N_GROUPS = 11  # groups of points, if the user does not choose


class Refit:
    """Predictions of one refit at rows (m, d); for networks, also Hessians.

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
                f"predict must return one number per row and target, shape {expected}; got "
                f"{values.shape}. Use an estimator that predicts every column of y."
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

    def __init__(self, members: Any, x_scaler: Any, target_scales: NDArray):
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


def learner_of(estimator: Any, classes: NDArray | None, trainer: Trainer | None = None) -> Learner:
    """The learner for refits: small networks, or clones of any other estimator.

    Parameters
    ----------
    estimator : scikit-learn regressor or classifier
    classes : ndarray of shape (C,) or None
        Labels that class weights refer to; refits learn from codes.
    trainer : Trainer, optional
        The estimator's trainer, if it was made already.
    """
    if isinstance(estimator, InteractionEstimator):
        known = estimator.trainer() if trainer is None else trainer
        if known.trains_networks:
            return replace(known.small(), classes=classes)
    return by_code(clone(estimator), classes)


def refit(
    learner: Learner,
    X: NDArray,
    y: NDArray,
    splits: Sequence[Split],
    ask: Callable[..., Any],
    *,
    n_networks: int = 1,
    framed: Callable[[NDArray], Any] | None = None,
    units: NDArray[np.intp] | None = None,
    seed: int,
    n_jobs: int | None = None,
    progress: Callable,
) -> list[Any]:
    """Refit on the rows of each split, and ask each refit one question.

    Parameters
    ----------
    learner : Trainer, or scikit-learn regressor or classifier
        An estimator is cloned, and its fitted state is not used.
    X : ndarray of shape (n, d)
    y : ndarray of shape (n, c)
        Numbers; for labels, 0 and 1 in one column for two classes, otherwise one column per class.
    splits : sequence of (train, test)
        Rows that a refit learns from, and rows at which it is evaluated.
    ask : callable (Refit, train, test) -> answer
        Called in the process that made the refit, so that models are not sent between processes.
    n_networks : int, default=1
        Number of networks per refit, if the learner is a trainer.
    framed : callable (m, d) -> data frame, optional
        Makes the tables that an estimator sees; arrays by default.
    units : ndarray of shape (n,), optional
        Unit of every row; networks hold out whole units from training, but for a part of one.
    seed : int
    n_jobs : int, optional
        Jobs over chunks of refits, by joblib on any backend; results do not depend on it.
    progress : callable (iterable, total) -> iterable
        Wraps the iterable of chunks.

    Returns
    -------
    list of answers
    """
    fit: Callable[..., list[Refit]] = partial(fit_one, framed=framed)
    size = 1
    if isinstance(learner, Trainer):
        learner = replace(learner, n_networks=n_networks)
        size = refits_per_stack(learner, X.shape[1], y.shape[1])
        fit = partial(fit_stack, units=units)
    chunks = list(of_one_length(splits, size))
    seeds = np.random.SeedSequence(seed).generate_state(len(chunks), np.uint32).tolist()
    jobs = [
        delayed(answers)(fit, learner, X, y, chunk, ask, chunk_seed)
        for chunk, chunk_seed in zip(chunks, seeds, strict=True)
    ]
    return [one for chunk in progress(run_jobs(jobs, n_jobs), len(jobs)) for one in chunk]


def by_code(estimator: Any, classes: NDArray | None) -> Any:
    """The estimator, with class weights by label changed to the codes that it learns from."""
    if classes is None:
        return estimator
    codes = {label: code for code, label in enumerate(classes.tolist())}
    coded = {
        name: {codes.get(label, label): weight for label, weight in value.items()}
        for name, value in estimator.get_params().items()
        if name.split("__")[-1] == "class_weight" and isinstance(value, dict)
    }
    return clone(estimator).set_params(**coded) if coded else estimator


def fixed_n_groups(estimator: Any) -> int:
    """The estimator's number of groups or, for "auto", one that does not depend on y."""
    asked = getattr(estimator, "n_groups", "auto")
    return N_GROUPS if isinstance(asked, str) else asked


def refits_per_stack(trainer: Trainer, n_features: int, n_targets: int = 1) -> int:
    """Number of refits whose networks train as one stack."""
    least, most = STACK
    copies = STACK_VALUES // trainer.n_parameters(n_features, n_targets)
    return max(1, min(max(copies, least), most) // trainer.n_networks)


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
    learner: Learner,
    X: NDArray,
    y: NDArray,
    splits: Sequence[Split],
    ask: Callable,
    seed: int,
) -> list[Any]:
    """Answers of the refits of one chunk."""
    with ONE_THREAD:
        refits = fit(learner, X, y, [train for train, _ in splits], seed)
        return [ask(one, train, test) for one, (train, test) in zip(refits, splits, strict=True)]


def fit_one(
    estimator: Any,
    X: NDArray,
    y: NDArray,
    rows: Sequence[NDArray[np.intp]],
    seed: int,
    framed: Callable[[NDArray], Any] | None = None,
) -> list[Refit]:
    """One fitted clone of any estimator, with its random state set."""
    (mine,) = rows
    states = {
        name: seed
        for name in estimator.get_params()
        if name == "random_state" or name.endswith("__random_state")
    }
    n_targets = y.shape[1]
    known = y[mine, 0] if n_targets == 1 else y[mine]
    own = clone(estimator).set_params(**states)
    seen = X[mine] if framed is None else framed(X[mine])
    if not is_classifier(estimator):
        answer = own.fit(seen, known).predict
    else:
        labels = known.astype(int) if n_targets == 1 else known.argmax(1)
        answer = partial(logits, own.fit(seen, labels))
    return [Refit(answer if framed is None else lambda rows: answer(framed(rows)), n_targets)]


def logits(classifier: Any, X: NDArray) -> NDArray[np.float64]:
    """Log-odds of the second of two classes, (m,), or centred logits of more classes, (m, c)."""
    if not hasattr(classifier, "predict_proba"):
        return classifier.decision_function(X)
    logs = np.log(np.maximum(classifier.predict_proba(X), LEAST_PROBABILITY))
    return logs[:, 1] - logs[:, 0] if logs.shape[1] == 2 else logs - logs.mean(1, keepdims=True)


def fit_stack(
    trainer: Trainer,
    X: NDArray,
    y: NDArray,
    rows: Sequence[NDArray[np.intp]],
    seed: int,
    units: NDArray[np.intp] | None = None,
) -> list[Refit]:
    """The networks of several refits as one stack."""
    generator = np.random.default_rng(seed)
    size = min(map(len, rows))  # all copies of a stack need the same number of rows
    n_held_out = min(max(1, round(trainer.validation_fraction * size)), MAX_HELD_OUT, size - 1)
    orders = np.stack(
        [
            shuffled(mine, units, generator)[:size]
            for mine in rows
            for _ in range(trainer.n_networks)
        ]
    )
    x_scaler = standard_scaler().fit(X)
    targets, scale = y, np.ones((len(orders), y.shape[1]))
    if not trainer.has_labels:
        # each refit has the units of its own rows: other rows must not reach it, even by a mean
        shift, scale = y[orders].mean(1), y[orders].std(1)
        scale[scale == 0] = 1.0
        targets = (y - shift[:, None]) / scale[:, None]
    members = trained(
        trainer,
        x_scaler.transform(X),
        targets,
        orders[:, :n_held_out],
        int(generator.integers(2**31)),
        training=orders[:, n_held_out:],
    ).members()
    if trainer.has_labels and y.shape[1] > 1:
        members = in_units(members, Units.centring(X.shape[1], y.shape[1]))
    copies = np.arange(len(orders)).reshape(len(rows), -1)
    return [NetworkRefit(members[torch.from_numpy(mine)], x_scaler, scale[mine]) for mine in copies]


def shuffled(
    rows: NDArray[np.intp], units: NDArray[np.intp] | None, generator: np.random.Generator
) -> NDArray[np.intp]:
    """Rows in random order, those of one unit next to each other.

    Examples
    --------
    >>> shuffled(np.arange(6), np.array([0, 1, 2, 0, 1, 2]), np.random.default_rng(0)).tolist()
    [3, 0, 4, 1, 2, 5]
    """
    order = generator.permutation(rows)
    if units is None:
        return order
    places = generator.permutation(units.max() + 1)
    return order[np.argsort(places[units[order]], kind="stable")]


def fit_targets(trainer: Trainer, Z: NDArray, targets: NDArray, seed: int) -> list[RandomFunction]:
    """Refits that differ only in their targets: same start, batches, noise and held-out rows.

    Parameters
    ----------
    trainer : Trainer
    Z : ndarray of shape (n, d)
        In standard units.
    targets : ndarray of shape (m, n, c)
        In standard units, labels as 0 and 1, or ratios to the mean.
    seed : int

    Returns
    -------
    list of m RandomFunction
    """
    generator = np.random.default_rng(seed)
    held_out = trainer.held_out(len(Z), trainer.n_networks, generator)
    copied = np.repeat(targets, trainer.n_networks, axis=0)
    posterior = trained(trainer, Z, copied, held_out, int(generator.integers(2**31)))
    copies = torch.arange(len(copied)).reshape(len(targets), -1)
    parts = [posterior[mine] for mine in copies]
    if trainer.has_labels and targets.shape[2] > 1:
        return [InUnits.centred(part) for part in parts]
    return parts


def trained(
    trainer: Trainer,
    Z: NDArray,
    targets: NDArray,
    held_out: NDArray,
    seed: int,
    training: NDArray | None = None,
) -> Any:
    """A trained stack of networks, with common targets (n, c) or its own for each (S, n, c)."""
    first = targets if targets.ndim == 2 else targets[0]
    weight = trainer.row_weights(first, np.ones(len(Z)))
    task = trainer.task(Z, targets, weight)
    return trainer.train(trainer.family, task, held_out, seed, training=training)[1]
