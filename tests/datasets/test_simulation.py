"""The simulation of eight features against independent computations."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import simpson

from skgeh.datasets import make_interactions
from tests.oracles import mixed_difference

PURE_VARIANCES = [0.02, 0.035, 0.03, 0.12, 0.025, 0.16, 0.06]
LOW = np.array([0.5, -0.5, 0.5, -0.5, 0.5, 0.5, -0.5, 0.5])
MAIN = np.array([1.0, -1.5, 0.8, 2.0, -1.0, 0.5, -1.2, 0.9])


def test_noise_scale_does_not_depend_on_the_sample():
    X, y, truth = make_interactions(3, signal_to_noise=1.0, random_state=0)
    X_4, y_4, _ = make_interactions(3, signal_to_noise=0.25, random_state=0)
    np.testing.assert_allclose(y_4 - truth.function(X_4), 2 * (y - truth.function(X)), rtol=1e-12)


def test_ranges_of_the_features():
    X = make_interactions(20_000, random_state=0)[0]
    for lowest, low in zip(X.min(axis=0), LOW, strict=True):
        assert low <= lowest < low + 0.002
    assert (X.max(axis=0) < LOW + 1).all() and (X.max(axis=0) > LOW + 0.998).all()


def test_forms_of_the_interactions():
    """The table's forms: each mixed difference is a multiple, above zero, of the form's own."""
    forms = [
        lambda x: x[:, 0] ** 2 * x[:, 1],
        lambda x: x[:, 1] ** 2 * x[:, 2],
        lambda x: x[:, 3] / x[:, 2],
        lambda x: np.sin(3.3 * (x[:, 3] + x[:, 4])),
        lambda x: np.exp(x[:, 4] * x[:, 5]),
        lambda x: x[:, 5] * np.cos(2 * np.pi * x[:, 6]),
        lambda x: x[:, 6] * x[:, 7],
    ]
    X, _, truth = make_interactions(50, random_state=0)
    other = make_interactions(50, random_state=1)[0]
    for k, form in enumerate(forms):
        expected = mixed_difference(form, X, other, k, k + 1)
        weight = (
            mixed_difference(truth.function, X, other, k, k + 1) @ expected / (expected @ expected)
        )
        found = mixed_difference(truth.function, X, other, k, k + 1)
        assert weight > 0
        np.testing.assert_allclose(found, weight * expected, atol=1e-12)


def test_main_weights():
    """What remains without the main weights has the interactions alone, and they are known."""
    X, _, truth = make_interactions(200, random_state=0)
    h = np.column_stack([
        X[:, 0] ** 2 * X[:, 1], X[:, 1] ** 2 * X[:, 2], X[:, 3] / X[:, 2],
        np.sin(3.3 * (X[:, 3] + X[:, 4])), np.exp(X[:, 4] * X[:, 5]),
        X[:, 5] * np.cos(2 * np.pi * X[:, 6]), X[:, 6] * X[:, 7],
    ])  # fmt: skip
    weights, *_ = np.linalg.lstsq(np.column_stack([X, h]), truth.function(X), rcond=None)
    np.testing.assert_allclose(weights[:8], MAIN, atol=1e-10)


@pytest.mark.parametrize("k", range(7))
def test_variance_of_each_pure_interaction(k):
    """Double centring over two features, the others held, by Simpson's rule."""
    _, _, truth = make_interactions(1)
    steps = np.linspace(0, 1, 161)
    X = np.tile(LOW + 0.37, (161, 161, 1))
    X[..., k] = LOW[k] + steps[:, None]
    X[..., k + 1] = LOW[k + 1] + steps
    f = truth.function(X.reshape(-1, 8)).reshape(161, 161)
    by_row, by_column = simpson(f, x=steps, axis=1), simpson(f, x=steps, axis=0)
    pure = f - by_row[:, None] - by_column + simpson(by_row, x=steps)
    variance = simpson(simpson(pure**2, x=steps), x=steps)
    np.testing.assert_allclose(variance, PURE_VARIANCES[k], rtol=1e-6)


def test_hessian_is_that_of_the_function():
    X, _, truth = make_interactions(40, random_state=0)
    step, hessian = 1e-3, truth.hessian(X)
    assert hessian.shape == (40, 28)
    for column, (i, j) in enumerate(zip(*np.triu_indices(8, 1), strict=True)):
        # central differences: the corners of a square around each point
        low, high = X.copy(), X.copy()
        low[:, [i, j]] -= step / 2
        high[:, [i, j]] += step / 2
        slope = mixed_difference(truth.function, low, high, i, j) / step**2
        np.testing.assert_allclose(hessian[:, column], slope, atol=1e-4)
    assert not hessian[:, ~truth.labels].any()
    assert (np.abs(hessian[:, truth.labels]).max(axis=0) > 0.1).all()


def test_symmetric_interactions_average_to_zero():
    """h2 and h6 cancel in the expected Hessian (Section 5.1), the others do not."""
    X, _, truth = make_interactions(40_000, random_state=0)
    hessian = truth.hessian(X)[:, truth.labels]
    in_errors = np.abs(hessian.mean(axis=0)) / (hessian.std(axis=0) / 200 + 1e-12)
    np.testing.assert_array_equal(in_errors < 5, [0, 1, 0, 0, 0, 1, 0])


def test_pairs():
    assert make_interactions(1)[2].pairs.tolist() == [list(p) for p in pairwise(range(8))]
