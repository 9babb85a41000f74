"""Interactions of models that were trained elsewhere."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from skorch import NeuralNetRegressor
from torch import nn

import skgeh
from skgeh.posteriors.dropout_layers import frozen
from tests.foreign.oracles import Branched, expected_effect, mlp, points
from tests.oracles import assert_close


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


def test_a_layer_before_a_linear_output_has_none():
    with pytest.warns(UserWarning, match="the layer before it"):
        skgeh.interactions_of(mlp(), points(), layer="3", n_groups=1)


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
    ("model", "options", "error", "said"),
    [
        ("a name", {}, TypeError, "must be a torch module"),
        ([], {}, ValueError, "empty list"),
        (mlp(), {"target": 1}, ValueError, "target must lie between 0 and 0"),
        (mlp(), {"n_groups": "many"}, TypeError, "n_groups"),
        (mlp(), {"n_draws": 0}, ValueError, "n_draws"),
        ([mlp(), mlp(outputs=2)], {}, ValueError, "same number of outputs"),
        (lambda x: x.sum(), {}, ValueError, "must return a tensor"),
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


def test_without_the_table_nothing_is_decided():
    found = skgeh.interactions_of(mlp(), points(), n_groups=2, random_state=0)
    for name in ("decisions", "p_value", "p_fdr", "tested", "sign", "share"):
        assert getattr(found, name) is None
    columns = [
        "feature_i",
        "feature_j",
        "score",
        "effect",
        "std",
        "post_low",
        "post_high",
        "p_bayes",
    ]
    for posterior in (False, True):
        assert list(found.to_frame(posterior=posterior).columns) == columns
    np.testing.assert_array_equal(found.interval(), found.interval(kind="posterior"))
    with pytest.raises(ValueError, match="a model trained elsewhere does not have"):
        found.interval(kind="honest")
    assert found.order.tolist() == np.argsort(-found.score, kind="stable").tolist()


# Pipelines


def test_a_pipeline_from_the_frame_on():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"sex": rng.choice(["f", "m"], 200), "town": rng.choice(list("abc"), 200),
                      "age": rng.normal(size=200)})  # fmt: skip
    first = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["sex", "town"]),
        ("passthrough", ["age"]),
        verbose_feature_names_out=False,
    )
    single = FunctionTransformer(lambda X: np.array(X, np.float32), feature_names_out="one-to-one")
    module = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1))
    net = NeuralNetRegressor(module, max_epochs=1, train_split=None, verbose=0)
    pipeline = make_pipeline(first, single, net)
    pipeline.fit(X, np.array(X[["age"]], dtype=np.float32))
    found = skgeh.interactions_of(pipeline, X, n_groups=2, random_state=0)
    assert found.feature_names == ("sex", "town", "age") and (found.effect > 0).all()
    inputs = pd.DataFrame(first.transform(X), columns=first.get_feature_names_out())
    again = skgeh.interactions_of(net, inputs, n_groups=2, random_state=0)
    np.testing.assert_array_equal(found.effect, again.effect)
    columns = skgeh.interactions_of(net, inputs, n_groups=2, random_state=0, feature_groups=None)
    assert len(columns.feature_names) == 6
    with pytest.raises(ValueError, match=r"sex, town of X hold others. Pass the whole pipeline"):
        skgeh.interactions_of(net, X)
