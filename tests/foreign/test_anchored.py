"""Interactions of pairs at an anchor, against the formula point by point."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from skgeh.foreign.anchored import AnchoredComponents


def table(n=80):
    return np.random.default_rng(0).normal(size=(n, 3)) * [1, 3, 0.2] + [0, 5, 0]


def test_a_formula():
    X = table()
    found = AnchoredComponents.of(lambda x: x[:, 0] * x[:, 1] ** 2 + x[:, 2], X)
    a, b, _ = np.median(X, axis=0)
    values, low, high = found.surface((0, 1), X[:, 0], X[:, 1], 0.95)
    expected = (X[:, 0] - a) * (X[:, 1] ** 2 - b**2)
    np.testing.assert_allclose(values, expected, rtol=1e-3, atol=1e-3)
    assert low is None and high is None
    nothing, _, _ = found.surface((0, 2), X[:, 0], X[:, 2], 0.95)
    np.testing.assert_allclose(nothing, 0, atol=1e-4)
    np.testing.assert_allclose(np.column_stack(found.rows((1, 2))), X[:, 1:], rtol=1e-6)


def test_outputs_of_a_network_one_by_one():
    torch.manual_seed(0)
    net, X = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)), table()
    frame = pd.DataFrame(X, columns=["age", "bmi", "dose"])
    with pytest.raises(ValueError, match=r"2 outputs.*target=0"):
        AnchoredComponents.of(net, frame)
    found = AnchoredComponents.of(net, frame, target=1)
    assert [feature.name for feature in found.features] == ["age", "bmi", "dose"]
    values = found.surface((1, 2), X[:4, 1], X[:4, 2], 0.95)[0]
    c = np.median(X, axis=0)

    def f(*points):
        return net(torch.tensor([points], dtype=torch.float32))[0, 1].item()

    for value, (_, b, d) in zip(values, X, strict=False):
        one = f(c[0], b, d) - f(c[0], b, c[2]) - f(c[0], c[1], d) + f(*c)
        assert value == pytest.approx(one, abs=1e-5)


def test_a_contribution_has_no_sd():
    with pytest.raises(ValueError, match="no standard deviation"):
        AnchoredComponents.of(lambda x: x[:, 0], table()).local(table(), (0, 1))
