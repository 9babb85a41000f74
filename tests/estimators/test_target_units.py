import numpy as np
import pytest

from skgeh.estimators._target_units import LogRatios, StandardUnits
from skgeh.geh.likelihoods import LOG_LOSSES
from skgeh.tables.table import Table


def table(y, weight=None, loss="squared_error"):
    X = np.random.default_rng(0).normal(size=(len(y), 2))
    return Table.of(X, y, weight, loss=loss)


def test_standard_units_are_those_of_the_table():
    y = np.random.default_rng(1).normal(size=(50, 2)) * [3.0, 0.1] + [5.0, -2.0]
    known = table(y)
    units = StandardUnits.of(known, np.array([0.5, 0.2]))
    np.testing.assert_allclose(units.means(known.target), y)
    np.testing.assert_allclose(units.variance(y), np.tile([0.5, 0.2] * y.var(0), (50, 1)))


@pytest.mark.parametrize("loss", LOG_LOSSES)
def test_log_ratios_lead_back_to_the_targets(loss):
    y = np.random.default_rng(1).gamma(2.0, size=(50, 2)) * [30.0, 0.1]
    known = table(y, np.linspace(0.5, 3, 50), loss)
    likelihood = LOG_LOSSES[loss].of(known.target, known.weight)
    units = LogRatios.of(known, np.ones(2), likelihood)
    np.testing.assert_allclose(units.means(np.log(known.target)), y)
    assert np.isfinite(units.means(np.full((1, 2), 1e4))).all()


@pytest.mark.parametrize(("loss", "power"), [("poisson", 1), ("gamma", 2)])
def test_the_dispersion_is_that_of_rows_of_weight_one(loss, power):
    """Around one mean, it is the mean of ``w (y - mu)^2 / mu^power``."""
    rng = np.random.default_rng(2)
    weight = rng.uniform(2, 9, 20_000)
    if loss == "poisson":
        y, expected = rng.poisson(4.0 * weight) / weight, 1.0
    else:
        y, expected = 4.0 * rng.gamma(weight / 0.3, 0.3 / weight), 0.3
    known = table(y, weight, loss)
    likelihood = LOG_LOSSES[loss].of(known.target, known.weight)
    units = LogRatios.of(known, np.ones(1), likelihood)
    assert units.power == power
    assert units.noise.item() == pytest.approx(expected, rel=0.05)
