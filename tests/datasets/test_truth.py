"""What every simulation owes: its truth, and noise in proportion to it."""

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from skgeh.datasets import make_interactions, make_tsang
from tests.oracles import mixed_difference

MAKERS = [
    pytest.param(make_interactions, id="interactions"),
    *(pytest.param(partial(make_tsang, k), id=f"F{k}") for k in range(1, 11)),
]


def assert_same_variance_ratio(f, noise, expected, n_errors=5):
    """Var(f) / Var(noise) lies within `n_errors` standard errors of what it should be.

    Delta method: the log of a sample variance has the variance (kurtosis - 1) / n.
    """
    squares = [np.square(v - v.mean()) for v in (f, noise)]
    error = np.sqrt(sum((np.mean(s**2) / np.mean(s) ** 2 - 1) / len(s) for s in squares))
    assert abs(np.log(np.mean(squares[0]) / np.mean(squares[1]) / expected)) < n_errors * error


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


def test_what_it_shows():
    _, _, truth = make_interactions(20, random_state=0)
    names = [f"x{i} x x{j}" for i, j in truth.pairs]
    listed = ", ".join(names[:5])
    assert repr(truth) == f"<Truth about 8 features, which interact: {listed}, ...>"
    assert "\n" not in repr(truth)
    html = truth._repr_html_()
    assert [html.count(f"<td>{name}</td>") for name in names] == [1] * len(names)
    nothing = replace(truth, pairs=truth.pairs[:0])
    assert repr(nothing) == "<Truth about 8 features, which interact: no pair>"
