"""The display that users hold: what is drawn, how, and the axes with it."""

from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError

from skgeh.display._forest import draw_forest, forest_height
from skgeh.display._groups import draw_groups, groups_height
from skgeh.display._heatmap import draw_heatmap, heatmap_height
from skgeh.display._network import draw_network, network_height
from skgeh.display._picture import FONT, LABELS, WIDTH, Picture
from skgeh.display._surface import draw_surface, surface_height
from skgeh.geh.interactions import Interactions

if TYPE_CHECKING:  # matplotlib is optional
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_KINDS = {  # the height of a figure, and what draws it
    "heatmap": (heatmap_height, draw_heatmap),
    "forest": (forest_height, draw_forest),
    "network": (network_height, draw_network),
    "groups": (groups_height, draw_groups),
    "surface": (surface_height, draw_surface),
}


class InteractionDisplay:
    """Picture of interactions: which are significant, how strong, where, and with which sign.

    `from_estimator` and `from_interactions` make the picture and draw it at once. Pairs are those
    of the table, in its order, and so are their effects and intervals; of models trained elsewhere,
    they are those of the posterior.

    Parameters
    ----------
    interactions : Interactions
    kind : {"heatmap", "forest", "network", "groups", "surface"}, default="heatmap"
        "heatmap": every pair as a cell, at the left of one feature's name and below the other's.
        Colours say how significant it is (without tests: how strong), and numbers are the effects.
        "forest": the first pairs' effects with their intervals and signs; those of significant
        pairs are filled.
        "network": features on a circle, with a line for every significant pair (without tests: for
        the first pairs). Its width is the share of the variance that the pair explains, and its
        colour the sign.
        "groups": the first pairs' signed effect in each group of points, synergistic (+) or
        antagonistic (-). A group has the same height in every row, the first group the highest.
        "surface": how one pair acts, over the values of both features: its contribution to the
        target without main effects and other pairs (see `Interactions.local`), between the 1 % and
        99 % quantiles of numbers. A category with few levels has a line for each. It says where the
        pointwise interval excludes 0, which holds at each single place; places without rows nearby
        are grey. Of models trained elsewhere it is the interaction at the medians of all other
        features, without an interval.
    values : {"effect", "score"}, default="effect"
        Numbers in the heat map.
    k : int, default=15
        Number of pairs in "forest" and "groups", in the order of the table.
    level : float, default=0.95
        Level of an interval.
    truth : array-like of shape (P,), default=None
        True M-GEH of every pair, in the order of `interactions.pairs` and in standard units. Red
        crosses mark it in "forest", except where it is NaN; red circles mark true pairs in
        "heatmap", and dotted lines those that were not found in "network".
    max_features : int, default=40
        With more features, "heatmap" and "network" show only this many: those of the first pairs.
    pair : tuple of two names or indices, default=None
        Pair in "surface"; None means the first one of the table.

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
    >>> display = InteractionDisplay.from_interactions(found, kind="forest")
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
        pair: Any = None,
    ):
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {', '.join(map(repr, _KINDS))}; got {kind!r}.")
        if values not in LABELS:
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
        self.k, self.level, self.max_features, self.pair = k, level, max_features, pair

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        kind: str = "heatmap",
        target: Any = None,
        ax: Any = None,
        **options: Any,
    ) -> "InteractionDisplay":
        """Draw the interactions of a fitted estimator, or of a model trained elsewhere.

        Parameters
        ----------
        estimator : object
            A fitted estimator, such as a `BayesianInteractionRegressor`, or any model that
            `interactions_of` takes.
        X : array-like of shape (n, d), default=None
            Points to average over; by default those of `interactions_`. A model trained elsewhere
            needs its table.
        kind : {"heatmap", "forest", "network", "groups", "surface"}, default="heatmap"
        target : int or class label, default=None
            One of several targets or classes; see the estimator's method `interactions`.
        ax : matplotlib Axes, default=None
            Axes to draw into; a new figure if None.
        **options
            The other parameters of the class.

        Returns
        -------
        InteractionDisplay
        """
        found = _interactions(estimator, X, target, with_surface=kind == "surface")
        return cls.from_interactions(found, kind=kind, ax=ax, **options)

    @classmethod
    def from_interactions(
        cls, interactions: Interactions, *, kind: str = "heatmap", ax: Any = None, **options: Any
    ) -> "InteractionDisplay":
        """Draw interactions; the other parameters are those of `from_estimator`."""
        return cls(interactions, kind=kind, **options).plot(ax)

    def plot(self, ax: "Axes | None" = None) -> "InteractionDisplay":
        """Draw into `ax`, or a new figure if None; return the display, with `ax_` and `figure_`.

        A new figure is 6.4 inches wide, with letters that can be read on a telephone.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            need = "InteractionDisplay needs matplotlib: pip install 'skgeh[plot]'"
            raise ImportError(need) from error
        (height, draw), picture = _KINDS[self.kind], self._picture
        if ax is None:
            with plt.rc_context({"font.size": FONT}):
                size = WIDTH, height(picture)
                ax = plt.subplots(figsize=size, layout="constrained")[1]
                draw(picture, ax)
        else:
            draw(picture, ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def drawn(self) -> "Figure":
        """A new figure of its own, which no window shows and nobody has to close, as for a page."""
        import matplotlib as mpl
        from matplotlib.figure import Figure

        (height, draw), picture = _KINDS[self.kind], self._picture
        with mpl.rc_context({"font.size": FONT}):
            figure = Figure(figsize=(WIDTH, height(picture)), layout="constrained")
            draw(picture, figure.subplots())
        return figure

    @property
    def _picture(self) -> Picture:
        """What is drawn."""
        return Picture(
            self.interactions,
            self.values,
            self.k,
            self.level,
            self.truth,
            self.max_features,
            self.pair,
        )


def _interactions(estimator: Any, X: Any, target: Any, *, with_surface: bool) -> Interactions:
    """Interactions of an estimator, or of a model trained elsewhere and its table."""
    asks = getattr(estimator, "interactions", None)
    if asks is not None and (X is not None or target is not None):
        return asks(X, target=target)
    try:
        return estimator.interactions_
    except NotFittedError:
        raise
    except AttributeError as error:
        if X is None:
            raise TypeError(
                "estimator must have `interactions_`, like a fitted BayesianInteractionRegressor; "
                f"got {estimator!r}. For a pipeline, pass the step that finds interactions; for a "
                "model trained elsewhere, pass its table too: from_estimator(model, X)."
            ) from error
    from skgeh.foreign import interactions_of
    from skgeh.foreign.anchored import AnchoredComponents

    found = interactions_of(estimator, X, target=target, random_state=0)
    if not with_surface:
        return found
    return replace(found, components=AnchoredComponents.of(estimator, X, target))
