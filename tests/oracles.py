"""The mathematics once more, the slow way: what the tests hold the package against.

Nothing here calls the code that it judges. Networks are written out layer by layer with
activations from their definitions, Hessians come from `torch.func`, one point at a time, and group
means, effects and moments from loops.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import torch
from scipy.stats import norm

from skgeh.geh.activations import get_activation
from skgeh.geh.functions import MLP, Additive, Repeated, stack
from skgeh.geh.partition import Partition
from skgeh.geh.units import Function
from skgeh.posteriors.concrete_dropout import ConcreteDropoutPosterior

PHI = {  # by definition; torch's softplus is linear above beta z = 20, this one is not
    "gelu": lambda z: z * (1 + torch.erf(z / 2**0.5)) / 2,
    "softplus": lambda z: torch.logaddexp(10 * z, torch.zeros_like(z)) / 10,
    "tanh": lambda z: 1 - 2 / (1 + torch.exp(2 * z)),
    "silu": lambda z: z / (1 + torch.exp(-z)),
    "logistic": lambda z: 1 / (1 + torch.exp(-z)),
}


# Networks


def random_mlp(widths, n_functions=1, activation="gelu", seed=0):
    """A stack of random networks in float64, curved at standard normal points."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    shapes = list(pairwise(widths))
    weights = tuple(1.5 / a**0.5 * normal(n_functions, a, b) for a, b in shapes)
    biases = tuple(0.5 * normal(n_functions, 1, b) for _, b in shapes)
    return MLP(weights, biases, get_activation(activation))


def random_points(n, d, seed=0):
    """Standard normal points in float64."""
    generator = torch.Generator().manual_seed(1000 + seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64)


def random_posterior(widths, n_copies=2, activation="gelu", seed=0):
    """Concrete dropout with random weights, main effects and probabilities from .1 to .6."""
    generator = torch.Generator().manual_seed(2000 + seed)

    def uniform(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    means = random_mlp(widths, n_copies, activation, seed)
    main = Additive(uniform(n_copies, widths[0], widths[-1]))
    probabilities = tuple(0.1 + 0.5 * uniform(n_copies, 1, h) for h in widths[:-1])
    return ConcreteDropoutPosterior(means, main, probabilities)


def network(mlp, masks=None):
    """The same networks as a plain callable; `masks` (K, h_l) multiply what enters each layer."""
    phi = PHI[mlp.activation.name]

    def function(x):
        outputs = []
        for k in range(len(mlp.weights[0])):
            a = x
            for layer, (weight, bias) in enumerate(zip(mlp.weights, mlp.biases, strict=True)):
                a = a if layer == 0 else phi(a)
                a = a if masks is None else a * masks[layer][k]
                a = a @ weight[k] + bias[k]
            outputs.append(a)
        return torch.stack(outputs)

    return function


def double(mlp, dtype=torch.float64):
    """An MLP in another precision."""
    weights = tuple(weight.to(dtype) for weight in mlp.weights)
    return MLP(weights, tuple(bias.to(dtype) for bias in mlp.biases), mlp.activation)


# Hessians


def hessians(function, x):
    """Hessian at every point by `torch.func`: (K, c, n, d, d) of a function (n, d) -> (K, n, c).

    `torch.func.hessian` itself is forward over reverse mode, whose first use warns of a deprecated
    part of torch; this is reverse over reverse.
    """
    at_point = torch.func.jacrev(torch.func.jacrev(lambda point: function(point[None])[:, 0]))
    return torch.func.vmap(at_point, out_dims=2)(x).detach().numpy()


def mixed_difference(f, X, other, i, j):
    """f's change along i, changed along j: zero everywhere if i and j do not interact."""
    by_i, by_j, by_both = X.copy(), X.copy(), X.copy()
    by_i[:, i] = by_both[:, i] = other[:, i]
    by_j[:, j] = by_both[:, j] = other[:, j]
    return f(by_both) - f(by_i) - f(by_j) + f(X)


def group_means(values, labels, axis=2):
    """Means over the points of each group, one group and one point at a time."""
    means = []
    for group in range(max(labels) + 1):
        total, count = 0.0, 0
        for point, label in enumerate(labels):
            if label == group:
                total, count = total + values.take(point, axis), count + 1
        means.append(total / count)
    return np.stack(means, axis)


def upper(matrices):
    """Entries i < j of (..., d, d), in lexicographic order."""
    pairs = combinations(range(matrices.shape[-1]), 2)
    return np.stack([matrices[..., i, j] for i, j in pairs], axis=-1)


def geh(matrices, labels):
    """Eq. 6, from Hessians (n, d, d) at every point: (P,)."""
    n, total = len(labels), 0.0
    for group in set(labels):
        inside = [upper(h) for h, label in zip(matrices, labels, strict=True) if label == group]
        total = total + len(inside) / n * np.abs(np.mean(inside, axis=0))
    return total


# Partitions


def random_partition(n_points, n_groups, seed=0):
    """Groups of very different sizes, none empty, in random order."""
    rng = np.random.default_rng(seed)
    labels = (n_groups * rng.random(n_points) ** 2).astype(int)
    labels[rng.permutation(n_points)[:n_groups]] = np.arange(n_groups)
    return Partition.from_labels(labels)


PARTITIONS = {
    "one group": Partition.one_group,
    "singletons": Partition.singletons,
    "a few uneven groups": lambda n: random_partition(n, 3),
    "many uneven groups": lambda n: random_partition(n, n // 2),
}


# Comparisons


def assert_close(actual, expected, share=1e-9):
    """No entry differs by more than a share of the largest one."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    bound = share * np.abs(expected).max(initial=0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=bound)


def assert_mean(samples, expected, error_rate=1e-6):
    """The mean over the first axis is `expected`, up to the Monte-Carlo error.

    A z-test for every entry, Bonferroni over the entries: a correct sampler fails with probability
    `error_rate`, so the tolerance follows from the number of samples.
    """
    samples = np.asarray(samples, dtype=float)
    error = samples.std(0, ddof=1) / len(samples) ** 0.5
    distance = np.abs(samples.mean(0) - expected)
    bound = norm.isf(error_rate / (2 * samples[0].size)) * error
    assert (distance <= bound + 1e-12 * np.abs(expected)).all(), (distance / error).max()


@dataclass(frozen=True, eq=False)
class Finite:
    """The uniform distribution over given functions: an ensemble, or one trained model.

    Parameters
    ----------
    functions : sequence of callables (n, d) -> (n, c)
    n_features, n_outputs : int

    """

    functions: Sequence[Function]
    n_features: int
    n_outputs: int

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Take the functions in turn."""
        turn = torch.arange(first, first + n_draws) % len(self.functions)
        distinct, which = turn.unique(return_inverse=True)
        return Repeated(stack(self.functions[k] for k in distinct), which)

    @property
    def n_functions(self) -> int:
        """How many functions there are: more draws repeat them."""
        return len(self.functions)

    def members(self) -> Function:
        """All functions, as one stack."""
        return stack(self.functions)
