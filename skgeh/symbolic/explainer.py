"""AND and OR interactions of a model on samples."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgeh.symbolic.explanation import Explanation
from skgeh.symbolic.interactions import _SALIENT
from skgeh.symbolic.players import Players, _find_players
from skgeh.symbolic.split import _MAX_SPLIT, sparse_and_or
from skgeh.symbolic.values import _CHUNK, FeatureMap, _masked_values
from skgeh.tables.frames import values_and_names


class AndOrExplainer:
    """Explain a model's output on samples by a few AND and OR interactions of its inputs.

    An AND interaction acts when all of its players are present, an OR interaction as soon as one
    of them is; an absent player is at its baseline. For every subset of the players, the
    interactions sum to the output within a noise bound.

    Parameters
    ----------
    model : object
        A fitted scikit-learn estimator, a skorch net, a torch module, or a callable that takes rows
        and returns one number per row.
    baseline : "mean", "cluster_centre", array-like or FeatureMap, default="mean"
        Values of an absent player. "mean" is the mean of `background`; "cluster_centre", for clouds
        of points, is the mean of the player's points. An array broadcasts to a sample, such as a
        vector or the id of a mask token. A `FeatureMap` is zero on the output of a layer.
    players : array of int, list of groups, or mapping of names to groups, default=None
        By default every column is a player. A group holds columns, by position or name. An array
        has one label per place of a sample, to which it broadcasts; places labelled -1 belong to no
        player and are always present. See `skgeh.symbolic.patches` for images.
    background : array-like, default=None
        Rows whose mean is the baseline "mean"; the samples themselves if None.
    output : {"auto", "value", "log_odds"}, default="auto"
        "value" is the prediction, "log_odds" the log-odds of each sample's class, from logits where
        there are any. "auto" takes log-odds for classifiers and for torch modules with two or more
        outputs.
    noise_bound, tol : float
        As in `sparse_and_or`.
    salient : float, default=0.03
        Share of the mean change of the output above which an interaction is salient.
    chunk : int, default=8192
        Rows per forward pass.
    verbose : int or bool, default=0
        Whether to show progress bars with the time left.

    References
    ----------
    Q. Ren et al., "Towards the Dynamics of a DNN Learning Symbolic Interactions", NeurIPS 2024.

    Examples
    --------
    >>> X = np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 1.0]])
    >>> explainer = AndOrExplainer(lambda rows: rows[:, 0] * rows[:, 1] + rows[:, 2], baseline=0.0)
    >>> explainer.explain(X).to_frame(sample=0)[["interaction", "order"]]
         interaction  order
    0             x2      1
    1  x0 \N{LOGICAL AND} x1      2
    """

    def __init__(
        self,
        model: Any,
        baseline: Any = "mean",
        players: Any = None,
        *,
        background: ArrayLike | None = None,
        output: str = "auto",
        noise_bound: float = 0.02,
        tol: float = 1e-3,
        salient: float = _SALIENT,
        chunk: int = _CHUNK,
        verbose: int = 0,
    ):
        self.model = model
        self.baseline = baseline
        self.players = players
        self.background = background
        self.output = output
        self.noise_bound = noise_bound
        self.tol = tol
        self.salient = salient
        self.chunk = chunk
        self.verbose = verbose

    def explain(self, X: Any, y: ArrayLike | None = None) -> Explanation:
        """Explain the output on samples.

        Parameters
        ----------
        X : array-like or data frame of shape (samples, ...)
        y : array-like of shape (samples,), default=None
            For classifiers, the class whose log-odds are explained, usually the true one.

        Returns
        -------
        Explanation

        Raises
        ------
        ValueError
            If X has missing values, there are more than 12 players, y is missing or has a class
            that the model does not know, or the output is not finite for some masked input.

        Notes
        -----
        With n players, the model computes its output for ``samples * 2^n`` rows.
        """
        rows, names = _samples(X)
        y = _targets(y, len(rows))
        on_layer = isinstance(self.baseline, FeatureMap)
        players = _find_players(self.players, None if on_layer else rows.shape[1:], names)
        if len(players) > _MAX_SPLIT:
            raise ValueError(
                f"There are {len(players)} players, but at most {_MAX_SPLIT} can be explained by "
                "AND and OR together. Put columns or pixels into groups, or leave some out, as in "
                "players=[['a', 'b'], ['c'], ...]. Columns in no group are always present."
            )
        values = self._values(rows, y, players)
        interactions = sparse_and_or(values, self.noise_bound, self.tol, verbose=self.verbose)
        return Explanation(
            interactions, values, players.names, interactions.threshold(self.salient)
        )

    def values(self, X: Any, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """Output for every subset of the players, shape (samples, 2^n), for up to 24 players."""
        rows, names = _samples(X)
        on_layer = isinstance(self.baseline, FeatureMap)
        players = _find_players(self.players, None if on_layer else rows.shape[1:], names)
        return self._values(rows, _targets(y, len(rows)), players)

    def _values(self, rows: NDArray, y: NDArray | None, players: Players) -> NDArray[np.float64]:
        baseline = self.baseline
        if isinstance(baseline, str) and baseline == "mean":
            background = rows if self.background is None else _samples(self.background)[0]
            baseline = background.mean(0)
        return _masked_values(
            self.model,
            rows,
            y,
            players,
            baseline,
            output=self.output,
            chunk=self.chunk,
            verbose=self.verbose,
        )


def _samples(X: Any) -> tuple[NDArray, Sequence[str] | None]:
    """Samples as an array of numbers, and column names if there are any."""
    rows, names = values_and_names(X)
    if rows.dtype == object:
        try:
            rows = rows.astype(np.float64)
        except (TypeError, ValueError):
            raise TypeError(
                "X must hold numbers, but some values are not. Encode text and categories as "
                "numbers first."
            ) from None
    if rows.dtype.kind not in "biuf":
        raise TypeError(f"X must hold numbers; got an array of {rows.dtype}.")
    if rows.ndim < 2 or not len(rows):
        raise ValueError(
            f"X must hold one or more samples, shape (samples, ...); got shape {rows.shape}."
        )
    if not np.isfinite(rows).all():
        raise ValueError(
            f"X has {int((~np.isfinite(rows)).sum())} missing or infinite values. Fill them in: a "
            "player that is present must have a value."
        )
    return rows, names


def _targets(y: ArrayLike | None, n_samples: int) -> NDArray | None:
    """One class per sample, or None."""
    if y is None:
        return None
    y = np.asarray(y)
    if y.shape != (n_samples,):
        raise ValueError(
            f"y must hold one class for each of {n_samples} samples; got shape {y.shape}."
        )
    return y
