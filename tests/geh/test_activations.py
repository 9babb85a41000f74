import pickle
from copy import deepcopy

import pytest
import torch

from skgeh.geh.activations import ACTIVATIONS, get_activation
from tests.oracles import PHI, double, random_mlp, random_points

Z = torch.cat([torch.linspace(-30, 30, 4001), torch.tensor([0.0, 1e-8, -1e-8, 100, -100])]).double()


def derivatives(function, z):
    """The function and its first two derivatives, by autograd twice."""
    z = z.clone().requires_grad_()
    value = function(z)
    (slope,) = torch.autograd.grad(value.sum(), z, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), z)
    return value.detach(), slope.detach(), curvature


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slope_and_curvature_are_derivatives_of_the_value(name):
    phi = get_activation(name)
    tolerance = 1e-7 if name == "softplus" else 1e-12  # torch's is linear above beta z = 20
    _, slope, curvature = derivatives(phi.value, Z)
    torch.testing.assert_close(phi.slope(Z), slope, rtol=0, atol=tolerance)
    torch.testing.assert_close(phi.curvature(Z), curvature, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_are_those_of_the_definition(name):
    phi, z = get_activation(name), Z[Z.abs() < 20]  # the definitions overflow further out
    value, slope, curvature = derivatives(PHI[name], z)
    torch.testing.assert_close(phi.value(z), value, rtol=0, atol=1e-9)
    torch.testing.assert_close(phi.slope(z), slope, rtol=0, atol=1e-11)
    torch.testing.assert_close(phi.curvature(z), curvature, rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_argument_is_left_as_it_was(name):
    phi, z = get_activation(name), Z.clone()
    for function in (phi.value, phi.slope, phi.curvature):
        function(z)
        assert torch.equal(z, Z)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_single_precision(name):
    """Finite far out too, and as close as roundings of the largest value allow."""
    phi = get_activation(name)
    for function, scale in ((phi.value, 100), (phi.slope, 1.2), (phi.curvature, 2.5)):
        answer = function(Z.float())
        assert answer.dtype == torch.float32
        torch.testing.assert_close(answer.double(), function(Z), rtol=0, atol=2e-6 * scale)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_curved(name):
    """Else a network of it had no interactions."""
    assert get_activation(name).curvature(Z).abs().max() > 0.09


def test_the_oracles_know_every_activation():
    assert PHI.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "identity"])
def test_piecewise_linear_ones_are_refused(name):
    with pytest.raises(ValueError, match="second derivative") as error:
        get_activation(name)
    assert all(known in str(error.value) for known in [name, *ACTIVATIONS])


@pytest.mark.parametrize("name", ["GELU", "sigmoid", "", None])
def test_unknown_ones_are_refused_with_the_list(name):
    with pytest.raises(ValueError, match="must be one of") as error:
        get_activation(name)
    assert all(known in str(error.value) for known in [repr(name), *ACTIVATIONS])


@pytest.mark.parametrize("again", [deepcopy, lambda f: pickle.loads(pickle.dumps(f))])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_copies_and_pickles(name, again):
    assert again(get_activation(name)) is get_activation(name)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_network_survives_a_pickle(name):
    mlp, x = double(random_mlp((3, 4, 1), 2, name)), random_points(5, 3)
    assert torch.equal(pickle.loads(pickle.dumps(mlp))(x), mlp(x))
