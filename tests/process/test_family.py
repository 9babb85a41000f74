"""The family: what is learned from a task, and what does not matter for it."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor
from skgeh.geh.likelihoods import LOG_LOSSES, CrossEntropy, SquaredError
from skgeh.geh.score import rank_pairs
from skgeh.geh.task import Task
from skgeh.geh.views.side_by_side import IndependentPosterior
from skgeh.posteriors import GaussianProcess
from skgeh.process import family
from skgeh.process._posterior import ProcessPosterior
from tests.oracles import assert_close
from tests.posteriors.standins import learned, task_of, trainer_of
from tests.process.dense import standard, weights_of

SMALL = GaussianProcess(6, 2)
KINDS = ("numbers", "several numbers", "2 classes", "3 classes", "poisson", "gamma")
kinds = pytest.mark.parametrize("kind", KINDS)


def table(n=120, d=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    f = X[:, 0] * X[:, 1] + X[:, d - 1]
    return X, f + 0.4 * rng.normal(size=n)


def task(kind, n=120, weight=None, X=None):
    given, f = table(n)
    X = standard(given if X is None else X)
    weight = np.ones(n) if weight is None else weight
    if kind == "numbers":
        return Task(X, standard(f)[:, None], weight, SquaredError())
    if kind == "several numbers":
        other = standard(X[:, 1] * X[:, 2] + 0.5 * np.random.default_rng(1).normal(size=n))
        return Task(X, np.column_stack([standard(f), other]), weight, SquaredError())
    if kind == "2 classes":
        return Task(X, (f > 0).astype(float)[:, None], weight, CrossEntropy(0.69))
    if kind == "3 classes":
        return Task(X, np.eye(3)[np.digitize(f, [-0.5, 0.5])], weight, CrossEntropy(1.1))
    y = np.random.default_rng(2).poisson(np.exp(0.5 * f)) + (kind == "gamma")
    y = (y / np.average(y, weights=weight))[:, None]
    return Task(X, y, weight, LOG_LOSSES[kind].of(y, weight))


def parts(found):
    posterior = found.posterior
    return posterior.parts if isinstance(posterior, IndependentPosterior) else [posterior]


@kinds
def test_a_process_needs_no_training(kind):
    given, trainer = task(kind), trainer_of()
    found = SMALL.learn(given, trainer, 0)
    assert trainer.calls == [] and found.net is None
    c = given.y.shape[1]
    assert isinstance(found.posterior, IndependentPosterior if c > 1 else ProcessPosterior)
    assert (found.posterior.n_features, found.posterior.n_outputs) == (4, c)
    draws = found.posterior.draw(5, torch.Generator().manual_seed(0))
    assert draws(torch.tensor(given.X)).shape == (5, 120, c)
    assert found.posterior.members()(torch.tensor(given.X)).shape == (1, 120, c)
    assert (found.noise_variance > 0).all()
    assert found.noise_variance.shape == (1 if given.has_labels else c,)


@kinds
def test_rows_are_predicted_without_themselves(kind):
    given = task(kind, weight=weights_of(120))
    found = SMALL.learn(given, None, 0)
    rows = found.held_out.judged
    assert sorted(rows) == list(range(120))
    means, spread = found.held_out.left_out(rows[:7])
    assert_close(found.held_out.predictions[:7], means, 1e-9)
    for k, part in enumerate(parts(found)):
        own = part.left_out(rows[:7], list(np.arange(7)[:, None]))
        assert_close(means[:, k], own[0], 1e-9)
        assert_close(spread[:, k], own[1], 1e-9)


def test_it_looks_at_a_thousand_rows_left_out():
    found = learned(GaussianProcess(2, 2), n=1300)
    assert len(np.unique(found.held_out.rows)) == len(found.held_out.rows) == 1000
    other = learned(GaussianProcess(2, 2), n=1300, seed=1)
    assert set(found.held_out.rows) != set(other.held_out.rows)


@pytest.mark.parametrize("kind", ["poisson", "gamma"])
def test_noise_of_a_log_link_is_in_units_of_its_dispersion(kind):
    given = task(kind)
    found = SMALL.learn(given, None, 0)
    expected = found.posterior.noise_variance / given.likelihood.dispersion[0]
    assert found.noise_variance == pytest.approx([expected])


def test_noise_of_labels_is_their_loss():
    given = task("3 classes")
    found = SMALL.learn(given, None, 0)
    logits, y = found.held_out.predictions, given.y[found.held_out.rows]
    loss = -(y * (logits - np.log(np.exp(logits).sum(1, keepdims=True)))).sum(1).mean()
    assert found.noise_variance == pytest.approx([loss / 1.1])


def test_several_outputs_are_outputs_alone():
    given = task("several numbers")
    found = SMALL.learn(given, None, 0)
    for k, part in enumerate(parts(found)):
        alone = SMALL.learn(replace(given, y=given.y[:, [k]]), None, 0)
        # products are chosen for both, so that finer ones may be those of the other output
        assert np.corrcoef(part.fitted, alone.posterior.fitted)[0, 1] > 0.995
        assert found.noise_variance[k] == pytest.approx(alone.noise_variance[0], rel=0.1)
    x, effect = torch.tensor(given.X), np.ones(6)
    scores = [rank_pairs(found.posterior, x, effect, target=k) for k in (0, 1)]
    assert [one.argmax() for one in scores] == [0, 3]
    assert_close(rank_pairs(found.posterior, x, effect), np.mean(scores, axis=0), 1e-12)


def test_several_outputs_without_finer_products_are_outputs_alone_exactly(monkeypatch):
    monkeypatch.setattr("skgeh.process._newton.finer", lambda products, *_: products)
    given = task("several numbers")
    found = SMALL.learn(given, None, 0)
    for k, part in enumerate(parts(found)):
        alone = SMALL.learn(replace(given, y=given.y[:, [k]]), None, 0)
        assert_close(part.fitted, alone.posterior.fitted, 1e-7)
        assert_close(part.scores, alone.posterior.scores, 1e-6)


@pytest.mark.parametrize("kind", ["numbers", "several numbers", "poisson", "gamma"])
def test_weights_are_relative(kind):
    weight = weights_of(120)
    one, two = (SMALL.learn(task(kind, weight=k * weight), None, 0) for k in (1.0, 50.0))
    np.testing.assert_allclose(two.noise_variance, one.noise_variance, rtol=1e-6)
    assert_close(two.held_out.predictions, one.held_out.predictions, 1e-6)
    for left, right in zip(parts(one), parts(two), strict=True):
        assert_close(right.scores, left.scores, 1e-5)


@kinds
def test_the_order_of_rows_does_not_matter(kind):
    given = task(kind, weight=weights_of(120))
    order = np.random.default_rng(0).permutation(120)
    moved = Task(given.X[order], given.y[order], given.weight[order], given.likelihood)
    for one, two in zip(
        parts(SMALL.learn(given, None, 0)), parts(SMALL.learn(moved, None, 0)), strict=True
    ):
        assert_close(two.fitted, one.fitted[order], 1e-4)
        assert_close(two.scores, one.scores, 1e-4)


@kinds
def test_signs_of_features_do_not_matter(kind):
    given = task(kind)
    signs = np.array([1.0, -1.0, 1.0, -1.0])
    turned = replace(given, X=given.X * signs)
    for one, two in zip(
        parts(SMALL.learn(given, None, 0)), parts(SMALL.learn(turned, None, 0)), strict=True
    ):
        assert_close(two.fitted, one.fitted, 1e-4)
        assert_close(two.scores, one.scores, 1e-3)


def regressor(**given):
    defaults = {"posterior": SMALL, "n_draws": 60, "n_groups": 4, "random_state": 0}
    return BayesianInteractionRegressor(**{**defaults, **given})


def test_units_change_nothing_but_units():
    X, y = table()
    scale, signs = np.array([10.0, 0.1, 7.0, 3.0]), np.array([1, 1, -1, 1])
    one = regressor().fit(X, y)
    two = regressor().fit(X * scale * signs + 5, 20 * y - 3)
    np.testing.assert_allclose(
        two.predict(X * scale * signs + 5), 20 * one.predict(X) - 3, rtol=1e-5
    )
    assert_close(two.interactions_.score, one.interactions_.score, 1e-4)
    assert_close(np.sort(np.abs(two.interactions_.effect)),
                 np.sort(np.abs(one.interactions_.effect)), 0.05)  # fmt: skip


# Columns of all kinds


def columns(name, n=120, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "integers": lambda: rng.integers(0, 5, n).astype(float),
        "constant": lambda: np.full(n, 3.0),
        "two constants": lambda: np.full((n, 2), 3.0),
        "two values": lambda: rng.integers(0, 2, n).astype(float),
        "Cauchy": lambda: rng.standard_cauchy(n),
        "rare": lambda: (np.arange(n) == 7).astype(float),
        "duplicate": lambda: table(n)[0][:, 0],
        "huge": lambda: 1e12 + 1e9 * rng.normal(size=n),
    }[name]()


@pytest.mark.filterwarnings("ignore:Constant features", "ignore:Some features are")
@pytest.mark.parametrize(
    "name",
    ["integers", "constant", "two constants", "two values", "Cauchy", "rare", "duplicate", "huge"],
)
@pytest.mark.parametrize("n", [40, 120])
def test_columns_of_every_kind(name, n):
    X, y = table(n)
    X = np.column_stack([X, columns(name, n)])
    model = regressor().fit(X, y)
    found = model.interactions_
    assert np.isfinite(found.score).all() and np.isfinite(found.effect).all()
    assert np.isfinite(model.predict(X)).all()
    if name == "duplicate":
        assert found.pairs[found.score.argmax()].tolist() in ([0, 1], [1, 4])
    elif n == 120:
        assert found.pairs[found.score.argmax()].tolist() == [0, 1]


@pytest.mark.filterwarnings("ignore:Constant features", "ignore:Some features are")
def test_a_constant_in_a_table_of_two():
    X, y = table()
    found = regressor().fit(np.column_stack([X[:, 0], np.ones(120)]), y).interactions_
    assert found.score.tolist() == [0]


@pytest.mark.parametrize("d", [2, 3])
def test_few_features(d):
    X, y = table(100, 4)
    found = regressor().fit(X[:, :d], y).interactions_
    assert np.isfinite(found.score).all() and found.score.argmax() == 0


@pytest.mark.parametrize(("n", "d"), [(15, 25), (8, 2), (8, 4)])
def test_very_few_rows(n, d):
    X, y = table(n, d)
    model = regressor(n_groups=2).fit(X, y)
    assert np.isfinite(model.interactions_.score).all() and np.isfinite(model.predict(X)).all()


@pytest.mark.filterwarnings("ignore:Constant features", "ignore:Some features are")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_labels_with_columns_of_every_kind(n_classes):
    X, y = table(100)
    X = np.column_stack([X, columns("Cauchy", 100), columns("constant", 100)])
    codes = np.digitize(y, [0] if n_classes == 2 else [-0.5, 0.5])
    model = BayesianInteractionClassifier(
        posterior=SMALL, n_draws=60, n_groups=4, random_state=0
    ).fit(X, codes)
    p = model.predict_proba(X)
    assert p.shape == (100, n_classes) and np.isfinite(p).all()
    assert np.isfinite(model.interactions_.score).all()
    assert model.score(X, codes) > 0.6


# Parameters


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ((1,), ValueError, "n_functions"),
        ((2.5,), TypeError, "n_functions"),
        ((20, 0), ValueError, "n_pair_functions"),
        ((20, "4"), TypeError, "n_pair_functions"),
        ((3, 4), ValueError, "n_pair_functions must not be larger.*4 and 3"),
    ],
)
def test_parameters_are_checked(given, error, words):
    with pytest.raises(error, match=words):
        regressor(posterior=GaussianProcess(*given)).fit(*table())


def test_what_is_feasible():
    assert GaussianProcess().is_feasible(10**6, 50)
    assert not GaussianProcess().is_feasible(10**6, 4000)
    assert GaussianProcess().is_feasible(500, 4000)


def test_the_parameters_are_numbers_of_functions():
    found = GaussianProcess(7, 3).learn(task("numbers"), None, 0).posterior
    assert {basis.n_functions for basis in found.products.bases} == {7}
    assert found.products.pair_functions == 3


def test_pickle_clone_and_nested_parameters():
    X, y = table()
    model = regressor().fit(X, y)
    copy, again = pickle.loads(pickle.dumps(model)), clone(model).fit(X, y)
    for other in (copy, again):
        np.testing.assert_array_equal(model.predict(X), other.predict(X))
        np.testing.assert_array_equal(model.interactions_.score, other.interactions_.score)
    more = clone(model).set_params(posterior__n_functions=9).fit(X, y)
    assert more.posterior_.products.bases[0].n_functions == 9


def test_what_is_learned_can_be_pickled():
    found = pickle.loads(pickle.dumps(SMALL.learn(task("3 classes"), None, 0)))
    assert found.held_out.predictions.shape == (120, 3)
    assert found.held_out.left_out(np.arange(4))[1].shape == (4, 3)
    assert family.MAX_POINTS == 1000


def test_tasks_of_the_stand_in():
    found = learned(SMALL)
    expected = SMALL.learn(task_of(), None, 0)
    np.testing.assert_array_equal(found.posterior.fitted, expected.posterior.fitted)


@pytest.mark.parametrize("kind", KINDS)
def test_features_that_never_vary(kind, capfd):
    given = task(kind)
    found = SMALL.learn(replace(given, X=np.zeros((120, 4))), None, 0)
    for part in parts(found):
        assert len(part.solution.active) == 0
        assert part.scores.tolist() == [0] * 6
        assert_close(part.fitted, np.full(120, part.fitted[0]), 1e-12)
    assert np.isfinite(found.held_out.predictions).all()
    values = found.posterior.draw(3, torch.Generator().manual_seed(0))(torch.zeros(2, 4))
    assert torch.isfinite(values).all()
    assert "illegal" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_targets_without_noise(noise):
    X = standard(np.random.default_rng(0).normal(size=(100, 4)))
    y = standard(X[:, 0] * X[:, 1]) + noise * X[:, 2]
    found = SMALL.learn(Task(X, y[:, None], np.ones(100), SquaredError()), None, 0)
    assert np.isfinite(found.posterior.scores).all() and found.posterior.scores.argmax() == 0
    assert found.noise_variance[0] < 1e-3
    nothing = SMALL.learn(Task(X, np.zeros((100, 1)), np.ones(100), SquaredError()), None, 0)
    assert nothing.posterior.scores.tolist() == [0] * 6
