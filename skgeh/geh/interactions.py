"""Interactions: every pair of features with its strength, sign and uncertainty."""

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from skgeh.geh.pairs import to_matrix
from skgeh.tables.frames import Backend, make_frame

_ROWS_SHOWN = 10  # in HTML
_SMALLEST = np.finfo(float).smallest_subnormal  # a probability is never printed as 0


@dataclass(frozen=True, eq=False, repr=False)
class Interactions:
    """Posterior of the group expected Hessian (GEH) of every pair of features.

    All values are in standard units: features and target are divided by their standard deviations.
    For labels, log-odds replace the target, and they are not scaled.

    Parameters
    ----------
    pairs : ndarray of shape (P, 2)
        Pairs ``i < j`` in lexicographic order.
    effect : ndarray of shape (P,)
        Magnitude of the interaction, M-GEH (Eq. 6), mean over draws.
    std : ndarray of shape (P,)
        Standard deviation over draws.
    score : ndarray of shape (P,)
        Score by which pairs are ranked: how far the interaction stands above the networks'
        disagreement, or how much more the data say for it than a Gaussian process expects. If both
        are stacked, the weighted mean of the normal scores of the pairs' ranks by either.
    draws : ndarray of shape (K, P) or None
        M-GEH of every draw; None if there are too many to keep.
    group_effects, group_std : ndarray of shape (M, P)
        Signed mean second derivative in each group of points, as mean and standard deviation over
        draws. It is positive where an interaction is synergistic and negative where it is
        antagonistic. For a mean over several targets, it is their mean magnitude, without sign.
    group_weights : ndarray of shape (M,)
        Share of the points in each group.
    feature_names : tuple of str
    feature_scales : ndarray of shape (d,)
        Standard deviation of each feature.
    target_scale : float or None
        Standard deviation of the target; 1 for logits; None for a mean over several targets.
    frame_backend : {"pandas", "polars"}, default="pandas"
        Kind of data frame that `to_frame` returns.

    Notes
    -----
    `effect` is a mean of absolute values, so it is never negative. Neither its interval nor
    `p_bayes` controls an error rate: both describe the posterior, and do not decide which pairs are
    real.

    References
    ----------
    T. Cui, P. Marttinen, S. Kaski, "Learning Global Pairwise Interactions with Bayesian Neural
    Networks", ECAI 2020, Section 4.

    Examples
    --------
    >>> from skgeh import BayesianInteractionRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X[:, 0] * X[:, 2] + 0.1 * rng.normal(size=200)
    >>> model = BayesianInteractionRegressor(max_epochs=20, random_state=0).fit(X, y)
    >>> model.interactions_.top(1)
    [('x0', 'x2')]
    """

    pairs: NDArray[np.intp]
    effect: NDArray[np.float64]
    std: NDArray[np.float64]
    score: NDArray[np.float64]
    draws: NDArray[np.float64] | None
    group_effects: NDArray[np.float64]
    group_std: NDArray[np.float64]
    group_weights: NDArray[np.float64]
    feature_names: tuple[str, ...]
    feature_scales: NDArray[np.float64]
    target_scale: float | None
    frame_backend: Backend = "pandas"

    @property
    def order(self) -> NDArray[np.intp]:
        """Indices of the pairs, highest score first."""
        return np.argsort(-self.score, kind="stable")

    @property
    def p_bayes(self) -> NDArray[np.float64]:
        """Posterior probability ``Phi(-effect / std)`` that a Gaussian effect is below 0, (P,).

        It describes the posterior and is not an error-controlled p-value.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.effect == 0, 0.0, self.effect / self.std)
        return np.maximum(norm.sf(ratio), _SMALLEST)

    def interval(self, level: float = 0.95) -> NDArray[np.float64]:
        """Gaussian credible interval ``effect -+ z std``.

        Parameters
        ----------
        level : float, default=0.95
            Posterior probability inside the interval, between 0 and 1.

        Returns
        -------
        ndarray of shape (P, 2)
        """
        check_level(level)
        half = norm.ppf((1 + level) / 2) * self.std
        return np.column_stack([self.effect - half, self.effect + half])

    def top(self, k: int) -> list[tuple[str, str]]:
        """Names of the k pairs with the highest scores, highest first."""
        names = self.feature_names
        return [(names[i], names[j]) for i, j in self.pairs[self.order[:k]]]

    def matrix(self, values: str = "effect") -> NDArray[np.float64]:
        """One number per pair, as a symmetric matrix with a zero diagonal.

        Parameters
        ----------
        values : {"effect", "score"}, default="effect"

        Returns
        -------
        ndarray of shape (d, d)
        """
        if values not in ("effect", "score"):
            raise ValueError(f"values must be 'effect' or 'score'; got {values!r}.")
        return to_matrix(getattr(self, values), len(self.feature_names))

    def to_frame(self, units: str = "standard") -> Any:
        """Table with one row per pair, highest score first.

        Parameters
        ----------
        units : {"standard", "original"}, default="standard"
            Units of effect, std and the 95 % interval: standard deviations, or the units of the
            fitted table (target per product of both features). The score has no unit.

        Returns
        -------
        data frame
            Columns feature_i, feature_j, score, effect, std, ci_low, ci_high, p_bayes. Its kind is
            that of the data frame that the model was fitted on, or pandas for arrays.
        """
        (i, j), scale = self.pairs.T, self.unit_scale(units)
        names = np.array(self.feature_names, dtype=object)
        low, high = self.interval().T * scale
        columns = {
            "feature_i": names[i],
            "feature_j": names[j],
            "score": self.score,
            "effect": self.effect * scale,
            "std": self.std * scale,
            "ci_low": low,
            "ci_high": high,
            "p_bayes": self.p_bayes,
        }
        return make_frame(columns, self.order, self.frame_backend)

    def unit_scale(self, units: str) -> NDArray[np.float64]:
        """Factors that convert effects in standard units to other units, shape (P,)."""
        if units not in ("standard", "original"):
            raise ValueError(f"units must be 'standard' or 'original'; got {units!r}.")
        if units == "standard":
            return np.ones(len(self.pairs))
        if self.target_scale is None:
            raise ValueError(
                "A mean over several targets has no original units. Take one of the targets, as in "
                "interactions(target=0)."
            )
        i, j = self.pairs.T
        return self.target_scale / (self.feature_scales[i] * self.feature_scales[j])

    def __repr__(self) -> str:
        first = ", ".join(f"{a} x {b}" for a, b in self.top(3))
        return f"<Interactions of {len(self.pairs)} pairs, highest score: {first}>"

    def _repr_html_(self) -> str:
        head = "<tr><th></th><th></th><th>score</th><th>effect</th><th>95 % interval</th></tr>"
        intervals, rows = self.interval(), []
        for place, (a, b) in zip(self.order, self.top(_ROWS_SHOWN), strict=False):
            low, high = intervals[place]
            numbers = (f"{self.score[place]:.3g}", f"{self.effect[place]:.3g}")
            cells = [escape(a), escape(b), *numbers, f"{low:.3g} to {high:.3g}"]
            rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        left = f"<p>{len(self.pairs)} pairs, {len(self.group_weights)} groups</p>"
        return f"<table>{head}{''.join(rows)}</table>{left}"


def check_level(level: float) -> None:
    """Refuse a confidence or credible level that is not between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, such as 0.95; got {level!r}.")
