import pytest
import torch
from torch import nn

import skgeh
from tests.foreign.oracles import Branched, D, expected_effect, mlp, points
from tests.oracles import assert_close


@pytest.mark.parametrize("layer", ["0", "1"])
def test_a_hidden_layer_of_a_sequential(layer):
    module, X = mlp(), points()
    found = skgeh.interactions_of(module, X, layer=layer, n_groups=1)
    trunk, head = module[: int(layer) + 1], module[int(layer) + 1 :]
    units = trunk(torch.as_tensor(X, dtype=torch.float32)).detach().double().numpy()
    assert found.feature_names[0] == "unit 0"
    assert_close(found.effect, expected_effect(head, units), 1e-4)


def test_the_trunk_is_at_its_mean():
    """Dropout before the layer does nothing, dropout after it makes draws."""
    before, after = (mlp() for _ in range(2))
    before.insert(0, nn.Dropout(0.5))
    after.insert(2, nn.Dropout(0.5))
    options = {"n_groups": 1, "n_draws": 5}
    assert not skgeh.interactions_of(before, points(), layer="2", **options).std.any()
    assert skgeh.interactions_of(after, points(), layer="1", **options).std.any()


def test_a_hidden_layer_of_any_module():
    module, X = Branched(p=0.0), points()
    found = skgeh.interactions_of(module, X, layer="first", n_groups=1)
    x = torch.as_tensor(X, dtype=torch.float32)
    head = nn.Sequential(nn.Tanh(), module.second, nn.Tanh(), module.top)
    units = module.first(x).detach().double().numpy()
    assert_close(found.effect, expected_effect(head, units), 1e-4)
    assert module.first._forward_hooks == {}  # hooks stand in a copy


def test_a_skip_around_the_layer_is_seen():
    with pytest.raises(ValueError, match="a way around"):
        skgeh.interactions_of(Branched(skip=True), points(), layer="first")


def test_a_layer_that_runs_twice():
    with pytest.raises(ValueError, match="must run once"):
        skgeh.interactions_of(Branched(), points(), layer="drop")


def test_unknown_layers_are_named():
    with pytest.raises(ValueError, match="no layer 'fc'; the module has '0', '1'"):
        skgeh.interactions_of(mlp(), points(), layer="fc")
    with pytest.raises(ValueError, match="one torch module"):
        skgeh.interactions_of([mlp(), mlp()], points(), layer="1")


def test_a_piecewise_linear_trunk_does_no_harm():
    module = nn.Sequential(nn.Linear(D, 6), nn.ReLU(), *mlp()[2:])
    module[2] = nn.Linear(6, 6)
    assert skgeh.interactions_of(module, points(), layer="1", n_groups=1).effect.any()
