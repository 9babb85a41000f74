from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from skgeh import BayesianInteractionRegressor, crossfit_test, permutation_test, refits
from skgeh.geh.functions import Finite
from skgeh.geh.task import Task, learn
from skgeh.geh.likelihoods import SquaredError
from skgeh.geh.measure import measure
from skgeh.posteriors import Auto, Committee, ConcreteDropout, Ensemble, GaussianProcess
from skgeh.posteriors.committee import CommitteePosterior
from skgeh.posteriors.concrete_dropout import ConcreteDropoutPosterior
from skgeh.posteriors.ensemble import EnsemblePosterior
from skgeh.process.gaussian_process import GaussianProcessPosterior
from skgeh.posteriors.perturbed import PerturbedPosterior
from skgeh.geh.pairs import pair_index
from skgeh.significance.refits import small, trains_networks
from tests.oracles import assert_close, random_posterior


class Training:
    """Stands for the training of networks: remembers what it was asked for."""

    def __init__(self, d, noise):
        self.d, self.noise, self.calls = d, noise, []

    def __call__(self, family, held_out, moves, seed):
        self.calls.append(SimpleNamespace(family=family, held_out=held_out, moves=moves, seed=seed))
        noise = torch.full((len(held_out),), self.noise) * torch.linspace(0.5, 1.5, len(held_out))
        net = SimpleNamespace(module_=SimpleNamespace(noise_variance=noise), noise_=noise[:, None])
        return net, random_posterior([self.d, 4, 1], n_copies=len(held_out))

    @property
    def families(self):
        return [type(call.family) for call in self.calls]


def task_of(n=100, d=3, noise=0.1, weight=None, n_networks=3, n_perturbed=2):
    X = np.random.default_rng(0).normal(size=(n, d))
    y = X[:, 0] * X[:, 1] + 0.3 * np.random.default_rng(1).normal(size=n)
    weight = np.ones(n) if weight is None else weight
    y = (y - y.mean()) / y.std()
    train = Training(d, noise)
    return Task(X, y[:, None], weight, n_networks, n_perturbed, 0.1, SquaredError(), train)


# Each family


def test_other_objects_cannot_be_learned():
    with pytest.raises(TypeError, match="No way to learn LinearRegression"):
        learn(LinearRegression(), task_of(), 0)


@pytest.mark.parametrize("n_perturbed", [0, 2])
def test_networks(n_perturbed):
    task = task_of(n_perturbed=n_perturbed)
    learned = learn(Ensemble((4,)), task, 5)
    (call,) = task.train.calls
    assert call.held_out.shape == (3 + n_perturbed, 10)
    assert len(np.unique(call.held_out)) == call.held_out.size
    if n_perturbed:
        assert isinstance(learned.posterior, PerturbedPosterior)
        assert call.moves.shape == (5, 100, 1)
        assert not call.moves[:3].any() and call.moves[3:].abs().min() > 0
    else:
        assert call.moves is None and isinstance(learned.posterior, ConcreteDropoutPosterior)
    # what is known of the fit comes from networks that saw the targets as they are
    noise = learned.net.module_.noise_variance
    assert learned.noise_variance == pytest.approx(noise[:3].mean().item())
    np.testing.assert_array_equal(learned.held_out.rows, call.held_out[:3].ravel())
    x = torch.tensor(task.X)
    for place, row in enumerate(learned.held_out.rows):
        member = random_posterior([3, 4, 1], 3 + n_perturbed).members()
        expected = member(x[row : row + 1])[place // 10, 0, 0].item()
        assert learned.held_out.predictions[place, 0] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_seed_decides_about_held_out_rows():
    first, again, other = (task_of() for _ in range(3))
    for task, seed in ((first, 1), (again, 1), (other, 2)):
        learn(Ensemble((4,)), task, seed)
    rows = [task.train.calls[0].held_out for task in (first, again, other)]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])


def test_a_process_needs_no_training():
    task = task_of()
    learned = learn(GaussianProcess(2), task, 0)
    assert task.train.calls == [] and learned.net is None
    assert isinstance(learned.posterior, GaussianProcessPosterior)
    assert learned.noise_variance == learned.posterior.noise_variance
    rows = learned.held_out.rows
    assert sorted(rows) == list(range(100))
    expected = learned.posterior.left_out(task.X, task.y[:, 0], task.weight)[rows]
    np.testing.assert_allclose(learned.held_out.predictions[:, 0], expected)


def test_a_process_looks_at_a_thousand_rows_left_out():
    learned = learn(GaussianProcess(2), task_of(n=1300), 0)
    assert len(np.unique(learned.held_out.rows)) == len(learned.held_out.rows) == 1000


def test_a_committee_is_a_process_and_networks():
    task = task_of()
    learned = learn(Committee(GaussianProcess(2), ConcreteDropout((4,)), 6), task, 0)
    (call,) = task.train.calls
    assert isinstance(call.family, ConcreteDropout) and call.moves is None
    assert call.held_out.shape == (6, 10)
    assert isinstance(learned.posterior, CommitteePosterior)
    alone = learn(GaussianProcess(2), task_of(), 0)
    np.testing.assert_array_equal(learned.posterior.process.mean, alone.posterior.mean)
    np.testing.assert_array_equal(learned.held_out.predictions, alone.held_out.predictions)
    assert learned.noise_variance == alone.noise_variance
    assert len(learned.net.module_.noise_variance) == 6


# Which one, where nobody says


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
    task = task_of(n=60, noise=noise)
    learned = learn(Auto(), task, 0)
    assert isinstance(learned.posterior, CommitteePosterior)
    assert task.train.families == [Ensemble]
    assert task.train.calls[0].held_out.shape == (16, 6)
    given = learn(Committee(), task_of(n=60, noise=noise), 0)
    np.testing.assert_array_equal(learned.held_out.predictions, given.held_out.predictions)


@pytest.mark.parametrize(("noise", "n_perturbed"), [(0.029, 0), (0.031, 2)])
def test_many_rows_with_little_noise_get_networks(noise, n_perturbed):
    """Without perturbed ones where there is nothing to perturb targets with."""
    task = task_of(n=2000, noise=noise)
    learned = learn(Auto(), task, 0)
    assert task.train.families == [Ensemble, ConcreteDropout]
    assert task.train.calls[0].moves is None
    assert len(task.train.calls[0].held_out) == 4
    assert len(task.train.calls[1].held_out) == 3 + n_perturbed
    assert isinstance(learned.posterior, PerturbedPosterior) == (n_perturbed > 0)
    assert len(learned.net.module_.noise_variance) == 3 + n_perturbed
    assert task.train.calls[1].family.get_params() == ConcreteDropout().get_params()


def test_many_rows_with_much_noise_get_a_committee():
    task = task_of(n=1200, noise=0.9)
    learned = learn(Auto(), task, 0)
    assert isinstance(learned.posterior, CommitteePosterior)
    assert task.train.families == [Ensemble, Ensemble]
    assert [len(call.held_out) for call in task.train.calls] == [4, 16]


@pytest.mark.parametrize(("n", "d"), [(100, 300), (3500, 40)])
def test_too_many_features_or_rows_get_networks_at_once(n, d):
    task = task_of(n=n, d=d, noise=0.9)
    learn(Auto(), task, 0)
    assert task.train.families == [ConcreteDropout]
    assert task.train.calls[0].moves is not None


@pytest.mark.parametrize(
    "given", [{"hidden_layer_sizes": (8,)}, {"activation": "tanh"}, {"length_scale": 2.0}]
)
def test_an_architecture_asks_for_networks(given):
    network = BayesianInteractionRegressor(**given)._network()
    assert isinstance(network, ConcreteDropout)
    assert {**network.get_params(), **given} == network.get_params()
    assert isinstance(BayesianInteractionRegressor()._network(), Auto)


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


# What is measured


def product_of(scale):
    return lambda x: scale * x[:, :1] * x[:, 1:2] + x[:, 2:] ** 3


def measured(n=200, posterior=None, **given):
    points = np.random.default_rng(0).normal(size=(n, 3))
    products = [product_of(scale) for scale in (-2.0, -3.0)]
    posterior = posterior or Finite(products, n_features=3, n_outputs=1)
    options = {"n_groups": 5, "n_draws": 4, "feature_names": ["a", "b", "c"], "seed": 0}
    options |= {"feature_scales": np.array([1.0, 2.0, 4.0]), "target_scale": 10.0, "n_jobs": None}
    options |= {"frame_backend": "pandas", "verbose": False}
    return measure(posterior, points, **{**options, **given})


def test_effects_of_a_posterior_that_is_known():
    found = measured()
    assert found.feature_names == ("a", "b", "c")
    assert_close(found.pairs, pair_index(3))
    assert_close(found.draws, np.outer([2, 3, 2, 3], [1, 0, 0]), 1e-6)
    assert_close(found.effect, [2.5, 0, 0], 1e-6)
    assert_close(found.std, [1 / 3**0.5, 0, 0], 1e-6)
    assert_close(found.group_effects, np.outer(np.ones(5), [-2.5, 0, 0]), 1e-6)
    assert found.group_weights.sum() == pytest.approx(1)
    assert found.order[0] == 0 and np.isfinite(found.score).all()
    assert found.to_frame("original").effect[0] == pytest.approx(2.5 * 10 / 2)


def test_the_number_of_groups_is_given_or_found():
    assert len(measured(n_groups=3).group_weights) == 3
    assert len(measured(n_groups="auto").group_weights) >= 8
    assert_close(measured(n_groups="auto").effect, measured().effect, 1e-6)


def test_effects_are_means_over_all_points():
    points = np.random.default_rng(0).normal(size=(1700, 3))
    posterior = Finite([lambda x: x[:, :1] ** 2 * x[:, 2:]], n_features=3, n_outputs=1)
    found = measured(1700, n_groups=1, posterior=posterior)
    assert_close(found.effect, [0, abs(2 * points[:, 0].mean()), 0], 1e-4)


def test_groups_have_all_points_and_scores_a_thousand():
    found = measured(1700, n_groups=2)
    counts = found.group_weights * 1700
    np.testing.assert_allclose(counts, counts.round(), atol=1e-6)
    assert not np.allclose(found.group_weights * 1000, (found.group_weights * 1000).round())
    assert np.isfinite(found.score).all()


def test_draws_are_shown_if_asked(capsys):
    measured()
    assert capsys.readouterr().err == ""
    measured(verbose=True)
    assert "draws" in capsys.readouterr().err


# Refits and tests


@pytest.mark.parametrize(
    ("posterior", "trains"),
    [
        ("auto", True),
        ("concrete_dropout", True),
        ("ensemble", True),
        (Ensemble((9,)), True),
        ("gaussian_process", False),
        ("committee", False),
        (GaussianProcess(3), False),
        (Committee(), False),
    ],
)
def test_what_is_refitted_as_a_stack(posterior, trains):
    estimator = BayesianInteractionRegressor(posterior=posterior)
    assert trains_networks(estimator) is trains
    found = small(estimator)
    assert found is not estimator
    if posterior == "auto":
        assert found.posterior == "concrete_dropout" and found.hidden_layer_sizes == (40, 40)
    elif isinstance(posterior, str) and trains:
        assert found.posterior == posterior and found.hidden_layer_sizes == (40, 40)
    else:
        assert found.hidden_layer_sizes is None
        assert type(found._network()) is type(estimator._network())
    assert estimator.posterior is posterior and estimator.hidden_layer_sizes is None


def test_nothing_else_trains_networks():
    assert not trains_networks(LinearRegression())


@pytest.mark.parametrize("posterior", ["gaussian_process", "committee", GaussianProcess()])
def test_a_permutation_test_takes_networks_only(posterior):
    X, y = additive(60)
    estimator = BayesianInteractionRegressor(posterior=posterior)
    with pytest.raises(ValueError, match=r"refits networks.*crossfit_test takes any reg"):
        permutation_test(estimator, X, y)


@pytest.mark.parametrize("posterior", ["gaussian_process", "committee"])
def test_a_process_is_crossfitted_like_any_regressor(posterior, monkeypatch):
    monkeypatch.setattr(refits, "fit_stack", None)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = X[:, 0] * X[:, 2] + X[:, 1] + 0.5 * rng.normal(size=120)
    process = GaussianProcess(3)
    given = process if posterior == "gaussian_process" else Committee(process, Ensemble((4,)), 2)
    estimator = BayesianInteractionRegressor(posterior=given, max_epochs=1)
    with pytest.warns(UserWarning, match=rf"inflation.*\({posterior}\).*not calibrated") as caught:
        result = crossfit_test(estimator, X, y, n_repeats=1, random_state=0)
    assert {warning.filename for warning in caught} == {__file__}
    assert result.variance_inflation == 2
    assert (result.adjusted("fwer") <= 0.05).tolist() == [False, True, False]


def test_auto_is_crossfitted_as_calibrated_networks():
    X, y = additive(120)
    result = crossfit_test(
        BayesianInteractionRegressor(max_epochs=1), X, y, n_repeats=1, random_state=0
    )
    assert result.variance_inflation == 1.5


def test_weights_of_a_task_are_relative_for_a_process():
    weight = np.random.default_rng(2).uniform(0.1, 2, 100)
    one = learn(GaussianProcess(2), task_of(weight=weight), 0)
    two = learn(GaussianProcess(2), replace(task_of(), weight=50 * weight), 0)
    assert one.noise_variance == pytest.approx(two.noise_variance, rel=1e-4)
    assert_close(one.held_out.predictions, two.held_out.predictions, 1e-4)
