"""A random function in other units."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from skgeh.geh.functions import Function, RandomFunction
from skgeh.geh.score import _detection_scores
from skgeh.geh.units import Units, in_units
from skgeh.geh.views._view import PosteriorView


@dataclass(frozen=True, eq=False)
class InUnits(PosteriorView):
    """A random function in other units.

    Parameters
    ----------
    posterior : RandomFunction
    units : Units
    """

    units: Units

    @classmethod
    def of(cls, posterior: RandomFunction, units: Units) -> RandomFunction:
        """The posterior in other units: by its own `in_units` if it has one, else as a view."""
        own: Any = getattr(posterior, "in_units", None)
        return cls(posterior, units) if own is None else own(units)

    @classmethod
    def centred(cls, posterior: RandomFunction) -> RandomFunction:
        """Logits minus their mean over classes."""
        return cls.of(posterior, Units.centring(posterior.n_features, posterior.n_outputs))

    @property
    def n_outputs(self) -> int:
        """Number of outputs in these units."""
        return self.units.readout.shape[1]

    def view(self, function: Function) -> Function:
        """The function in other units."""
        return in_units(function, self.units)

    def pair_scores(
        self, x: Tensor, effect: NDArray, *, target: int | None = None, seed: int = 0
    ) -> NDArray[np.float64]:
        """The posterior's own scores of the output behind the target, if it has any."""
        own: Any = getattr(self.posterior, "pair_scores", None)
        if own is None:
            return _detection_scores(self, x, effect, target=target, seed=seed)
        if target is not None or self.n_outputs == 1:
            target = self.units.source(target or 0)
        return own(self.units.inputs(x), effect, target=target, seed=seed)
