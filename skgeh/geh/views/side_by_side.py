"""Posteriors of single outputs side by side, as one random function of several outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skgeh.geh.functions import Function, RandomFunction
from skgeh.geh.hessians import GroupHessian, group_mean_hessians, pointwise_hessians
from skgeh.geh.partition import Partition
from skgeh.geh.score import rank_pairs


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Stacks of functions (n, d) -> (K, n, 1) as one stack (n, d) -> (K, n, c).

    Parameters
    ----------
    functions : sequence of c callables
    """

    functions: Sequence[Function]

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (K, n, c) at points of shape (n, d)."""
        return torch.cat([function(x) for function in self.functions], dim=-1)


@group_mean_hessians.register
def _group_hessian_side_by_side(
    function: SideBySide, x: Tensor, partition: Partition
) -> GroupHessian:
    """Group mean Hessians of each output."""
    found = [group_mean_hessians(one, x, partition).full() for one in function.functions]
    return GroupHessian(torch.cat(found, dim=1))


@pointwise_hessians.register
def _pointwise_side_by_side(function: SideBySide, x: Tensor, pairs: Tensor) -> Tensor:
    """Mixed second derivatives of each output."""
    return torch.cat([pointwise_hessians(one, x, pairs) for one in function.functions], dim=1)


@dataclass(frozen=True, eq=False)
class IndependentPosterior:
    """Posteriors that share nothing but the features.

    Parameters
    ----------
    parts : sequence of c RandomFunction
        With one output each.
    """

    parts: Sequence[RandomFunction]

    @property
    def n_features(self) -> int:
        """Number of features ``d``."""
        return self.parts[0].n_features

    @property
    def n_outputs(self) -> int:
        """Number of outputs ``c``."""
        return len(self.parts)

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> SideBySide:
        """Draw from each part; see `RandomFunction`."""
        return SideBySide([part.draw(n_draws, generator, first) for part in self.parts])

    def members(self) -> SideBySide:
        """Mean functions of each part."""
        return SideBySide([part.members() for part in self.parts])

    def pair_scores(
        self, *given: Any, target: int | None = None, **options: Any
    ) -> NDArray[np.float64]:
        """Scores of one part, or the mean over all."""
        parts = self.parts if target is None else [self.parts[target]]
        return np.mean([rank_pairs(part, *given, **options) for part in parts], axis=0)
