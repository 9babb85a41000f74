import numpy as np
import pytest
import torch
from sklearn.preprocessing import SplineTransformer

from skgeh.posteriors import ConcreteDropout
from skgeh.posteriors.main_effects import _N_KNOTS, MainEffects


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
