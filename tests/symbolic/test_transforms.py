import numpy as np
import pytest

from skgeh.symbolic import (
    and_interactions,
    moebius_transform,
    or_interactions,
    or_reconstruction,
    zeta_transform,
)
from skgeh.symbolic.transforms import _blocks, _masks, _orders
from tests.symbolic.oracles import naive_and, naive_or


@pytest.mark.parametrize("n", range(8))
def test_interactions_are_those_of_the_definition(n):
    v = np.random.default_rng(n).normal(size=1 << n)
    np.testing.assert_allclose(and_interactions(v), naive_and(v), atol=1e-12)
    np.testing.assert_allclose(or_interactions(v), naive_or(v), atol=1e-12)


@pytest.mark.parametrize("shape", [(2**12,), (3, 2**12), (2, 3, 2**7), (0, 2**3), (2**13,)])
def test_transforms_invert_each_other(shape):
    v = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_allclose(zeta_transform(moebius_transform(v)), v, atol=1e-10)
    np.testing.assert_allclose(moebius_transform(zeta_transform(v)), v, atol=1e-10)
    np.testing.assert_allclose(or_reconstruction(or_interactions(v)), v, atol=1e-10)


def test_twenty_players():
    v = np.random.default_rng(0).normal(size=1 << 20)
    np.testing.assert_allclose(zeta_transform(moebius_transform(v)), v, atol=1e-9)


def test_the_argument_is_left_as_it_is():
    v = np.random.default_rng(0).normal(size=(2, 64))
    before = v.copy()
    for transform in (and_interactions, or_interactions, zeta_transform, or_reconstruction):
        transform(v)
    np.testing.assert_array_equal(v, before)
    one = np.ones(1)
    assert zeta_transform(one) is not one


def test_a_permutation_of_players_permutes_the_interactions():
    n, rng = 5, np.random.default_rng(0)
    v, new = rng.normal(size=1 << n), rng.permutation(n)
    index = _masks(n)[:, new] @ (1 << np.arange(n))
    for transform in (and_interactions, or_interactions):
        np.testing.assert_allclose(transform(v[index]), transform(v)[index], atol=1e-12)


def test_integers_and_booleans():
    np.testing.assert_array_equal(and_interactions([False, False, False, True]), [0, 0, 0, 1])
    np.testing.assert_array_equal(or_interactions([0, 1, 1, 1]), [0, 0, 0, 1])


@pytest.mark.parametrize(
    ("v", "error", "words"),
    [
        (np.zeros(3), ValueError, "2\\^n values"),
        (np.zeros((2, 0)), ValueError, "2\\^n values"),
        (1.0, ValueError, "2\\^n values"),
        ([0.0, np.nan], ValueError, "must be finite; 1 of 2"),
        (["a", "b"], TypeError, "real numbers"),
        ([1j, 0], TypeError, "real numbers"),
    ],
)
def test_what_is_no_array_over_subsets(v, error, words):
    with pytest.raises(error, match=words):
        moebius_transform(v)


def test_orders_and_blocks():
    np.testing.assert_array_equal(_orders(6), _masks(6).sum(1))
    assert all(sum(_blocks(n)) == n for n in range(21))
