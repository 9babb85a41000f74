import numpy as np
import pytest
import torch
from torch import nn

from skgeh.symbolic import AndOrExplainer, FeatureMap, patches
from skgeh.symbolic._outputs import log_odds
from tests.symbolic.oracles import X, naive_values, polynomial

RNG = np.random.default_rng(0)


def test_values_are_those_of_masked_rows():
    found = AndOrExplainer(polynomial, background=X, chunk=7).values(X[:3])
    for values, x in zip(found, X, strict=False):
        expected = naive_values(polynomial, x, X.mean(0), [[0], [1], [2], [3]])
        np.testing.assert_allclose(values, expected)


def test_zero_on_a_feature_map():
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU())
    module = nn.Sequential(first, nn.Flatten(), nn.Linear(32, 2)).eval()
    images = RNG.normal(size=(2, 1, 4, 4)).astype(np.float32)
    players = patches((4, 4), (2, 4))
    explainer = AndOrExplainer(module, FeatureMap("0.1"), players)
    values = explainer.values(images, np.array([0, 1]))
    with torch.no_grad():
        features = first(torch.as_tensor(images))
        features[:, :, 2:] = 0
        logits = module[1:](features).double().numpy()
    np.testing.assert_allclose(
        values[:, 0b01], log_odds(logits, np.arange(2), np.array([0, 1])), atol=1e-5
    )
    assert not module[0][1]._forward_hooks
    with pytest.raises(ValueError, match="names no layer"):
        AndOrExplainer(module, FeatureMap("x"), players).values(images)
    with pytest.raises(ValueError, match="do not broadcast to the layer"):
        AndOrExplainer(module, FeatureMap("0.1"), patches((3, 3), (1, 3))).values(images)


def test_points_tokens_and_images():
    points = RNG.normal(size=(2, 6, 3))
    players = np.array([0, 0, 0, 1, 1, 2])[:, None]
    found = AndOrExplainer(lambda clouds: (clouds**2).sum((1, 2)), "cluster_centre", players)
    values = found.values(points)
    centres = points.copy()
    for own in ([0, 1, 2], [3, 4], [5]):
        centres[:, own] = points[:, own].mean(1, keepdims=True)
    np.testing.assert_allclose(values[:, 0], (centres**2).sum((1, 2)))
    np.testing.assert_allclose(values[:, -1], (points**2).sum((1, 2)))
    tokens = np.array([[3, 1, 2]])
    seen = []

    def model(ids):
        seen.append(ids)
        return (ids == 1).any(1).astype(float)

    AndOrExplainer(model, baseline=9).explain(tokens)
    assert seen[0][0].tolist() == [9, 9, 9]
    assert seen[0].dtype.kind == "i"
    images = RNG.normal(size=(1, 3, 4, 4))
    half = AndOrExplainer(lambda rows: rows.sum((1, 2, 3)), 0.0, patches((4, 4), (4, 2)))
    np.testing.assert_allclose(half.values(images)[0, 1], images[..., :2].sum())
