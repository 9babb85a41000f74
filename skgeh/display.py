"""Pictures of interactions."""

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError

from skgeh.geh.interactions import Interactions
from skgeh.geh.pairs import to_matrix

if TYPE_CHECKING:  # matplotlib is optional
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_KINDS = ("heatmap", "intervals", "groups")
_LABELS = {"effect": "M-GEH, standard units", "score": "detection score, no unit"}
_POSITIVE, _NEGATIVE, _TRUTH = "#b2182b", "#2166ac", "#e31a1c"
_CELLS_WITH_NUMBERS = 12  # features per side; with more, the numbers no longer fit
_LONGEST_NAME = 28  # characters
_LETTER = 0.08  # inches
_MARKER = 20.0  # points squared, on average over the groups


class InteractionDisplay:
    """Picture of interactions: their strength, their uncertainty, or their sign in each group.

    Pairs that are significant (``p_fdr <= 0.05``) are marked.

    `from_estimator` and `from_interactions` make the picture and draw it at once.

    Parameters
    ----------
    interactions : Interactions
    kind : {"heatmap", "intervals", "groups"}, default="heatmap"
        "heatmap": every pair as a cell of a symmetric matrix; a frame marks significant pairs.
        "intervals": the first pairs' effects with their intervals; those of significant pairs are
        filled. "groups": the first pairs' signed effect in each group of points, synergistic (+) or
        antagonistic (-). A group has the same height in every row, the first group the highest.
        Effects and intervals are those of `Interactions.to_frame`, or of the posterior for models
        trained elsewhere.
    values : {"effect", "score"}, default="effect"
        Values in the heat map.
    k : int, default=15
        Number of pairs in "intervals" and "groups", in the order of the table.
    level : float, default=0.95
        Level of an interval.
    truth : array-like of shape (P,), default=None
        True M-GEH of every pair, in the order of `interactions.pairs` and in standard units. In
        "intervals", red crosses mark it, except where it is NaN.
    max_features : int, default=40
        With more features, a heat map shows only this many: those of the first pairs.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from skgeh import InteractionDisplay, Interactions
    >>> found = Interactions(
    ...     pairs=np.array([[0, 1], [0, 2], [1, 2]]), effect=np.array([0.1, 0.6, 0.2]),
    ...     std=np.array([0.1, 0.1, 0.1]), score=np.array([0.8, 5.0, 1.2]), draws=None,
    ...     group_effects=np.array([[0.1, 0.6, -0.3], [-0.1, 0.6, 0.1]]),
    ...     group_std=np.full((2, 3), 0.1), group_weights=np.array([0.5, 0.5]),
    ...     feature_names=("age", "bmi", "bp"), feature_scales=np.ones(3), target_scale=1.0)
    >>> display = InteractionDisplay.from_interactions(found, kind="intervals")
    >>> display.ax_.get_xlabel()
    'M-GEH, standard units'
    """

    def __init__(
        self,
        interactions: Interactions,
        *,
        kind: str = "heatmap",
        values: str = "effect",
        k: int = 15,
        level: float = 0.95,
        truth: ArrayLike | None = None,
        max_features: int = 40,
    ):
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {', '.join(map(repr, _KINDS))}; got {kind!r}.")
        if values not in _LABELS:
            raise ValueError(f"values must be 'effect' or 'score'; got {values!r}.")
        for name, value, least in (("k", k, 1), ("max_features", max_features, 2)):
            if not isinstance(value, Integral) or value < least:
                raise ValueError(f"{name} must be an integer of at least {least}; got {value!r}.")
        n_pairs = len(interactions.pairs)
        self.truth = None if truth is None else np.asarray(truth, dtype=np.float64)
        if self.truth is not None and self.truth.shape != (n_pairs,):
            raise ValueError(
                f"truth must have shape ({n_pairs},), one value per pair; got {self.truth.shape}. "
                "For a matrix of features, pass skgeh.geh.pairs.to_vector(matrix)."
            )
        interactions.interval(level)  # refuses a level outside (0, 1)
        self.interactions, self.kind, self.values = interactions, kind, values
        self.k, self.level, self.max_features = k, level, max_features

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, kind: str = "heatmap", ax: Any = None, **options: Any
    ) -> "InteractionDisplay":
        """Draw the `interactions_` of a fitted estimator.

        Parameters
        ----------
        estimator : object
            A fitted estimator, such as a `BayesianInteractionRegressor`.
        kind : {"heatmap", "intervals", "groups"}, default="heatmap"
        ax : matplotlib Axes, default=None
            Axes to draw into; a new figure if None.
        **options
            The other parameters of the class.

        Returns
        -------
        InteractionDisplay
        """
        try:
            interactions = estimator.interactions_
        except NotFittedError:
            raise
        except AttributeError as error:
            raise TypeError(
                "estimator must have `interactions_`, like a fitted BayesianInteractionRegressor; "
                f"got {estimator!r}. For a pipeline, pass the step that finds interactions."
            ) from error
        return cls.from_interactions(interactions, kind=kind, ax=ax, **options)

    @classmethod
    def from_interactions(
        cls, interactions: Interactions, *, kind: str = "heatmap", ax: Any = None, **options: Any
    ) -> "InteractionDisplay":
        """Draw interactions; the other parameters are those of `from_estimator`."""
        return cls(interactions, kind=kind, **options).plot(ax)

    def plot(self, ax: "Axes | None" = None) -> "InteractionDisplay":
        """Draw into `ax`, or a new figure if None; return the display, with `ax_` and `figure_`."""
        if ax is None:
            try:
                import matplotlib.pyplot as plt
            except ImportError as error:
                need = "InteractionDisplay needs matplotlib: pip install 'skgeh[plot]'"
                raise ImportError(need) from error
            layout = "compressed" if self.kind == "heatmap" else "constrained"
            ax = plt.subplots(figsize=self._size(), layout=layout)[1]
        getattr(self, f"_{self.kind}")(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _size(self) -> tuple[float, float]:
        """Width and height, in inches, of a figure in which labels do not overlap."""
        names, n_groups = self._pair_names(), len(self.interactions.group_weights)
        if self.kind == "heatmap":
            names = [_short(self.interactions.feature_names[i]) for i in self._features()]
            cell = 0.5 if len(names) <= _CELLS_WITH_NUMBERS else 0.2
            side = 1.2 + cell * len(names) + _LETTER * max(map(len, names))
            return side + 1.0, side
        row = min(max(0.3, 0.045 * n_groups), 0.6) if self.kind == "groups" else 0.28
        return 5.2 + _LETTER * max(map(len, names)), max(2.8, 1.2 + row * len(names))

    def _features(self) -> NDArray[np.intp]:
        """Features of a heat map in table order: all, or those of the top pairs up to the limit."""
        n_features = len(self.interactions.feature_names)
        if n_features <= self.max_features:
            return np.arange(n_features)
        ranked = self.interactions.pairs[self.interactions.order].ravel()
        first = np.unique(ranked, return_index=True)[1]
        return np.sort(ranked[np.sort(first)[: self.max_features]])

    def _pair_names(self) -> list[str]:
        """Names of the first k pairs."""
        return [f"{_short(a)} \u00d7 {_short(b)}" for a, b in self.interactions.top(self.k)]

    def _heatmap(self, ax: "Axes") -> None:
        """Effect or score of every pair of features, as colours."""
        chosen, names = self._features(), self.interactions.feature_names
        matrix = self.interactions.matrix(self.values)[np.ix_(chosen, chosen)]
        np.fill_diagonal(matrix, np.nan)
        image = ax.imshow(matrix, cmap="viridis", vmin=min(0.0, np.nanmin(matrix)))
        ax.figure.colorbar(image, ax=ax, label=_LABELS[self.values], shrink=0.8)
        few, shown = len(chosen) <= _CELLS_WITH_NUMBERS, [_short(names[i]) for i in chosen]
        style: dict[str, Any] = {"parse_math": False, "fontsize": "medium" if few else "x-small"}
        ax.set_yticks(range(len(chosen)), shown, **style)
        if max(map(len, shown)) > 3:  # too long to fit side by side
            style |= {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        ax.set_xticks(range(len(chosen)), shown, **style)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_facecolor("0.92")  # the diagonal
        if few:
            _write_numbers(image, matrix)
        self._frame_significant(ax, chosen)
        if len(chosen) < len(names):
            ax.set_title(f"{len(chosen)} of {len(names)} features, those of the first pairs")

    def _frame_significant(self, ax: "Axes", chosen: NDArray) -> None:
        """Frame the cells of significant pairs."""
        found = self.interactions
        if not found.significant.any():
            return
        real = to_matrix(found.significant, len(found.feature_names))[np.ix_(chosen, chosen)]
        from matplotlib.patches import Rectangle

        frames: dict[str, Any] = {"fill": False, "edgecolor": _TRUTH, "lw": 2}
        for i, j in np.argwhere(real):
            ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, **frames))
        ax.set_xlabel("framed: significant at a false discovery rate of 0.05")

    def _intervals(self, ax: "Axes") -> None:
        """Effects of the first pairs, with intervals and the truth; significant ones are filled."""
        found, top = self.interactions, self.interactions.order[: self.k]
        decided = found.decisions
        low, high = found.interval(self.level)[top].T
        effect = found.effect[top]
        if decided is not None:  # inside the interval at any level
            effect = np.clip(decided.effect[top], low, high)
        rows, shown = np.arange(len(top)), np.isfinite(low)
        if decided is None:
            label = f"mean and {100 * self.level:g} % posterior interval"
            parts = [(shown, _NEGATIVE, label)]
        else:
            label = f"{100 * self.level:g} % interval"
            real = found.significant[top]
            parts = [
                (shown & real, _NEGATIVE, f"significant, {label}"),
                (shown & ~real, "white", f"not significant, {label}"),
            ]
        for some, fill, name in parts:
            bars = np.stack([effect - low, high - effect])[:, some]
            style: dict[str, Any] = {"fmt": "o", "ms": 5, "lw": 1.2, "color": _NEGATIVE}
            if some.any():
                ax.errorbar(effect[some], rows[some], xerr=bars, mfc=fill, label=name, **style)
        for row in rows[~shown]:
            ax.annotate("not tested", (0, row), (4, 0), textcoords="offset points", va="center")
        if self.truth is not None:
            ax.errorbar(self.truth[top], rows, fmt="x", color=_TRUTH, label="truth")
        ax.set_xlabel(_LABELS["effect"])
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0)
        self._label_rows(ax)

    def _groups(self, ax: "Axes") -> None:
        """Signed effect in every group, for the first pairs."""
        found, top = self.interactions, self.interactions.order[: self.k]
        mean, bars, label = self._signed_effects(top)
        n_groups = len(found.group_weights)
        heights = 0.8 * ((np.arange(n_groups) + 0.5) / n_groups - 0.5)  # in a row of height 1
        y = np.add.outer(heights, np.arange(len(top))).ravel()
        area = np.repeat(_MARKER * np.clip(n_groups, 5, 30) * found.group_weights, len(top))
        ax.errorbar(mean, y, xerr=bars, fmt="none", ecolor="0.6", elinewidth=0.7)
        ax.scatter(mean, y, area, np.where(mean < 0, _NEGATIVE, _POSITIVE).tolist(), lw=0, zorder=3)
        ax.set_xlabel("signed group mean, standard units\n\u2190 antagonistic | synergistic \u2192")
        ax.set_title(f"one marker per group: area = share of points, {label}", fontsize="small")
        self._label_rows(ax)

    def _signed_effects(self, top: NDArray) -> tuple[NDArray, NDArray, str]:
        """Effects in every group, the lengths of their bars, and what these are."""
        found, decided = self.interactions, self.interactions.decisions
        if decided is None or len(decided.effects) > 1:
            spread = found.group_std[:, top].ravel()
            return found.group_effects[:, top].ravel(), spread, "bar = 1 sd of the posterior"
        effect = decided.effects[0].effect[top, :-1]
        low, _, _ = decided.effects[0].pointwise(self.level)
        bars = np.nan_to_num(effect - low[top, :-1]).T.ravel()
        return effect.T.ravel(), bars, f"bar = {100 * self.level:g} % interval"

    def _label_rows(self, ax: "Axes") -> None:
        """Label the rows with the names of the pairs, the first at the top."""
        names, n_pairs = self._pair_names(), len(self.interactions.pairs)
        ax.set_yticks(range(len(names)), names, parse_math=False)
        ax.set_ylim(len(names) - 0.5, -0.5)
        decided = self.interactions.decisions is not None
        order = "significant first, then by score" if decided else "by score"
        ax.set_ylabel(f"{len(names)} of {n_pairs} pairs, {order}", labelpad=8)
        for row in range(1, len(names), 2):
            ax.axhspan(row - 0.5, row + 0.5, color="0.96", lw=0, zorder=0)
        ax.axvline(0, color="0.4", lw=0.8, zorder=1)
        ax.tick_params(axis="y", length=0)
        ax.locator_params(axis="x", nbins=7)
        ax.spines[["left", "top", "right"]].set_visible(False)


def _short(name: str) -> str:
    """Shorten a long name by leaving out its middle."""
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else name[: half - 1] + "\u2026" + name[-half:]


def _write_numbers(image: "AxesImage", matrix: NDArray) -> None:
    """Write a heat map's values into its cells, dark on light and light on dark."""
    largest = np.nanmax(np.abs(matrix))
    decimals = int(np.clip(1 - np.floor(np.log10(largest or 1)), 0, 4))  # two digits of the largest
    for i, j in np.argwhere(np.isfinite(matrix)):
        light = image.cmap(image.norm(matrix[i, j]))[1] > 0.6  # brightness is mostly green
        colour, text = "black" if light else "white", f"{matrix[i, j]:.{decimals}f}"
        image.axes.text(j, i, text, color=colour, ha="center", va="center", fontsize="small")
