import math
import pickle
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skgeh.training._callbacks import (
    RAMP,
    Annealing,
    BestState,
    HeldOutNoise,
    Progress,
    StopTraining,
    warm_cosine,
)
from tests.training.runs import table, trained

# What moves with every step


def test_learning_rate_rises_then_falls():
    rate = [warm_cosine((step + 1) / 100) for step in range(100)]
    assert rate[0] < rate[3] and max(rate) > 0.95
    assert rate[-1] == pytest.approx(0, abs=1e-12)
    assert (np.diff(rate[5:]) < 0).all()
    cosine = [0.5 * (1 + math.cos(math.pi * (k + 1) / 100)) for k in range(100)]
    np.testing.assert_allclose(rate[5:], cosine[5:], atol=1e-12)


class Steps(SimpleNamespace):
    """Remembers at which step its noise was started, and how often it was put in order."""

    def start_noise(self):
        self.started.append(len(self.kl_weights))

    def after_step(self):
        self.in_order += 1


def test_the_prior_comes_in_then_the_noise():
    n_steps = 25
    module = Steps(started=[], kl_weights=[], in_order=0)
    groups = [{"lr": 0.1}, {"lr": 2.0}]
    net = SimpleNamespace(
        module_=module,
        criterion_=SimpleNamespace(kl_weight=None),
        optimizer_=SimpleNamespace(param_groups=groups),
    )
    annealing = Annealing(n_steps)
    annealing.on_train_begin(net)
    for step in range(n_steps):
        annealing.on_batch_begin(net, training=False)  # validation is no step
        annealing.on_batch_begin(net, training=True)
        module.kl_weights.append(net.criterion_.kl_weight)
        share = warm_cosine((step + 1) / n_steps)
        assert [group["lr"] for group in groups] == pytest.approx([0.1 * share, 2.0 * share])
        annealing.on_batch_end(net, training=True)
        annealing.on_batch_end(net, training=False)
    np.testing.assert_allclose(module.kl_weights, np.minimum(1, np.arange(25) / 10))
    assert module.started == [RAMP * n_steps]
    assert module.in_order == n_steps


def test_dropout_is_switched_on_after_the_ramp_and_moves():
    net = trained(table(n=400), max_epochs=40)
    assert net.module_.noisy and net.criterion_.kl_weight == 1.0
    p = torch.sigmoid(net.module_.logits[1].detach())
    start = (0.1 * net.module_.noise_variance).clamp(1e-4, 0.05)[:, None, None]
    assert (p / start).log().abs().max() > 1


# The noise variance


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


def test_noise_is_smoothed_over_epochs():
    module = SimpleNamespace(noise_variance=torch.tensor([0.3, 0.7]))
    net = SimpleNamespace(module_=module, criterion_=SimpleNamespace())
    callback = HeldOutNoise()
    callback.on_train_begin(net)
    assert net.criterion_.noise.tolist() == module.noise_variance[:, None].tolist()
    errors = torch.rand(4, 2, 3, generator=torch.Generator().manual_seed(0)) + 0.1
    errors[1, 0, 0], errors[2, 1, 2] = 99.0, 0.0  # far out of what noise may be
    for error in errors:
        net.criterion_.held_out_noise = error
        callback.on_epoch_end(net)
    expected = None
    for error in errors.clamp(1e-6, 1.5):
        expected = error if expected is None else 0.5 * expected + 0.5 * error
    torch.testing.assert_close(net.criterion_.noise, expected)
    harmonic = [3 / sum(1 / value for value in row) for row in expected.tolist()]
    np.testing.assert_allclose(module.noise_variance, harmonic, rtol=1e-5)


# The best state


def searched(errors, patience=99, first_epoch=1):
    """Epochs with held-out errors (epochs, S); a copy's state is the number of the epoch."""
    module = torch.nn.Module()
    module.register_buffer("state", torch.zeros(errors.shape[1], 2))
    net = SimpleNamespace(module_=module, criterion_=SimpleNamespace(), history=[])
    best = BestState(patience, first_epoch)
    best.on_train_begin(net)
    with suppress(StopTraining):
        for epoch, error in enumerate(errors, start=1):
            net.history.append(epoch)
            module.state.fill_(epoch)
            net.criterion_.held_out_errors = torch.stack([error, error], dim=1)
            best.on_epoch_end(net)
    best.on_train_end(net)
    assert torch.equal(module.state[:, 0], module.state[:, 1])
    return len(net.history), module.state[:, 0].tolist()


@pytest.mark.parametrize("first_epoch", [1, 6])
def test_every_copy_gets_its_own_best_state_back(first_epoch):
    errors = torch.rand(12, 5, generator=torch.Generator().manual_seed(0))
    n_epochs, states = searched(errors, first_epoch=first_epoch)
    assert n_epochs == 12
    assert states == (errors[first_epoch - 1 :].argmin(0) + first_epoch).tolist()
    assert len(set(states)) > 1


def test_a_search_ends_when_no_copy_has_improved_for_a_while():
    errors = torch.tensor([[3.0, 3], [2, 4], [5, 2], [5, 5], [5, 5], [0, 0]])
    assert searched(errors, patience=2) == (5, [2, 3])
    assert searched(errors, patience=3) == (6, [6, 6])


def test_a_search_that_never_began_changes_nothing():
    assert searched(torch.ones(3, 2), first_epoch=4) == (3, [3, 3])


# The bar


def test_a_bar_counts_the_steps_and_is_pickled_after(capsys):
    bar = Progress(n_steps=3)
    bar.on_train_begin()
    for training in (True, False, True, True):
        bar.on_batch_end(training=training)
    bar.on_train_end()
    assert "3/3" in capsys.readouterr().err
    assert pickle.loads(pickle.dumps(bar)).n_steps == 3
