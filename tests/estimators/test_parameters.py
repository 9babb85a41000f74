import pytest
from sklearn.linear_model import LinearRegression

from skgeh import BayesianInteractionRegressor, posteriors
from skgeh.posteriors import ConcreteDropout, Stacking
from tests.estimators.runs import product, small


def test_parameters_are_as_given():
    parameters = BayesianInteractionRegressor().get_params(deep=False)
    assert len(parameters) <= 20
    model = small().fit(*product(n=30))
    assert model.get_params()["batch_size"] == "auto"


@pytest.mark.parametrize(
    "given", [{"hidden_layer_sizes": (8,)}, {"activation": "tanh"}, {"length_scale": 2.0}]
)
def test_an_architecture_is_that_of_the_stacked_networks(given):
    family = BayesianInteractionRegressor(**given).trainer().family
    assert isinstance(family, Stacking) and family.process is None
    assert isinstance(family.networks, ConcreteDropout)
    assert family.networks.get_params() == {**ConcreteDropout().get_params(), **given}
    default = BayesianInteractionRegressor().trainer().family
    assert isinstance(default, Stacking) and default.get_params() == Stacking().get_params()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"activation": "relu"}, "second derivative"),
        ({"activation": "sine"}, "'gelu'.*got 'sine'"),
        ({"posterior": "laplace"}, "concrete_dropout.*got 'laplace'"),
        ({"posterior": posteriors.Ensemble()}, "brings its own architecture"),
        ({"posterior": None, "hidden_layer_sizes": None}, "an object of skgeh.posteriors"),
        ({"posterior": LinearRegression()}, "an object of skgeh.posteriors"),
        ({"hidden_layer_sizes": ()}, "one or more"),
        ({"hidden_layer_sizes": (10, 0)}, "whole numbers above 0"),
        ({"main_effects": "cubic"}, "'linear', 'spline' or None"),
        ({"n_networks": 0}, "n_networks"),
        ({"n_draws": 1}, "n_draws"),
        ({"n_groups": 0}, "n_groups"),
        ({"max_epochs": 0}, "max_epochs"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"patience": 0}, "patience"),
        ({"length_scale": -1.0}, "length_scale"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_parameters_that_cannot_be_used(parameters, words):
    X, y = product(n=30)
    with pytest.raises(ValueError, match=words):
        small(**parameters).fit(X, y)
