"""Rows of one unit, such as a patient, are held out together."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor
from skgeh.posteriors import ConcreteDropout, GaussianProcess, Stacking
from skgeh.posteriors.trainer import Trainer
from skgeh.tables.table import Table

FEW = {"max_epochs": 3, "n_networks": 3, "n_draws": 10, "n_groups": 2, "random_state": 0}
POSTERIORS = {
    "stack": Stacking(),
    "networks": ConcreteDropout((8,), n_perturbed=2),
    "process": GaussianProcess(5, 3),
}
KINDS = [BayesianInteractionRegressor, BayesianInteractionClassifier]


def table(n=120, seed=0):
    """Units of very different sizes, in no order."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    groups = np.array(["ann", "bob", "cy", "dee", "eve", "flo", "gus", "hal"])[
        np.minimum(rng.geometric(0.3, n) - 1, 7)
    ]
    return X, X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=n), groups


def of_kind(kind, y):
    return y if kind is BayesianInteractionRegressor else (y > 0).astype(int)


@pytest.fixture
def splits(monkeypatch):
    """Rows that networks hold out and train on, at every training."""
    seen, train = [], Trainer.train

    def watched(self, family, task, held_out, seed, *, training=None, moves=None):
        seen.append((task.units, held_out, training))
        return train(self, family, task, held_out, seed, training=training, moves=moves)

    monkeypatch.setattr(Trainer, "train", watched)
    return seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("posterior", ["stack", "networks"])
def test_no_network_trains_on_rows_of_a_unit_that_it_holds_out(kind, posterior, splits):
    X, y, groups = table()
    kind(posterior=POSTERIORS[posterior], **FEW).fit(X, of_kind(kind, y), groups=groups)
    assert len(splits) >= 1
    for units, held_out, training in splits:
        np.testing.assert_array_equal(units, np.unique(groups, return_inverse=True)[1])
        assert len(held_out) == len(training) >= 3
        for out, on in zip(held_out, training, strict=True):
            assert len(out) > 0 and len(on) > 0
            assert not set(groups[out]) & set(groups[on])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("posterior", POSTERIORS)
def test_every_answer_is_there(kind, posterior):
    X, y, groups = table()
    model = kind(posterior=POSTERIORS[posterior], **FEW).fit(X, of_kind(kind, y), groups=groups)
    held_out = model._fit_sample.held_out
    assert np.isfinite(held_out.predictions).all()
    assert len(held_out.predictions) == len(held_out.judged)
    assert np.isfinite(model.fit_quality_.r2)
    assert np.isfinite(model.interactions_.score).all()


def random_levels(n_units=30, size=10, seed=0):
    """Each unit has a level, of which the features of other units say nothing."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_units), size)
    X, levels = rng.normal(size=(n_units, 3))[groups], rng.normal(size=n_units)[groups]
    return X, levels + 0.2 * rng.normal(size=len(groups)), groups


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_the_fit_is_judged_by_new_units(kind, seed):
    X, y, groups = random_levels(seed=seed)
    y = of_kind(kind, y)
    fits = [
        kind(posterior="gaussian_process", random_state=0).fit(X, y, groups=given).fit_quality_
        for given in (None, groups)
    ]
    for name in ("r2", "r2_boosting"):
        known, new = (getattr(fit, name) for fit in fits)
        assert known > 0.5 > 0 > new
    assert fits[0].explains and not fits[1].explains


def test_noise_of_networks_is_that_of_new_units():
    X, y, groups = random_levels()
    given = {"posterior": "ensemble", "hidden_layer_sizes": (30, 30), "main_effects": "spline"}
    model = BayesianInteractionRegressor(max_epochs=30, random_state=0, **given)
    known, new = (model.fit(X, y, groups=groups_).noise_variance_ for groups_ in (None, groups))
    assert new > 1.2 * known and new > 0.8 * y.var()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("posterior", POSTERIORS)
def test_rows_without_weight_are_not_there(kind, posterior):
    X, y, groups = table()
    y = of_kind(kind, y)
    weight = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    weight[groups == "bob"] = 0  # a whole unit
    on = weight > 0
    given = {"posterior": POSTERIORS[posterior], **FEW}
    one = kind(**given).fit(X, y, sample_weight=weight, groups=groups)
    two = kind(**given).fit(X[on], y[on], sample_weight=weight[on], groups=groups[on])
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    np.testing.assert_array_equal(one.interactions_.effect, two.interactions_.effect)
    assert one.fit_quality_ == two.fit_quality_


@pytest.mark.parametrize(
    "relabel", [lambda g: pd.Categorical(g), lambda g: pd.Series(g, dtype="string"), list]
)
def test_labels_of_any_kind(relabel):
    X, y, groups = table()
    model = BayesianInteractionRegressor(posterior=POSTERIORS["networks"], **FEW)
    plain = model.fit(X, y, groups=groups).predict(X)
    np.testing.assert_array_equal(model.fit(X, y, groups=relabel(groups)).predict(X), plain)
    assert not np.array_equal(model.fit(X, y).predict(X), plain)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("posterior", POSTERIORS)
def test_two_units_are_enough(kind, posterior):
    X, y, _ = table(60)
    groups = np.arange(60) < 40
    model = kind(posterior=POSTERIORS[posterior], **FEW).fit(X, of_kind(kind, y), groups=groups)
    assert np.isfinite(model.fit_quality_.r2) and np.isfinite(model.fit_quality_.r2_boosting)
    assert np.isfinite(model.interactions_.effect).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (np.arange(29), r"groups must have one label for each of the 30 rows; got shape \(29,\)"),
        (np.ones((30, 1)), r"groups must have one label.*got shape \(30, 1\)"),
        ("patient", "groups must have one label"),
        (np.r_[np.nan, np.arange(29)], "groups must say for every row.*missing labels"),
        ([None, *"ab" * 14, "a"], "groups must say for every row.*missing labels"),
        (np.zeros(30), "groups must have at least two units; got one"),
        (["ann"] * 30, "groups must have at least two units; got one .*ann"),
    ],
    ids=str,
)
def test_groups_that_cannot_be_used(kind, groups, words):
    X, y, _ = table(30)
    with pytest.raises(ValueError, match=words):
        kind(posterior=POSTERIORS["process"]).fit(X, of_kind(kind, y), groups=groups)


def test_one_unit_among_the_rows_that_count():
    X, y, _ = table(30)
    groups, weight = np.arange(30) < 10, (np.arange(30) >= 10).astype(float)
    with pytest.raises(ValueError, match="at least two units; got one"):
        BayesianInteractionRegressor().fit(X, y, sample_weight=weight, groups=groups)


@pytest.mark.parametrize("kind", KINDS)
def test_groups_are_routed_through_a_pipeline(kind, monkeypatch):
    X, y, groups = table()
    seen, read = [], Table.of.__func__

    def watched(cls, X, y, sample_weight=None, groups=None, **given):
        seen.append((len(X), groups))
        return read(cls, X, y, sample_weight, groups, **given)

    monkeypatch.setattr(Table, "of", classmethod(watched))
    with sklearn.config_context(enable_metadata_routing=True):
        model = kind(posterior=POSTERIORS["process"]).set_fit_request(groups=True)
        pipeline, cv = make_pipeline(StandardScaler(), model), GroupKFold(3)
        pipeline.fit(X, of_kind(kind, y), groups=groups)
        found = cross_validate(pipeline, X, of_kind(kind, y), cv=cv, params={"groups": groups})
    assert np.isfinite(found["test_score"]).all()
    rows = [np.arange(len(X)), *(train for train, _ in cv.split(X, y, groups))]
    assert len(seen) == len(rows) == 4
    for (n, given), mine in zip(seen, rows, strict=True):
        assert n == len(mine)
        np.testing.assert_array_equal(given, groups[mine])
