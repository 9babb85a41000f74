import os
import signal
import time

import pytest
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping

from skgeh.posteriors import ConcreteDropout, Ensemble
from skgeh.training.loop import _parameter_groups
from skgeh.training.objective import _mean_losses
from skgeh.training.rows import Rows
from tests.training.runs import different_targets, stacked, table, trained


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
    shallow = [name for name, _ in _parameter_groups(Ensemble((20,)), 3e-3)]
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


def test_an_interrupt_is_not_kept_quiet(monkeypatch):
    calls = []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 25:
            raise KeyboardInterrupt
        return _mean_losses(*arguments)

    monkeypatch.setattr("skgeh.training.objective._mean_losses", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(table())


def test_training_depends_on_the_seed_alone():
    rows = table()
    torch.manual_seed(0)
    one = trained(rows, seed=1).module_.weights[0]
    torch.manual_seed(99)
    two = trained(rows, seed=1).module_.weights[0]
    assert torch.equal(one, two)
    assert not torch.equal(one, trained(rows, seed=2).module_.weights[0])


class TestSharedStart:
    """Fewer lines of rows than targets: copies s and s + N differ by their target only."""

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
        return _mean_losses(*arguments)

    monkeypatch.setattr("skgeh.training.objective._mean_losses", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(table(), **options)


def test_a_callback_stops_a_training():
    net = trained(table(), callbacks=[Stop(3)])
    assert len(net.history) == 3
    assert net.criterion_.noise.shape == (3, 1)


class Interrupted(Callback):
    """The user presses Ctrl-C while a callback is at work."""

    def on_batch_end(self, net, training=False, **_):
        if training and len(net.history) == 4:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)


def test_an_interrupt_goes_through_a_callback_too():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            trained(table(), callbacks=[Interrupted()])
    finally:
        signal.signal(signal.SIGINT, before)


def test_skorchs_own_early_stopping_stops():
    stopping = EarlyStopping(monitor="valid_loss", patience=1, threshold=10.0, sink=lambda _: None)
    assert len(trained(table(), callbacks=[stopping]).history) == 2


class Raising(Callback):
    """Raises at one kind of event."""

    def __init__(self, event):
        self.event = event

    def notified(self, net, *_, **__):
        raise KeyboardInterrupt

    def __getattribute__(self, name):
        if name.startswith("on_") and name == object.__getattribute__(self, "event"):
            return object.__getattribute__(self, "notified")
        return object.__getattribute__(self, name)


@pytest.mark.parametrize(
    "event",
    ["on_train_begin", "on_epoch_begin", "on_batch_begin", "on_batch_end", "on_train_end"],
)
def test_networks_that_cannot_be_judged_yet_are_no_result(event):
    with pytest.raises(KeyboardInterrupt):
        trained(table(), callbacks=[Raising(event)])


class Slow(Callback):
    """The user presses Ctrl-C between two epochs."""

    def on_epoch_end(self, net, **_):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)


def test_an_interrupt_goes_through_a_handler_of_the_program():
    def handler(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            trained(table(), callbacks=[Slow()])
    finally:
        signal.signal(signal.SIGINT, before)
