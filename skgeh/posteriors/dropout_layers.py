"""Dropout whose masks are frozen while a posterior draw is in force.

Ordinary Monte-Carlo dropout draws a mask for every row, so a group mean of second derivatives would
average over masks instead of over points. Here a draw is one function: each dropout layer
multiplies by one mask, the same for all rows. Without a draw, the layer does nothing.
"""

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from skgeh.posteriors.concrete_dropout import _entropy

# trailing axes that share a mask: channels are dropped whole
_SHARED_AXES = {nn.Dropout: 0, nn.Dropout1d: 1, nn.Dropout2d: 2, nn.Dropout3d: 3}
_REFUSED = (nn.AlphaDropout, nn.FeatureAlphaDropout)


class Masks:
    """The masks of one draw, one per call of a dropout layer in a forward pass."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)
        self.known: list[Tensor] = []
        self.calls = 0

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Let dropout layers use these masks, in the order of their calls."""
        self.calls = 0
        token = _IN_FORCE.set(self)
        try:
            yield
        finally:
            _IN_FORCE.reset(token)

    def apply(self, a: Tensor, p: Tensor) -> Tensor:
        """``a * mask / (1 - p)`` with ``mask ~ Bernoulli(1 - p)`` drawn at the first call only.

        `p` has one entry per node (axis 1 of `a`), or one for all, and broadcasts against ``a[0]``.
        """
        if self.calls == len(self.known):
            kept = (1 - p).detach().cpu().expand(_mask_shape(a, p))
            uniform = torch.rand(kept.shape, generator=self.generator)
            self.known.append((uniform < kept) / kept.clamp_min(torch.finfo(kept.dtype).tiny))
        mask = self.known[self.calls]
        self.calls += 1
        return a * mask.to(a)


_IN_FORCE: ContextVar[Masks | None] = ContextVar("masks in force", default=None)


def _mask_shape(a: Tensor, p: Tensor) -> tuple[int, ...]:
    """Shape of a mask for ``a[0]``; the mask is shared along all axes of `p` after the first."""
    shared = p.ndim - 1 if p.ndim > 1 else 0
    return tuple(a.shape[1 : a.ndim - shared]) + (1,) * shared


class FrozenDropout(nn.Module):
    """Replacement of ``nn.Dropout`` in a network whose interactions are measured.

    Parameters
    ----------
    p : float
        Probability that a node is off.
    shared_axes : int
        Number of last axes along which a mask is constant: 2 for ``nn.Dropout2d``.
    """

    def __init__(self, p: float, shared_axes: int = 0):
        super().__init__()
        self.p, self.shared_axes = p, shared_axes

    def probabilities(self) -> Tensor:
        """Dropout probability of all nodes, which broadcasts against one row."""
        return torch.full((1,) * (self.shared_axes + 1), self.p)

    def forward(self, a: Tensor) -> Tensor:
        """Values with the mask in force."""
        masks = _IN_FORCE.get()
        return a if masks is None else masks.apply(a, self.probabilities())


class ConcreteDropoutLayer(nn.Module):
    """Concrete dropout with a learned probability for every node, placed before a linear layer.

    In training, every row gets its own relaxed mask. In evaluation, the layer does nothing, but
    while a draw of `skgeh.interactions_of` is in force it multiplies by that draw's mask.

    Parameters
    ----------
    n_nodes : int
        Length of axis 1 of the input: features, or channels of an image, which are dropped whole.
    p : float, default=0.05
        Initial probability.
    temperature : float, default=0.1
        Temperature of the relaxed masks.

    References
    ----------
    Y. Gal, J. Hron, A. Kendall, "Concrete Dropout", NIPS 2017; with one probability per node,
    T. Cui, P. Marttinen, S. Kaski, ECAI 2020.

    Examples
    --------
    >>> drop, linear = ConcreteDropoutLayer(4), nn.Linear(4, 2)
    >>> linear(drop(torch.zeros(8, 4))).shape, drop.divergence(linear, length_scale=1e-2).shape
    (torch.Size([8, 2]), torch.Size([]))
    """

    def __init__(self, n_nodes: int, p: float = 0.05, temperature: float = 0.1):
        super().__init__()
        self.temperature = temperature
        self.logit = nn.Parameter(torch.full((n_nodes,), math.log(p / (1 - p))))

    def probabilities(self) -> Tensor:
        """Dropout probability of every node, shape (n_nodes,)."""
        return torch.sigmoid(self.logit)

    def forward(self, a: Tensor) -> Tensor:
        """``a * mask / (1 - p)`` in training or in a draw, else `a`."""
        trailing = (1,) * (a.ndim - 2)
        masks = _IN_FORCE.get()
        if masks is not None:
            return masks.apply(a, self.probabilities().reshape(-1, *trailing))
        if not self.training:
            return a
        logit = self.logit.reshape(-1, *trailing)
        uniform = torch.rand(*a.shape[:2], *trailing, device=a.device, dtype=a.dtype)
        noise = torch.logit(uniform, eps=1e-7)
        return a * torch.sigmoid((noise - logit) / self.temperature) * (1 + logit.exp())

    def divergence(self, layer: nn.Module, length_scale: float) -> Tensor:
        """Divergence from the prior, for this dropout and the next linear or convolutional layer.

        ``l^2/2 (sum_k ||w_k||^2 / (1 - p_k) + ||b||^2) - sum_k H(p_k)``, up to a constant. Divide
        it by the number of rows if the loss is a mean negative log-likelihood.

        Parameters
        ----------
        layer : nn.Module
            Has a `weight` with the nodes, or nodes times pixels, along axis 1, and maybe a `bias`.
        length_scale : float
            Inverse prior standard deviation of the layer's weights.
        """
        weight, bias = layer.weight, layer.bias
        squares = weight.square().transpose(0, 1).reshape(len(self.logit), -1).sum(1)  # type: ignore[operator]
        total = (squares * (1 + self.logit.exp())).sum()
        if bias is not None:
            total = total + bias.square().sum()  # type: ignore[operator]
        return length_scale**2 / 2 * total - _entropy(self.logit).sum()


def frozen(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose dropout layers use the masks in force.

    Raises
    ------
    ValueError
        If the module has alpha dropout, whose noise is not a mask.
    """
    result = copy.deepcopy(module).eval().requires_grad_(False)
    for name, part in module.named_modules():
        if isinstance(part, _REFUSED):
            raise ValueError(
                f"Dropout layers must multiply by a mask; module {name!r} is "
                f"{type(part).__name__}, whose noise is not a mask. Replace it with nn.Dropout, or "
                "remove it."
            )
    replaced: dict[int, FrozenDropout] = {}
    for name, part in list(result.named_modules(remove_duplicate=False)):
        if type(part) in _SHARED_AXES:
            new = replaced.setdefault(id(part), FrozenDropout(part.p, _SHARED_AXES[type(part)]))
            if not name:
                return new
            parent, _, last = name.rpartition(".")
            setattr(result.get_submodule(parent), last, new)
    return result


def is_random(module: nn.Module) -> bool:
    """Whether draws of a frozen module differ."""
    return any(
        isinstance(part, ConcreteDropoutLayer) or (isinstance(part, FrozenDropout) and part.p > 0)
        for part in module.modules()
    )
