"""The simulations against independent computations."""

import pickle
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import simpson

from skgeh.datasets import make_interactions, make_tsang

TSANG = range(1, 11)
MAKERS = [
    pytest.param(make_interactions, id="interactions"),
    *(pytest.param(partial(make_tsang, k), id=f"F{k}") for k in TSANG),
]
PURE_VARIANCES = [0.02, 0.035, 0.03, 0.12, 0.025, 0.16, 0.06]
LOW = np.array([0.5, -0.5, 0.5, -0.5, 0.5, 0.5, -0.5, 0.5])
MAIN = np.array([1.0, -1.5, 0.8, 2.0, -1.0, 0.5, -1.2, 0.9])


def assert_same_variance_ratio(f, noise, expected, n_errors=5):
    """Var(f) / Var(noise) lies within `n_errors` standard errors of what it should be.

    Delta method: the log of a sample variance has the variance (kurtosis - 1) / n.
    """
    squares = [np.square(v - v.mean()) for v in (f, noise)]
    error = np.sqrt(sum((np.mean(s**2) / np.mean(s) ** 2 - 1) / len(s) for s in squares))
    assert abs(np.log(np.mean(squares[0]) / np.mean(squares[1]) / expected)) < n_errors * error


def mixed_difference(f, X, other, i, j):
    """f's change along i, changed along j: zero everywhere if i and j do not interact."""
    by_i, by_j, by_both = X.copy(), X.copy(), X.copy()
    by_i[:, i] = by_both[:, i] = other[:, i]
    by_j[:, j] = by_both[:, j] = other[:, j]
    return f(by_both) - f(by_i) - f(by_j) + f(X)


@pytest.mark.parametrize("make", MAKERS)
def test_one_seed_gives_one_data_set(make):
    (X, y, _), (X_again, y_again, _) = (make(50, signal_to_noise=1.0, random_state=3) for _ in "ab")
    np.testing.assert_array_equal(X, X_again)
    np.testing.assert_array_equal(y, y_again)
    assert not np.array_equal(X, make(50, random_state=4)[0])


@pytest.mark.parametrize("make", MAKERS)
def test_features_do_not_depend_on_the_noise(make):
    X = make(50, signal_to_noise=0.1, random_state=3)[0]
    for ratio in (10, None, np.inf):
        np.testing.assert_array_equal(X, make(50, signal_to_noise=ratio, random_state=3)[0])


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("ratio", [None, np.inf])
def test_without_noise_the_target_is_the_function(make, ratio):
    X, y, truth = make(50, signal_to_noise=ratio, random_state=3)
    np.testing.assert_array_equal(y, truth.function(X))
    assert X.dtype == y.dtype == np.float64
    assert np.isfinite(y).all()


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("ratio", [0.03, 4.0])
def test_signal_to_noise_is_that_of_the_distribution(make, ratio):
    X, y, truth = make(40_000, signal_to_noise=ratio, random_state=1)
    f = truth.function(X)
    assert_same_variance_ratio(f, y - f, ratio)
    assert abs(np.corrcoef(f, y - f)[0, 1]) < 5 / np.sqrt(len(y))


def test_noise_scale_does_not_depend_on_the_sample():
    X, y, truth = make_interactions(3, signal_to_noise=1.0, random_state=0)
    X_4, y_4, _ = make_interactions(3, signal_to_noise=0.25, random_state=0)
    np.testing.assert_allclose(y_4 - truth.function(X_4), 2 * (y - truth.function(X)), rtol=1e-12)


def test_ranges_of_the_features():
    X = make_interactions(20_000, random_state=0)[0]
    for lowest, low in zip(X.min(axis=0), LOW, strict=True):
        assert low <= lowest < low + 0.002
    assert (X.max(axis=0) < LOW + 1).all() and (X.max(axis=0) > LOW + 0.998).all()
    X = make_tsang(2, 20_000, random_state=0)[0]
    assert X.min() >= -1 and X.max() <= 1 and (np.ptp(X, axis=0) > 1.99).all()
    X = make_tsang(1, 20_000, random_state=0)[0]
    narrow = np.isin(np.arange(10), [3, 4, 7, 9])
    assert (X[:, narrow].min(axis=0) >= 0.6).all() and (X[:, ~narrow].min(axis=0) < 0.01).all()
    assert X.min() >= 0 and X.max() <= 1


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


@pytest.mark.parametrize("make", MAKERS)
def test_labels_are_the_interactions_of_the_function(make):
    X, _, truth = make(2000, random_state=0)
    other = make(2000, random_state=1)[0]
    rows, columns = np.triu_indices(X.shape[1], 1)
    largest = [np.abs(mixed_difference(truth.function, X, other, i, j)).max()
               for i, j in zip(rows, columns, strict=True)]  # fmt: skip
    np.testing.assert_array_equal(np.array(largest) > 1e-9, truth.labels)
    assert min(np.array(largest)[truth.labels]) > 1e-3
    np.testing.assert_array_equal(truth.pairs, np.column_stack([rows, columns])[truth.labels])


def test_pairs_of_the_simulations():
    assert make_interactions(1)[2].pairs.tolist() == [list(p) for p in pairwise(range(8))]
    assert [len(make_tsang(k, 1)[2].pairs) for k in TSANG] == [11, 11, 9, 10, 8, 8, 14, 12, 15, 6]


def test_tsang_functions_at_a_point():
    """Worked out by hand at x = (1/2, ..., 1/2), where no two terms are alike."""
    X, half, root = np.full((1, 10), 0.5), 0.5, np.sqrt
    expected = {
        1: np.pi**0.25 - np.arcsin(0.5) + 0 - 1 - 0.25,
        2: np.pi**0.25 - np.arcsin(0.25) + np.log(2) + root(1 / 3) / 3 - 0.25,
        3: 1 + 0.25 - half + 0 + half + 0.8,
        4: 1 + 0.25 - half + 0 + half + 0.8 + 1 / 16,
        5: 4 / 7 + root(np.e) + 1 + 1 / 8,
        6: np.exp(1.25) - np.exp(2) + np.cos(0.5) + root(0.75),
        7: 4 * np.arctan(0.5) ** 2 + 0.75 - 1 / (1 + 2**-10) + 3.0**-5 + 5,
        8: 0.25 + 2**1.5 + 4 + np.sin(0.5 * np.sin(1)) + np.arccos(0.45),
        9: np.tanh(0.5) * root(0.5) + np.e + np.log(1 + 1 / 64) + 0.25 + 2 / 3,
        10: np.sinh(1) + np.arccos(np.tanh(1.5)) + np.cos(1) + 1 / np.cos(0.25),
    }
    for k in TSANG:
        truth = make_tsang(k, 1)[2]
        np.testing.assert_allclose(truth.function(X), expected[k], rtol=1e-12, err_msg=f"F{k}")


def test_tsang_has_no_hessian():
    X, _, truth = make_tsang(3, 5)
    with pytest.raises(NotImplementedError, match="kinks"):
        truth.hessian(X)


@pytest.mark.parametrize("make", MAKERS)
def test_truth_can_be_pickled_and_not_changed(make):
    X, _, truth = make(5, random_state=0)
    again = pickle.loads(pickle.dumps(truth))
    np.testing.assert_array_equal(again.function(X), truth.function(X))
    with pytest.raises(AttributeError):
        truth.pairs = None


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("ratio", [0, -1.0, np.nan, -np.inf])
def test_signal_to_noise_must_be_positive(make, ratio):
    with pytest.raises(ValueError, match=rf"above 0 or None, got {ratio}.*no noise"):
        make(5, signal_to_noise=ratio)


@pytest.mark.parametrize("make", MAKERS)
def test_wrong_arguments(make):
    with pytest.raises(TypeError, match="number above 0 or None, got 'high'"):
        make(5, signal_to_noise="high")
    with pytest.raises(ValueError, match="n_samples == 0"):
        make(0)
    with pytest.raises(TypeError, match="n_samples"):
        make(5.5)
    _, _, truth = make(5)
    for X in (np.zeros(truth.n_features), np.zeros((3, 4))):
        with pytest.raises(ValueError, match=rf"\(n, {truth.n_features}\), got shape"):
            truth.function(X)


@pytest.mark.parametrize(
    ("number", "error"), [(0, ValueError), (11, ValueError), ("F1", TypeError)]
)
def test_tsang_knows_ten_functions(number, error):
    with pytest.raises(error, match="function"):
        make_tsang(number)
