"""The posterior of an ANOVA process, as a random function with scores of its own."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skgeh.process._model import AnovaModel
from skgeh.process._products import AnovaFunctions
from skgeh.process._scores import score_pairs


@dataclass(frozen=True, eq=False)
class ProcessPosterior(AnovaModel):
    """A posterior with exact draws; see `AnovaModel` for the other parameters.

    Parameters
    ----------
    scored : AnovaModel, optional
        By which pairs are scored, if not by this one.
    """

    scored: AnovaModel | None = None

    n_outputs = 1

    @property
    def n_features(self) -> int:
        """Number of features ``d``."""
        return len(self.products.bases)

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> AnovaFunctions:
        """Exact draws; see `RandomFunction`."""
        del first
        normal = partial(torch.randn, generator=generator, dtype=torch.float64)
        start = normal(n_draws, len(self.solution.active)).numpy()
        noise = normal(n_draws, self.solution.n_noise).numpy()
        level = np.sqrt(self.noise_variance / self.data.weight) * normal(n_draws).numpy()
        return self.functions(self.solution.draws(start, noise), level)

    def members(self) -> AnovaFunctions:
        """The posterior mean."""
        return self.functions(self.solution.mean[None])

    def pair_scores(self, *_: Any, **__: Any) -> NDArray[np.float64]:
        """Score of every pair, which does not depend on points or effects."""
        return self.scores

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """See `score_pairs`."""
        return score_pairs(self if self.scored is None else self.scored)
