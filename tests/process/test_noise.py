"""Weights for uneven noise, tails, and what rows of a unit share."""

from types import SimpleNamespace

import numpy as np
import pytest

from skgeh.process import _noise
from skgeh.process._newton import Newton
from skgeh.process._noise import MOST_UNEVEN, design_effect, is_normal, row_weights
from skgeh.process._null_model import UNEVEN, _Search, with_free_main_effects
from skgeh.process._screen import Sizes
from tests.process.cases import asked, in_units, task

# Weights of rows


def rows_of(X, residuals):
    """Rows of a model that leaves everything."""
    return SimpleNamespace(
        residuals=residuals,
        left=np.ones(len(X)),
        model=SimpleNamespace(observed=SimpleNamespace(X=X), noise_variance=1.0),
    )


def test_even_noise_is_not_in_doubt():
    doubts = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, noise = rng.normal(size=(300, 3)), rng.normal(size=300)
        doubts.append(row_weights(rows_of(X, noise))[1])
    assert max(doubts) < UNEVEN


def test_even_noise_of_many_columns_is_not_in_doubt():
    """Nor do weights follow it: what is learned of a row's size must not be its own."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X, noise = rng.normal(size=(400, 40)), rng.normal(size=400)
        weight, doubt = row_weights(rows_of(X, noise))
        assert doubt < UNEVEN and np.log(weight).std() < 0.35


def test_noise_of_one_size_has_equal_weights():
    rng = np.random.default_rng(0)
    weight, doubt = row_weights(rows_of(rng.normal(size=(300, 3)), rng.choice([-1.0, 1], 300)))
    np.testing.assert_allclose(weight, 1)
    assert doubt < UNEVEN


@pytest.mark.parametrize("seed", range(3))
def test_weights_follow_uneven_noise(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(600, 3))
    weight, doubt = row_weights(rows_of(X, np.exp(X[:, 1]) * rng.normal(size=600)))
    assert doubt > UNEVEN
    assert np.corrcoef(np.log(weight), X[:, 1])[0, 1] < -0.9
    assert weight.mean() == pytest.approx(1)
    assert np.ptp(np.log(weight)) <= 2 * MOST_UNEVEN
    assert np.log(weight).std() == pytest.approx(2, rel=0.4)  # of 1 / exp(x)^2


def test_the_residual_of_a_row_does_not_enter_its_own_weight():
    """But that of another row with the same features."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    X[1] = X[0]
    noise = np.exp(X[:, 1]) * rng.normal(size=400)
    noise[1] = noise[0] = 0.1 * np.exp(X[0, 1])
    before = np.log(row_weights(rows_of(X, noise))[0])
    noise[0] *= 1000
    after = np.log(row_weights(rows_of(X, noise))[0])
    own, other = (after - before)[:2]
    assert other < -0.05 and abs(own) < 0.3 * abs(other)


def test_tails_of_normal_noise():
    rng = np.random.default_rng(0)
    X, found = np.zeros((400, 1)), {}
    for name, draw in {"normal": rng.normal, "short": rng.uniform,
                       "long": lambda size: rng.standard_t(4, size)}.items():  # fmt: skip
        found[name] = np.mean([is_normal(rows_of(X, draw(size=400) - 0.5)) for _ in range(100)])
    assert found["normal"] > 0.75 and found["short"] == 1 and found["long"] < 0.1


# Units


def design_effects(**given):
    found = []
    for seed in range(6):
        X, y, units = in_units(seed=seed, **given)
        one = task(X, y)
        model = _Search(Newton(one, Sizes(0, 0)), asked(one))._main_effects()[0]
        found.append(design_effect(with_free_main_effects(model), units))
    return np.array(found)


def test_the_design_effect_of_rows_that_are_independent():
    assert np.median(design_effects()) <= 2


@pytest.mark.xfail(reason="where factors predict alike, any of them may be the best", strict=True)
def test_the_design_effect_of_rows_that_are_independent_is_never_large():
    assert design_effects().max() <= 8


@pytest.mark.parametrize("size", [4, 16])
def test_the_design_effect_of_copies_is_their_number_at_least(size):
    found = design_effects(size=size, copies=True)
    assert np.median(found) >= size and found.min() >= size / 2


def test_the_design_effect_is_that_of_some_units(monkeypatch):
    """Of one that has more rows, too."""
    monkeypatch.setattr(_noise, "MOST_JUDGED", 30)
    assert design_effects(size=16, copies=True).max() >= 8
    monkeypatch.setattr(_noise, "MOST_JUDGED", 3)
    assert np.isfinite(design_effects()).all()


def test_there_is_an_end_to_design_effects(monkeypatch):
    monkeypatch.setattr(_noise, "MOST_FACTORS", 2)
    assert design_effects(size=16, copies=True).max() == 2
