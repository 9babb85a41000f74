"""Interactions of models that were trained elsewhere."""

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from skorch import NeuralNetRegressor
from torch import nn

import skgeh
from skgeh.foreign.modules import ModulesPosterior
from skgeh.foreign.perceptrons import recognised
from skgeh.geh.hessians import autodiff
from skgeh.posteriors import ConcreteDropout, ConcreteDropoutLayer, load_concrete_dropout
from skgeh.posteriors.dropout_layers import Masks, frozen
from tests.oracles import assert_close, geh, hessians

D = 4
ONES = [np.ones((5, 4)), np.ones((1, 5))]


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


@pytest.mark.parametrize(
    "activation",
    [nn.GELU, nn.Tanh, nn.SiLU, nn.Sigmoid, nn.Softplus, lambda: nn.Softplus(beta=10), nn.ELU],
)
def test_a_sequential_whatever_its_activation(activation):
    module, X = mlp(activation), points()
    found = skgeh.interactions_of(module, X, n_groups=1, random_state=0)
    assert_close(found.effect, expected_effect(module, X), 1e-4)
    assert found.draws.shape == (1, 6)
    assert not found.std.any()


@pytest.mark.parametrize(
    ("module", "is_mlp"),
    [
        (mlp(), True),
        (mlp(nn.Softplus), True),
        (mlp(dropout=0.3), True),
        (nn.Sequential(nn.Sequential(nn.Linear(4, 3), nn.Tanh()), nn.Linear(3, 2)), True),
        (nn.Sequential(ConcreteDropoutLayer(4), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)), True),
        (nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1, bias=False)), 1),
        (mlp(nn.ELU), False),
        (mlp(lambda: nn.GELU(approximate="tanh")), False),
        (nn.Sequential(nn.Linear(4, 3), nn.Dropout(), nn.Tanh(), nn.Linear(3, 1)), False),
        (nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1), nn.Sigmoid()), False),
        (nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2), nn.SiLU(), nn.Linear(2, 1)), 0),
        (nn.Sequential(nn.Linear(4, 1)), False),
        (nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1)), False),
        (Branched(), False),
    ],
)
def test_which_modules_take_the_closed_form(module, is_mlp):
    module = frozen(module)
    known = recognised([module])
    assert (known is not None) == bool(is_mlp)
    if known is not None:
        x = torch.randn(9, 4)
        torch.testing.assert_close(known.members()(x)[0], module(x), rtol=1e-4, atol=1e-5)


def test_a_hook_is_not_overlooked():
    module = mlp()
    module[0].register_forward_hook(lambda m, i, out: 2 * out)
    X = points()
    found = skgeh.interactions_of(module, X, n_groups=1)
    assert_close(found.effect, expected_effect(module, X), 1e-4)


@pytest.mark.parametrize("layer", [None, "0"])
def test_a_module_that_stands_twice_is_run_twice(layer):
    """One activation and one dropout for all layers: the same as one for each."""

    def net(*between):
        torch.manual_seed(0)
        layers = nn.Linear(D, 7), nn.Linear(7, 6), nn.Linear(6, 1)
        return nn.Sequential(layers[0], *between[0], layers[1], *between[1], layers[2])

    phi, drop, X = nn.Tanh(), nn.Dropout(0.3), points()
    options = {"layer": layer, "n_groups": 2, "n_draws": 4, "random_state": 0}
    shared = skgeh.interactions_of(net([phi, drop], [phi, drop]), X, **options)
    separate = net([nn.Tanh(), nn.Dropout(0.3)], [nn.Tanh(), nn.Dropout(0.3)])
    assert recognised([frozen(net([phi, drop], [phi, drop]))]).means.widths == [D, 7, 6, 1]
    np.testing.assert_array_equal(shared.draws, skgeh.interactions_of(separate, X, **options).draws)


def test_a_subclass_may_do_anything():
    class Doubled(nn.Tanh):
        def forward(self, z):
            return torch.tanh(2 * z)

    module, X = mlp(Doubled), points()
    found = skgeh.interactions_of(module, X, n_groups=1, random_state=0)
    assert_close(found.effect, expected_effect(module, X), 1e-4)


def test_any_module_takes_autodiff():
    module, X = Branched(), points()
    found = skgeh.interactions_of(module, X, n_groups=1, n_draws=1)
    mean = skgeh.interactions_of(Branched(p=0.0), X, n_groups=1)
    assert_close(mean.effect, expected_effect(module, X), 1e-4)
    assert (found.effect != mean.effect).any()  # a draw has masks, the mean none
    assert module.training
    assert all(weight.requires_grad for weight in module.parameters())


def convolutional():
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 2), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.3)),
        *(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 3)),
    )


@pytest.mark.parametrize(
    "options", [{}, {"target": 1}, {"logits": True}, {"layer": "0"}, {"layer": "3"}], ids=str
)
def test_a_chain_of_layers_has_the_answer_of_autodiff(options, monkeypatch):
    X = points(50, 9).reshape(50, 1, 3, 3)
    options = {"n_groups": 3, "n_draws": 4, "random_state": 0} | options
    with monkeypatch.context() as without:
        for name in ("group_hessian", "pointwise"):
            without.setattr(autodiff, name, None)
        found = skgeh.interactions_of(convolutional(), X, **options)
    monkeypatch.setattr("skgeh.foreign.modules.steps_of", lambda *_: None)
    expected = skgeh.interactions_of(convolutional(), X, **options)
    assert_close(found.draws, expected.draws, 1e-4)
    assert_close(found.score, expected.score, 1e-4)
    assert found.std.any()


def test_a_skorch_net_and_a_frame():
    X, names = points(), ["a", "b", "c", "d"]
    net = NeuralNetRegressor(Branched, max_epochs=1, train_split=None, verbose=0)
    with pytest.raises(ValueError, match="not trained"):
        skgeh.interactions_of(net, X)
    net.fit(X.astype(np.float32), X[:, :1].astype(np.float32))
    found = skgeh.interactions_of(
        net, pd.DataFrame(X, columns=names), n_groups=2, n_draws=5, random_state=0
    )
    assert found.feature_names == tuple(names)
    again = skgeh.interactions_of(net.module_, X, n_groups=2, n_draws=5, random_state=0)
    np.testing.assert_array_equal(found.draws, again.draws)


@pytest.mark.parametrize(
    "models",
    [[mlp(seed=k) for k in range(3)], [Branched(p=0.0), mlp(nn.ELU), lambda x: x[:, 0] * x[:, 1]]],
    ids=["closed form", "autodiff"],
)
def test_a_list_is_an_ensemble(models):
    X = points()
    found = skgeh.interactions_of(models, X, n_groups=1)
    assert len(found.draws) == 3

    def mean(x):
        return torch.stack([m.double()(x) if isinstance(m, nn.Module) else m(x)[:, None]
                            for m in map(unchanged, models)]).mean(0)  # fmt: skip

    def unchanged(m):
        return frozen(m) if isinstance(m, nn.Module) else m

    spread = mean(torch.as_tensor(X)).std(correction=0).item()
    for draw, model in zip(found.draws, models, strict=True):
        own = unchanged(model)
        own = own.double() if isinstance(own, nn.Module) else lambda x, f=own: f(x)[:, None]
        y = own(torch.as_tensor(X)).detach().numpy().std()
        assert_close(draw, expected_effect(own, X) * y / spread, 1e-4)


def test_masks_are_frozen_for_all_rows_and_differ_between_draws():
    posterior = ModulesPosterior([frozen(Branched(p=0.5))], (D,), 1)
    function = posterior.draw(3, torch.Generator().manual_seed(0))
    x = torch.randn(20, D)
    values = function(x)
    torch.testing.assert_close(function(x[7:11]), values[:, 7:11])
    torch.testing.assert_close(function(x), values)
    assert (values[0] != values[1]).all()


@pytest.mark.parametrize("make", [lambda: mlp(dropout=0.3), Branched], ids=["closed", "autodiff"])
def test_draws_of_dropout_are_draws_of_dropout(make):
    """Moments of a draw's values at a point against those of the module in training mode."""
    module = make()
    posterior = recognised([frozen(module)]) or ModulesPosterior([frozen(module)], (D,), 1)
    x = torch.as_tensor(points(3), dtype=torch.float32)
    values = posterior.draw(3000, torch.Generator().manual_seed(0))(x)[..., 0]
    module.train()
    torch.manual_seed(0)
    with torch.no_grad():
        rows = module(x.repeat_interleave(3000, 0)).reshape(3, 3000)
    error = rows.std(1) * (2 / 3000) ** 0.5
    assert ((values.mean(0) - rows.mean(1)).abs() < 5 * error).all()
    assert (values.std(0) / rows.std(1) - 1).abs().max() < 0.1


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


def test_somebody_elses_concrete_dropout_network():
    """Against a stack of the package's own with the same weights."""
    own = ConcreteDropout((5, 3), activation="tanh").build(D, 1, 1, (0, D), seed=0)
    with torch.no_grad():
        for logit in own.logits:
            logit.copy_(torch.linspace(-2, 0, logit.numel()).view_as(logit))
        own.main.fill_(0.3)
    posterior = load_concrete_dropout(
        [weight[0].T for weight in own.weights],
        [bias[0, 0].detach().numpy() for bias in own.biases],
        [logit[0, 0] for logit in own.logits],
        activation="tanh",
        main_effects=own.main[0, :, 0],
    )
    x = torch.randn(9, D)
    theirs = own.posterior(None)
    torch.testing.assert_close(posterior.members()(x), theirs.members()(x))
    one, other = (p.draw(5, torch.Generator().manual_seed(0))(x) for p in (posterior, theirs))
    torch.testing.assert_close(one, other)
    found = skgeh.interactions_of(posterior, points(), n_groups=2, n_draws=30, random_state=0)
    assert found.draws.shape == (30, 6)
    assert (found.std > 0).all()


@pytest.mark.parametrize(
    ("weights", "biases", "logits", "main", "said"),
    [
        ([np.ones((5, 4))], [np.ones(5)], [np.ones(4)], None, "two or more"),
        ([ONES[0], ONES[1].T], [np.ones(5)] * 2, [0.0, 0.0], None, "must have weights"),
        (ONES, [np.ones(5), np.ones(1)], [np.ones(3), 0], None, "logit"),
        (ONES, [np.ones(5), np.ones(1)], [0, 0], np.ones(3), "main"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit(weights, biases, logits, main, said):
    with pytest.raises(ValueError, match=said):
        load_concrete_dropout(weights, biases, logits, activation="tanh", main_effects=main)


# Outputs


def test_several_outputs_one_and_all():
    module, X = mlp(outputs=3), points()
    options = {"n_groups": 1, "random_state": 0}
    one = skgeh.interactions_of(module, X, target=1, **options)
    assert_close(one.effect, expected_effect(module, X, 1), 1e-4)
    each = [skgeh.interactions_of(module, X, target=k, **options).effect for k in range(3)]
    assert_close(skgeh.interactions_of(module, X, **options).effect, np.mean(each, 0), 1e-5)


def test_logits_do_not_depend_on_what_all_classes_share():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(outputs=3)

        def forward(self, x):
            return self.net(x) + 5 * x[:, :1] * x[:, 1:2]

    X, options = points(), {"n_groups": 1, "target": 2, "logits": True}
    one = skgeh.interactions_of(mlp(outputs=3), X, **options)
    other = skgeh.interactions_of(Shifted(), X, **options)
    assert_close(one.effect, other.effect, 1e-4)


def test_original_units():
    X = points()
    found = skgeh.interactions_of(lambda x: 3 * x[:, 0] * x[:, 1], X, n_groups=1)
    frame = found.to_frame(units="original")
    assert frame["effect"][0] == pytest.approx(3, rel=1e-4)


# Hidden layers


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


def test_a_layer_before_a_linear_output_has_none():
    with pytest.warns(UserWarning, match="the one before it"):
        skgeh.interactions_of(mlp(), points(), layer="3", n_groups=1)


def test_unknown_layers_are_named():
    with pytest.raises(ValueError, match="no layer 'fc'; the module has '0', '1'"):
        skgeh.interactions_of(mlp(), points(), layer="fc")
    with pytest.raises(ValueError, match="one torch module"):
        skgeh.interactions_of([mlp(), mlp()], points(), layer="1")


def test_exemplars():
    module, pool = Branched(), points(200)
    found = skgeh.exemplars(module, "first", pool, k=3)
    units = module.first(torch.as_tensor(pool, dtype=torch.float32)).detach().numpy()
    np.testing.assert_array_equal(found, np.argsort(-units, axis=0)[:3].T)
    with pytest.raises(ValueError, match="k must lie"):
        skgeh.exemplars(module, "first", pool, k=201)


# Images


def conv(p=0.2):
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=2), nn.Softplus(), nn.Dropout2d(p), nn.Flatten(),
        nn.Linear(3 * 4, 5), nn.Tanh(), nn.Linear(5, 2),
    )  # fmt: skip


def test_images():
    X = np.random.default_rng(0).normal(size=(40, 1, 6, 6))
    found = skgeh.interactions_of(conv(0.0), X, target=0, n_groups=1)
    assert len(found.feature_names) == 36
    flat = X.reshape(40, 36)
    expected = expected_effect(nn.Sequential(nn.Unflatten(1, (1, 6, 6)), conv(0.0)), flat)
    assert_close(found.effect, expected, 1e-4)
    assert found.score.shape == (630,)
    with pytest.raises(ValueError, match="36 features, but 2"):
        skgeh.interactions_of(conv(), X, feature_names=["a", "b"])


# What is refused


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (mlp(nn.ReLU), "ReLU"),
        (mlp(nn.LeakyReLU), "LeakyReLU"),
        (mlp(nn.Hardtanh), "Hardtanh"),
        (Branched(phi=F.relu), "ReLU"),
        (nn.Sequential(mlp(), nn.PReLU()), "PReLU"),
    ],
)
def test_piecewise_linear_activations(module, name):
    with pytest.raises(ValueError, match=f"piecewise linear activation .*{name}"):
        skgeh.interactions_of(module, points())


def test_a_piecewise_linear_trunk_does_no_harm():
    module = nn.Sequential(nn.Linear(D, 6), nn.ReLU(), *mlp()[2:])
    module[2] = nn.Linear(6, 6)
    assert skgeh.interactions_of(module, points(), layer="1", n_groups=1).effect.any()


@pytest.mark.parametrize(
    ("model", "options", "error", "said"),
    [
        ("a name", {}, TypeError, "must be a torch module"),
        ([], {}, ValueError, "empty list"),
        (mlp(), {"target": 1}, ValueError, "target must lie between 0 and 0"),
        (mlp(), {"n_groups": "many"}, TypeError, "n_groups"),
        (mlp(), {"n_draws": 0}, ValueError, "n_draws"),
        ([mlp(), mlp(outputs=2)], {}, ValueError, "same number of outputs"),
        (lambda x: x.sum(), {}, ValueError, "must answer"),
        (nn.Sequential(mlp(), nn.AlphaDropout()), {}, ValueError, "AlphaDropout"),
    ],
)
def test_what_cannot_be_asked(model, options, error, said):
    with pytest.raises(error, match=said):
        skgeh.interactions_of(model, points(), **options)


def test_one_feature_makes_no_pair():
    with pytest.raises(ValueError, match="two features"):
        skgeh.interactions_of(torch.sin, points(d=1))


def test_missing_values_are_refused():
    X = points()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        skgeh.interactions_of(mlp(), X)


def test_an_additive_function_warns():
    with pytest.warns(UserWarning, match="exactly 0"):
        skgeh.interactions_of(lambda x: x.sin().sum(1), points(), n_groups=1)


def test_results_do_not_depend_on_jobs_or_global_state():
    X = points()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two = (
        skgeh.interactions_of(Branched(), X, n_groups=2, n_draws=60, n_jobs=k, random_state=0)
        for k in (1, 2)
    )
    np.testing.assert_array_equal(one.draws, two.draws)
    torch.manual_seed(5)
    assert torch.equal(torch.get_rng_state(), before)


def test_float64_modules():
    module, X = Branched(p=0.0).double(), points()
    found = skgeh.interactions_of(module, X, n_groups=1)
    assert_close(found.effect, expected_effect(module, X), 1e-4)
