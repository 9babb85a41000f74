import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor, GEHSelector
from skgeh.estimators import fit_quality
from skgeh.estimators.fit_quality import FitQuality, _FitSample
from skgeh.geh.likelihoods import LOG_LOSSES, CrossEntropy, SquaredError
from skgeh.geh.task import HeldOut, Task
from tests.oracles import assert_close


def r2(y, predictions, weight=None):
    weight = np.ones(len(y)) if weight is None else weight
    away = y - np.average(y, weights=weight)
    return 1 - weight @ (y - predictions) ** 2 / (weight @ away**2)


def of(y, model, additive, weight):
    """From a target and held-out predictions of it."""
    constant = np.average(y, weights=weight)
    return FitQuality.of(*((y - other) ** 2 for other in (constant, additive, model)), weight)


# The numbers


@pytest.mark.parametrize("weighted", [False, True])
def test_numbers_are_those_of_a_loop(weighted):
    rng = np.random.default_rng(0)
    y, model, additive = rng.normal(size=(3, 40)) + rng.normal(size=40)
    weight = rng.uniform(0, 3, 40) if weighted else np.ones(40)
    found = of(y, model, additive, weight)
    assert found.r2 == pytest.approx(r2(y, model, weight))
    assert found.r2_main_effects == pytest.approx(r2(y, additive, weight))
    total = sum(weight)
    mean = sum(w * v for w, v in zip(weight, y, strict=True)) / total
    variance = sum(w * (v - mean) ** 2 for w, v in zip(weight, y, strict=True)) / total
    for other, gain in ((np.full(40, mean), found.over_mean), (additive, found.over_main_effects)):
        gains = [((v - o) ** 2 - (v - p) ** 2) / variance
                 for v, o, p in zip(y, other, model, strict=True)]  # fmt: skip
        average = sum(w * g for w, g in zip(weight, gains, strict=True)) / total
        squares = sum((w / total * (g - average)) ** 2
                      for w, g in zip(weight, gains, strict=True))  # fmt: skip
        assert gain == pytest.approx((average, squares**0.5))
    assert found.over_mean[0] == pytest.approx(found.r2)
    assert found.over_main_effects[0] == pytest.approx(found.r2 - found.r2_main_effects)


def test_standard_errors_are_those_of_new_tables():
    """In units of the target; over its variance on the same rows, they are on the safe side."""
    rng = np.random.default_rng(0)
    gains, errors, variances = [], [], []
    for _ in range(400):
        f, noise = rng.normal(size=(2, 200))
        found = of(f + noise, 0.8 * f, np.zeros(200), np.ones(200))
        gains.append(found.over_main_effects[0])
        errors.append(found.over_main_effects[1])
        variances.append(np.var(f + noise))
    gains, errors, variances = map(np.array, (gains, errors, variances))
    spread = np.std(gains * variances)
    assert np.mean(errors * variances) == pytest.approx(spread, rel=0.1)
    assert np.mean(errors) > np.std(gains)


def test_a_constant_target_is_no_division_by_zero():
    found = of(np.full(9, 3.0), np.full(9, 3.0), np.full(9, 3.0), np.ones(9))
    assert (found.r2, found.explains, found.believable) == (1, False, False)


@pytest.mark.parametrize(
    ("over_mean", "over_main_effects", "explains", "believable"),
    [
        ((0.21, 0.1), (0.1, 0.1), True, True),
        ((0.19, 0.1), (0.1, 0.1), False, False),
        ((-0.5, 0.1), (0.1, 0.1), False, False),
        ((0.5, 0.1), (-0.19, 0.1), True, True),  # as good as main effects alone, up to chance
        ((0.5, 0.1), (-0.21, 0.1), True, False),
    ],
)
def test_beyond_two_standard_errors(over_mean, over_main_effects, explains, believable):
    found = FitQuality(0.3, 0.2, over_mean, over_main_effects)
    assert (found.explains, found.believable) == (explains, believable)


@pytest.mark.parametrize(
    ("over_mean", "words"),
    [((0.1, 0.1), "explains nothing on rows"), ((0.5, 0.1), "worse than main effects alone")],
)
def test_the_warning_has_the_numbers(over_mean, words):
    found = FitQuality(0.1234, 0.5678, over_mean, (-0.5, 0.1))
    with pytest.warns(UserWarning, match=rf"{words}.*R2 0\.123, main effects alone 0\.568") as seen:
        found.warn()
    assert seen[0].filename == __file__


# Boosting


@pytest.mark.parametrize("weighted", [False, True])
def test_boosting_is_compared_in_the_unit_of_the_constant(weighted):
    rng = np.random.default_rng(0)
    y, model, boosting = rng.normal(size=(3, 40)) + rng.normal(size=40)
    weight = rng.uniform(0, 3, 40) if weighted else np.ones(40)
    losses = [(y - other) ** 2 for other in (np.average(y, weights=weight), boosting, model)]
    found = of(y, model, y, weight).beside_boosting(*losses, weight)
    assert found.r2_boosting == pytest.approx(r2(y, boosting, weight))
    assert found.over_boosting[0] == pytest.approx(found.r2 - found.r2_boosting)
    # as if boosting were the additive model
    assert found.over_boosting == pytest.approx(of(y, model, boosting, weight).over_main_effects)


@pytest.mark.parametrize(
    ("over_boosting", "misses"),
    [
        ((-0.3, 0.1), True),
        ((-0.19, 0.1), False),  # by chance
        ((-0.04, 0.001), False),  # certain, and small
        ((0.3, 0.1), False),
        ((np.nan, np.nan), False),
    ],
)
def test_what_boosting_must_do_better(over_boosting, misses):
    found = FitQuality(0.3, 0.2, (0.3, 0.1), (0.1, 0.1), 0.4, over_boosting)
    assert found.misses == misses


def with_steps(n=400):
    """A target with jumps, of three features together."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    return X, (X[:, :3] > 0).all(1) + np.sign(X[:, 0] * X[:, 1]) + 0.1 * rng.normal(size=n)


def test_a_fit_that_misses_what_boosting_finds_warns_once():
    X, y = with_steps()
    model = networks(2).fit(X, y)
    with pytest.warns(UserWarning, match="worse than gradient boosting") as caught:
        found = model.fit_quality_
    assert [one.filename for one in caught] == [__file__]
    assert f"R2 {found.r2:.3f}, boosting {found.r2_boosting:.3f}" in str(caught[0].message)
    assert not quiet(lambda: model.fit_quality_)[1]
    assert found.misses and found.r2_boosting > 0.7


def test_a_fit_as_good_as_boosting_does_not():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = np.column_stack([X[:, 0] * X[:, 1], X[:, 2]]) + 0.1 * rng.normal(size=(300, 2))
    for target in (y[:, 0], y):
        found, seen = quiet(lambda target=target: regressor().fit(X, target).fit_quality_)
        assert not seen and 0.3 < found.r2_boosting < found.r2
        assert found.over_boosting[0] == pytest.approx(found.r2 - found.r2_boosting)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_labels_are_compared_with_boosting(n_classes):
    X, y = with_steps()
    codes = np.digitize(y, [0.0, 1.5][: n_classes - 1])
    model = BayesianInteractionClassifier(posterior="gaussian_process", random_state=0)
    found, _ = quiet(lambda: model.fit(X, codes).fit_quality_)
    assert 0.3 < found.r2_boosting < 1
    assert found.over_boosting[0] == pytest.approx(found.r2 - found.r2_boosting)


@pytest.mark.parametrize("kind", ["eight rows", "constant target", "weights"])
def test_boosting_of_any_table(kind):
    X, y = table(8 if kind == "eight rows" else 60)
    weight = np.arange(1.0, 61) if kind == "weights" else None
    y = np.ones(len(X)) if kind == "constant target" else y
    found, _ = quiet(lambda: regressor().fit(X, y, sample_weight=weight).fit_quality_)
    assert np.isfinite([found.r2_boosting, *found.over_boosting]).all()


def test_boosting_takes_some_of_many_rows_and_targets(monkeypatch):
    asked, X = [], np.random.default_rng(0).normal(size=(3000, 3))
    y = X[:, :1] * np.arange(1.0, 7)

    def spy(task, seed):
        asked.append(task)
        return np.zeros(task.y.shape)

    monkeypatch.setattr(fit_quality, "boosted_predictions", spy)
    rows = np.random.default_rng(1).permutation(3000)
    task = Task(X, y, np.ones(3000), SquaredError())
    found = _FitSample.of(task, HeldOut(rows, lambda: y[rows]), 0).quality_beside_boosting()
    (some,) = asked
    assert some.X.shape == (2000, 3)
    assert_close(some.y, some.X[:, :1] * [1, 2, 4, 6], 1e-12)
    assert found.r2_boosting == pytest.approx(0, abs=1e-2)
    assert found.over_boosting[0] == pytest.approx(1, abs=1e-2)


# The additive model


def table(n=400, d=3, seed=0, interaction=0.0, noise=0.3):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, size=(n, d))
    y = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 / 2 + interaction * X[:, 0] * X[:, 1]
    return X, y + noise * rng.normal(size=n)


def additive_predictions(X, y, weight=None):
    weight = np.ones(len(X)) if weight is None else weight
    return fit_quality._additive_predictions(Task(X, y[:, None], weight, SquaredError()), 0)[:, 0]


def test_additive_functions_are_learned_and_products_are_not():
    X, y = table()
    assert r2(y, additive_predictions(X, y)) > 0.8
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    assert r2(X[:, 0] * X[:, 1], additive_predictions(X, X[:, 0] * X[:, 1])) < 0.1


def test_a_target_has_no_part_in_its_own_prediction(monkeypatch):
    """Given the strength of the ridge, which all rows choose together."""
    monkeypatch.setattr(fit_quality, "_ALPHAS", np.array([1.0]))
    X, y = table(80)
    before = additive_predictions(X, y)
    for row in (0, 17, 79):
        moved = y.copy()
        moved[row] += 100
        after = additive_predictions(X, moved)
        assert after[row] == pytest.approx(before[row], abs=1e-9)
        assert np.abs(after - before).max() > 1


def ridge_predictions(B, y, weight, units=None):
    task = Task(np.zeros((len(y), 2)), y[:, None], weight, SquaredError(), units)
    return fit_quality._ridge_predictions(B, task)[:, 0]


@pytest.mark.parametrize("n_units", [None, 60, 13, 3])
def test_predictions_are_those_of_as_many_fits(n_units):
    """The closed form against a ridge regression without each row, or unit, in turn."""
    n = 60
    X, y = table(n)
    weight = np.random.default_rng(1).uniform(0.5, 2, n)
    units = None if n_units is None else np.random.default_rng(2).permutation(n) % n_units
    B = fit_quality._additive_basis(X)
    found = ridge_predictions(B, y, weight, units)
    errors = []
    for alpha in fit_quality._ALPHAS:
        slow = np.empty(n)
        for code in range(n_units or n):
            off = (np.arange(n) if units is None else units) == code
            ridge = Ridge(alpha).fit(B[~off], y[~off], sample_weight=weight[~off])
            slow[off] = ridge.predict(B[off])
        errors.append((weight @ (y - slow) ** 2, slow.tolist()))
    assert_close(found, min(errors)[1], 1e-5)


LIKELIHOODS = {
    "numbers": lambda y: (y, SquaredError()),
    "labels": lambda y: (y > np.median(y), CrossEntropy(np.log(2))),
    "counts": lambda y: (np.exp(y / 2), LOG_LOSSES["poisson"].of(np.exp(y / 2)[:, None], ONES)),
}
ONES = np.ones(120)


@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_a_unit_has_no_part_in_its_own_prediction(kind, monkeypatch):
    """Other targets of a unit, which is a whole fold or a part of one, change nothing there."""
    monkeypatch.setattr(fit_quality, "_ALPHAS", np.array([1.0]))
    monkeypatch.setattr(fit_quality, "_LOG_PENALTIES", (1.0,))
    X, y = table(120)
    target, likelihood = LIKELIHOODS[kind](y)
    units = np.random.default_rng(0).integers(0, 9, 120)

    def predicted(values):
        task = Task(X, values[:, None].astype(float), ONES, likelihood, units)
        return fit_quality._additive_predictions(task, 0)[:, 0]

    before = predicted(target)
    for unit in (0, 8):
        mine = units == unit
        values = np.where(mine, np.roll(target, 1) if kind == "labels" else target + 2, target)
        after = predicted(values)
        np.testing.assert_allclose(after[mine], before[mine], atol=1e-5)  # LEAST of 2
        assert np.abs(after - before).max() > 1e-3


def test_wide_tables_take_lines_in_the_space_of_the_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 80))
    y = X @ rng.normal(size=80)
    B = fit_quality._additive_basis(X)
    assert B.shape == (50, 80)
    tall = ridge_predictions(np.vstack([B] * 2), np.tile(y, 2), np.ones(100))
    assert np.isfinite(tall).all()
    assert np.isfinite(ridge_predictions(B, y, np.ones(50))).all()
    assert np.isfinite(ridge_predictions(B, y, np.ones(50), np.arange(50) // 5)).all()


def test_rows_of_little_weight_say_little():
    X, y = table()
    weight = np.where(np.arange(400) % 2, 1.0, 1e-9)
    wrong = np.where(np.arange(400) % 2, y, 50.0)
    odd = np.arange(1, 400, 2)
    assert r2(y[odd], additive_predictions(X, wrong, weight)[odd]) > 0.8
    assert r2(y[odd], additive_predictions(X, wrong)[odd]) < 0


def test_large_tables_are_sampled_and_held_out_rows_are_in():
    X, y = table(7000)
    rows = np.random.default_rng(1).permutation(7000)[:1000]
    task = Task(X, y[:, None], np.ones(7000), SquaredError())
    sample = _FitSample.of(task, HeldOut(rows, lambda: y[rows, None]), 0)
    assert len(sample.task.X) == 2000
    np.testing.assert_array_equal(sample.task.X[sample.places], X[rows])
    quality = sample.quality()
    assert quality.r2 == 1 and quality.r2_main_effects > 0.8


@pytest.mark.parametrize("n", [8, 9, 20])
def test_few_rows_and_constant_features(n):
    X, y = table(n)
    X = np.column_stack([X, np.ones(n), np.arange(n) % 2])
    assert np.isfinite(additive_predictions(X, y)).all()


# What a user sees


def regressor(**given):
    defaults = {"posterior": "gaussian_process", "n_draws": 20, "n_groups": 4, "random_state": 0}
    return BayesianInteractionRegressor(**{**defaults, **given})


def networks(max_epochs, **given):
    return regressor(
        posterior="ensemble", hidden_layer_sizes=(20, 20), max_epochs=max_epochs, **given
    )


def quiet(ask):
    """The answer, and warnings about the fit."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        answer = ask()
    return answer, [one for one in seen if "The fitted model" in str(one.message)]


@pytest.mark.parametrize("model", [regressor(), networks(30)], ids=["process", "networks"])
@pytest.mark.parametrize("seed", range(2))
def test_noise_explains_nothing(model, seed):
    rng = np.random.default_rng(seed)
    model.fit(rng.normal(size=(150, 4)), rng.normal(size=150))
    assert not model.fit_quality_.explains
    for ask in (lambda: model.interactions_, lambda: model.interactions(n_groups=2)):
        with pytest.warns(UserWarning, match="The fitted model explains nothing") as caught:
            ask()
        assert [one.filename for one in caught] == [__file__]


def test_interactions_that_are_there_warn_once():
    rng = np.random.default_rng(0)
    model = regressor().fit(rng.normal(size=(100, 4)), rng.normal(size=100))
    _, first = quiet(lambda: model.interactions_)
    _, again = quiet(lambda: model.interactions_)
    assert (len(first), len(again)) == (1, 0)


@pytest.mark.parametrize("model", [regressor(), networks(40)], ids=["process", "networks"])
def test_a_clean_product_is_believed(model):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    model.fit(X, X[:, 0] * X[:, 1] + 0.05 * rng.normal(size=300))
    _, seen = quiet(lambda: (model.interactions_, model.interactions(X)))
    assert not seen
    assert model.fit_quality_.believable and model.fit_quality_.r2_main_effects < 0.1


def test_a_process_is_believed_where_there_are_main_effects_only():
    X, y = table(300)
    model = regressor().fit(X, y)
    assert model.fit_quality_.believable
    assert not quiet(lambda: model.interactions_)[1]


@pytest.mark.parametrize("main_effects", ["linear", None])
def test_a_network_that_has_not_learned_is_worse_than_main_effects(main_effects):
    X, y = table(600)
    y = y + X[:, 2]
    model = networks(2, main_effects=main_effects).fit(X, y)
    assert model.fit_quality_.r2_main_effects > 0.8
    with pytest.warns(UserWarning, match="worse than main effects alone") as caught:
        model.interactions()
    assert [one.filename for one in caught] == [__file__]
    assert not quiet(lambda: networks(60).fit(X, y).interactions_)[1]


def test_a_selector_warns_where_it_was_called():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 4)), rng.normal(size=100)
    selector = GEHSelector(regressor(), test=None, max_pairs=1)
    with pytest.warns(UserWarning, match="explains nothing") as caught:
        selector.fit(X, y)
    assert [one.filename for one in caught] == [__file__]


@pytest.mark.parametrize("model", [regressor(), networks(40)], ids=["process", "networks"])
def test_r2_is_about_that_on_new_rows(model):
    found, expected = [], []
    for seed in range(3):
        X, y = table(400, seed=seed, interaction=0.7)
        new, target = table(2000, seed=seed + 10, interaction=0.7)
        model.fit(X, y)
        found.append(model.fit_quality_.r2)
        expected.append(r2(target, model.predict(new)))
    assert np.mean(found) == pytest.approx(np.mean(expected), abs=0.05)
    assert 0.7 < np.mean(expected) < 0.98


def test_quality_is_weighted():
    """The rows that count obey a product, the others do not."""
    rng = np.random.default_rng(0)
    X, counts = rng.normal(size=(400, 3)), np.arange(400) % 2 == 0
    y = np.where(counts, X[:, 0] * X[:, 1], rng.normal(size=400))
    weight = np.where(counts, 1.0, 0.01)
    assert regressor().fit(X, y, sample_weight=weight).fit_quality_.r2 > 0.9
    assert regressor().fit(X, y).fit_quality_.r2 < 0.7


def test_it_is_there_after_every_fit():
    X, y = table(100)
    model = regressor()
    first = model.fit(X, y).fit_quality_
    assert model.fit(X, y).fit_quality_ == first
    assert model.fit(X, X[:, 2]).fit_quality_ != first


def test_what_it_shows():
    alone = FitQuality(0.81234, 0.5, (0.8, 0.02), (0.3, 0.01))
    assert repr(alone) == "<FitQuality: R2 0.812 on unseen rows, main effects alone 0.500>"
    assert "boosting" not in alone._repr_html_()
    both = replace(alone, r2_boosting=0.9, over_boosting=(-0.1, 0.03))
    assert repr(both) == repr(alone)[:-1] + ", gradient boosting 0.900>"
    html = both._repr_html_()
    assert html.count("<tr>") == 4
    assert "<td>0.900</td><td>-0.100 \u00b1 0.030</td>" in html
