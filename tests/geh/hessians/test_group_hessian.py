from itertools import product

import pytest
import torch

from skgeh.geh.hessians.group_hessian import GroupHessian
from tests.oracles import assert_close

K, C, M, D = 3, 2, 4, 5  # functions, outputs, groups, features


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def group_hessian(units=None, seed=0):
    """Symmetric ones; with respect to a number of units if there is one."""
    size = D if units is None else units
    core = random(K, C, M, size, size, seed=seed)
    factor = None if units is None else random(K, D, units, seed=seed + 1)
    return GroupHessian(core + core.mT, factor)


@pytest.mark.parametrize("units", [1, 3, 7])
def test_entries_are_sums_over_units(units):
    found = group_hessian(units)
    assert found.n_features == D
    full = found.full()
    assert full.shape == (K, C, M, D, D)
    for k, c, m, i, j in product(*map(range, full.shape)):
        expected = sum(
            found.factor[k, i, r] * found.core[k, c, m, r, s] * found.factor[k, j, s]
            for r, s in product(range(units), repeat=2)
        )
        assert full[k, c, m, i, j].item() == pytest.approx(expected.item())


def test_without_units_they_are_the_core():
    found = group_hessian()
    assert found.n_features == D
    assert torch.equal(found.full(), found.core)


@pytest.mark.parametrize("units", [None, 3])
@pytest.mark.parametrize(
    ("rows", "columns"),
    [(slice(0, 2), slice(1, 5)), (slice(3, 9), slice(3, 9)), (slice(4, 5), slice(None))],
)
def test_a_tile_is_a_slice(units, rows, columns):
    found = group_hessian(units)
    assert_close(found.tile(rows, columns), found.full()[..., rows, columns], 1e-14)


@pytest.mark.parametrize("units", [None, 3])
def test_some_of_the_functions(units):
    found, which = group_hessian(units), torch.tensor([2, 0, 2, 2])
    assert_close(found[which].full(), found.full()[which], 1e-14)


@pytest.mark.parametrize("units", [(3, 3), (None, None), (3, 7), (3, None)], ids=str)
def test_stacks_one_after_the_other(units):
    """In terms of units only where all have as many."""
    each = [group_hessian(number, seed) for seed, number in enumerate(units)]
    found = GroupHessian.stacked(each)
    assert_close(found.full(), torch.cat([one.full() for one in each]), 1e-14)
    assert (found.factor is not None) == (units == (3, 3))
