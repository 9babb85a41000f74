from dataclasses import replace

import joblib
import numpy as np
import pytest
import torch
from scipy.special import logit
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor, posteriors
from skgeh.geh.activations import get_activation
from skgeh.geh.functions import MLP
from skgeh.geh.pairs import to_vector
from skgeh.geh.partition import Partition
from skgeh.posteriors.trainer import Trainer
from skgeh.significance import _refits as refits
from skgeh.significance._refits import (
    NetworkRefit,
    Refit,
    by_code,
    fit_targets,
    fixed_n_groups,
    learner_of,
    of_one_length,
    refit,
    refits_per_stack,
)
from tests.oracles import assert_close, geh, group_means, hessians, network, upper
from tests.significance.oracles import three


def table(n=160, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * [1, 10, 0.1] + [0, 5, -3]
    return X, 100 + 20 * X[:, 0] * X[:, 1] + 5 * rng.normal(size=n)


def nets(**given):
    parameters = {"posterior": "concrete_dropout", "hidden_layer_sizes": (12, 12), "max_epochs": 5}
    return BayesianInteractionRegressor(**{**parameters, **given})


def predictions(X):
    return lambda one, _, test: one(X[test])[:, 0]


def folds(n, k):
    rows = np.arange(n)
    return [(rows[rows % k != fold], rows[rows % k == fold]) for fold in range(k)]


def again(estimator, X, y, splits, ask=None, *, seed=0, **given):
    learner = learner_of(estimator, None)
    ask = predictions(X) if ask is None else ask
    return refit(
        learner, X, y[:, None], splits, ask, seed=seed, progress=lambda jobs, _: jobs, **given
    )


# Runs of splits


def of_lengths(*lengths):
    return [(np.arange(n), np.arange(0)) for n in lengths]


@pytest.mark.parametrize(
    ("lengths", "size", "expected"),
    [
        ([8, 8, 8, 8, 8], 2, [2, 2, 1]),
        ([8, 8, 8], 5, [3]),
        ([8, 9, 8, 9], 4, [4]),
        ([8, 9, 10, 10], 4, [2, 2]),
        ([10, 9, 8, 9], 4, [2, 2]),
        ([40, 60, 80], 16, [1, 1, 1]),
        ([8, 8], 1, [1, 1]),
        ([8], 3, [1]),
        ([], 3, []),
    ],
)
def test_splits_that_train_together(lengths, size, expected):
    splits = of_lengths(*lengths)
    runs = list(of_one_length(splits, size))
    assert [len(run) for run in runs] == expected
    assert [len(train) for run in runs for train, _ in run] == lengths


# What a refit predicts


@pytest.mark.parametrize("shape", [(5, 1), (1, 5), (5, 2), (4,), ()])
def test_predictions_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"one number per row and target, shape \(5,\); got"):
        Refit(lambda X: np.zeros(shape))(np.zeros((5, 2)))


def test_predictions_are_numbers_in_double_precision():
    found = Refit(lambda X: [1, 2, 3])(np.zeros((3, 2)))
    assert found.dtype == np.float64
    assert found.tolist() == [[1], [2], [3]]


def random_nets(n_networks=3, d=3):
    generator = torch.Generator().manual_seed(0)
    shapes = [(d, 7), (7, 6), (6, 1)]
    weights = tuple(torch.randn(n_networks, *s, generator=generator) for s in shapes)
    biases = tuple(torch.randn(n_networks, 1, s[1], generator=generator) for s in shapes)
    return MLP(weights, biases, get_activation("tanh"))


def test_networks_predict_their_mean_in_units_of_the_target():
    members, (X, _) = random_nets(), table()
    scaler = StandardScaler().fit(X)
    expected = network(members)(torch.tensor(scaler.transform(X), dtype=torch.float32))
    scales = 7.0 + np.arange(len(expected))
    found = NetworkRefit(members, scaler, scales[:, None])(X)
    assert found.shape == (160, 1)
    assert_close(found[:, 0], (scales[:, None] * expected[..., 0].numpy()).mean(0), 1e-5)


def test_hessians_of_networks_are_those_of_their_mean():
    members, (X, _) = random_nets(), table()
    scaler = StandardScaler().fit(X)
    one, partition = (
        NetworkRefit(members, scaler, np.ones((1, 1))),
        Partition.kmeans(scaler.transform(X), 4),
    )
    double = replace(
        members,
        weights=tuple(weight.double() for weight in members.weights),
        biases=tuple(bias.double() for bias in members.biases),
    )
    at_points = hessians(network(double), torch.tensor(scaler.transform(X)))[:, 0].mean(0)
    expected = upper(group_means(at_points, partition.labels, axis=0))
    assert_close(one.group_hessians(X, partition)[0], expected, 1e-4)
    assert one.group_hessians(X, partition).dtype == np.float64
    assert_close(one.effects(X, 4), geh(at_points, partition.labels), 1e-4)
    assert_close(to_vector(at_points), upper(at_points), 1e-12)


@pytest.mark.parametrize("n_networks", [1, 3])
def test_networks_learn(n_networks):
    """Up to a constant, in the target's units, on rows that they did not learn from."""
    X, y = table(400)
    splits = folds(400, 4)
    found = again(nets(max_epochs=40), X, y, splits, n_networks=n_networks)
    for (_, test), values in zip(splits, found, strict=True):
        residual = y[test] - values
        assert residual.std() < 0.5 * y[test].std()


def test_the_mean_network_has_the_members_asked_for():
    def ask(one, train, test):
        return len(one.members)

    X, y = table()
    given = nets(n_networks=2, max_epochs=1)
    assert again(given, X, y, folds(160, 3), ask) == [1, 1, 1]
    assert again(given, X, y, folds(160, 3), ask, n_networks=4) == [4, 4, 4]
    assert given.n_networks == 2


def test_a_constant_feature_says_nothing():
    X, y = table()
    X[:, 1] = 3.0
    moved = X + np.array([0, 100, 0])
    for one in again(nets(), X, y, folds(160, 2), lambda one, *_: one):
        assert_close(one(moved), one(X), 1e-6)


# Which rows


@pytest.mark.parametrize("size", [1, 8])
@pytest.mark.parametrize(
    "estimator", [DecisionTreeRegressor(max_depth=4), nets()], ids=["tree", "networks"]
)
def test_order_of_targets_at_other_rows_does_not_matter(estimator, size, monkeypatch):
    """Of networks in one stack: the targets of the first refit's rows set the unit of all."""
    monkeypatch.setattr(refits, "STACK", (size, size))
    X, y = table()
    splits = folds(160, 2)
    expected = again(estimator, X, y, splits)
    for k, (train, test) in enumerate(splits):
        moved = y.copy()
        moved[test] = y[test][::-1]
        found = again(estimator, X, moved, splits)
        assert_close(found[k], expected[k], 1e-6)
        other = splits[1 - k]
        assert set(other[0]) == set(test)
        assert np.abs(found[1 - k] - expected[1 - k]).max() > 0.01 * y.std()
        assert set(train).isdisjoint(test)


def test_networks_see_their_own_rows_only(monkeypatch):
    """Held out or not, 10 % of the rows are; runs with one row more leave one out."""
    calls = []
    original = Trainer.train

    def train(self, family, task, held_out, seed, *, training=None, **given):
        calls.append((held_out, training))
        return original(self, family, task, held_out, seed, training=training, **given)

    monkeypatch.setattr(Trainer, "train", train)
    X, y = table(161)
    splits = folds(161, 3)
    again(nets(max_epochs=1), X, y, splits, n_networks=2)
    ((held_out, training),) = calls
    assert held_out.shape == (6, 11)
    for copy in range(6):
        mine = [*held_out[copy], *training[copy]]
        assert len(set(mine)) == len(mine) == min(len(rows) for rows, _ in splits)
        assert set(mine) <= set(splits[copy // 2][0])


# Seeds and jobs


class Seeds(RegressorMixin, BaseEstimator):
    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return np.full(len(X), self.random_state)


def test_every_refit_has_a_seed_of_its_own():
    X, y = table()
    found = [int(values[0]) for values in again(Seeds(), X, y, folds(160, 5))]
    assert len(set(found)) == 5
    assert found == [int(values[0]) for values in again(Seeds(3), X, y, folds(160, 5))]
    assert found != [int(values[0]) for values in again(Seeds(), X, y, folds(160, 5), seed=1)]


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), Seeds()),
        make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), Seeds())),
    ],
    ids=["pipeline", "nested"],
)
def test_seeds_reach_the_steps_of_a_pipeline(estimator):
    X, y = table()
    found = [int(values[0]) for values in again(estimator, X, y, folds(160, 5))]
    assert found == [int(values[0]) for values in again(Seeds(), X, y, folds(160, 5))]


@pytest.mark.parametrize(
    "estimator",
    [LinearRegression(), TransformedTargetRegressor(DecisionTreeRegressor()), nets(max_epochs=2)],
    ids=["linear", "tree", "networks"],
)
def test_the_seed_decides(estimator):
    X, y = table()
    found = [again(estimator, X, y, folds(160, 3), seed=seed) for seed in (0, 0, 1)]
    for first, second in zip(found[0], found[1], strict=True):
        np.testing.assert_array_equal(first, second)
    changed = any((a != b).any() for a, b in zip(found[0], found[2], strict=True))
    assert changed != isinstance(estimator, LinearRegression)


@pytest.mark.parametrize(
    "estimator", [RandomForestRegressor(3), nets(max_epochs=2)], ids=["forest", "networks"]
)
def test_answers_do_not_depend_on_the_number_of_jobs(estimator, monkeypatch):
    monkeypatch.setattr(refits, "STACK", (2, 2))
    X, y = table()
    alone = again(estimator, X, y, folds(160, 5))
    with joblib.parallel_config(backend="threading"):
        together = again(estimator, X, y, folds(160, 5), n_jobs=2)
    assert len(alone) == len(together) == 5
    for first, second in zip(alone, together, strict=True):
        np.testing.assert_array_equal(first, second)


def test_progress_counts_chunks(monkeypatch):
    monkeypatch.setattr(refits, "STACK", (2, 2))
    X, y = table()
    totals = []

    def progress(jobs, total):
        totals.append(total)
        for job in jobs:
            totals.append("done")
            yield job

    for estimator, n in ((nets(max_epochs=1), 3), (LinearRegression(), 5)):
        totals.clear()
        learner = learner_of(estimator, None)
        refit(learner, X, y[:, None], folds(160, 5), predictions(X), seed=0, progress=progress)
        assert totals == [n, *["done"] * n]


# What refits are made by


def sizes(estimator):
    return learner_of(estimator, None).family.hidden_layer_sizes


def test_networks_are_small_unless_their_size_was_chosen():
    assert sizes(BayesianInteractionRegressor()) == (40, 40)
    assert sizes(nets()) == sizes(nets(posterior="auto")) == (12, 12)
    assert sizes(BayesianInteractionRegressor(posterior=posteriors.Stacking())) == (40, 40)
    chosen = BayesianInteractionRegressor(posterior=posteriors.ConcreteDropout((9,)))
    assert sizes(chosen) == (9,)
    given = BayesianInteractionRegressor()
    learner_of(given, None)
    assert given.hidden_layer_sizes is None


def test_nothing_else_trains_networks():
    assert not isinstance(learner_of(LinearRegression(), None), Trainer)
    assert isinstance(learner_of(BayesianInteractionRegressor(), None), Trainer)
    process = BayesianInteractionRegressor(posterior="gaussian_process")
    learner = learner_of(process, None)
    assert learner is not process and learner.get_params() == process.get_params()


def test_a_trainer_that_is_there_is_taken():
    estimator = nets()
    trainer = replace(estimator.trainer(), validation_fraction=0.3)
    assert learner_of(estimator, None, trainer).validation_fraction == 0.3
    assert learner_of(estimator, None).validation_fraction == estimator.validation_fraction


LABELS = np.array(["no", "yes"])


@pytest.mark.parametrize("weight", [None, "balanced", {"no": 1.0, "yes": 4.0}], ids=str)
def test_class_weights_by_label_become_weights_by_code(weight):
    expected = {0: 1.0, 1: 4.0} if isinstance(weight, dict) else weight
    forest = RandomForestClassifier(class_weight=weight)
    assert by_code(forest, LABELS).class_weight == expected
    assert by_code(make_pipeline(StandardScaler(), forest), LABELS)[-1].class_weight == expected
    assert learner_of(forest, LABELS).class_weight == expected
    assert forest.class_weight == weight


def test_networks_weigh_the_classes_by_their_labels():
    estimator = BayesianInteractionClassifier(class_weight={"no": 1.0, "yes": 4.0})
    codes = np.array([[0.0], [1.0], [1.0]])
    found = learner_of(estimator, LABELS).row_weights(codes, np.array([1.0, 1.0, 2.0]))
    assert found.tolist() == [1, 4, 8]


def test_the_number_of_groups_does_not_look_at_the_target():
    assert fixed_n_groups(BayesianInteractionRegressor()) == 11
    assert fixed_n_groups(BayesianInteractionRegressor(n_groups=5)) == 5
    assert fixed_n_groups(LinearRegression()) == 11


@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize("sizes", [(4,), (40, 40), (200, 200), (600, 600)])
def test_a_stack_has_as_many_networks_as_the_cache_bears(sizes, n_networks):
    """By the definition: 2^18 weights and biases, 8 to 100 networks, whole refits."""
    trainer = nets(hidden_layer_sizes=sizes, n_networks=n_networks).trainer()
    widths, each = [5, *sizes, 2], 0
    for k in range(len(widths) - 1):
        each += widths[k] * widths[k + 1] + widths[k + 1]
    networks = min(max(2**18 // each, 8), 100)
    assert refits_per_stack(trainer, 5, 2) == networks // n_networks


def test_refits_of_more_networks_than_a_stack_has_train_alone():
    assert refits_per_stack(nets(hidden_layer_sizes=(600, 600), n_networks=9).trainer(), 3) == 1


def test_logits_of_other_models():
    X, y = three(300)
    found = refits.logits(LogisticRegression().fit(X, y), X)
    np.testing.assert_allclose(found.sum(1), 0, atol=1e-9)
    two = LogisticRegression().fit(X, y == "a")
    np.testing.assert_allclose(refits.logits(two, X), two.decision_function(X), atol=0.05)
    forest = RandomForestClassifier(10, random_state=0).fit(X, y == "a")
    assert np.abs(refits.logits(forest, X)).max() <= logit(0.999) + 0.01


# Parameters and errors


def test_parameters_are_checked_before_anything_is_trained():
    X, y = table()
    with pytest.raises(ValueError, match="learning_rate"):
        again(nets(learning_rate=-1), X, y, folds(160, 2))


def test_an_error_inside_a_refit_comes_through():
    X, y = table()

    def ask(one, train, test):
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        again(LinearRegression(), X, y, folds(160, 2), ask)


def test_targets_of_other_rows_do_not_matter():
    """Two networks in one stack: the unit of both is that of the first one's rows."""
    X, y = table()
    (_, (_, test)) = splits = folds(160, 2)
    expected = again(nets(), X, y, splits)[1]
    moved = y.copy()
    moved[test] = 10 * y[test] + 3
    assert_close(again(nets(), X, moved, splits)[1], expected, 1e-3)


# Refits that differ by their targets


def test_targets_are_fitted_from_one_start():
    X, y = table()
    Z, target = StandardScaler().fit_transform(X), StandardScaler().fit_transform(y[:, None])
    trainer = replace(learner_of(nets(), None), n_networks=2)
    one, two, other = fit_targets(trainer, Z, np.stack([target, target, -target]), seed=0)
    x = torch.as_tensor(Z, dtype=torch.float32)
    first, second, third = (each.members()(x).detach().numpy() for each in (one, two, other))
    assert first.shape == (2, 160, 1)
    assert_close(first, second, 1e-4)
    assert np.abs(first - third).max() > 0.1
    assert np.abs(first[0] - first[1]).max() > 1e-3  # networks of one refit differ


def test_refits_of_several_classes_are_centred():
    X, y = three(100)
    Z, target = StandardScaler().fit_transform(X), np.eye(3)[np.searchsorted(list("abc"), y)]
    learner = learner_of(
        BayesianInteractionClassifier((8,), n_networks=1, max_epochs=2), np.array(list("abc"))
    )
    (posterior,) = fit_targets(learner, Z, target[None], seed=0)
    values = posterior.members()(torch.as_tensor(Z, dtype=torch.float32)).detach().numpy()
    assert values.shape == (1, 100, 3)
    assert np.abs(values).max() > 0.01 and np.abs(values.sum(-1)).max() < 1e-5
