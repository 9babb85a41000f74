import numpy as np
import pandas as pd
import pytest

from skgeh import BayesianInteractionRegressor
from skgeh.pages._contribution import Contribution
from skgeh.pages._reading import Reading
from tests.pages.models import fitted


def contribution(kind, row=0):
    model, _, y = fitted(kind)
    return Contribution.of(Reading.of(model, y), row)


def test_numbers_are_those_of_rows_with_these_values():
    found = contribution("product")
    model, X, _ = fitted("product")
    i, j = found.pair
    left, right = np.meshgrid(*found.sides, indexing="ij")
    rows = np.zeros((left.size, X.shape[1]))
    rows[:, i], rows[:, j] = left.ravel(), right.ravel()
    values, _ = model.interactions_.local(pd.DataFrame(rows, columns=X.columns), i, j)
    np.testing.assert_allclose(found.values.ravel(), values, atol=1e-6)


def test_sides_are_quantiles():
    found = contribution("product")
    _, X, _ = fitted("product")
    wanted = np.quantile(X[found.names[0]], [0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(found.sides[0], wanted, rtol=1e-6)
    assert len(found.grid.rows) == 5 and all(len(row) == 6 for row in found.grid.rows)


def test_the_lowest_and_the_highest_are_told():
    found = contribution("product")
    words = found.extremes
    assert f"{found.values.max():.3g}" in words
    assert f"\u2212{-found.values.min():.3g}" in words


@pytest.mark.parametrize(("kind", "goal"), [("targets", "target "), ("three classes", "log-odds")])
def test_of_several_targets_the_leading_one(kind, goal):
    model, _, y = fitted(kind)
    reading = Reading.of(model, y)
    for row in np.flatnonzero(reading.chosen).tolist():
        found = Contribution.of(reading, row)
        p = reading.tests.p_value[reading.order[row]]
        output = list(reading.found.targets)[int(p.argmin())]
        assert goal in found.words and found.words.count(str(output))
        assert found.found is reading.found_of(output)  # measured once


def test_levels_have_their_names():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"dose": rng.normal(size=300), "drug": rng.choice(["a", "<b>", "c"], 300)})
    y = X["dose"] * X["drug"].map({"a": -1.0, "<b>": 0.0, "c": 1.0}) + 0.1 * rng.normal(size=300)
    model = BayesianInteractionRegressor(posterior="gaussian_process").fit(X, y)
    grid = Contribution.of(Reading.of(model), 0).grid
    assert set(grid.heads[1:]) == {"a", "<b>", "c"}
    last = dict(zip(grid.heads, grid.rows[-1], strict=True))  # at the highest dose
    assert last["a"].startswith("\u2212") and not last["c"].startswith("\u2212")
