"""Result of a kernel: mean Hessians inside groups, in factors until their entries are needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class GroupHessian:
    """Mean Hessians ``factor core factor^T`` of K functions with c outputs inside M groups.

    Parameters
    ----------
    core : Tensor of shape (K, c, M, r, r)
    factor : Tensor of shape (K, d, r), optional
        First-layer weights, if the core is the Hessian with respect to the first layer's units. If
        None, the core is the Hessian itself.
    """

    core: Tensor
    factor: Tensor | None = None

    def __getitem__(self, which: Tensor) -> "GroupHessian":
        """Mean Hessians of some of the functions."""
        factor = None if self.factor is None else self.factor[which]
        return GroupHessian(self.core[which], factor)

    @classmethod
    def stacked(cls, each: Sequence["GroupHessian"]) -> "GroupHessian":
        """Mean Hessians of all functions of several stacks."""
        factors = [one.factor for one in each if one.factor is not None]
        if len(factors) < len(each) or len({factor.shape[1:] for factor in factors}) > 1:
            return cls(torch.cat([one.full() for one in each]))
        return cls(torch.cat([one.core for one in each]), torch.cat(factors))

    @property
    def n_features(self) -> int:
        """Number of features ``d``."""
        return (self.core if self.factor is None else self.factor).shape[-2]

    def tile(self, rows: slice, columns: slice) -> Tensor:
        """Entries of the mean Hessians for some rows and columns.

        Returns
        -------
        Tensor of shape (K, c, M, number of rows, number of columns)
        """
        if self.factor is None:
            return self.core[..., rows, columns]
        left, right = self.factor[:, None, None, rows], self.factor[:, None, None, columns]
        return (left @ self.core) @ right.mT

    def full(self) -> Tensor:
        """All entries, shape (K, c, M, d, d)."""
        return self.tile(slice(None), slice(None))


class JoinedHessian(GroupHessian):
    """Mean Hessians of several stacks, joined where entries are asked for.

    Parameters
    ----------
    parts : sequence of GroupHessian
    """

    parts: Sequence[GroupHessian]

    def __init__(self, parts: Sequence[GroupHessian]):
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "factor", None)

    @cached_property
    def core(self) -> Tensor:
        """All entries."""
        return self.full()

    @property
    def n_features(self) -> int:
        """Number of features ``d``."""
        return self.parts[0].n_features

    def tile(self, rows: slice, columns: slice) -> Tensor:
        """Entries for some rows and columns; see `GroupHessian`."""
        return torch.cat([part.tile(rows, columns) for part in self.parts])

    def __getitem__(self, which: Tensor) -> GroupHessian:
        """Mean Hessians of some of the functions."""
        return GroupHessian(self.core[which])
