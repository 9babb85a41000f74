"""From a table to a posterior: one way for each family."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skgeh.functions import RandomFunction
from skgeh.likelihoods import CrossEntropy, Likelihood
from skgeh.networks import Auto, Committee, GaussianProcess
from skgeh.networks.auto import CLEAN
from skgeh.networks.committee import CommitteePosterior
from skgeh.networks.gaussian_process import GaussianProcessPosterior
from skgeh.networks.hybrid import Family, StackPosterior
from skgeh.networks.independent import IndependentPosterior
from skgeh.networks.laplace import learn_logits
from skgeh.networks.perturbed import PerturbedPosterior, perturbations
from skgeh.quality import HeldOut
from skgeh.splits import MAX_POINTS, held_out_rows
from skgeh.training import StackNet

Trained = tuple[StackNet, StackPosterior]


@dataclass(frozen=True, eq=False)
class Task:
    """A table in standard units, and how networks are trained on it.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n, c)
        Numbers; or of labels 0 and 1, one column for two classes and else one a class.
    weight : ndarray of shape (n,)
    n_networks, n_perturbed : int
        Networks that predict, and networks on perturbed targets that are drawn from.
    validation_fraction : float
        Share of the rows that each network holds out.
    likelihood : Likelihood
    train : callable (family, held_out, moves, seed) -> StackNet, StackPosterior
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    weight: NDArray[np.float64]
    n_networks: int
    n_perturbed: int
    validation_fraction: float
    likelihood: Likelihood
    train: Callable[..., Trained]

    @property
    def has_labels(self) -> bool:
        """Whether the targets are labels."""
        return isinstance(self.likelihood, CrossEntropy)

    def held_out(self, n_networks: int, generator: np.random.Generator) -> NDArray[np.intp]:
        """Rows that each network never trains on."""
        return held_out_rows(len(self.X), n_networks, self.validation_fraction, generator)


@dataclass(frozen=True, eq=False)
class Learned:
    """What was learned from a table.

    Parameters
    ----------
    posterior : RandomFunction
    noise_variance : ndarray of shape (c,)
        In squared standard deviations of the targets; of labels, the share of their entropy that
        is left.
    held_out : HeldOut
        Predictions of rows by what was learned without them.
    net : StackNet, optional
        The trained networks, if there are any.
    """

    posterior: RandomFunction
    noise_variance: NDArray[np.float64]
    held_out: HeldOut
    net: StackNet | None = None


@singledispatch
def learn(family: Any, task: Task, seed: int) -> Learned:
    """Learn the posterior of a family of `skgeh.networks` from a table."""
    raise TypeError(f"No way to learn {family!r} from {len(task.X)} rows with seed {seed}.")


@learn.register
def _(family: Family, task: Task, seed: int) -> Learned:
    copies = task.n_networks, task.n_perturbed
    held_out = task.held_out(sum(copies), np.random.default_rng(seed))
    n_moved = 1 if task.has_labels else task.y.shape[1]  # weights of rows, or targets
    moves = perturbations(*copies, len(task.X), n_moved, seed)
    net, stack = task.train(family, held_out, moves, seed)
    posterior = PerturbedPosterior.of(stack, task.n_networks) if task.n_perturbed else stack
    noise_variance = net.noise_[: task.n_networks].mean(0).cpu().numpy().astype(np.float64)
    own = held_out[: task.n_networks]
    return Learned(
        posterior, noise_variance, HeldOut.of_members(posterior.members(), task.X, own), net
    )


@learn.register
def _(family: GaussianProcess, task: Task, seed: int) -> Learned:
    found = processes(family, task)
    rows = np.random.default_rng(seed).permutation(len(task.X))[:MAX_POINTS]
    predictions = np.column_stack(
        [one.left_out(task.X[rows], y[rows], weight[rows]) for one, y, weight in found]
    )
    posteriors = [one for one, *_ in found]
    noise = np.array([one.noise_variance for one in posteriors])
    if task.has_labels:  # their working responses have noise of another kind
        both = map(torch.as_tensor, (predictions, task.y[rows]))
        noise = task.likelihood.losses(*both).mean(0).numpy()
    posterior = posteriors[0] if len(posteriors) == 1 else IndependentPosterior(posteriors)
    return Learned(posterior, noise, HeldOut(rows, predictions))


def processes(
    family: GaussianProcess, task: Task
) -> list[tuple[GaussianProcessPosterior, NDArray, NDArray]]:
    """The process of every output, the numbers that it learned and the weights of their rows."""
    if task.has_labels:
        found = learn_logits(family, task.X, task.y, task.weight)
        return [(one.posterior, one.response.value, one.response.weight) for one in found]
    weight = task.weight / task.weight.mean()
    return [(family.learn(task.X, y, weight), y, weight) for y in task.y.T]


@learn.register
def _(family: Committee, task: Task, seed: int) -> Learned:
    process, _ = family.parts()
    net, stack = few_networks(family, task, seed)
    learned = learn(process, task, seed)
    return replace(learned, posterior=CommitteePosterior(learned.posterior, stack), net=net)


@learn.register
def _(family: Auto, task: Task, seed: int) -> Learned:
    n_rows, n_features = task.X.shape
    committee = family.committee(n_rows, n_features, n_outputs=task.y.shape[1])
    if committee is None:
        return learn(family.networks(), task, seed)
    if family.is_small(n_rows):
        return learn(committee, task, seed)
    net, _ = few_networks(family.probe(committee), task, seed)
    noise = min(net.module_.noise_variance.mean().item(), 1.0)
    if family.is_noisy(n_rows, noise):
        return learn(committee, task, seed)
    n_perturbed = 0 if noise < CLEAN and not task.has_labels else task.n_perturbed
    return learn(family.networks(), replace(task, n_perturbed=n_perturbed), seed)


def few_networks(family: Committee, task: Task, seed: int) -> Trained:
    """The trained networks of a committee."""
    _, networks = family.parts()
    held_out = task.held_out(family.n_networks, np.random.default_rng(seed))
    return task.train(networks, held_out, None, seed)
