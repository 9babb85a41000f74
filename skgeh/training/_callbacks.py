"""Training callbacks: ramps, noise variance, best state and progress bar."""

import math
from typing import Any

import torch
from skorch.callbacks import Callback
from tqdm.auto import tqdm

from skgeh.geh.likelihoods import common_noise
from skgeh.training.objective import _NOISE_RANGE

RAMP = 0.4  # share of the steps during which the prior's weight rises; then the noise starts
WARM_UP = 0.05  # share of the steps during which the learning rate rises


class StopTraining(Exception):
    """Raised by a callback to end training."""


class Annealing(Callback):
    """Schedule of the learning rates, of the prior's weight, and of the start of the noise.

    The schedulers of torch and skorch could set the learning rates, but slow small networks down.
    """

    def __init__(self, n_steps: int):
        self.n_steps = n_steps

    def on_train_begin(self, net: Any, *_: Any, **__: Any) -> None:
        """Start at the bottom of the ramps."""
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
        """Forget any earlier training."""
        self.smooth_: torch.Tensor | None = None
        net.criterion_.noise = net.module_.noise_variance[:, None]

    def on_epoch_end(self, net: Any, *_: Any, **__: Any) -> None:
        """Include the new estimate."""
        noise = net.criterion_.held_out_noise.clamp(*_NOISE_RANGE)
        self.smooth_ = noise if self.smooth_ is None else (self.smooth_ + noise) / 2
        net.criterion_.noise = self.smooth_
        net.module_.noise_variance.copy_(common_noise(self.smooth_))


class BestState(Callback):
    """Stop when no copy improves any more, and restore the best state of every copy.

    The search starts after the ramps; until then, dropout probabilities keep their initial values.
    """

    def __init__(self, patience: int, first_epoch: int):
        self.patience, self.first_epoch = patience, first_epoch

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Forget any earlier training."""
        self.best_: torch.Tensor | None = None
        self.state_: dict[str, torch.Tensor] = {}
        self.waited_ = 0

    def on_epoch_end(self, net: Any, *_: Any, **__: Any) -> None:
        """Store the states of the copies that have improved."""
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
            raise StopTraining

    def on_train_end(self, net: Any, *_: Any, **__: Any) -> None:
        """Load the best state of every copy."""
        if self.state_:
            net.module_.load_state_dict(self.state_)


class Progress(Callback):
    """A progress bar over the training steps, with the time left."""

    def __init__(self, n_steps: int):
        self.n_steps = n_steps

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Show the bar."""
        self.bar_ = tqdm(total=self.n_steps, desc="training", unit="step")

    def on_batch_end(self, *_: Any, training: bool = False, **__: Any) -> None:
        """Advance the bar."""
        if training:
            self.bar_.update()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Close the bar and drop it, since it cannot be pickled."""
        self.bar_.close()
        del self.bar_


def warm_cosine(share: float) -> float:
    """Learning rate, relative to its maximum, after a share of the steps.

    It rises for a short time, then falls along half a cosine to 0.

    Examples
    --------
    >>> warm_cosine(0.01) < warm_cosine(0.06) > warm_cosine(0.5) > warm_cosine(1.0)
    True
    """
    return min(1.0, share / WARM_UP) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
