"""Models of somebody else's, and their effects the slow way."""

import numpy as np
import torch
from torch import nn

from skgeh.posteriors.dropout_layers import frozen
from tests.oracles import geh, hessians

D = 4


def points(n=60, d=D, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) * 2 + 1


def mlp(activation=nn.GELU, dropout=None, outputs=1, seed=0):
    torch.manual_seed(seed)
    drop = [] if dropout is None else [nn.Dropout(dropout)]
    return nn.Sequential(
        nn.Linear(D, 7), activation(), *drop, nn.Linear(7, 6), activation(), nn.Linear(6, outputs)
    )


class Branched(nn.Module):
    """No Sequential: functional activations, one dropout used twice, and maybe a skip."""

    def __init__(self, skip=False, phi=torch.tanh, p=0.4):
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second, self.top = nn.Linear(D, 6), nn.Linear(6, 5), nn.Linear(5, 1)
        self.drop, self.skip, self.phi = nn.Dropout(p), skip, phi

    def forward(self, x):
        rows = x.shape[0]  # counted before the layers
        a = self.drop(self.phi(self.first(x)))
        a = self.drop(self.phi(self.second(a)).view(rows, -1))
        return self.top(a) + (x[:, :1] * x[:, 1:2] if self.skip else 0)


def expected_effect(module, X, output=0):
    """Eq. 6 of one group a point, in standard units, by torch.func at every point."""
    x = torch.as_tensor(X, dtype=torch.float64)
    module = frozen(module).double() if isinstance(module, nn.Module) else module
    matrices = hessians(lambda p: module(p)[None], x)[0, output]
    scale = np.multiply.outer(X.std(0), X.std(0))
    y = module(x)[:, output].detach().numpy()
    return geh(matrices * scale / y.std(), np.zeros(len(X), int))
