import numpy as np
import pytest
import torch

from skgeh.posteriors import ConcreteDropout, Ensemble
from skgeh.posteriors.concrete_dropout import ConcreteDropoutPosterior
from skgeh.posteriors.family import _of_own_rows
from skgeh.posteriors.perturbed import PerturbedPosterior
from tests.oracles import assert_close, random_posterior
from tests.posteriors.standins import learned, regressor, table, task_of, trainer_of


@pytest.mark.parametrize("n_perturbed", [0, 2])
def test_networks(n_perturbed):
    task, trainer = task_of(), trainer_of(n_perturbed=n_perturbed)
    found = learned(Ensemble((4,)), trainer, 5)
    (call,) = trainer.calls
    assert call.held_out.shape == (3 + n_perturbed, 10)
    assert len(np.unique(call.held_out)) == call.held_out.size
    if n_perturbed:
        assert isinstance(found.posterior, PerturbedPosterior)
        assert call.moves.shape == (5, 100, 1)
        assert not call.moves[:3].any() and call.moves[3:].abs().min() > 0
    else:
        assert call.moves is None and isinstance(found.posterior, ConcreteDropoutPosterior)
    # the fit is judged by networks that saw the targets as they are
    noise = found.net.module_.noise_variance
    assert found.noise_variance == pytest.approx(noise[:3].mean().item())
    np.testing.assert_array_equal(found.held_out.rows, call.held_out[:3].ravel())
    x = torch.tensor(task.X)
    for place, row in enumerate(found.held_out.rows):
        member = random_posterior([3, 4, 1], 3 + n_perturbed).members()
        expected = member(x[row : row + 1])[place // 10, 0, 0].item()
        assert found.held_out.predictions[place, 0] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_seed_decides_about_held_out_rows():
    trainers = [trainer_of() for _ in range(3)]
    for trainer, seed in zip(trainers, (1, 1, 2), strict=True):
        learned(Ensemble((4,)), trainer, seed)
    rows = [trainer.calls[0].held_out for trainer in trainers]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])


def test_networks_predict_the_rows_that_they_held_out():
    X = np.random.default_rng(0).normal(size=(30, 2))
    held_out = np.array([[3, 1, 4], [15, 9, 2], [6, 5, 3]])

    def members(x):
        return torch.stack([k + x[:, :1] * x[:, 1:] for k in range(3)])

    expected = [k + X[row, 0] * X[row, 1] for k in range(3) for row in held_out[k]]
    assert_close(_of_own_rows(members, X[held_out])[:, 0], expected, 1e-5)


def test_no_more_than_a_thousand_are_predicted():
    found = learned(Ensemble((4,)), trainer_of(n_networks=4, n_perturbed=0), n=12_000)
    held_out = found.held_out
    assert held_out.predictions.shape == (1000, 1) and held_out.rows.shape == (1000,)


@pytest.mark.parametrize("family", [Ensemble, ConcreteDropout])
@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-1.0, ValueError), ("1", TypeError)]
)
def test_shrinkage_that_cannot_be_used(family, value, error):
    with pytest.raises(error, match="shrinkage"):
        regressor(posterior=family(shrinkage=value), hidden_layer_sizes=None).fit(*table(60))
