import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgeh import BayesianInteractionRegressor
from skgeh.geh.score import rank_pairs
from skgeh.posteriors import Committee, ConcreteDropout, Ensemble, GaussianProcess
from skgeh.posteriors.committee import CommitteePosterior
from skgeh.posteriors.ensemble import EnsemblePosterior
from tests.oracles import assert_close
from tests.posteriors.standins import learned, trainer_of

SAMPLE_WEIGHT = {
    "check_sample_weight_equivalence_on_dense_data": "neither for the process nor for networks: "
    "of repeated rows the process learns that there is no noise"
}


def table(n=150, d=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, X[:, 0] * X[:, 1] + X[:, -1] + 0.3 * rng.normal(size=n)


def regressor(posterior=None, **given):
    small = Committee(networks=Ensemble((8,)), n_networks=3)
    defaults = {"max_epochs": 5, "n_draws": 50, "n_groups": 4, "random_state": 0}
    return BayesianInteractionRegressor(posterior=posterior or small, **{**defaults, **given})


@pytest.fixture(scope="module")
def fitted():
    X, y = table()
    return regressor().fit(X, y), X, y


def points(model, X):
    return torch.as_tensor(model._x_scaler.transform(X), dtype=torch.float32)


def test_the_score_is_the_geometric_mean_of_both(fitted):
    model, X, _ = fitted
    posterior, x, effect = model.posterior_, points(model, X), np.ones(6)
    by_process = posterior.process.evidence_ratio()
    by_networks = rank_pairs(posterior.networks, x, effect, seed=3)
    assert by_networks.shape == (6,) and not np.allclose(by_networks, by_process)
    found = rank_pairs(posterior, x, effect, seed=3)
    assert_close(found, np.sqrt(by_process * by_networks), 1e-12)
    other = rank_pairs(posterior, x, effect, seed=4)  # other clusters
    assert_close(other / found, np.sqrt(rank_pairs(posterior.networks, x, effect, seed=4)
                                        / by_networks), 1e-9)  # fmt: skip


def test_effects_and_predictions_are_those_of_the_process(fitted):
    model, X, y = fitted
    alone = regressor("gaussian_process").fit(X, y)
    np.testing.assert_array_equal(model.predict(X), alone.predict(X))
    assert model.noise_variance_ == alone.noise_variance_
    assert model.fit_quality_ == alone.fit_quality_
    for name in ("effect", "std", "group_effects", "group_std", "draws"):
        mine, of_process = (getattr(one.interactions_, name) for one in (model, alone))
        np.testing.assert_array_equal(mine, of_process)
    assert not np.allclose(model.interactions_.score, alone.interactions_.score)


def test_it_draws_from_the_process(fitted):
    posterior = fitted[0].posterior_
    assert isinstance(posterior, CommitteePosterior)
    assert isinstance(posterior.networks, EnsemblePosterior)
    one, two = (
        part.draw(3, torch.Generator().manual_seed(0), first=2).weights
        for part in (posterior, posterior.process)
    )
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(posterior.members().weights[0], posterior.process.mean)
    assert (posterior.n_features, posterior.n_outputs) == (4, 1)


def test_its_networks_are_shown(fitted):
    model, *_ = fitted
    assert model.net_.module_.weights[0].shape == (3, 4, 8)
    assert len(model.history_) == 5


def test_by_default_there_are_sixteen_small_networks():
    X, y = table(60)
    model = regressor("committee", max_epochs=2, n_networks=2).fit(X, y)
    assert [weight.shape for weight in model.net_.module_.weights] == [
        (16, 4, 32), (16, 32, 32), (16, 32, 1)
    ]  # fmt: skip
    np.testing.assert_allclose(model.net_.module_.prior_precisions, [0.12, 0.96, 0.96])
    held_out = model.net_.module_.noise_variance
    assert len(torch.unique(held_out)) > 1  # each its own rows


def test_parts_are_clones():
    process, networks = GaussianProcess(3), ConcreteDropout((5,))
    found = Committee(process, networks).parts()
    for part, own in zip(found, (process, networks), strict=True):
        assert part is not own and part.get_params() == own.get_params()
    X, y = table(60)
    model = regressor(Committee(process, networks, 2)).fit(X, y)
    assert model.posterior_.process.basis.n_functions == 3
    assert len(model.posterior_.networks.probabilities) == 2


@pytest.mark.parametrize(
    ("committee", "error", "words"),
    [
        (Committee(n_networks=0), ValueError, "n_networks"),
        (Committee(n_networks=2.5), TypeError, "n_networks"),
        (Committee(GaussianProcess(1)), ValueError, "n_functions"),
        (Committee(Ensemble()), ValueError, r"process must be a GaussianProcess or None; got Ens"),
        (Committee(networks=Ensemble((0,))), ValueError, "whole numbers above 0"),
        (Committee(networks=GaussianProcess()), ValueError, r"networks must be an Ensemble.*got G"),
        (Committee(networks="ensemble"), ValueError, "got 'ensemble'"),
    ],
)
def test_parts_that_cannot_be_used(committee, error, words):
    with pytest.raises(error, match=words):
        regressor(committee).fit(*table(40))


def test_it_has_no_architecture_to_be_given():
    with pytest.raises(ValueError, match="brings its own architecture"):
        regressor("committee", hidden_layer_sizes=(20,)).fit(*table(40))


def test_pickle_clone_and_nested_parameters(fitted):
    model, X, y = fitted
    copy, again = pickle.loads(pickle.dumps(model)), clone(model).fit(X, y)
    for other in (copy, again):
        np.testing.assert_array_equal(model.predict(X), other.predict(X))
        np.testing.assert_array_equal(model.interactions_.score, other.interactions_.score)
    wider = clone(model).set_params(posterior__networks__hidden_layer_sizes=(9,)).fit(X, y)
    assert wider.net_.module_.weights[0].shape == (3, 4, 9)


@pytest.mark.parametrize("d", [2, 3])
def test_few_features_and_constant_ones(d):
    X, y = table(60, d)
    found = regressor().fit(np.column_stack([X, np.ones(60)]), y).interactions_
    assert np.isfinite(found.score).all()
    assert found.pairs[found.score.argmax()].tolist() == [0, 1]


@parametrize_with_checks(
    [regressor(Committee(networks=Ensemble((4,)), n_networks=2), max_epochs=2, n_draws=10)],
    expected_failed_checks=lambda estimator: SAMPLE_WEIGHT,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_a_committee_is_a_process_and_networks():
    trainer = trainer_of()
    found = learned(Committee(GaussianProcess(2), ConcreteDropout((4,)), 6), trainer)
    (call,) = trainer.calls
    assert isinstance(call.family, ConcreteDropout) and call.moves is None
    assert call.held_out.shape == (6, 10)
    assert isinstance(found.posterior, CommitteePosterior)
    alone = learned(GaussianProcess(2))
    np.testing.assert_array_equal(found.posterior.process.mean, alone.posterior.mean)
    np.testing.assert_array_equal(found.held_out.predictions, alone.held_out.predictions)
    assert found.noise_variance == alone.noise_variance
    assert len(found.net.module_.noise_variance) == 6
