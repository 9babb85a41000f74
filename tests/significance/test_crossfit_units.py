import numpy as np
import pandas as pd
import pytest

from tests.significance.crossfits import logistic, products, quick, small, table


def visits(rng, n_units=100, size=6, strength=0.0):
    """Features and noise that the rows of a unit nearly share."""
    unit = rng.permutation(np.repeat(np.arange(n_units), size))
    X = rng.normal(size=(n_units, 3))[unit] + 0.05 * rng.normal(size=(len(unit), 3))
    noise = rng.normal(size=n_units)[unit] + 0.5 * rng.normal(size=len(unit))
    return X, X[:, 2] + strength * X[:, 0] * X[:, 1] + noise, unit


@pytest.mark.parametrize("cv", [5, "sequential"])
@pytest.mark.parametrize("labels", [False, True])
def test_rows_of_one_unit_are_no_evidence_on_their_own(cv, labels):
    together, apart = [], []
    for seed in range(16):
        X, y, unit = visits(np.random.default_rng(seed), 300 if labels else 120)
        y = y > 0 if labels else y
        model = logistic() if labels else products()
        given = {"n_repeats": 1, "cv": cv, "variance_inflation": 1.2}
        together.append(quick(X, y, model, groups=unit, **given).p_value)
        apart.append(quick(X, y, model, **given).p_value)
    assert np.nanmean(np.array(together) <= 0.05) < 0.13
    assert np.nanmean(np.array(apart) <= 0.05) > 0.25


@pytest.mark.parametrize("estimator", [products(), small()], ids=["products", "networks"])
def test_an_interaction_of_units_is_found(estimator):
    X, y, unit = visits(np.random.default_rng(0), 200, strength=1.0)
    labels = np.array([f"site {k}" for k in unit])
    result = quick(X, y, estimator, n_repeats=1, groups=labels)
    assert result.p_value[0] < 1e-4 < 1e-3 < result.p_value[1:].min()
    assert 0.2 < result.strength[0] < 1 and result.strength_std[0] > 0
    moved = quick(X, y, estimator, n_repeats=1, groups=pd.Series(unit).astype("category"))
    assert np.isfinite(moved.p_value).all()


def test_units_of_one_row_are_rows():
    X, y = table(300)
    alone = quick(X, y, groups=np.arange(300), n_repeats=1)
    assert alone.p_value[0] < 1e-6 and alone.p_value[1:].min() > 1e-3
