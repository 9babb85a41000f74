"""Group mean Hessians of any differentiable function, from one shift per group.

With ``s_m`` a vector added to every point of group m, ``F(s) = sum_n f(x_n + s_m(n))`` has the
Hessian ``sum_(n in m) Hess f(x_n)`` with respect to ``s_m`` at 0, and no mixed terms between
groups. Therefore d backward passes give all groups at once, and the Hessian of a single point is
never formed.

Points are taken a few at a time, because the second pass keeps the results of the first.
"""

import torch
from torch import Tensor

from skgeh.geh.functions import Function
from skgeh.geh.hessians.group_hessian import GroupHessian
from skgeh.geh.partition import Partition

POINTS = 256  # at once; their results fit in memory next to a network's weights


def group_hessian(function: Function, x: Tensor, partition: Partition) -> GroupHessian:
    """Mean Hessian of every function, output and group, by differentiating twice.

    Parameters
    ----------
    function : callable (n, d) -> (K, n, c)
    x : Tensor of shape (n, d)
    partition : Partition of the n points

    Returns
    -------
    GroupHessian
    """
    sums = None
    labels = torch.from_numpy(partition.labels).to(x.device)
    for some, groups in zip(x.split(POINTS), labels.split(POINTS), strict=True):
        found, places = groups.unique(return_inverse=True)
        part = _sums(function, some, places, len(found))
        if sums is None:
            sums = part.new_zeros(*part.shape[:2], partition.n_groups, *part.shape[3:])
        sums.index_add_(2, found, part)
    assert sums is not None  # a partition has points
    counts = torch.as_tensor(partition.counts, device=x.device)
    return GroupHessian(sums / counts[:, None, None])


def _sums(function: Function, x: Tensor, labels: Tensor, n_groups: int) -> Tensor:
    """Sums of Hessians inside groups, shape (K, c, M, d, d)."""
    with torch.enable_grad():
        shift = x.new_zeros(n_groups, x.shape[1], requires_grad=True)
        totals = function(x + shift[labels]).sum(1)
        rows = [_hessian_rows(total, shift) for total in totals.flatten()]
    return torch.stack(rows).unflatten(0, totals.shape)


def _hessian_rows(total: Tensor, shift: Tensor) -> Tensor:
    """Second derivatives of one sum, shape (M, d, d)."""
    gradient = _gradient(total, shift)
    if gradient is None:
        return shift.new_zeros(*shift.shape, shift.shape[1])
    rows = shift.new_empty(*shift.shape, shift.shape[1])
    for i in range(shift.shape[1]):
        rows[:, i] = _second(gradient, i, shift)
    return rows


def pointwise(function: Function, x: Tensor, pairs: Tensor) -> Tensor:
    """Mixed second derivatives at every point, for chosen pairs of features.

    Parameters
    ----------
    function : callable (n, d) -> (K, n, c)
    x : Tensor of shape (n, d)
    pairs : Tensor of shape (q, 2)

    Returns
    -------
    Tensor of shape (K, c, n, q)
    """
    parts = []
    for some in x.split(POINTS):
        with torch.enable_grad():
            points = some.detach().clone().requires_grad_(True)
            totals = function(points).sum(1)
            found = [_at_pairs(total, points, pairs) for total in totals.flatten()]
        parts.append(torch.stack(found).unflatten(0, totals.shape))
    return torch.cat(parts, dim=2)


def _at_pairs(total: Tensor, points: Tensor, pairs: Tensor) -> Tensor:
    """Second derivatives of a sum over points by pairs of features, shape (n, q)."""
    values = points.new_zeros(len(points), len(pairs))
    gradient = _gradient(total, points)
    if gradient is not None:
        for i in pairs[:, 0].unique():
            chosen = torch.nonzero(pairs[:, 0] == i)[:, 0]
            values[:, chosen] = _second(gradient, int(i), points)[:, pairs[chosen, 1]]
    return values


def _gradient(total: Tensor, at: Tensor) -> Tensor | None:
    """Gradient of a sum, to be differentiated again; None if the sum is constant or linear."""
    if not total.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(total, at, create_graph=True, materialize_grads=True)
    return gradient if gradient.requires_grad else None


def _second(gradient: Tensor, i: int, at: Tensor) -> Tensor:
    """Gradient of the sum of one column of a gradient; 0 where that sum does not depend on `at`."""
    column = torch.zeros_like(gradient)
    column[:, i] = 1
    (row,) = torch.autograd.grad(gradient, at, column, retain_graph=True, materialize_grads=True)
    return row
