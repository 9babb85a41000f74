"""Group mean Hessians of a stack of MLPs in closed form: no autodiff, only matrix products.

With the Jacobian ``J_l = d z_l / d x`` of layer l and ``delta_l = d y / d a_l``, the Hessian of an
MLP is a sum over its hidden layers,

    Hess g(x) = sum_l J_l^T diag(phi''(z_l) * delta_l) J_l,

so the mean over a group of points is one product of the stacked Jacobians per layer. Since `x`
enters through ``W_1`` alone, ``Hess = W_1^T H W_1``, where ``H`` is the Hessian with respect to
``z_1``. The cost of ``H`` does not grow with the number of features. The space that needs fewer
operations is chosen; with many features, always the smaller space.

Axes: K functions, c outputs, M groups, n points, d features, h units. A Jacobian is kept as
(K, d, n, h), so that a layer is one product and a group is one contiguous block.
"""

from itertools import pairwise
from math import prod

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from skgeh.geh.functions import MLP
from skgeh.geh.hessians.group_hessian import GroupHessian
from skgeh.geh.partition import Partition

STACK = 200_000  # activations of a layer over all points, up to which small functions are stacked
BLOCK = 25_000  # activations of a layer that are in memory at once
CACHE = 200_000  # floats of a Jacobian that fit into the second-level cache with their products
WIDE = 128  # features above which (d, d) matrices of a stack of draws would fill the memory
TRIANGLE = 64  # from this size on, computing only the upper triangle of a Gram product is faster


def group_hessian(mlp: MLP, x: Tensor, partition: Partition) -> GroupHessian:
    """Mean Hessian of every function, output and group.

    Parameters
    ----------
    mlp : MLP
        Stack of K functions of d features with c outputs.
    x : Tensor of shape (n, d)
    partition : Partition of the n points

    Returns
    -------
    GroupHessian
    """
    order = np.argsort(partition.labels, kind="stable")
    x, labels = x.index_select(0, torch.from_numpy(order).to(x.device)), partition.labels[order]
    hidden = prefers_hidden_space(mlp.widths, len(x), partition.n_groups)
    hidden = hidden or mlp.widths[1] < mlp.widths[0] > WIDE
    at_once = max(1, STACK // (len(x) * max(mlp.widths[1:-1])))
    starts = range(0, len(mlp), at_once)
    sums = [_sums(mlp[start : start + at_once], x, labels, hidden) for start in starts]
    counts = torch.as_tensor(partition.counts, device=x.device)[:, None, None]
    return GroupHessian(torch.cat(sums).div_(counts), mlp.weights[0] if hidden else None)


def prefers_hidden_space(widths: list[int], n_points: int, n_groups: int) -> bool:
    """Whether the Hessian in terms of ``z_1`` takes fewer multiplications than that in ``x``.

    Examples
    --------
    >>> prefers_hidden_space([8, 100, 100, 1], n_points=1000, n_groups=11)
    False
    >>> prefers_hidden_space([1000, 100, 100, 1], n_points=1000, n_groups=11)
    True
    """
    d, h, *deeper, c = widths
    products = [a * b for a, b in pairwise([h, *deeper])]
    at_inputs = n_points * (d * sum(products) + c * d**2 * sum(deeper)) + n_groups * c * d**2 * h
    at_units = n_points * (h * sum(products[1:]) + c * h**2 * sum(deeper))
    from_units_to_inputs = n_groups * c * (d * h**2 + d**2 * h)
    return at_units + from_units_to_inputs < at_inputs


def pointwise(mlp: MLP, x: Tensor, pairs: Tensor) -> Tensor:
    """Mixed second derivatives at every point, for chosen pairs of features.

    Parameters
    ----------
    mlp : MLP
    x : Tensor of shape (n, d)
    pairs : Tensor of shape (q, 2)

    Returns
    -------
    Tensor of shape (K, c, n, q)
    """
    features, places = pairs.unique(return_inverse=True)
    first, second = places.T
    rows = mlp.weights[0][:, features]
    in_memory = len(mlp) * max(mlp.widths[1:-1]) * rows_kept(len(features), len(pairs))
    few = max(1, CACHE // in_memory)
    parts = []
    for part in x.split(few):
        gates, curvatures = layer_derivatives(mlp, part)
        jacobian = rows[:, None].expand(-1, len(part), -1, -1)  # (K, n, d, h): a point is a block
        total = curvatures[0] @ (rows[:, first] * rows[:, second]).mT[:, None]
        for gate, weight, curvature in zip(gates, mlp.weights[1:-1], curvatures[1:], strict=False):
            jacobian = _layer(jacobian * gate[:, :, None], weight)
            total += pair_products(jacobian, curvature, first, second)
        parts.append(total)
    return torch.cat(parts, dim=2)


def layer_derivatives(mlp: MLP, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Gates ``phi'(z_l)`` and curvatures ``phi''(z_l) * delta_l`` of every hidden layer.

    Returns
    -------
    gates : list of Tensor of shape (K, n, h_l)
    curvatures : list of Tensor of shape (K, c, n, h_l)
    """
    last = len(mlp.weights) - 2
    gates, bends = [], []
    a = x.expand(len(mlp), *x.shape)
    for layer in range(last + 1):
        z = torch.baddbmm(mlp.biases[layer], a, mlp.weights[layer])
        gates.append(mlp.activation.slope(z))
        bends.append(mlp.activation.curvature(z))
        if layer < last:
            a = mlp.activation.value(z)
    delta = mlp.weights[-1].mT[:, :, None]  # (K, c, 1, h): the output is linear in the last layer
    curvatures = [bends[last][:, None] * delta]
    for layer in range(last, 0, -1):
        delta = (gates[layer][:, None] * delta) @ mlp.weights[layer].mT[:, None]
        curvatures.insert(0, bends[layer - 1][:, None] * delta)
    return gates, curvatures


def _sums(mlp: MLP, x: Tensor, labels: NDArray, hidden: bool) -> Tensor:
    """Sums of Hessians inside groups for points sorted by group, shape (K, c, M, r, r).

    The Jacobian of the first layer is its weight at every point, so its term needs only the sum
    of the curvatures.
    """
    weight = mlp.weights[0]
    shape = (len(mlp), mlp.widths[-1], labels[-1] + 1)
    rows = weight.shape[2] if hidden else weight.shape[1]
    deep, first = x.new_zeros(*shape, rows, rows), x.new_zeros(*shape, weight.shape[2])
    one_layer, units = len(mlp.weights) == 2, len(mlp) * max(mlp.widths[1:-1])
    many = len(x) if one_layer else max(16, BLOCK // units)
    # Jacobians of a few points are kept in two buffers that are used in turn: new memory for each
    # of them would cost as much time in page faults as the products themselves
    few = min(max(16, CACHE // (rows * units)), len(x))
    work = [x.new_empty(0 if one_layer else few * rows * units) for _ in range(2)]
    targets = [[deep[:, output, m] for m in range(shape[2])] for output in range(shape[1])]
    for start in range(0, len(x), many):
        part = slice(start, start + many)
        members = F.one_hot(torch.from_numpy(labels[part]), int(shape[2])).to(x)
        if one_layer:
            first += _one_hidden_layer(mlp, x[part], members)
        else:
            gates, curvatures = layer_derivatives(mlp, x[part])
            first += members.mT @ curvatures[0]
            _add_deep(targets, mlp, gates, curvatures, labels[part], hidden, work)
    if not one_layer:
        deep = deep.triu().add_(deep.triu(1).mT)
    if hidden:
        deep.diagonal(dim1=-2, dim2=-1).add_(first)
        return deep
    return deep.add_((weight[:, None, None] * first[..., None, :]) @ weight.mT[:, None, None])


def _one_hidden_layer(mlp: MLP, x: Tensor, members: Tensor) -> Tensor:
    """Sums of ``phi''(z) * w`` inside groups; the output's weight w is the same everywhere."""
    z = torch.baddbmm(mlp.biases[0], x.expand(len(mlp), *x.shape), mlp.weights[0])
    return (members.mT @ mlp.activation.curvature(z))[:, None] * mlp.weights[1].mT[:, :, None]


def _add_deep(targets, mlp, gates, curvatures, labels, hidden, work):
    """Add the terms of the second and later layers, a few points at a time."""
    few = len(work[0]) // (len(mlp) * targets[0][0].shape[-1] * max(mlp.widths[1:-1]))
    for start in range(0, len(labels), few):
        part = slice(start, start + few)
        inside = [gate[:, part] for gate in gates], [bend[:, :, part] for bend in curvatures]
        _add_deep_products(targets, mlp, *inside, stretches(labels[part]), hidden, work)


def _add_deep_products(targets, mlp, gates, curvatures, segments, hidden, work):
    """Add ``J^T diag(phi'' delta) J`` layer by layer, for points whose Jacobians fit the cache."""
    shape = (len(mlp), targets[0][0].shape[-1], gates[0].shape[1])
    scaled, spare = (_view(buffer, *shape, mlp.widths[1]) for buffer in work)
    if not hidden:
        torch.mul(mlp.weights[0][:, :, None], gates[0][:, None], out=scaled)
    for layer, weight in enumerate(mlp.weights[1:-1], start=1):
        jacobian = _view(spare, *shape, weight.shape[2])
        if hidden and layer == 1:
            torch.mul(gates[0].mT[..., None], weight[:, :, None], out=jacobian)
        else:
            torch.bmm(scaled.flatten(1, 2), weight, out=jacobian.flatten(1, 2))
        bent = _view(scaled, *jacobian.shape)
        left, right, h = jacobian.flatten(2), bent.flatten(2), weight.shape[2]
        for output, sums in enumerate(targets):
            torch.mul(jacobian, curvatures[layer][:, output, None], out=bent)
            for m, start, stop in segments:
                part = 2, start * h, (stop - start) * h
                add_product(sums[m], left.narrow(*part), right.narrow(*part))
        if layer < len(gates) - 1:
            scaled, spare = jacobian.mul_(gates[layer][:, None]), scaled


def _layer(jacobian: Tensor, weight: Tensor) -> Tensor:
    """``J W`` as one product per function, for a Jacobian of shape (K, n, d, h)."""
    return torch.bmm(jacobian.flatten(1, 2), weight).unflatten(1, jacobian.shape[1:3])


def _view(buffer: Tensor, *shape: int) -> Tensor:
    """The first elements of a buffer as a tensor of a given shape."""
    return buffer.as_strided((prod(shape),), (1,)).view(shape)


def add_product(out: Tensor, a: Tensor, b: Tensor) -> None:
    """Add the symmetric ``a b^T`` to `out`; if it is large, only its upper block triangle."""
    size = a.shape[1]
    if size < TRIANGLE:
        out.baddbmm_(a, b.mT)
        return
    step = -(-size // 4)
    for i in range(0, size, step):
        out[:, i : i + step, i:].baddbmm_(a[:, i : i + step], b[:, i:].mT)


def rows_kept(n_features: int, n_pairs: int) -> int:
    """Rows of h numbers in a point's working memory: one per pair, or one per feature."""
    return n_pairs if 8 * n_pairs < n_features**2 else n_features


def pair_products(jacobian: Tensor, curvature: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """``sum_h J_ih c_h J_jh`` at each point, for the pairs (i, j): shape (K, c, n, q)."""
    if rows_kept(jacobian.shape[2], len(first)) == len(first):
        products = jacobian[:, :, first] * jacobian[:, :, second]
        return (products @ curvature.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    gram = (jacobian[:, None] * curvature[:, :, :, None]) @ jacobian.mT[:, None]
    return gram[..., first, second]


def stretches(labels: NDArray) -> list[tuple[int, int, int]]:
    """Stretches of equal labels in a sorted array: label, start, stop."""
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return [(int(labels[start]), start, stop) for start, stop in pairwise(edges)]
