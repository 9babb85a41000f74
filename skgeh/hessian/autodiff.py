"""Group mean Hessians of any differentiable function, by a shift of each group.

With ``s_m`` a vector added to every point of group m, ``F(s) = sum_n f(x_n + s_m(n))`` has the
Hessian ``sum_(n in m) Hess f(x_n)`` with respect to ``s_m`` at 0, and no mixed terms between
groups: d backward passes give all groups at once, and no point's own Hessian is ever formed.
"""

import torch
from torch import Tensor

from skgeh.functions import Function
from skgeh.hessian.group_hessian import GroupHessian
from skgeh.partition import Partition


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
    labels = torch.from_numpy(partition.labels).to(x.device)
    counts = torch.as_tensor(partition.counts, device=x.device)
    with torch.enable_grad():
        shift = x.new_zeros(partition.n_groups, x.shape[1], requires_grad=True)
        totals = function(x + shift[labels]).sum(1)
        rows = [_hessian_rows(total, shift) for total in totals.flatten()]
    hessians = torch.stack(rows).unflatten(0, totals.shape)
    return GroupHessian(hessians / counts[:, None, None])


def _hessian_rows(total: Tensor, shift: Tensor) -> Tensor:
    """Second derivatives of one sum, shape (M, d, d)."""
    none = shift.new_zeros(*shift.shape, shift.shape[1])
    if not total.requires_grad:  # constant in the shift
        return none
    (gradient,) = torch.autograd.grad(total, shift, create_graph=True, materialize_grads=True)
    if not gradient.requires_grad:  # linear in it
        return none
    rows = []
    for along in gradient.sum(0):
        (row,) = torch.autograd.grad(along, shift, retain_graph=True, materialize_grads=True)
        rows.append(row)
    return torch.stack(rows, dim=1)
