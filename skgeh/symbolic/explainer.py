"""From a model and samples to their AND and OR interactions."""

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgeh.symbolic.explanation import Explanation
from skgeh.symbolic.interactions import _SALIENT
from skgeh.symbolic.players import Players, _find_players
from skgeh.symbolic.split import _MAX_SPLIT, sparse_and_or
from skgeh.symbolic.values import _CHUNK, FeatureMap, _masked_values


class AndOrExplainer:
    """Explain a model's output on samples by few AND and OR interactions of its inputs.

    An AND interaction of players is there when all of them are, an OR interaction as soon as one
    is; an absent player is at its baseline. The sum of the interactions is the output for every
    subset of the players, within a noise bound.

    Parameters
    ----------
    model : object
        A fitted scikit-learn estimator, a skorch net, a torch module, or a callable that takes rows
        and gives one number each.
    baseline : "mean", "cluster_centre", array-like or FeatureMap, default="mean"
        What stands where a player is absent: the mean of `background`; of points the centre of
        their player's; numbers that broadcast to a sample, such as a vector or a mask token's id;
        or zero on the output of a layer.
    players : array of int, list of groups, or mapping of names to groups, default=None
        By default every column is a player. A group holds columns by position or name. An array
        has one label a place and broadcasts to a sample, -1 where nobody plays; see
        `skgeh.symbolic.patches` for images.
    background : array-like, default=None
        Rows whose mean is the baseline "mean"; the samples themselves if None.
    output : {"auto", "value", "log_odds"}, default="auto"
        The prediction, or the log-odds of each sample's class, from logits where there are any.
        "auto" takes log-odds of classifiers and of torch modules with two outputs or more.
    noise_bound, tol : float
        As in `sparse_and_or`.
    salient : float, default=0.03
        Share of the mean change of the output above which an interaction is salient.
    chunk : int, default=8192
        Rows a forward pass.
    verbose : bool, default=False
        Show a progress bar.

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
        verbose: bool = False,
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
            Of classifiers: the class whose log-odds are explained, usually the true one.

        Returns
        -------
        Explanation

        Raises
        ------
        ValueError
            If X has missing values, there are more than 12 players, y is missing or no class of the
            model, or the output is not finite for some masked input.

        Notes
        -----
        The model is asked for ``samples * 2^n`` rows.
        """
        rows, names = _samples(X)
        y = _targets(y, len(rows))
        on_layer = isinstance(self.baseline, FeatureMap)
        players = _find_players(self.players, None if on_layer else rows.shape[1:], names)
        if len(players) > _MAX_SPLIT:
            raise ValueError(
                f"There are {len(players)} players, and at most {_MAX_SPLIT} can be explained by "
                "AND and OR together. Put columns or pixels into groups, or leave some out: "
                "players=[['a', 'b'], ['c'], ...]; what is in no group is always there."
            )
        values = self._values(rows, y, players)
        interactions = sparse_and_or(values, self.noise_bound, self.tol)
        return Explanation(
            interactions, values, players.names, interactions.threshold(self.salient)
        )

    def values(self, X: Any, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """Output for every subset of the players, shape (samples, 2^n), for up to 24 of them."""
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
    frame = nw.from_native(X, pass_through=True, eager_only=True)
    names = frame.columns if isinstance(frame, nw.DataFrame) else None
    rows = frame.to_numpy() if names is not None else np.asarray(X)
    if rows.dtype == object:
        try:
            rows = rows.astype(np.float64)
        except (TypeError, ValueError):
            raise TypeError(
                "X must hold numbers; encode text and categories first, or explain a callable "
                "that does."
            ) from None
    if rows.dtype.kind not in "biuf":
        raise TypeError(f"X must hold numbers; got {rows.dtype}.")
    if rows.ndim < 2 or not len(rows):
        raise ValueError(f"X must be one or more samples, (samples, ...); got shape {rows.shape}.")
    if not np.isfinite(rows).all():
        raise ValueError(
            f"X has {int((~np.isfinite(rows)).sum())} missing or infinite values. Fill them in: a "
            "player that is present must have a value."
        )
    return rows, names


def _targets(y: ArrayLike | None, n_samples: int) -> NDArray | None:
    """One class a sample."""
    if y is None:
        return None
    y = np.asarray(y)
    if y.shape != (n_samples,):
        raise ValueError(f"y must hold one class for each of {n_samples} samples; got {y.shape}.")
    return y
