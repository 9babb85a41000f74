"""Loading the weights of a concrete-dropout network that was trained elsewhere."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from skgeh.geh.activations import get_activation
from skgeh.geh.functions import MLP, Additive
from skgeh.posteriors.concrete_dropout import ConcreteDropoutPosterior


def load_concrete_dropout(
    weights: Sequence[Any],
    biases: Sequence[Any],
    logits: Sequence[Any],
    *,
    activation: str,
    main_effects: Any = None,
) -> ConcreteDropoutPosterior:
    """The posterior of a trained multilayer perceptron with concrete dropout before every layer.

    Parameters
    ----------
    weights : sequence of array-like of shape (h_l, h_(l-1))
        As ``nn.Linear`` stores them, first layer first.
    biases : sequence of array-like of shape (h_l,)
    logits : sequence of array-like of shape (h_(l-1),) or scalars
        Logits of the dropout probabilities of the nodes that enter each layer.
    activation : {"gelu", "softplus", "tanh", "silu", "logistic"}
        "softplus" is ``log(1 + exp(10 z)) / 10``, as in the paper.
    main_effects : array-like of shape (d,) or (c, d), default=None
        Weights of linear main effects that are added to the network.

    Returns
    -------
    ConcreteDropoutPosterior
        A random function, for `skgeh.interactions_of`.

    Examples
    --------
    >>> posterior = load_concrete_dropout(
    ...     [torch.ones(5, 3), torch.ones(1, 5)], [torch.zeros(5), torch.zeros(1)],
    ...     [torch.full((3,), -2.0), torch.full((5,), -2.0)], activation="softplus",
    ...     main_effects=torch.ones(3))
    >>> posterior.n_features, posterior.draw(7, torch.Generator())(torch.zeros(2, 3)).shape
    (3, torch.Size([7, 2, 1]))
    """
    if not len(weights) == len(biases) == len(logits) >= 2:
        raise ValueError(
            "weights, biases and logits must have one entry per layer, for two or more layers; got "
            f"{len(weights)}, {len(biases)} and {len(logits)} entries."
        )
    matrices = [_tensor(weight) for weight in weights]
    widths = [matrices[0].shape[-1], *(matrix.shape[0] for matrix in matrices)]
    rows = [_tensor(bias) for bias in biases]
    nodes = [_tensor(logit) for logit in logits]
    for layer, (a, b) in enumerate(pairwise(widths)):
        if matrices[layer].shape != (b, a) or rows[layer].shape != (b,):
            raise ValueError(
                f"Layer {layer} must have weights ({b}, {a}) and biases ({b},); got "
                f"{tuple(matrices[layer].shape)} and {tuple(rows[layer].shape)}."
            )
        if nodes[layer].numel() not in (1, a):
            raise ValueError(
                f"Layer {layer} must have one logit, or one per node for the {a} nodes that enter "
                f"it; got {nodes[layer].numel()} logits."
            )
    means = MLP(
        tuple(matrix.T[None] for matrix in matrices),
        tuple(row[None, None] for row in rows),
        get_activation(activation),
    )
    probabilities = tuple(
        torch.sigmoid(node).reshape(-1).expand(a)[None, None]
        for node, a in zip(nodes, widths, strict=False)
    )
    beta = torch.zeros(widths[-1], 0) if main_effects is None else _tensor(main_effects)
    beta = beta.reshape(widths[-1], -1)
    if beta.shape[1] not in (0, widths[0]):
        raise ValueError(
            f"main_effects must have one weight for each of the {widths[0]} features; got "
            f"{beta.shape[1]}."
        )
    return ConcreteDropoutPosterior(means, Additive(beta.T[None]), probabilities)


def _tensor(values: Any) -> Tensor:
    """Values as float32."""
    return torch.as_tensor(values, dtype=torch.float32).detach().cpu()
