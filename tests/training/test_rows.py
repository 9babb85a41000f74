from dataclasses import replace

import numpy as np
import pytest
import torch

from skgeh.posteriors.family import _perturbations
from skgeh.training.rows import _n_batches, _Slices
from tests.training.runs import different_targets, rows_of, stacked, table, trained


def test_batches_are_the_rows_of_each_copy_once_in_its_own_order():
    rows = table()
    batches = list(_Slices(rows, 45, seed=0))
    assert len(batches) == len(_Slices(rows, 45, seed=0)) == 4
    seen = torch.cat([x for x, _ in batches], dim=1)
    for copy in range(3):
        expected = rows.inputs[rows.rows[copy]]
        assert sorted(map(tuple, seen[copy].tolist())) == sorted(map(tuple, expected.tolist()))
    assert not torch.equal(seen[0], seen[1])
    order = [rows.inputs.tolist().index(row) for row in seen[0].tolist()]
    assert order != sorted(order)


def test_targets_and_weights_follow_their_rows():
    weights = torch.rand(200, 1, generator=torch.Generator().manual_seed(1))
    rows = replace(table(own_targets=True), weights=weights)
    for x, (y, weight) in _Slices(rows, 30, seed=0):
        for copy in range(3):
            places = [rows.inputs.tolist().index(row) for row in x[copy].tolist()]
            torch.testing.assert_close(y[copy], rows.targets[copy, places])
            torch.testing.assert_close(weight[copy], rows.weights[places])


def test_held_out_rows_come_in_order_and_all_of_them():
    rows = table().held_out
    seen = torch.cat([x for x, _ in _Slices(rows, 7)], dim=1)
    torch.testing.assert_close(seen, rows.inputs[rows.rows])


@pytest.mark.parametrize(("n", "size", "expected"), [(100, 10, 10), (99999, 250, 20), (7, 10, 1)])
def test_number_of_batches(n, size, expected):
    assert _n_batches(n, size) == expected


class TestSharedStart:
    """Fewer lines of rows than targets: copies s and s + N differ by their target only."""

    def test_copies_take_turns_at_the_rows(self):
        rows = replace(
            stacked(2, different_targets()),
            weights=torch.rand(200, 1, generator=torch.Generator().manual_seed(1)),
        )
        assert rows.n_copies == 6 and len(rows) == 180
        n_seen = 0
        for x, (y, weight) in _Slices(rows, 30, seed=0):
            assert x.shape[:2] == y.shape[:2] == weight.shape[:2] == (6, x.shape[1])
            assert torch.equal(x[:3], x[3:]) and torch.equal(weight[:3], weight[3:])
            assert not torch.equal(x[0], x[1])
            for copy in range(6):
                places = [rows.inputs.tolist().index(row) for row in x[copy].tolist()]
                assert set(places) <= set(rows.rows[copy % 3])
                assert torch.equal(y[copy], rows.targets[copy, places])
                assert torch.equal(weight[copy], rows.weights[places])
            n_seen += x.shape[1]
        assert n_seen == 180

    def test_the_order_is_that_of_one_turn(self):
        one = _Slices(stacked(1), 30, seed=0)
        three = _Slices(stacked(3), 30, seed=0)
        for (x, (y, _)), (again, (targets, _)) in zip(one, three, strict=True):
            assert torch.equal(x.repeat(3, 1, 1), again)
            assert torch.equal(y.repeat(3, 1, 1), targets)

    def test_held_out_rows_take_turns_too(self):
        rows = stacked(2, different_targets()).held_out
        (x, (y, _)), *more = _Slices(rows, len(rows))
        assert not more
        assert torch.equal(x, rows.inputs[np.concatenate([rows.rows] * 2)])
        for copy in range(6):
            assert torch.equal(y[copy], rows.targets[copy, rows.rows[copy % 3]])


def test_perturbations_follow_their_rows_copy_by_copy():
    moves = _perturbations(1, 3, n_rows=60, n_targets=1, seed=0)
    rows, without = rows_of(moves=moves), rows_of()
    n_seen = 0
    for (x, (y, weight, move)), (again, known) in zip(
        _Slices(rows, 10, seed=0), _Slices(without, 10, seed=0), strict=True
    ):
        assert torch.equal(x, again)
        assert len(known) == 2
        assert torch.equal(y, known[0]) and torch.equal(weight, known[1])
        assert move.shape == y.shape
        for copy in range(4):
            places = [rows.inputs.tolist().index(row) for row in x[copy].tolist()]
            assert torch.equal(move[copy], moves[copy, places])
        n_seen += x.shape[1]
    assert n_seen >= 50
    _, held_out = rows.held_out.batch(rows.held_out.rows)
    assert len(held_out) == 2  # noise is measured on targets as they are


def test_perturbations_reach_copies_with_targets_of_their_own():
    rows = table(own_targets=True)
    moves = torch.randn(3, 200, 1, generator=torch.Generator().manual_seed(1))
    moved = replace(rows, perturbations=moves)
    _, (targets, weights, found) = moved.batch(rows.rows[:, :7])
    for copy in range(3):
        assert torch.equal(found[copy], moves[copy, rows.rows[copy, :7]])
        assert torch.equal(targets[copy], rows.targets[copy, rows.rows[copy, :7]])
    assert weights.shape == (3, 7, 1)
    still, shaken = trained(rows, max_epochs=3), trained(moved, max_epochs=3)
    assert not torch.equal(still.module_.weights[0], shaken.module_.weights[0])
