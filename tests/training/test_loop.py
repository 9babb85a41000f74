import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

from skgeh.geh.likelihoods import SquaredError
from skgeh.posteriors import ConcreteDropout, Ensemble
from skgeh.training.callbacks import warm_cosine
from skgeh.training.loop import Settings, parameter_groups, train
from skgeh.training.objective import Objective, mean_losses
from skgeh.training.rows import Rows, Slices, n_batches


def table(n=200, copies=3, own_targets=False, seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, 3, generator=generator)
    target = inputs[:, :1] * inputs[:, 1:2] + 0.1 * torch.randn(n, 1, generator=generator)
    if own_targets:
        target = torch.stack([target * (k + 1) for k in range(copies)])
    order = np.random.default_rng(seed).permutation(n)
    held_out = order[: 20 * copies].reshape(copies, 20)
    training = np.stack([np.setdiff1d(order, rows) for rows in held_out])
    whole = inputs, target, torch.ones(n, 1)
    return Rows(*whole, training, held_out=Rows(*whole, held_out))


def trained(rows, network=None, **options):
    seed = options.pop("seed", 0)
    settings = Settings(**{"max_epochs": 20, "batch_size": 20, **options})
    objective = Objective(SquaredError(), n_samples=200.0)
    columns = {"n_features": 3, "main_columns": (0, 3)}
    family = network or ConcreteDropout((20, 20))
    return train(family, rows, settings, objective, seed=seed, **columns)


def test_batches_are_the_rows_of_each_copy_once_in_its_own_order():
    rows = table()
    batches = list(Slices(rows, 45, seed=0))
    assert len(batches) == len(Slices(rows, 45, seed=0)) == 4
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
    for x, (y, weight) in Slices(rows, 30, seed=0):
        for copy in range(3):
            places = [rows.inputs.tolist().index(row) for row in x[copy].tolist()]
            torch.testing.assert_close(y[copy], rows.targets[copy, places])
            torch.testing.assert_close(weight[copy], rows.weights[places])


def test_held_out_rows_come_in_order_and_all_of_them():
    rows = table().held_out
    seen = torch.cat([x for x, _ in Slices(rows, 7)], dim=1)
    torch.testing.assert_close(seen, rows.inputs[rows.rows])


@pytest.mark.parametrize(("n", "size", "expected"), [(100, 10, 10), (99999, 250, 20), (7, 10, 1)])
def test_number_of_batches(n, size, expected):
    assert n_batches(n, size) == expected


def test_learning_rate_rises_then_falls():
    rate = [warm_cosine((step + 1) / 100) for step in range(100)]
    assert rate[0] < rate[3] and max(rate) > 0.95
    assert rate[-1] == pytest.approx(0, abs=1e-12)
    assert (np.diff(rate[5:]) < 0).all()
    cosine = [0.5 * (1 + math.cos(math.pi * (k + 1) / 100)) for k in range(100)]
    np.testing.assert_allclose(rate[5:], cosine[5:], atol=1e-12)


def test_every_parameter_has_its_rate():
    net = trained(table(), max_epochs=1)
    annealing = dict(net.callbacks_)["annealing"]
    names = {id(parameter): name for name, parameter in net.module_.named_parameters()}
    rates = {
        names[id(parameter)]: rate
        for group, rate in zip(net.optimizer_.param_groups, annealing.rates_, strict=True)
        for parameter in group["params"]
    }
    assert len(rates) == len(names)
    assert rates["weight_1"] == pytest.approx(0.02)
    assert {rates["weight_0"], rates["weight_2"], rates["bias_1"], rates["main"]} == {3e-3}
    assert {rates[f"logit_{layer}"] for layer in range(3)} == {0.18}
    shallow = [name for name, _ in parameter_groups(Ensemble((20,)), 3e-3)]
    assert not any(name.startswith("weight") for name in shallow)


def test_copies_train_as_they_would_alone():
    """A stack gives every copy the gradient that it would have had alone."""
    rows = table(copies=2)
    alone = Rows(rows.inputs, rows.targets, rows.weights, rows.rows[:1])
    assert torch.equal(alone.batch(rows.rows[:1, :9])[0][0], rows.batch(rows.rows[:, :9])[0][0])
    both = trained(rows, network=Ensemble((20, 20)))
    scaled = Rows(
        rows.inputs, torch.stack([rows.targets, 100 * rows.targets]), rows.weights, rows.rows
    )
    scaled.held_out = Rows(rows.inputs, scaled.targets, rows.weights, rows.held_out.rows)
    other = trained(scaled, network=Ensemble((20, 20)))
    x = rows.inputs[:10].expand(2, -1, -1)
    torch.testing.assert_close(both.module_(x)[0], other.module_(x)[0])
    assert not torch.allclose(both.module_(x)[1], other.module_(x)[1])


def test_it_is_a_skorch_net_with_a_history():
    net = trained(table())
    assert isinstance(net, NeuralNet)
    assert len(net.history) == 20
    assert {"train_loss", "valid_loss", "dur"} <= set(net.history[-1])
    assert net.history[-1, "valid_loss"] < 0.5 * net.history[0, "valid_loss"]


def test_noise_is_measured_on_held_out_rows():
    rows = table()
    net = trained(rows)
    net.module_.eval()
    with torch.no_grad():
        x, (y, _) = rows.held_out.batch(rows.held_out.rows)
        errors = (net.module_(x) - y).square().mean((1, 2))
    assert torch.allclose(net.module_.noise_variance, errors, rtol=0.2)


def test_noise_is_measured_on_all_held_out_rows_and_weighted():
    rows = table(n=3000, copies=1)
    order = np.arange(3000)[None]
    weights = torch.rand(3000, 1, generator=torch.Generator().manual_seed(1))
    rows = replace(rows, weights=weights, rows=order[:, 1500:])
    rows = replace(rows, held_out=replace(rows, rows=order[:, :1500]))
    net = trained(rows, max_epochs=1)
    with torch.no_grad():
        x, (y, w) = rows.held_out.batch(rows.held_out.rows)
        squares = (net.module_.eval()(x) - y).square()
    expected = (squares * w).sum() / w.sum()
    assert net.module_.noise_variance.item() == pytest.approx(expected.item(), rel=1e-5)


def test_an_interrupt_is_not_kept_quiet(monkeypatch):
    calls = []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 25:
            raise KeyboardInterrupt
        return mean_losses(*arguments)

    monkeypatch.setattr("skgeh.training.objective.mean_losses", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(table())


def test_dropout_is_switched_on_after_the_ramp_and_moves():
    net = trained(table(n=400), max_epochs=40)
    assert net.module_.noisy and net.criterion_.kl_weight == 1.0
    p = torch.sigmoid(net.module_.logits[1].detach())
    start = (0.1 * net.module_.noise_variance).clamp(1e-4, 0.05)[:, None, None]
    assert (p / start).log().abs().max() > 1


def test_training_depends_on_the_seed_alone():
    rows = table()
    torch.manual_seed(0)
    one = trained(rows, seed=1).module_.weights[0]
    torch.manual_seed(99)
    two = trained(rows, seed=1).module_.weights[0]
    assert torch.equal(one, two)
    assert not torch.equal(one, trained(rows, seed=2).module_.weights[0])


def stacked(times, targets=None, copies=3):
    """Rows of a stack in which copies s, s + N, ... see the same rows, with targets (S, n, 1)."""
    rows = table(copies=copies)
    targets = rows.targets.expand(times * copies, -1, -1) if targets is None else targets
    whole = rows.inputs, targets, rows.weights
    return Rows(*whole, rows.rows, held_out=Rows(*whole, rows.held_out.rows))


def different_targets(times=2, copies=3):
    base = table(copies=copies).targets
    generator = torch.Generator().manual_seed(7)
    return base + torch.randn(times * copies, *base.shape, generator=generator)


class TestSharedStart:
    """Fewer lines of rows than targets: copies s and s + N differ by their target only."""

    def test_copies_take_turns_at_the_rows(self):
        rows = replace(
            stacked(2, different_targets()),
            weights=torch.rand(200, 1, generator=torch.Generator().manual_seed(1)),
        )
        assert rows.n_copies == 6 and len(rows) == 180
        n_seen = 0
        for x, (y, weight) in Slices(rows, 30, seed=0):
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
        one = Slices(stacked(1), 30, seed=0)
        three = Slices(stacked(3), 30, seed=0)
        for (x, (y, _)), (again, (targets, _)) in zip(one, three, strict=True):
            assert torch.equal(x.repeat(3, 1, 1), again)
            assert torch.equal(y.repeat(3, 1, 1), targets)

    def test_held_out_rows_take_turns_too(self):
        rows = stacked(2, different_targets()).held_out
        (x, (y, _)), *more = Slices(rows, len(rows))
        assert not more
        assert torch.equal(x, rows.inputs[np.concatenate([rows.rows] * 2)])
        for copy in range(6):
            assert torch.equal(y[copy], rows.targets[copy, rows.rows[copy % 3]])

    @pytest.mark.parametrize("family", [ConcreteDropout, Ensemble])
    def test_copies_start_in_turn(self, family):
        def parameters(**options):
            stack = family((20, 20)).build(3, 1, main_columns=(0, 3), seed=5, **options)
            return dict(stack.named_parameters())

        alone, turns = parameters(n_copies=3), parameters(n_copies=6, n_starts=3)
        own = parameters(n_copies=6)
        for name, values in turns.items():
            assert values.shape == own[name].shape
            assert torch.equal(values[:3], alone[name]) and torch.equal(values[3:], alone[name])
            if name.startswith(("weight", "bias")):
                assert len(torch.unique(values[:3], dim=0)) == 3
                assert len(torch.unique(own[name], dim=0)) == 6

    def test_copies_see_noise_in_turn(self):
        stack = ConcreteDropout((20, 20)).build(3, 1, 6, main_columns=(0, 3), seed=5, n_starts=3)
        stack.start_noise()
        x = torch.randn(1, 50, 3, generator=torch.Generator().manual_seed(0)).expand(6, -1, -1)
        first, second = stack.train()(x), stack(x)
        for values in (first, second):
            torch.testing.assert_close(values[:3], values[3:])
        assert not torch.allclose(first, second)
        noise = first - stack.eval()(x)
        assert noise.abs().amax((1, 2)).min() > 1e-3
        assert not torch.allclose(noise[0], noise[1], atol=1e-3)

    @pytest.mark.parametrize("family", [ConcreteDropout, Ensemble])
    def test_equal_targets_end_equal(self, family):
        net = trained(stacked(2), network=family((20, 20)))
        assert family is Ensemble or (net.module_.noisy and net.criterion_.kl_weight == 1.0)
        for values in (*net.module_.parameters(), net.module_.noise_variance):
            torch.testing.assert_close(values[:3], values[3:], rtol=1e-3, atol=1e-4)
            assert not torch.allclose(values[0], values[1], rtol=1e-3, atol=1e-4)

    @pytest.mark.parametrize("family", [ConcreteDropout, Ensemble])
    def test_a_copy_does_not_feel_the_targets_of_others(self, family):
        """It ends where it would in a stack of its own turn."""
        targets = different_targets(times=3)
        targets[3:6] *= 100
        stack = trained(stacked(3, targets), network=family((20, 20))).module_
        alone = trained(stacked(1, targets[6:]), network=family((20, 20))).module_
        for together, own in zip(stack.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(together[6:], own, rtol=1e-2, atol=1e-3)
            assert not torch.allclose(together[:3], own, rtol=1e-2, atol=1e-3)
        torch.testing.assert_close(
            stack.noise_variance[6:], alone.noise_variance, rtol=1e-3, atol=1e-4
        )


class Stop(Callback):
    """Ends a training as skorch's own callbacks do."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **_):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "options",
    [{}, {"patience": 3}, {"callbacks": [Stop(9)]}],
    ids=["plain", "patience", "callbacks"],
)
def test_an_interrupt_goes_through_whatever_may_stop_a_training(monkeypatch, options):
    calls = []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 25:
            raise KeyboardInterrupt
        return mean_losses(*arguments)

    monkeypatch.setattr("skgeh.training.objective.mean_losses", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(table(), **options)


def test_a_callback_stops_a_training():
    net = trained(table(), callbacks=[Stop(3)])
    assert len(net.history) == 3
    assert net.criterion_.noise.shape == (3, 1)


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
