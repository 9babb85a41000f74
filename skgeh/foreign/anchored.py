"""The interaction of a pair in a model trained elsewhere, anchored at one point.

``f(x_i, x_j, c) - f(x_i, c_j, c) - f(c_i, x_j, c) + f(c)`` is what a pair adds if all other
features stay at the anchor c, the medians of the table. There is no posterior, so there is no band.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skgeh.foreign.interactions_of import _all_callables, _posterior_of_models, _read
from skgeh.geh.components import Components
from skgeh.geh.functions import RandomFunction, evaluate, member_weights
from skgeh.tables.feature import Feature


@dataclass(frozen=True, eq=False)
class AnchoredComponents(Components):
    """Interactions of pairs at the medians of a table, in the model's own units.

    Parameters
    ----------
    posterior : RandomFunction
    X : ndarray of shape (n, d)
    features : sequence of Feature
    output : int
    unit_name : str
    """

    posterior: RandomFunction
    X: NDArray[np.float64]
    features: Sequence[Feature]
    output: int
    unit_name: str = "units of the model"

    @classmethod
    def of(cls, model: Any, X: Any, target: int | None = None) -> "AnchoredComponents":
        """Take a model and a table as `interactions_of` does.

        Parameters
        ----------
        model : object
        X : array-like of shape (n, d)
        target : int, optional
            Output, if there are several.
        """
        inputs, names, _ = _read(X, None)
        points = torch.from_numpy(inputs.astype(np.float32))
        posterior = _posterior_of_models(_all_callables(model), points)
        if target is None and posterior.n_outputs > 1:
            raise ValueError(
                f"The model has {posterior.n_outputs} outputs: say which one the surface is of, as "
                "in target=0."
            )
        features = tuple(Feature(name, "number", (j,)) for j, name in enumerate(names))
        values = points.flatten(1).numpy().astype(np.float64)
        return cls(posterior, values, features, target or 0)

    def local(self, X: Any, pair: tuple[int, int]) -> tuple[NDArray, NDArray]:
        """There is no sd; see `Components`."""
        raise ValueError("A model trained elsewhere has no standard deviation of a contribution.")

    def surface(
        self,
        pair: tuple[int, int],
        left: NDArray,
        right: NDArray,
        level: float,  # there is no band
    ) -> tuple[NDArray, NDArray | None, NDArray | None]:
        """See `Components`."""
        anchor = np.median(self.X, axis=0)
        found = np.zeros(len(left))
        for with_left, with_right in ((True, True), (True, False), (False, True), (False, False)):
            points = np.tile(anchor, (len(left), 1))
            for moved, feature, values in zip(
                (with_left, with_right), pair, (left, right), strict=True
            ):
                if moved:
                    points[:, feature] = values
            found += (1 if with_left == with_right else -1) * self._values(points)
        return found, None, None

    def rows(self, pair: tuple[int, int]) -> tuple[NDArray, NDArray]:
        """See `Components`."""
        return self.X[:, pair[0]], self.X[:, pair[1]]

    def _values(self, points: NDArray) -> NDArray[np.float64]:
        """Mean of the models at points, shape (n,)."""
        members = evaluate(self.posterior.members(), points.astype(np.float32), 1)
        mean = np.average(members, axis=0, weights=member_weights(self.posterior))
        return mean[:, self.output]
