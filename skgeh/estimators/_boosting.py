"""Predictions by gradient boosting, which can learn interactions of any form and order."""

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from skgeh.geh.likelihoods import LEAST, LogLink
from skgeh.geh.task import Task
from skgeh.parallel import ONE_THREAD
from skgeh.tables.table import codes_of

_FOLDS = 3
_MOST_STEPS, _LEAST_STEPS = 100, 5
_FEW_COLUMNS = 50  # a step over more of them takes proportionally longer
_TRAVEL, _MOST_RATE = 10.0, 0.3  # learning rate times steps, and the largest learning rate
_LEAVES, _BINS = 12, 128
_ROWS_IN_LEAF, _SHARE_IN_LEAF = 10, 0.05  # least number of rows, at most this share of all


@ONE_THREAD
def boosted_predictions(task: Task, seed: int) -> NDArray[np.float64]:
    """Predictions of rows by boosting that was learned without them, shape (n, c).

    There are three folds with equal shares of the classes. One thread learns, so that the result is
    the same on every machine. More columns, targets or classes mean fewer and larger steps.

    Parameters
    ----------
    task : Task
    seed : int
        Seed of the folds.

    Returns
    -------
    ndarray of shape (n, c)
        Numbers, logits, or logs of means.
    """
    labels = codes_of(task.y) if task.has_labels else np.zeros(len(task.X), dtype=np.intp)
    weight = task.weight / task.weight.mean()
    predict = _logits if task.has_labels else _numbers
    if isinstance(task.likelihood, LogLink):
        predict = partial(_logs, "poisson" if task.likelihood.power == 1 else "gamma")
    fold, bins, found = folds(labels, seed, task.units), _bins(task.X), np.empty(task.y.shape)
    for k in np.unique(fold):
        on, off = fold != k, fold == k
        found[off] = predict(bins[on], task.y[on], weight[on], bins[off])
    return found


def folds(labels: NDArray, seed: int, units: NDArray | None = None) -> NDArray[np.intp]:
    """Random fold of every row, with as many rows of each class as in the others or one more.

    If rows come in units, each unit is in one fold, and folds have as many units.
    """
    if units is not None:
        names, codes = np.unique(units, return_inverse=True)
        return (np.random.default_rng(seed).permutation(len(names)) % _FOLDS)[codes]
    order = np.lexsort((np.random.default_rng(seed).random(len(labels)), labels))
    fold = np.empty(len(labels), dtype=np.intp)
    fold[order] = np.arange(len(labels)) % _FOLDS
    return fold


def _bins(X: NDArray) -> NDArray[np.float64]:
    """Columns cut into 128 bins of as many rows each, which scikit-learn does slowly if weighted.

    Examples
    --------
    >>> _bins(np.array([[0.1], [0.1], [5.0]])).ravel().tolist()
    [64.0, 64.0, 128.0]
    """
    return np.ceil(rankdata(X, axis=0) / len(X) * _BINS)


def _settings(X: NDArray, n_trees: int) -> dict:
    """Parameters for a table, of which each step learns some trees."""
    cost = n_trees * max(1.0, X.shape[1] / _FEW_COLUMNS)
    steps = int(np.clip(_MOST_STEPS / cost, _LEAST_STEPS, _MOST_STEPS))
    return {
        "max_iter": steps,
        "learning_rate": min(_TRAVEL / steps, _MOST_RATE),
        "max_leaf_nodes": _LEAVES,
        "min_samples_leaf": int(np.clip(_SHARE_IN_LEAF * len(X), 1, _ROWS_IN_LEAF)),
        "early_stopping": False,
        "random_state": 0,
    }


def _numbers(X: NDArray, y: NDArray, weight: NDArray, new: NDArray) -> NDArray[np.float64]:
    """Predicted targets of new rows, shape (n, c)."""
    model = HistGradientBoostingRegressor(**_settings(X, y.shape[1]))
    return np.column_stack([model.fit(X, one, sample_weight=weight).predict(new) for one in y.T])


def _logs(loss: str, X: NDArray, y: NDArray, weight: NDArray, new: NDArray) -> NDArray[np.float64]:
    """Predicted logs of the means of new rows, shape (n, c); counts may all be 0."""
    model = HistGradientBoostingRegressor(loss=loss, **_settings(X, y.shape[1]))
    found = [
        model.fit(X, one, sample_weight=weight).predict(new) if one.any() else np.zeros(len(new))
        for one in y.T
    ]
    return np.log(np.maximum(np.column_stack(found), LEAST))


def _logits(X: NDArray, y: NDArray, weight: NDArray, new: NDArray) -> NDArray[np.float64]:
    """Predicted logits of new rows, shape (n, c); a class that no row shows gets a least share."""
    n_classes, labels = max(2, y.shape[1]), codes_of(y)
    shares = np.full((len(new), n_classes), LEAST)
    seen = np.unique(labels)
    if len(seen) == 1:
        shares[:, seen] = 1.0
    else:
        model = HistGradientBoostingClassifier(**_settings(X, y.shape[1]))
        model.fit(X, labels, sample_weight=weight)
        shares[:, seen] = np.maximum(model.predict_proba(new), LEAST)
    logs = np.log(shares)
    return logs[:, 1:] - logs[:, :1] if y.shape[1] == 1 else logs
