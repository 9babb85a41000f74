import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skgeh.symbolic import sparse_and_or, zeta_transform
from skgeh.symbolic.split import _projector
from skgeh.symbolic.transforms import or_reconstruction
from tests.symbolic.oracles import sparse_objective


def values(n, seed, samples=1):
    """A few AND and OR interactions and a little of everything."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, samples, 1 << n)) * (rng.random((2, samples, 1 << n)) < 8 / 2**n)
    return zeta_transform(a) + or_reconstruction(b) + 0.01 * rng.normal(size=(samples, 1 << n)) + 3


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("noise_bound", [0.0, 0.02, 0.3])
def test_objective_against_the_linear_program(n, noise_bound):
    v = values(n, seed=n, samples=3)
    found = sparse_and_or(v, noise_bound, tol=1e-4, max_iter=20_000)
    bound = noise_bound * np.abs(v[:, -1] - v[:, 0])
    best = np.array([sparse_objective(*one) for one in zip(v, bound, strict=True)])
    objective = found.objective()
    assert (objective >= best * (1 - 1e-7)).all()
    assert (objective <= best * (1 + 1e-3) + 1e-12).all()
    # what it says of itself is true: the gap is an upper bound
    assert (objective <= best * (1 + found.gap) + 1e-9).all()


def test_eight_players_against_the_linear_program():
    v = values(8, seed=0)
    found = sparse_and_or(v, 0.02)
    best = sparse_objective(v[0], 0.02 * abs(v[0, -1] - v[0, 0]))
    assert best * (1 - 1e-7) <= found.objective()[0] <= best * (1 + 1e-3)


@pytest.mark.parametrize("max_iter", [1, 30, 2000])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_matching_holds_however_long_it_ran(max_iter):
    v = 100 * values(7, seed=1, samples=4).reshape(2, 2, -1)
    found = sparse_and_or(v, max_iter=max_iter)
    assert found.i_and.shape == found.i_or.shape == found.delta.shape == v.shape
    np.testing.assert_allclose(found.reconstruct(), v, rtol=0, atol=1e-10)
    bound = 0.02 * np.abs(v[..., -1] - v[..., 0])[..., None]
    assert (np.abs(found.delta) <= bound * (1 + 1e-12)).all()
    np.testing.assert_array_equal(found.i_and[..., 0], v[..., 0])
    assert not found.i_or[..., 0].any()
    assert not found.delta[..., 0].any()


def test_the_projector_inverts_the_gram_matrix():
    n, s = 5, np.arange(32)
    contains, meets = ((s[:, None] & s) == s)[1:, 1:], ((s[:, None] & s) != 0)[1:, 1:]
    gram = contains @ contains.T.astype(float) + meets @ meets.T.astype(float) + np.eye(31)
    np.testing.assert_allclose(_projector(n) @ gram, np.eye(31), atol=1e-9)


def test_known_parts_are_found():
    n = 6
    a, b = np.zeros((2, 1 << n))
    a[0b000111], a[0b110000], b[0b001011] = 2.0, -1.0, 1.5
    found = sparse_and_or(zeta_transform(a) + or_reconstruction(b), 0.0, tol=1e-6, max_iter=20_000)
    np.testing.assert_allclose(found.merged, [a, b], atol=1e-3)


def test_a_batch_is_its_samples():
    v = values(6, seed=2, samples=5) * np.array([1, 10, 0.1, 1000, 1])[:, None]
    together = sparse_and_or(v).objective()
    alone = np.array([sparse_and_or(row).objective() for row in v])
    np.testing.assert_allclose(together, alone, rtol=2e-3)


def test_a_warm_start_needs_fewer_steps():
    v = values(7, seed=3, samples=3)
    before = sparse_and_or(v)
    near = v + 1e-3 * np.random.default_rng(0).normal(size=v.shape)
    warm = sparse_and_or(near, max_iter=100, warm_start=before)
    np.testing.assert_allclose(warm.reconstruct(), near, atol=1e-10)
    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        cold = sparse_and_or(near, max_iter=25)
    assert (warm.gap < cold.gap).all()
    again = sparse_and_or(near, max_iter=100, warm_start=before)  # the first run left it as it was
    np.testing.assert_array_equal(again.i_and, warm.i_and)


def test_a_warm_start_of_wider_bounds_keeps_the_new_ones():
    v = values(6, seed=4, samples=2)
    wide = sparse_and_or(v, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = sparse_and_or(v, 0.01, max_iter=1, warm_start=wide)
    bound = 0.01 * np.abs(v[:, -1:] - v[:, :1])
    assert (np.abs(found.delta) <= bound * (1 + 1e-12)).all()
    np.testing.assert_allclose(found.reconstruct(), v, atol=1e-10)


def test_constant_output_has_no_interactions():
    found = sparse_and_or(np.full((2, 8), 3.0))
    assert not found.merged[0].any()
    assert not found.merged[1].any()
    assert not found.gap.any()
    assert found.threshold() == 0
    assert not found.order_strength().any()
    assert (found.n_explaining() == 0).all()


@pytest.mark.parametrize(
    ("v", "options", "words"),
    [
        (np.zeros(1), {}, "1 to 12 players; got 0"),
        (np.zeros(1 << 13), {}, "1 to 12 players; got 13"),
        (np.zeros(4), {"noise_bound": -0.1}, "noise_bound"),
        (np.zeros(4), {"tol": 0}, "tol and max_iter"),
        (np.zeros(4), {"max_iter": 0}, "tol and max_iter"),
    ],
)
def test_what_cannot_be_split(v, options, words):
    with pytest.raises(ValueError, match=words):
        sparse_and_or(v, **options)


def test_a_warm_start_of_others():
    with pytest.raises(ValueError, match="warm_start must be"):
        sparse_and_or(np.zeros((2, 8)), warm_start=sparse_and_or(np.zeros((3, 8))))


def test_an_additive_output_of_many_players():
    # the slowest case: AND and OR of one player are the same function
    w = np.array([0.01, -0.02, 0.3, 0.4, -0.6, 0.8, 1.5, -2.0, 0.1])
    v = zeta_transform(np.bincount(1 << np.arange(9), w, 1 << 9))
    found = sparse_and_or(v, 0.0)
    assert found.gap < 0.01
    np.testing.assert_allclose(found.objective(), np.abs(w).sum(), rtol=0.01)
