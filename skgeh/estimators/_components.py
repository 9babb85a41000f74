"""The contribution of a pair alone, from the tests of an estimator's table."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.components import Components
from skgeh.process.component import PairComponent
from skgeh.tables.feature import Feature


@dataclass(frozen=True, eq=False)
class ProcessComponents(Components):
    """Interactions of pairs with main effects taken out, in closed form.

    Parameters
    ----------
    model : InteractionEstimator
        A fitted one that nobody fits again.
    features : sequence of Feature
    output : int
    unit : float
        Unit of the output, below 0 for its opposite.
    unit_name : str
    """

    model: Any
    features: Sequence[Feature]
    output: int
    unit: float
    unit_name: str

    def local(self, X: Any, pair: tuple[int, int]) -> tuple[NDArray, NDArray]:
        """See `Components`."""
        values, sd = self._component(pair).estimate(self.model._standardised(X))
        return self.unit * values, abs(self.unit) * sd

    def surface(
        self, pair: tuple[int, int], left: NDArray, right: NDArray, level: float
    ) -> tuple[NDArray, NDArray | None, NDArray | None]:
        """See `Components`."""
        mean, scale = self._scaler
        X = np.zeros((len(left), len(scale)))
        for feature, values in zip(pair, (left, right), strict=True):
            own = list(self.features[feature].columns)
            X[:, own] = (self.features[feature].encode(values) - mean[own]) / scale[own]
        values, low, high = self._component(pair).band(X, level)
        ends = self.unit * low, self.unit * high
        return self.unit * values, np.minimum(*ends), np.maximum(*ends)

    def rows(self, pair: tuple[int, int]) -> tuple[NDArray, NDArray]:
        """See `Components`."""
        mean, scale = self._scaler
        X = self.model.pair_tests().task.X
        places = [list(self.features[feature].columns) for feature in pair]
        one, other = (
            self.features[feature].decode(X[:, own] * scale[own] + mean[own])
            for feature, own in zip(pair, places, strict=True)
        )
        return one, other

    @property
    def _scaler(self) -> tuple[NDArray, NDArray]:
        """Means and scales of the columns."""
        return self.model._x_scaler.mean_, self.model._x_scaler.scale_

    def _component(self, pair: tuple[int, int]) -> PairComponent:
        """The interaction of a pair, found once."""
        if pair not in self._known:
            self._known[pair] = PairComponent.of(self.model.pair_tests(), pair, self.output)
        return self._known[pair]

    @cached_property
    def _known(self) -> dict[tuple[int, int], PairComponent]:
        """Interactions that were asked for."""
        return {}
