import pytest
import torch

from skgeh.geh.units import FunctionInUnits, Units, in_units
from tests.oracles import random_points


def units_of(d=3, c=2, outputs=4, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return Units(normal(d), normal(d).exp(), normal(c, outputs))


def function(x):
    return torch.stack([x[:, 0] * x[:, 1], x.sin().prod(1)], dim=1)[None]


def test_values_one_point_and_one_output_at_a_time():
    units, x = units_of(), random_points(7, 3)
    found = in_units(function, units)(x)
    assert found.shape == (1, 7, 4)
    for row in range(7):
        point = [units.centre[j] + units.scale[j] * x[row, j] for j in range(3)]
        own = function(torch.stack(point)[None])[0, 0]
        for output in range(4):
            expected = sum(own[k] * units.readout[k, output] for k in range(2))
            torch.testing.assert_close(found[0, row, output], expected)


def test_units_of_units():
    one, two, x = units_of(), units_of(c=4, outputs=3, seed=1), random_points(7, 3)
    found = in_units(in_units(function, one), two)(x)
    places = one.centre + one.scale * (two.centre + two.scale * x)
    torch.testing.assert_close(found, function(places) @ one.readout @ two.readout)


def test_steps_have_no_place():
    units, x, step = units_of(), random_points(7, 3), random_points(7, 3, seed=1)
    torch.testing.assert_close(units.inputs(x + step) - units.inputs(x), units.directions(step))


def test_points_keep_their_precision():
    units, x = units_of(), random_points(7, 3).float()
    found = in_units(function, units)(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, in_units(function, units)(x.double()).float())


def test_a_kind_that_can_change_its_own_units_does():
    class Scaled:
        def in_units(self, units):
            return "in its own form", units

    units = units_of()
    assert in_units(Scaled(), units) == ("in its own form", units)
    assert type(in_units(function, units)) is FunctionInUnits


def test_centred_outputs_sum_to_zero_and_keep_their_differences():
    units, x = Units.centring(3, 4), random_points(7, 3)
    logits = random_points(7, 4, seed=1)
    assert torch.equal(units.inputs(x), x)
    found = units.outputs(logits)
    torch.testing.assert_close(found.sum(1), torch.zeros(7).double())
    torch.testing.assert_close(found.diff(dim=1), logits.diff(dim=1))
    torch.testing.assert_close(units.outputs(found), found)
    assert [units.source(k) for k in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("parts", "source"),
    [([0.1, -3.0, 2.0], 1), ([0.5, -0.5], 0), ([-0.5, 0.5], 1), ([0.0, 0.7], 1)],
)
def test_the_source_of_an_output_has_most_part_in_it(parts, source):
    """Of a difference of two it is the one that is added."""
    readout = torch.stack([torch.tensor(parts).flip(0), torch.tensor(parts)], dim=1)
    assert Units(torch.zeros(2), torch.ones(2), readout).source(1) == source
