import pytest
import torch
from torch import nn

from skgeh.posteriors import ConcreteDropoutLayer
from skgeh.posteriors.concrete_dropout import _Divergence
from skgeh.posteriors.dropout_layers import Masks, frozen


@pytest.mark.parametrize(
    ("layer", "shape", "mask"),
    [
        (nn.Dropout(0.5), (2, 6, 3, 3), (6, 3, 3)),
        (nn.Dropout2d(0.5), (2, 6, 3, 3), (6, 1, 1)),
        (nn.Dropout1d(0.5), (2, 6, 3), (6, 1)),
        (ConcreteDropoutLayer(6, p=0.5), (2, 6, 3, 3), (6, 1, 1)),
        (ConcreteDropoutLayer(6, p=0.5), (2, 6), (6,)),
    ],
)
def test_channels_are_dropped_whole(layer, shape, mask):
    masks, a = Masks(0), torch.ones(shape)
    with masks.in_force():
        found = frozen(layer)(a)
    assert masks.known[0].shape == mask
    torch.testing.assert_close(found, a * masks.known[0])
    assert set(found.unique().tolist()) <= {0.0, 2.0}


def test_a_concrete_dropout_layer_in_training():
    torch.manual_seed(0)
    layer, a = ConcreteDropoutLayer(3, p=0.3), torch.ones(4000, 3)
    found = layer(a)
    assert found.mean().item() == pytest.approx(1, abs=0.03)
    assert (found * 0.7 < 0.5).float().mean().item() == pytest.approx(0.3, abs=0.03)
    torch.testing.assert_close(layer.eval()(a), a)


@pytest.mark.parametrize(
    "following",
    [nn.Linear(3, 4), nn.Linear(3, 4, bias=False), nn.Linear(6, 4), nn.Conv2d(3, 4, 2)],
    ids=["linear", "no bias", "two pixels a channel", "convolution"],
)
def test_its_divergence_is_that_of_networks_here(following):
    """Weights of a node are all that it is multiplied by."""
    layer = ConcreteDropoutLayer(3)
    with torch.no_grad():
        layer.logit.copy_(torch.tensor([-2.0, 0.0, 1.0]))
    weight = following.weight.transpose(0, 1).reshape(1, 3, -1)
    bias = torch.zeros(1, 1, 4) if following.bias is None else following.bias[None, None]
    expected = _Divergence.apply((0.7**2,), weight, bias, layer.logit[None, None])
    torch.testing.assert_close(layer.divergence(following, length_scale=0.7), expected[0])
