"""The ten functions against their values by hand."""

import numpy as np
import pytest

from skgeh.datasets import make_tsang

TSANG = range(1, 11)


def test_ranges_of_the_features():
    X = make_tsang(2, 20_000, random_state=0)[0]
    assert X.min() >= -1 and X.max() <= 1 and (np.ptp(X, axis=0) > 1.99).all()
    X = make_tsang(1, 20_000, random_state=0)[0]
    narrow = np.isin(np.arange(10), [3, 4, 7, 9])
    assert (X[:, narrow].min(axis=0) >= 0.6).all() and (X[:, ~narrow].min(axis=0) < 0.01).all()
    assert X.min() >= 0 and X.max() <= 1


def test_numbers_of_pairs():
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


@pytest.mark.parametrize(
    ("number", "error"), [(0, ValueError), (11, ValueError), ("F1", TypeError)]
)
def test_tsang_knows_ten_functions(number, error):
    with pytest.raises(error, match="function"):
        make_tsang(number)
