import numpy as np
import pytest

from skgeh import BayesianInteractionRegressor
from skgeh.posteriors import Auto, Committee, ConcreteDropout, Ensemble
from skgeh.posteriors.committee import CommitteePosterior
from skgeh.posteriors.concrete_dropout import ConcreteDropoutPosterior
from skgeh.posteriors.ensemble import EnsemblePosterior
from skgeh.posteriors.family import PerturbedPosterior
from tests.posteriors.standins import learned, trainer_of


@pytest.mark.parametrize(
    ("n", "noise", "committee"),
    [
        (300, 1e-6, True),  # few rows
        (1000, 1e-6, True),
        (1001, 1e-6, False),
        (4000, 0.07, False),  # 4000 * .93 / .07 = 53,000
        (4000, 0.08, True),  # 46,000
        (20_000, 0.3, True),
        (20_000, 0.28, False),
        (10**6, 0.99, True),
        (10**6, 1.0, True),
    ],
)
def test_rows_and_noise_choose(n, noise, committee):
    auto = Auto()
    assert (auto.is_small(n) or auto.is_noisy(n, noise)) is committee


@pytest.mark.parametrize("noise", [1e-4, 0.9, 1.4])
def test_few_rows_get_a_committee(noise):
    trainer = trainer_of(noise)
    found = learned(Auto(), trainer, n=60)
    assert isinstance(found.posterior, CommitteePosterior)
    assert trainer.families == [Ensemble]
    assert trainer.calls[0].held_out.shape == (16, 6)
    given = learned(Committee(), trainer_of(noise), n=60)
    np.testing.assert_array_equal(found.held_out.predictions, given.held_out.predictions)


@pytest.mark.parametrize(("noise", "n_perturbed"), [(0.029, 0), (0.031, 2)])
def test_many_rows_with_little_noise_get_networks(noise, n_perturbed):
    """Without perturbed ones where there is nothing to perturb targets with."""
    trainer = trainer_of(noise)
    found = learned(Auto(), trainer, n=2000)
    assert trainer.families == [Ensemble, ConcreteDropout]
    assert trainer.calls[0].moves is None
    assert len(trainer.calls[0].held_out) == 4
    assert len(trainer.calls[1].held_out) == 3 + n_perturbed
    assert isinstance(found.posterior, PerturbedPosterior) == (n_perturbed > 0)
    assert len(found.net.module_.noise_variance) == 3 + n_perturbed
    assert trainer.calls[1].family.get_params() == ConcreteDropout().get_params()


def test_many_rows_with_much_noise_get_a_committee():
    trainer = trainer_of(0.9)
    found = learned(Auto(), trainer, n=1200)
    assert isinstance(found.posterior, CommitteePosterior)
    assert trainer.families == [Ensemble, Ensemble]
    assert [len(call.held_out) for call in trainer.calls] == [4, 16]


@pytest.mark.parametrize(("n", "d"), [(100, 300), (3500, 40)])
def test_too_many_features_or_rows_get_networks_at_once(n, d):
    trainer = trainer_of(0.9)
    learned(Auto(), trainer, n=n, d=d)
    assert trainer.families == [ConcreteDropout]
    assert trainer.calls[0].moves is not None


def additive(n, d=3, noise=0.05):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    return X, X[:, :3].sum(1) + noise * rng.normal(size=n)


@pytest.mark.parametrize(
    ("n", "d", "max_epochs", "kind"),
    [
        (300, 3, 2, CommitteePosterior),
        (4000, 3, 10, ConcreteDropoutPosterior),
        (60, 300, 1, PerturbedPosterior),
    ],
)
def test_the_estimator_chooses(n, d, max_epochs, kind):
    X, y = additive(n, d)
    model = BayesianInteractionRegressor(max_epochs=max_epochs, random_state=0).fit(X, y)
    assert isinstance(model.posterior_, kind)
    part = {CommitteePosterior: "networks", PerturbedPosterior: "perturbed"}.get(kind)
    stack = getattr(model.posterior_, part) if part else model.posterior_
    assert isinstance(stack, EnsemblePosterior if n == 300 else ConcreteDropoutPosterior)
