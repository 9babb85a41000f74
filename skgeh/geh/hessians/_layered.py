"""Group mean Hessians of a chain of affine maps and activations, convolutions included.

With the Jacobian ``J_l = d z_l / d x`` of layer l and ``delta_l = d y / d a_l``, as for an MLP,

    Hess f(x) = sum_l J_l^T diag(phi''(z_l) * delta_l) J_l.

A map is given by its action on rows, not by a matrix. The Jacobian is therefore pushed forward as d
rows per point, ``J_(l+1) = A_(l+1) (phi'(z_l) * J_l)``, a few points at a time. The Jacobian of the
first map is the same at every point, so its term needs only the sum of curvatures in each group. If
the first layer has fewer units than there are features, the Hessian with respect to ``z_1`` is
computed instead.

Axes: c outputs, M groups, n points, d features; "..." stands for the axes of a layer's units, such
as channels and pixels. A Jacobian is kept as (d, n, ...), so that a group is one contiguous block.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import grad

from skgeh.geh.functions import Chain, Function
from skgeh.geh.hessians._closed_form import add_product, pair_products, rows_kept, stretches
from skgeh.geh.hessians.group_hessian import GroupHessian
from skgeh.geh.partition import Partition

POINTS = 64  # points whose activations are in memory at once; more if more Jacobians fit
FLOATS = 300_000  # of the widest Jacobian in memory at once; at least those of one point
SPARSE = 0.05  # share of nonzero entries below which the first Jacobian is made sparse


@torch.no_grad()
def group_hessian(chain: Chain, x: Tensor, partition: Partition) -> GroupHessian:
    """Mean Hessian of one function, for every output and group.

    Parameters
    ----------
    chain : Chain
    x : Tensor of shape (n, d)
    partition : Partition of the n points

    Returns
    -------
    GroupHessian
    """
    order = np.argsort(partition.labels, kind="stable")
    x, labels = x[torch.from_numpy(order).to(x.device)], partition.labels[order]
    first = chain.maps[0].linear(torch.eye(x.shape[1]).to(x))
    n_units = first[0].numel()
    hidden = n_units < len(first)
    start = torch.eye(n_units).to(first).view(-1, *first.shape[1:]) if hidden else first
    deep, bends = _sums(chain, start, x, labels, partition.n_groups)
    if hidden:
        deep.diagonal(dim1=-2, dim2=-1).add_(bends.flatten(2))
    else:
        _add_first(deep, first, bends)
    counts = torch.as_tensor(partition.counts, device=x.device)[:, None, None]
    factor = first.flatten(1).to(x)[None] if hidden else None
    return GroupHessian(deep.to(x).div_(counts)[None], factor)


@torch.no_grad()
def pointwise(chain: Chain, x: Tensor, pairs: Tensor) -> Tensor:
    """Mixed second derivatives of one function at every point, for chosen pairs of features.

    Parameters
    ----------
    chain : Chain
    x : Tensor of shape (n, d)
    pairs : Tensor of shape (q, 2)

    Returns
    -------
    Tensor of shape (1, c, n, q)
    """
    features, places = pairs.unique(return_inverse=True)
    first = chain.maps[0].linear(torch.eye(x.shape[1]).to(x)[features])
    values = x.new_zeros(1, chain(x[:1]).shape[1], len(x), len(pairs))
    n_rows = rows_kept(len(features), len(pairs))
    for part, gates, curvatures in derivatives_of_few(chain, x, n_rows):
        everywhere = first[:, None].expand(-1, len(gates[0]), *first.shape[1:])
        layers = itertools.chain([everywhere], jacobians(chain, first, gates))
        for curvature, jacobian in zip(curvatures, layers, strict=True):
            units = jacobian.flatten(2).transpose(0, 1), curvature.flatten(2)
            values[:, :, part] += pair_products(units[0][None], units[1][None], *places.T).to(x)
    return values


def _sums(
    chain: Chain, first: Tensor, x: Tensor, labels: NDArray, n_groups: int
) -> tuple[Tensor, Tensor]:
    """Sums inside groups for points sorted by group: terms of ``l > 1``, curvatures of ``l = 1``.

    Shapes are (c, M, r, r) and (c, M, ...) with r the number of rows of the first Jacobian.
    """
    shape = chain(x[:1]).shape[1], n_groups
    deep = first.new_zeros(*shape, len(first), len(first))
    bends = first.new_zeros(*shape, *first.shape[1:])
    for part, gates, curvatures in derivatives_of_few(chain, x, len(first)):
        groups = torch.from_numpy(labels[part]).to(bends.device)
        bends.index_add_(1, groups, curvatures[0])
        for curvature, jacobian in zip(curvatures[1:], jacobians(chain, first, gates), strict=True):
            _add_products(deep, jacobian, curvature, stretches(labels[part]))
    for total in deep.flatten(0, 1):
        total.triu_().add_(total.triu(1).mT)  # the products have filled the upper triangle
    return deep, bends


def jacobians(chain: Chain, first: Tensor, gates: list[Tensor]) -> Iterator[Tensor]:
    """Jacobians of the second and later layers at a few points, each of shape (d, n, ...).

    Parameters
    ----------
    chain : Chain
    first : Tensor of shape (d, ...)
        The Jacobian of the first layer, the same at every point.
    gates : list of Tensor of shape (n, ...)
    """
    jacobian = first[:, None]
    for affine, gate in zip(chain.maps[1:-1], gates, strict=False):
        gated = jacobian * gate
        jacobian = affine.linear(gated.flatten(0, 1)).unflatten(0, gated.shape[:2])
        yield jacobian


def derivatives_of_few(
    chain: Chain, x: Tensor, n_rows: int
) -> Iterator[tuple[slice, list[Tensor], list[Tensor]]]:
    """Points with gates and curvatures, as many at a time as have Jacobians that fit in memory."""
    if not chain.activations:  # a linear function
        return
    widest = max(gate[0].numel() for gate in layer_derivatives(chain, x[:1])[0])
    few = max(1, FLOATS // (n_rows * widest))
    many = max(few, POINTS)
    for first in range(0, len(x), many):
        gates, curvatures = layer_derivatives(chain, x[first : first + many])
        for start in range(0, len(gates[0]), few):
            part = slice(start, start + few)
            inside = [gate[part] for gate in gates], [bend[:, part] for bend in curvatures]
            yield slice(first + start, first + start + len(inside[0][0])), *inside


def layer_derivatives(chain: Chain, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Gates ``phi'(z_l)`` and curvatures ``phi''(z_l) * delta_l`` of every activation.

    Returns
    -------
    gates : list of Tensor of shape (n, ...)
    curvatures : list of Tensor of shape (c, n, ...)
    """
    values, derivatives = [], []
    with torch.enable_grad():
        a = x.detach().requires_grad_()
        for affine, activation in zip(chain.maps, chain.activations, strict=False):
            z = affine(a)
            a = activation(z)
            derivatives.append(_slope_and_curvature(activation, z))
            values.append(a)
        totals = chain.maps[-1](a).sum(0)
        deltas = [grad(total, values, retain_graph=True) for total in totals]
    gates, bends = (list(kind) for kind in zip(*derivatives, strict=True))
    by_layer = zip(bends, zip(*deltas, strict=True), strict=True)
    curvatures = [bend * torch.stack(delta) for bend, delta in by_layer]
    return gates, curvatures


def _slope_and_curvature(activation: Function, z: Tensor) -> tuple[Tensor, Tensor]:
    """``phi'(z)`` and ``phi''(z)`` of an elementwise function."""
    z = z.detach().requires_grad_()
    (slope,) = grad(activation(z).sum(), z, create_graph=True)
    (curvature,) = grad(slope.sum(), z)
    return slope.detach(), curvature


def _add_first(sums: Tensor, first: Tensor, bends: Tensor) -> None:
    """Add ``J_1^T diag(sum of phi'' delta) J_1`` to the sums of every output and group."""
    rows, columns = first.flatten(1), first.flatten(1).T.contiguous()
    if rows.count_nonzero() < SPARSE * rows.numel():
        rows = rows.to_sparse()
    for total, bend in zip(sums.flatten(0, 1), bends.flatten(0, 1), strict=True):
        total += rows @ (bend.flatten()[:, None] * columns)


def _add_products(
    sums: Tensor, jacobian: Tensor, curvature: Tensor, groups: list[tuple[int, int, int]]
) -> None:
    """Add ``J^T diag(phi'' delta) J`` of one layer to the sums of every output and group."""
    left, h = jacobian.flatten(1)[None], jacobian[0, 0].numel()
    for total, bend in zip(sums, curvature, strict=True):
        right = (jacobian * bend).flatten(1)[None]
        for m, start, stop in groups:
            part = 2, start * h, (stop - start) * h
            add_product(total[m][None], left.narrow(*part), right.narrow(*part))
