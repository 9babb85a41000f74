"""Laplace's approximation: labels and other targets by weighted regressions.

Around outputs g, up to terms of third order, the log likelihood of a target is that of a number
with normal noise, a working response. So every step of Newton's method towards the most probable
outputs is a regression on numbers, and the last one gives the approximation (C. Rasmussen, C.
Williams, "Gaussian Processes for Machine Learning", 2006, Section 3.4). Numbers with normal noise
are their own working response, and take one step.

With C > 2 classes, each step moves all logits at once, with a bound of their joint curvature that
is the same for all; the last step has each logit's own curvature.

Where a model is certain, a label hardly constrains its logit, so that a pair which makes labels
certain would be no evidence for itself (W. Hauck, A. Donner, "Wald's test as applied to hypotheses
in logit analysis", 1977). Pairs are therefore scored around logits of at most 4.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from skgeh.geh.likelihoods import SquaredError
from skgeh.geh.task import Task
from skgeh.parallel import no_bar
from skgeh.process._posterior import ProcessPosterior
from skgeh.process._products import Products
from skgeh.process._regression import regress
from skgeh.process._screen import Sizes, choose_products, finer

MANY = 5000  # rows from which on products are chosen by some of them
FEW = 5000  # rows that give many labels their start
LONGEST = 4.0  # longest step of an output, since Newton's own step may overshoot
CERTAIN = 4.0  # logit from which on labels say too little about it for scores
TOLERANCE = 3e-3  # mean change of a probability, or of a mean, at which steps end
NEWTON_STEPS = 15
SEARCHES, INNER_STEPS = 4, 2  # first steps that search for variances, and posteriors in each
LAST_STEPS = 4


def learn_outputs(task: Task, sizes: Sizes, progress: Callable = no_bar) -> list[ProcessPosterior]:
    """Posterior of every output of a task, in standard units."""
    if isinstance(task.likelihood, SquaredError):
        return Newton(task, sizes, progress).numbers()
    return Newton(task, sizes, progress).others()


@dataclass(frozen=True, eq=False)
class Newton:
    """The steps for one task.

    Parameters
    ----------
    task : Task
    sizes : Sizes
    progress : callable
    row_weights : ndarray of shape (n, c), optional
        By which the weights of rows are multiplied.
    known_noise : bool, default=False
        Whether the noise of a row of weight 1 has variance 1, if the likelihood does not say so.
    """

    task: Task
    sizes: Sizes
    progress: Callable = no_bar
    row_weights: NDArray[np.float64] | None = None
    known_noise: bool = False

    @property
    def options(self) -> dict:
        """Options of every regression."""
        likelihood = self.task.likelihood
        known = self.known_noise or likelihood.known_dispersion
        return {"known_noise": known, "unit": likelihood.unit**2, "progress": self.progress}

    def numbers(self) -> list[ProcessPosterior]:
        """One regression, and another one with finer products."""
        task, some = self.task, self.some(MANY)
        value, weight = self.response(task.y)
        few = task.X[some], value[some], weight[some]
        products = choose_products(*few, self.sizes, **self.options)
        fits = regress(products, *few, **self.options)
        fine = finer(products, fits, len(task.X))
        if fine is products and len(some) == len(task.X):
            return fits
        return regress(
            fine,
            task.X,
            value,
            weight,
            start=fits,
            steps=LAST_STEPS,
            **self.options,
        )

    def some(self, most: int) -> NDArray[np.intp]:
        """Up to as many rows, at random."""
        n = len(self.task.X)
        if n <= most:
            return np.arange(n)
        return np.sort(np.random.default_rng(0).permutation(n)[:most])

    def response(self, outputs: NDArray, *, bounded: bool = False) -> tuple[NDArray, NDArray]:
        """Working response and its weights at outputs, each (n, c)."""
        task = self.task
        value, weight = task.likelihood.working_response(
            task.y, outputs, self.counts, bounded=bounded
        )
        return value, weight if self.row_weights is None else weight * self.row_weights

    @property
    def counts(self) -> NDArray[np.float64]:
        """Weights of the rows, relative to their mean if an unknown dispersion absorbs it, (n,)."""
        weight = self.task.weight
        return weight if self.task.likelihood.known_dispersion else weight / weight.mean()

    def constant(self) -> NDArray[np.float64]:
        """The best constant as outputs, shape (n, c)."""
        task = self.task
        means = torch.as_tensor(np.average(task.y, axis=0, weights=task.weight))
        return np.tile(task.likelihood.constant(means).numpy(), (len(task.y), 1))

    def others(self) -> list[ProcessPosterior]:
        """Steps from the best constant."""
        task, outputs = self.task, self.constant()
        if len(task.X) > 2 * FEW:  # steps on a few rows cost little and give all rows a good start
            some = self.some(FEW)
            fits = learn_outputs(task.some(some), self.sizes, self.progress)
            products = fits[0].products
            outputs = np.column_stack([fit.predict(task.X) for fit in fits])
        else:
            response = self.response(outputs, bounded=True)
            products = choose_products(task.X, *response, self.sizes, **self.options)
            fits = regress(products, task.X, *response, **self.options)
            outputs, fits = self.steps(products, outputs, fits)
            products = finer(products, fits, len(task.X))
        outputs, fits = self.steps(products, outputs, fits)
        found = self.around(products, outputs, fits)
        if not task.has_labels or np.abs(outputs).max() <= CERTAIN:
            return found
        scored = self.around(products, np.clip(outputs, -CERTAIN, CERTAIN), fits)
        return [replace(one, scored=other) for one, other in zip(found, scored, strict=True)]

    def around(
        self, products: Products, outputs: NDArray, fits: list[ProcessPosterior]
    ) -> list[ProcessPosterior]:
        """Posteriors by the working response at outputs, for the variances of a fit."""
        response = self.response(outputs)
        return regress(products, self.task.X, *response, start=fits, steps=1, **self.options)

    def steps(
        self, products: Products, outputs: NDArray, fits: list[ProcessPosterior]
    ) -> tuple[NDArray, list[ProcessPosterior]]:
        """Steps until outputs no longer change."""
        for step in range(NEWTON_STEPS):
            value, weight = self.response(outputs, bounded=True)
            inner = INNER_STEPS if step < SEARCHES else 1
            fits = regress(
                products,
                self.task.X,
                value,
                weight,
                start=fits,
                steps=inner,
                **self.options,
            )
            move = np.column_stack([fit.fitted for fit in fits]) - outputs
            outputs = outputs + np.clip(move, -LONGEST, LONGEST)
            change = (np.abs(move) * weight).sum() / self.counts.sum()
            if change < TOLERANCE * move.shape[1]:
                break
        return outputs, fits
