import numpy as np
import pytest
import torch
from sklearn.preprocessing import SplineTransformer

from skgeh.posteriors import ConcreteDropout, Ensemble
from skgeh.posteriors._stack import _N_KNOTS, MainEffects
from tests.oracles import assert_close, network, random_points


def stack_of(family=Ensemble, n_outputs=2, n_copies=3, main_columns=(0, 4)):
    stack = family((5, 3), "tanh").build(4, n_outputs, n_copies, main_columns, seed=0).double()
    with torch.no_grad():
        stack.main.normal_(generator=torch.Generator().manual_seed(1))
    return stack


def test_a_stack_is_each_of_its_copies():
    stack, x = stack_of(), random_points(9, 4)
    expected = network(stack.means())(x) + (x @ stack.main).detach()
    assert_close(stack(x.expand(3, -1, -1)).detach(), expected)
    posterior = stack.posterior(None)
    assert (posterior.n_features, posterior.n_outputs) == (4, 2)
    assert_close(posterior.members()(x), expected)
    assert_close(posterior[torch.tensor([2, 0])].members()(x), expected[[2, 0]])


def test_main_effects_have_their_own_columns():
    stack, x = stack_of(main_columns=(4, 7)), random_points(9, 7)
    expected = network(stack.means())(x[:, :4]) + (x[:, 4:] @ stack.main).detach()
    assert_close(stack(x.expand(3, -1, -1)).detach(), expected)


def test_a_silent_feature_enters_no_network():
    stack, x = stack_of(), random_points(9, 4).expand(3, -1, -1)
    stack.silence(torch.tensor([False, True, False, False]))
    moved = x.clone()
    moved[..., 1] += 3
    expected = (3 * stack.main[:, 1:2]).expand(-1, 9, -1)
    torch.testing.assert_close(stack(moved) - stack(x), expected)
    moved[..., 2] += 3
    assert not torch.allclose(stack(moved) - stack(x), expected + 3 * stack.main[:, 2:3])


@pytest.mark.parametrize("family", [ConcreteDropout, Ensemble])
def test_outputs_in_another_unit(family):
    stack, x = stack_of(family).eval(), random_points(9, 4).expand(3, -1, -1)
    before = stack(x).detach()
    stack.scale_outputs(5.0)
    torch.testing.assert_close(stack(x).detach(), 5 * before)


@pytest.mark.parametrize("family", [ConcreteDropout, Ensemble])
def test_copies_start_in_turn(family):
    def parameters(**options):
        stack = family((20, 20)).build(3, 1, main_columns=(0, 3), seed=5, **options)
        return dict(stack.named_parameters())

    alone, turns = parameters(n_copies=3), parameters(n_copies=6, n_starts=3)
    own = parameters(n_copies=6)
    for name, values in turns.items():
        assert values.shape == own[name].shape
        assert torch.equal(values[:3], alone[name]) and torch.equal(values[3:], alone[name])
        if name.startswith(("weight", "bias")):
            assert len(torch.unique(values[:3], dim=0)) == 3
            assert len(torch.unique(own[name], dim=0)) == 6


@pytest.mark.parametrize("family", [Ensemble, ConcreteDropout])
def test_shrinkage_is_the_precision_for_each_unit_that_enters(family):
    def built(**given):
        return family((5, 3), **given).build(4, 1, 2, main_columns=(0, 4), seed=0)

    np.testing.assert_allclose(built().prior_precisions, [0.4, 0.5, 0.3])
    np.testing.assert_allclose(built(shrinkage=0.03).prior_precisions, [0.12, 0.15, 0.09])
    given = built(shrinkage=0.03, length_scale=2.0)
    np.testing.assert_allclose(given.prior_precisions, [4, 4, 4])


@pytest.mark.parametrize("kind", ["linear", "spline", None])
def test_main_effects_of_a_draw_are_those_of_training(kind):
    X = np.random.default_rng(0).normal(size=(50, 3))
    main = MainEffects(kind).fit(X)
    stack = ConcreteDropout((5,)).build(3, 1, 2, main_columns=main.columns, seed=0)
    with torch.no_grad():
        stack.main.normal_(generator=torch.Generator().manual_seed(0))
    trained = stack.eval()(main.inputs(X).expand(2, -1, -1))
    drawn = stack.posterior(main.basis).members()(torch.as_tensor(X, dtype=torch.float32))
    torch.testing.assert_close(trained, drawn)


def test_what_enters_the_model():
    """The features come first, and splines after them."""
    X = np.random.default_rng(0).normal(size=(50, 3))
    splines = SplineTransformer(_N_KNOTS, include_bias=False, extrapolation="linear").fit(X)
    after = np.hstack([X, splines.transform(X)])
    for kind, columns, inputs in (
        ("linear", (0, 3), X),
        (None, (0, 0), X),
        ("spline", (3, after.shape[1]), after),
    ):
        main = MainEffects(kind).fit(X)
        assert main.columns == columns
        np.testing.assert_array_equal(main.inputs(X), inputs.astype(np.float32))
        assert (main.basis is None) == (kind != "spline")


def test_splines_are_of_one_feature_each_and_straight_outside():
    X = np.random.default_rng(0).normal(size=(200, 3))
    basis = MainEffects("spline").fit(X).basis
    x = torch.zeros(5, 3, dtype=torch.float64)
    x[:, 1] = torch.tensor([0.0, 1.0, 10.0, 20.0, 30.0])
    values = basis(x).reshape(5, 3, -1)
    assert torch.equal(values[1:, [0, 2]], values[:1, [0, 2]].expand(4, -1, -1))
    assert not torch.equal(values[1, 1], values[0, 1])
    torch.testing.assert_close(values[4] - values[3], values[3] - values[2])
    assert not torch.equal(values[4, 1], values[3, 1])


def test_an_unknown_kind():
    with pytest.raises(ValueError, match="'linear', 'spline' or None; got 'cubic'"):
        MainEffects("cubic")
