"""A draw is one function: the same noise for every row."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from skgeh.geh.functions import MLP, Additive, Hybrid
from skgeh.geh.hessians import _autodiff as autodiff
from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.pairs import pair_index, to_vector
from skgeh.posteriors.concrete_dropout import _fold
from skgeh.posteriors.ensemble import EnsemblePosterior
from tests.oracles import (
    PHI,
    Finite,
    assert_close,
    assert_mean,
    double,
    hessians,
    network,
    random_mlp,
    random_partition,
    random_points,
    random_posterior,
    upper,
)

# Functions


@pytest.mark.parametrize("activation", PHI)
@pytest.mark.parametrize("widths", [(3, 4, 1), (5, 4, 7, 3), (2, 3, 1, 6, 2)])
def test_a_stack_of_networks_is_each_network(widths, activation):
    mlp, x = random_mlp(widths, 3, activation), random_points(11, widths[0])
    assert (len(mlp), mlp.widths) == (3, list(widths))
    assert_close(mlp(x), network(mlp)(x))


def test_slices_and_choices_of_a_stack():
    posterior, x = random_posterior((3, 4, 2), 5), random_points(7, 3)
    hybrid = posterior.members()
    for f in (hybrid, hybrid.interactions, hybrid.main):
        assert len(f) == 5
        for which in (slice(1, 3), slice(None, None, 2), torch.tensor([4, 0, 0])):
            assert len(f[which]) == len(f(x)[which])
            assert_close(f[which](x), f(x)[which], 1e-14)


def test_a_hybrid_is_a_sum():
    hybrid, x = random_posterior((3, 4, 2), 5).members(), random_points(7, 3)
    line = torch.stack([x @ coefficients for coefficients in hybrid.main.coefficients])
    assert_close(hybrid(x), line + network(hybrid.interactions)(x))


def spline_like(x):
    """Two curved functions of each feature."""
    return torch.cat([torch.sin(2 * x), x**3], dim=1)


@pytest.mark.parametrize("basis", [None, spline_like])
def test_main_effects_are_no_interactions(basis):
    """Off the diagonal the Hessian of a hybrid is that of its network."""
    mlp, x, partition = random_mlp((4, 6, 5, 2), 3), random_points(19, 4), random_partition(19, 4)
    coefficients = random_mlp((4 if basis is None else 8, 2), 3).weights[0]
    hybrid, pairs = Hybrid(Additive(10 * coefficients, basis), mlp), torch.from_numpy(pair_index(4))
    answer = group_mean_hessians(hybrid, x, partition).full()
    assert_close(answer, group_mean_hessians(mlp, x, partition).full(), 0)
    whole = autodiff.group_hessian(hybrid, x, partition).full()
    assert_close(to_vector(answer.numpy()), to_vector(whole.numpy()))
    assert_close(pointwise_hessians(hybrid, x, pairs), upper(hessians(hybrid, x)))


def test_a_hybrid_takes_the_closed_form(monkeypatch):
    monkeypatch.setattr(autodiff, "group_hessian", None)
    hybrid, x = random_posterior((3, 4, 2)).members(), random_points(7, 3)
    group_mean_hessians(hybrid, x, random_partition(7, 2))
    pointwise_hessians(hybrid, x, torch.tensor([[0, 1]]))


# Masks folded into weights


def random_masks(widths, n_functions, kind, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(n_functions, h) for h in widths[:-1]]
    masks = [torch.rand(*shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return masks if kind == "relaxed" else [(mask < 0.5) / 0.5 for mask in masks]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["hard", "relaxed"])
@pytest.mark.parametrize("widths", [(3, 4, 1), (5, 4, 7, 3), (2, 3, 1, 6, 2)])
def test_folded_masks_are_masks_on_the_activations(widths, kind, seed):
    mlp, x = random_mlp(widths, 2), random_points(9, widths[0])
    turn, masks = torch.tensor([0, 1, 0, 0, 1, 1]), random_masks(widths, 6, kind, seed)
    assert_close(_fold(mlp, turn, masks)(x), network(mlp[turn], masks)(x))


OFF = {  # which hidden units of (K = 3, h = 4) are on, in both hidden layers
    "all on": ([1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]),
    "different numbers": ([1, 0, 0, 1], [0, 0, 0, 1], [1, 1, 0, 1]),
    "the same number, other units": ([1, 1, 0, 0], [0, 0, 1, 1], [0, 1, 1, 0]),
    "one unit off everywhere": ([1, 1, 0, 1], [1, 1, 0, 1], [1, 1, 0, 1]),
    "one function off": ([1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0]),
    "all functions off": ([0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]),
}


@pytest.mark.parametrize("layers", [(1,), (2,), (1, 2)])
@pytest.mark.parametrize("on", OFF.values(), ids=OFF)
def test_units_that_are_off(on, layers):
    mlp, x = random_mlp((3, 4, 4, 2), 3), random_points(9, 3)
    on = 1.7 * torch.tensor(on, dtype=x.dtype)
    masks = [on if layer in layers else torch.ones(3, h) for layer, h in enumerate((3, 4, 4))]
    folded = _fold(mlp, torch.arange(3), [mask.to(x.dtype) for mask in masks])
    assert_close(folded(x), network(mlp, masks)(x))
    kept = max(1, int((on != 0).sum(1).max()))
    assert folded.widths == [3, *(kept if layer in layers else 4 for layer in (1, 2)), 2]


def test_inputs_that_are_off_have_no_interactions():
    mlp, x = random_mlp((4, 6, 5, 1)), random_points(9, 4)
    masks = [torch.tensor([[1.0, 0, 1, 1]]), torch.ones(1, 6), torch.ones(1, 5)]
    folded = _fold(mlp, torch.tensor([0]), [mask.double() for mask in masks])
    answer = group_mean_hessians(folded, x, random_partition(9, 3)).full()
    assert not answer[..., 1, :].any() and not answer[..., :, 1].any()
    assert answer[..., 0, 2].all()


def test_folding_leaves_the_networks_as_they_were():
    mlp, x = random_mlp((3, 4, 4, 2), 2), random_points(9, 3)
    before = mlp(x)
    _fold(mlp, torch.tensor([0, 1]), random_masks((3, 4, 4, 2), 2, "hard"))
    assert torch.equal(mlp(x), before)


# Draws


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_every_row_has_the_mask_of_the_draw(n_outputs):
    """The value at a row does not depend on the rows beside it, nor on when it is asked for."""
    posterior, x = random_posterior((3, 5, 4, n_outputs)), random_points(12, 3)
    f = posterior.draw(6, torch.Generator().manual_seed(0))
    values = f(x)
    assert torch.equal(f(x), values)
    rows = torch.tensor([7, 0, 7, 11])
    assert_close(f(x[rows]), values[:, rows], 1e-13)
    assert values.var(0).min() > 0  # yet draws differ


def test_draws_are_networks_with_hard_masks_as_often_as_their_probabilities():
    """All networks of 2 + 2 nodes on or off, for either copy, counted in 8000 draws."""
    posterior, x = random_posterior((2, 2, 1)), random_points(5, 2)
    draws = posterior.draw(8000, torch.Generator().manual_seed(0))(x)[..., 0]
    line = posterior.main(x)
    for copy in (0, 1):
        p = torch.cat([layer[copy, 0] for layer in posterior.probabilities])
        expected = {}
        for on in product([0.0, 1.0], repeat=4):
            mask = torch.tensor(on) / (1 - p)
            f = network(posterior.means[copy : copy + 1], [mask[None, :2], mask[None, 2:]])
            values = (f(x)[0] + line[copy]).flatten().numpy().round(9)
            share = np.prod([1 - q if unit else q for unit, q in zip(on, p.tolist(), strict=True)])
            expected[tuple(values)] = expected.get(tuple(values), 0) + share
        drawn = [tuple(values) for values in draws[copy::2].numpy().round(9)]
        assert set(drawn) <= expected.keys()
        counted = [[values == network for network in expected] for values in drawn]
        assert_mean(counted, list(expected.values()))


def test_draws_go_through_the_copies_in_turn():
    posterior, x = random_posterior((3, 5, 2), 3), random_points(7, 3)
    sure = replace(posterior, probabilities=tuple(0 * p for p in posterior.probabilities))
    values = sure.members()(x)
    for first, turn in ((0, [0, 1, 2, 0]), (5, [2, 0, 1, 2])):
        f = sure.draw(4, torch.Generator().manual_seed(0), first=first)
        assert_close(f(x), values[turn], 1e-13)


def test_draws_are_those_of_the_generator():
    posterior, x = random_posterior((3, 5, 2), 3), random_points(7, 3)
    a, b, c = (posterior.draw(4, torch.Generator().manual_seed(seed))(x) for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_without_main_effects_a_draw_is_a_network():
    posterior = replace(random_posterior((3, 5, 2)), main=Additive(torch.zeros(2, 0, 2)))
    assert isinstance(posterior.draw(4, torch.Generator()).distinct, MLP)
    assert isinstance(posterior.members(), MLP)


def test_single_precision_draws_are_single_precision():
    posterior, x = random_posterior((3, 5, 2)), random_points(7, 3).float()
    posterior = replace(
        posterior,
        means=double(posterior.means, torch.float32),
        main=Additive(posterior.main.coefficients.float()),
        probabilities=tuple(p.float() for p in posterior.probabilities),
    )
    assert posterior.draw(4, torch.Generator())(x).dtype == torch.float32


# Finite


def products(*coefficients):
    """Functions ``a x_0 x_1``, one output each."""
    functions = [lambda x, a=a: a * x[:, :1] * x[:, 1:2] for a in coefficients]
    return Finite(functions, n_features=2, n_outputs=1)


def test_a_finite_posterior_takes_its_functions_in_turn():
    posterior, x = products(1, 2, 3), torch.ones(4, 2)
    assert posterior.members()(x)[:, 0, 0].tolist() == [1, 2, 3]
    assert posterior.draw(5, torch.Generator())(x)[:, 0, 0].tolist() == [1, 2, 3, 1, 2]
    assert posterior.draw(3, torch.Generator(), first=5)(x)[:, 0, 0].tolist() == [3, 1, 2]


def test_a_finite_posterior_needs_no_network():
    x = random_points(20, 2)
    answer = group_mean_hessians(products(1, 2, 3).members(), x, random_partition(20, 3)).full()
    assert_close(answer[:, 0, :, 0, 1], np.repeat([[1.0], [2.0], [3.0]], 3, axis=1), 1e-13)
    assert not answer.diagonal(dim1=-2, dim2=-1).any()


@pytest.mark.parametrize(
    "posterior",
    [
        random_posterior((3, 5, 2), 4),
        EnsemblePosterior(random_mlp((3, 5, 2), 4), Additive(torch.zeros(4, 3, 2).double())),
        Finite([lambda x: x[:, :2]] * 4, 3, 2),
    ],
    ids=lambda posterior: type(posterior).__name__,
)
def test_every_posterior_keeps_the_protocol(posterior):
    assert (posterior.n_features, posterior.n_outputs) == (3, 2)
    x = random_points(7, 3)
    assert posterior.members()(x).shape == (4, 7, 2)
    assert posterior.draw(5, torch.Generator(), first=2)(x).shape == (5, 7, 2)
