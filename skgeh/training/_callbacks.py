"""Callbacks of a training: ramps, the noise variance, the best state, a bar."""

import math
from typing import Any

import torch
from skorch.callbacks import Callback
from tqdm.auto import tqdm

from skgeh.geh.likelihoods import common_noise
from skgeh.training.objective import _NOISE_RANGE

RAMP = 0.4  # share of the steps in which the prior's weight rises; then the noise is switched on
WARM_UP = 0.05  # share of the steps in which the learning rate rises


class Annealing(Callback):
    """What moves with every step: the learning rates, the prior's weight, and when noise starts.

    torch's and skorch's schedulers would do the first, but slow the steps of small networks.
    """

    def __init__(self, n_steps: int):
        self.n_steps = n_steps

    def on_train_begin(self, net: Any, *_: Any, **__: Any) -> None:
        """Start at the foot of the ramps."""
        net.criterion_.kl_weight, self.step_ = 0.0, 0
        self.rates_ = [group["lr"] for group in net.optimizer_.param_groups]

    def on_batch_begin(self, net: Any, *_: Any, training: bool = False, **__: Any) -> None:
        """Climb one step."""
        if not training:
            return
        net.criterion_.kl_weight = min(1.0, self.step_ / (RAMP * self.n_steps))
        if self.step_ == math.ceil(RAMP * self.n_steps):
            net.module_.start_noise()
        self.step_ += 1
        share = warm_cosine(self.step_ / self.n_steps)
        for group, rate in zip(net.optimizer_.param_groups, self.rates_, strict=True):
            group["lr"] = share * rate

    def on_batch_end(self, net: Any, *_: Any, training: bool = False, **__: Any) -> None:
        """Bring parameters back into their range."""
        if training:
            net.module_.after_step()


class HeldOutNoise(Callback):
    """Estimate each copy's noise variances on its held-out rows, smoothed over epochs."""

    def on_train_begin(self, net: Any, *_: Any, **__: Any) -> None:
        """Forget an earlier training."""
        self.smooth_: torch.Tensor | None = None
        net.criterion_.noise = net.module_.noise_variance[:, None]

    def on_epoch_end(self, net: Any, *_: Any, **__: Any) -> None:
        """Take the new errors in."""
        error = net.criterion_.held_out_errors.clamp(*_NOISE_RANGE)
        self.smooth_ = error if self.smooth_ is None else (self.smooth_ + error) / 2
        net.criterion_.noise = self.smooth_
        net.module_.noise_variance.copy_(common_noise(self.smooth_))


class BestState(Callback):
    """Stop when no copy improves any more, and give every copy its best state back.

    The search starts after the ramps: before, the dropout probabilities are still at their start.
    """

    def __init__(self, patience: int, first_epoch: int):
        self.patience, self.first_epoch = patience, first_epoch

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Forget an earlier training."""
        self.best_: torch.Tensor | None = None
        self.state_: dict[str, torch.Tensor] = {}
        self.waited_ = 0

    def on_epoch_end(self, net: Any, *_: Any, **__: Any) -> None:
        """Remember the copies that have become better."""
        if len(net.history) < self.first_epoch:
            return
        errors, state = net.criterion_.held_out_errors.mean(1), net.module_.state_dict()
        if self.best_ is None:
            self.best_ = torch.full_like(errors, torch.inf)
            self.state_ = {name: value.clone() for name, value in state.items()}
        better = errors < self.best_
        self.best_ = torch.where(better, errors, self.best_)
        for name, value in state.items():
            self.state_[name][better] = value[better]
        self.waited_ = 0 if better.any() else self.waited_ + 1
        if self.waited_ >= self.patience:
            raise KeyboardInterrupt  # skorch's way to end a training

    def on_train_end(self, net: Any, *_: Any, **__: Any) -> None:
        """Put the best states together."""
        if self.state_:
            net.module_.load_state_dict(self.state_)


class Progress(Callback):
    """A bar over the training steps with the time left."""

    def __init__(self, n_steps: int):
        self.n_steps = n_steps

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Show the bar."""
        self.bar_ = tqdm(total=self.n_steps, desc="training", unit="step")

    def on_batch_end(self, *_: Any, training: bool = False, **__: Any) -> None:
        """Move it."""
        if training:
            self.bar_.update()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Leave it as it stands; a bar cannot be pickled."""
        self.bar_.close()
        del self.bar_


def warm_cosine(share: float) -> float:
    """Learning rate, relative to its maximum, after a share of the steps.

    A short rise, then half a cosine down to 0.

    Examples
    --------
    >>> warm_cosine(0.01) < warm_cosine(0.06) > warm_cosine(0.5) > warm_cosine(1.0)
    True
    """
    return min(1.0, share / WARM_UP) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
