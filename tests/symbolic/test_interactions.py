import numpy as np
import pytest

from skgeh.symbolic import or_reconstruction, sparse_and_or, zeta_transform
from skgeh.symbolic.interactions import AndOrInteractions, _mean_order
from skgeh.symbolic.transforms import _orders
from tests.symbolic.oracles import subsets


def test_strength_by_order():
    n = 4
    v = zeta_transform(np.arange(16) - 8.0)
    found = sparse_and_or(v, 0.0)
    both, plus, minus = (found.order_strength(0.0, sign) for sign in ("both", "+", "-"))
    np.testing.assert_allclose(plus - minus, both)
    i_and, i_or = found.merged
    by_hand = [(np.abs(i_and) + np.abs(i_or))[_orders(n) == k].sum() for k in range(1, n + 1)]
    np.testing.assert_allclose(both, by_hand)
    np.testing.assert_allclose(found.order_strength(1e9), 0)
    with pytest.raises(ValueError, match="sign must be"):
        found.order_strength(sign="plus")


def test_how_few_explain():
    a = np.zeros(16)
    a[[1, 2, 15]] = 10, 1, 0.1
    found = sparse_and_or(zeta_transform(a), 0.0, tol=1e-6, max_iter=20_000)
    assert found.n_explaining(0.9) == 1
    assert found.n_explaining(0.995) == 2
    with pytest.raises(ValueError, match="share must be"):
        found.n_explaining(0)


def random_interactions(n=4, samples=3, seed=0):
    """Any numbers at all, whether or not a search would end there."""
    i_and, i_or = np.random.default_rng(seed).normal(size=(2, samples, 1 << n))
    i_or[:, 0] = 0
    delta = 0.01 * np.random.default_rng(seed + 1).normal(size=(samples, 1 << n))
    return AndOrInteractions(i_and, i_or, delta, np.zeros(samples))


def test_values_are_sums_of_interactions():
    found = random_interactions()
    for sample, values in enumerate(found.reconstruct()):
        for s, value in enumerate(values):
            inside = sum(found.i_and[sample, t] for t in subsets(s))
            met = sum(found.i_or[sample, t] for t in range(16) if t & s)
            assert value == pytest.approx(inside + met + found.delta[sample, s])


def test_one_player_has_one_interaction():
    """AND and OR of a single player are the same function, and nobody's are none."""
    found = random_interactions()
    i_and, i_or = found.merged
    single = [1, 2, 4, 8]
    assert not i_or[:, [0, *single]].any() and not i_and[:, 0].any()
    before = zeta_transform(found.i_and) + or_reconstruction(found.i_or)
    after = zeta_transform(i_and) + or_reconstruction(i_or)
    np.testing.assert_allclose(after, before - before[:, :1], atol=1e-12)


def test_salient_is_what_is_a_share_of_the_mean_change():
    found = random_interactions()
    values = found.reconstruct()
    np.testing.assert_allclose(found.change, np.abs(values[:, -1] - values[:, 0]))
    tau = 0.2 * found.change.mean()
    assert found.threshold(0.2) == pytest.approx(tau)
    for mask, part in zip(found.salient(tau), found.merged, strict=True):
        np.testing.assert_array_equal(mask, np.abs(part) >= tau)
        assert mask.any() and not mask.all()
    assert not any(mask[:, 0].any() for mask in found.salient(0.0))  # nobody's is none


def test_the_mean_order_is_weighted_by_strength():
    np.testing.assert_allclose(_mean_order(np.array([[1.0, 0, 3.0], [0, 2.0, 0]])), [2.5, 2])
    assert np.isnan(_mean_order(np.zeros(3)))
