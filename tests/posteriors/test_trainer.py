import numpy as np
import pytest

from skgeh import BayesianInteractionRegressor
from skgeh.posteriors import ConcreteDropout, Ensemble, GaussianProcess, MeanField, Stacking
from skgeh.posteriors.trainer import Trainer


@pytest.mark.parametrize(
    ("posterior", "trains"),
    [
        ("auto", True),
        ("concrete_dropout", True),
        ("ensemble", True),
        (Ensemble((9,)), True),
        ("gaussian_process", False),
        (GaussianProcess(3, 3), False),
        (Stacking(), True),
        (Stacking(networks=MeanField((9,))), True),
    ],
)
def test_which_families_are_refitted_as_a_stack(posterior, trains):
    estimator = BayesianInteractionRegressor(posterior=posterior)
    trainer = estimator.trainer()
    assert trainer.trains_networks is trains
    small = trainer.small().family
    if posterior == "auto" or (isinstance(posterior, Stacking) and posterior.networks is None):
        assert isinstance(small, ConcreteDropout) and small.hidden_layer_sizes == (40, 40)
    elif isinstance(posterior, str) and trains:
        assert type(small) is type(trainer.family) and small.hidden_layer_sizes == (40, 40)
    elif isinstance(posterior, Stacking):  # what is calibrated are tests by its networks
        assert isinstance(small, MeanField) and small.hidden_layer_sizes == (9,)
    else:
        assert small.get_params() == trainer.family.get_params()
    assert estimator.posterior is posterior and estimator.hidden_layer_sizes is None


def test_an_activation_stays_where_networks_become_small():
    small = BayesianInteractionRegressor(activation="tanh").trainer().small().family
    assert small.activation == "tanh" and small.hidden_layer_sizes == (40, 40)


def test_the_parameters_of_one_network():
    given = {"posterior": "ensemble", "hidden_layer_sizes": (7, 5)}
    trainer = BayesianInteractionRegressor(**given).trainer()
    assert trainer.n_parameters(3, 2) == 4 * 7 + 8 * 5 + 6 * 2


def test_classes_that_are_rare_weigh_more_if_balanced():
    from skgeh import BayesianInteractionClassifier

    target, ones = np.array([[1.0], [0.0], [0.0], [0.0]]), np.ones(4)
    plain = BayesianInteractionClassifier().trainer()
    balanced = BayesianInteractionClassifier(class_weight="balanced").trainer()
    given = BayesianInteractionClassifier(class_weight={0: 1.0, 1: 5.0}).trainer()
    np.testing.assert_array_equal(plain.row_weights(target, ones), ones)
    np.testing.assert_allclose(balanced.row_weights(target, ones), [2, 2 / 3, 2 / 3, 2 / 3])
    np.testing.assert_allclose(given.row_weights(target, ones), [5, 1, 1, 1])


def test_a_class_may_weigh_nearly_nothing():
    y, weight = np.repeat([[0.0], [1.0]], 4, axis=0), np.repeat([1.0, 1e-20], 4)
    assert Trainer(family=None, has_labels=True).likelihood(y, weight).entropy > 0
