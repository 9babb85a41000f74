import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgeh import BayesianInteractionClassifier
from skgeh.datasets import make_interactions
from skgeh.geh.score import rank_pairs
from skgeh.geh.views.units import InUnits
from skgeh.posteriors import ConcreteDropout
from skgeh.posteriors.family import PerturbedPosterior
from skgeh.posteriors.stacking import StackedPosterior

SAMPLE_WEIGHT = {
    "check_sample_weight_equivalence_on_dense_data": "a stochastic learner's batches and held-out "
    "rows are other ones when rows are repeated; tested below within Monte-Carlo error"
}


def small(**parameters):
    defaults = {"posterior": "concrete_dropout", "hidden_layer_sizes": (20, 20), "max_epochs": 20}
    defaults |= {"n_draws": 50, "random_state": 0}
    return BayesianInteractionClassifier(**{**defaults, **parameters})


def binary(n=400, d=3, slope=3.0, seed=0, labels=("no", "yes")):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = slope * X[:, 0] * X[:, 1] + X[:, -1] + rng.logistic(size=n) > 0
    return X, np.array(labels)[y.astype(int)]


def three(n=600, seed=0):
    """x0 x1 speaks for "b" and against "a"; "c" has main effects only."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    product = 3 * X[:, 0] * X[:, 1]
    logits = np.column_stack([-product, product, X[:, 2]])
    return X, np.array(list("abc"))[(logits + rng.gumbel(size=(n, 3))).argmax(1)]


@parametrize_with_checks(
    [BayesianInteractionClassifier(max_epochs=10)],
    expected_failed_checks=lambda estimator: SAMPLE_WEIGHT,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def two_classes():
    X, y = binary(1500)
    return small(max_epochs=40).fit(X, y), X, y


@pytest.fixture(scope="module")
def three_classes():
    X, y = three(1500)
    return small(max_epochs=40).fit(X, y), X, y


class TestAnswers:
    def test_true_pairs_come_first(self):
        X, f, truth = make_interactions(3000, signal_to_noise=1e6, random_state=0)
        rng = np.random.default_rng(0)
        y = 6 * (f - f.mean()) / f.std() + rng.logistic(size=3000) > 0
        family = ConcreteDropout((40, 40), n_perturbed=0)
        found = small(posterior=family, hidden_layer_sizes=None, max_epochs=55).fit(X, y)
        assert roc_auc_score(truth.labels, found.interactions_.score) > 0.93

    def test_effects_are_in_logits(self, two_classes):
        model, *_ = two_classes
        first = model.interactions_.to_frame("original").iloc[0]
        assert (first.feature_i, first.feature_j) == ("x0", "x1")
        assert first.effect == pytest.approx(3.0, rel=0.35)
        assert (model.interactions_.group_effects[:, 0] > 0).all()

    def test_a_class_has_its_sign(self, two_classes):
        model, *_ = two_classes
        yes, no = (model.interactions(target=label, n_groups=4) for label in ("yes", "no"))
        np.testing.assert_array_equal(yes.group_effects, -no.group_effects)
        for name in ("effect", "score", "std", "group_std"):
            np.testing.assert_array_equal(getattr(yes, name), getattr(no, name))

    def test_centred_logits_of_three_classes(self, three_classes):
        model, *_ = three_classes
        assert isinstance(model.posterior_, InUnits)
        a, b, c = (model.interactions(target=label, n_groups=4) for label in "abc")
        signed = np.array([one.group_weights @ one.group_effects[:, 0] for one in (a, b, c)])
        np.testing.assert_allclose(signed.sum(), 0, atol=1e-4)
        assert signed[0] < -1 and signed[1] > 1 and abs(signed[2]) < 0.5
        every = model.interactions(n_groups=4)
        np.testing.assert_allclose(every.effect, np.mean([a.effect, b.effect, c.effect], axis=0))
        np.testing.assert_allclose(every.score, np.mean([a.score, b.score, c.score], axis=0))
        assert every.top(1) == [("x0", "x1")] and (every.group_effects >= 0).all()

    def test_main_effects_make_no_interactions_out_of_the_link(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(2000, 3))
        y = 2 * X[:, 0] + 2 * X[:, 1] + rng.logistic(size=2000) > 0
        found = small(max_epochs=40).fit(X, y).interactions_
        assert found.effect.max() < 0.4  # of probabilities, x0 and x1 would interact strongly

    def test_quality_is_a_share_of_the_deviance(self, two_classes):
        model, X, _ = two_classes
        assert 0.1 < model.fit_quality_.r2 < 0.6
        assert abs(model.fit_quality_.r2_main_effects) < 0.15
        assert model.fit_quality_.believable
        rng = np.random.default_rng(0)
        noise = small().fit(X[:300], rng.integers(0, 2, 300))
        assert not noise.fit_quality_.explains


class TestScores:
    def test_they_are_computed_where_labels_say_most(self, two_classes):
        model, X, _ = two_classes
        Z = model._standardised(X)
        logits = model._predictive.members()(torch.as_tensor(Z)).detach().mean(0)[:, 0].numpy()
        information = 2 / (2 + 2 * np.cosh(logits))  # 1 - p^2 - (1 - p)^2
        chosen = [np.flatnonzero((z == Z).all(1))[0] for z in model._informative]
        assert len(chosen) == 1000
        expected = information @ information / information.sum()
        assert information[chosen].mean() == pytest.approx(expected, rel=0.05)
        assert expected > 1.1 * information.mean()

    def test_elsewhere_too(self, two_classes):
        model, X, _ = two_classes
        x = torch.as_tensor(model._score_points(model._standardised(X)), dtype=torch.float32)
        found = model.interactions(X, n_groups=2)
        expected = rank_pairs(model.posterior_, x, found.effect, target=0, seed=model._seed)
        np.testing.assert_array_equal(found.score, expected)


class TestProbabilities:
    def test_they_are_means_over_draws(self, three_classes):
        model, X, _ = three_classes
        proba = model.predict_proba(X[:20])
        x = model._standardised(X[:20])
        draws = np.concatenate(list(model._drawn(model._predictive, x, torch.float64)))
        assert draws.shape == (100, 20, 3)
        expected = np.exp(draws - logsumexp(draws, axis=-1, keepdims=True)).mean(0)
        np.testing.assert_allclose(proba, expected)
        np.testing.assert_allclose(proba.sum(1), 1)

    @pytest.mark.parametrize("case", ["two_classes", "three_classes"])
    def test_labels_and_decisions_go_with_them(self, case, request):
        model, X, _ = request.getfixturevalue(case)
        proba, decision = model.predict_proba(X), model.decision_function(X)
        np.testing.assert_array_equal(model.classes_[proba.argmax(1)], model.predict(X))
        if case == "two_classes":
            np.testing.assert_allclose(decision, np.log(proba[:, 1] / proba[:, 0]))
        else:
            np.testing.assert_allclose(decision.sum(1), 0, atol=1e-9)
            np.testing.assert_allclose(np.diff(decision), np.diff(np.log(proba)))

    def test_they_are_calibrated_on_new_rows(self, two_classes):
        model, *_ = two_classes
        X, y = binary(4000, seed=1)
        p, happened = model.predict_proba(X)[:, 1], y == "yes"
        for low in np.arange(0, 1, 0.2):
            mine = (p >= low) & (p < low + 0.2)
            error = 3 * np.sqrt(0.25 / mine.sum())
            assert abs(p[mine].mean() - happened[mine].mean()) < 0.06 + error
        truth = 1 / (1 + np.exp(-3 * X[:, 0] * X[:, 1] - X[:, 2]))
        assert log_loss(happened, p) < log_loss(happened, truth) + 0.03

    def test_perturbed_networks_have_no_part_in_them(self):
        X, y = binary()
        one = small().fit(X, y)
        assert isinstance(one.posterior_, PerturbedPosterior)
        assert one._predictive is one.posterior_.networks
        assert len(one._predictive.means) == 4


class TestLabels:
    @pytest.mark.parametrize("labels", [("a", "b"), (False, True), (3, 7), (-1.0, 1.0)], ids=str)
    def test_of_any_kind(self, labels):
        X, codes = binary(labels=(0, 1))
        y = np.array(labels)[codes]
        model = small().fit(X, y)
        assert model.classes_.tolist() == sorted(labels)
        assert set(model.predict(X)) <= set(labels)
        plain = small().fit(X, codes)
        np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))

    def test_of_a_frame(self):
        X, y = binary()
        frame = pd.DataFrame(X, columns=["age", "dose", "time"])
        model = small().fit(frame, pd.Series(y, dtype="category"))
        assert model.interactions_.feature_names == ("age", "dose", "time")

    @pytest.mark.parametrize(
        ("y", "words"),
        [
            (np.linspace(0, 1, 40), "Unknown label type"),
            (np.zeros(40), "one class only"),
            (np.zeros((40, 2)), "1d array"),
        ],
    )
    def test_that_cannot_be_used(self, y, words):
        X, _ = binary(40)
        with pytest.raises(ValueError, match=words):
            small().fit(X, y)

    def test_a_class_that_is_unknown(self, three_classes):
        with pytest.raises(ValueError, match=r"one of the classes \['a', 'b', 'c'\].*'d'"):
            three_classes[0].interactions(target="d")


class TestWeights:
    def test_class_weights_move_the_intercept(self):
        X, y = binary(1500)
        rare = (y == "no") | (np.arange(1500) % 8 == 0)
        X, y = X[rare], y[rare]
        plain, balanced = (small(class_weight=w).fit(X, y) for w in (None, "balanced"))
        shift = balanced.decision_function(X) - plain.decision_function(X)
        expected = np.log((y == "no").sum() / (y == "yes").sum())
        assert np.median(shift) == pytest.approx(expected, abs=0.5)
        assert np.mean(balanced.predict(X) == "yes") > np.mean(plain.predict(X) == "yes") + 0.1

    def test_classes_and_rows_multiply(self):
        X, y = binary(200)
        by_class = small(class_weight={"no": 1, "yes": 3}).fit(X, y)
        by_row = small().fit(X, y, sample_weight=np.where(y == "yes", 3.0, 1.0))
        np.testing.assert_allclose(by_class.predict_proba(X), by_row.predict_proba(X))
        weight = np.random.default_rng(0).uniform(0.5, 2, 200)
        model = small(class_weight="balanced")
        target = (y == "yes").astype(float)[:, None]
        found = model.trainer().row_weights(target, weight)
        sums = [found[y == label].sum() for label in ("no", "yes")]
        np.testing.assert_allclose(sums, weight.sum() / 2)

    @pytest.mark.filterwarnings("ignore:.*(rows are repeated|neighbouring rows)")
    def test_weights_and_repeats_agree_within_monte_carlo_error(self):
        X, y = binary(250)
        weight = np.random.default_rng(1).integers(0, 4, len(X))
        effects = []
        for given in ((X, y, weight), (np.repeat(X, weight, 0), np.repeat(y, weight), None)):
            fits = [small(random_state=seed, max_epochs=40).fit(*given) for seed in range(4)]
            effects.append([fit.interactions(n_groups=4).effect for fit in fits])
        effects = np.array(effects)
        error = np.sqrt(effects.var(1, ddof=1).sum(0) / 4)
        difference = np.abs(np.diff(effects.mean(1), axis=0)[0])
        assert (difference < 5 * error + 0.05 * effects.max()).all()

    @pytest.mark.parametrize("weight", ["even", 3, [1, 2]])
    def test_that_cannot_be_used(self, weight):
        with pytest.raises(ValueError, match="class_weight must be None, 'balanced' or a dict"):
            small(class_weight=weight).fit(*binary(40))

    def test_of_a_class_that_is_not_there(self):
        with pytest.raises(ValueError, match="not in class_weight"):
            small(class_weight={"maybe": 2.0}).fit(*binary(40))


class TestPosteriors:
    @pytest.mark.parametrize("posterior", ["gaussian_process", "auto"])
    @pytest.mark.parametrize("data", [binary, three])
    def test_a_gaussian_process_learns_labels(self, posterior, data):
        X, y = data(400)
        given = {"posterior": posterior, "hidden_layer_sizes": None, "n_draws": 50}
        model = small(**given).fit(X, y)
        found = model.interactions_
        assert found.top(1) == [("x0", "x1")] and found.std[0] > 0
        # the process may find that a pair has no variance at all
        assert ((found.std > 0) | (found.effect == 0)).all()
        new, labels = data(1000, seed=1)
        p = model.predict_proba(new)
        np.testing.assert_allclose(p.sum(1), 1)
        assert log_loss(labels, p) < 0.85 * np.log(len(model.classes_))
        assert model.fit_quality_.believable
        held_out = 1 - log_loss(labels, p) / np.log(len(model.classes_))
        assert model.fit_quality_.r2 == pytest.approx(held_out, abs=0.12)

    def test_by_default_a_process_and_networks_are_stacked(self):
        X, y = binary(300)
        model = BayesianInteractionClassifier(max_epochs=2, random_state=0).fit(X, y)
        assert isinstance(model.posterior_, StackedPosterior)
        assert isinstance(model.posterior_.networks, PerturbedPosterior)
        predictive = model._predictive  # without perturbed networks
        assert predictive.process is model.posterior_.process
        assert predictive.networks is model.posterior_.networks.networks

    def test_networks_put_out_logits(self, two_classes):
        """In training in units of 5; afterwards the module itself gives logits."""
        model, X, _ = two_classes
        x = torch.as_tensor(model._standardised(X[:50]), dtype=torch.float32)
        with torch.no_grad():
            outputs = model.net_.module_.eval()(x.expand(8, -1, -1))
        members = model._predictive.members()(x)
        torch.testing.assert_close(outputs[:4], members, rtol=1e-4, atol=1e-4)
        assert np.corrcoef(members.mean(0)[:, 0], 3 * X[:50, 0] * X[:50, 1] + X[:50, 2])[0, 1] > 0.9


class TestManners:
    def test_same_seed_same_answer_whatever_the_jobs(self):
        X, y = three(200)
        one, two = small().fit(X, y), small(n_jobs=2).fit(X, y)
        np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
        np.testing.assert_array_equal(one.interactions_.draws, two.interactions_.draws)

    def test_pickle_and_clone(self, three_classes):
        model, X, _ = three_classes
        copy = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(model.predict_proba(X), copy.predict_proba(X))
        with pytest.raises(NotFittedError):
            clone(model).predict(X)

    def test_scores_by_accuracy(self):
        X, y = binary()
        assert cross_val_score(small(), X, y, cv=2).mean() > 0.65

    def test_parameters_are_as_given(self):
        model = small(class_weight="balanced")
        assert model.get_params()["class_weight"] == "balanced"
        assert len(model.get_params(deep=False)) <= 20
