"""A Gaussian process that learns labels: Laplace's approximation, by weighted regressions.

Up to third order around a logit g, the log likelihood of a label y that has probability p is that
of a number with normal noise,

    z = g + (y - p) / (p (1 - p))   with the variance 1 / (p (1 - p)).

So every step of Newton's method towards the most probable logits is what the process does with
numbers, and the last one is the approximation (C. Rasmussen, C. Williams, "Gaussian Processes for
Machine Learning", 2006, Section 3.4). Of several classes the logits are moved in turn, while those
of the others stand still.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, softmax

from skgeh.functions import evaluate
from skgeh.likelihoods import LEAST, CrossEntropy
from skgeh.networks.anova import Anova
from skgeh.networks.gaussian_process import (
    BLOCK,
    TYPICAL,
    GaussianProcess,
    GaussianProcessPosterior,
    Sample,
    find_variances,
    some_rows,
)

# logits have a unit of their own, and a working response a noise that is known
TYPICAL_OF_LOGITS = np.append(TYPICAL[:-1] + 2 * np.log(CrossEntropy.unit), 0.0)
LEAST_CURVATURE = 1e-4
LONGEST = 4.0  # step of a logit: Newton's own may overshoot
TOLERANCE = 3e-3  # of the mean change of a probability
STEPS, SEARCHES, LAST_SEARCHES = 20, 6, 1
ITERATIONS = 8  # of a search for variances


@dataclass(frozen=True, eq=False)
class WorkingResponse:
    """Numbers in the place of labels.

    Parameters
    ----------
    value : ndarray of shape (n,)
    weight : ndarray of shape (n,)
        Inverse variances of their noise.
    """

    value: NDArray[np.float64]
    weight: NDArray[np.float64]

    @classmethod
    def of(cls, y: NDArray, p: NDArray, logit: NDArray, weight: NDArray) -> "WorkingResponse":
        """Of labels 0 and 1 with probability p, all of shape (n,)."""
        curvature = np.maximum(p * (1 - p), LEAST_CURVATURE)
        return cls(logit + (y - p) / curvature, weight * curvature)


@dataclass(frozen=True, eq=False)
class LearnedLogit:
    """The process of one logit, and the response that it was learned from."""

    posterior: GaussianProcessPosterior
    response: WorkingResponse

    def at(self, X: NDArray) -> NDArray[np.float64]:
        """Most probable logits, shape (n,)."""
        return evaluate(self.posterior.members(), X, copies=1, dtype=torch.float64)[0, :, 0]


def learn_logits(
    process: GaussianProcess, X: NDArray, y: NDArray, weight: NDArray
) -> list[LearnedLogit]:
    """One logit for two classes, the log-odds of the second, or one a class.

    Parameters
    ----------
    process : GaussianProcess
    X : ndarray of shape (n, d)
        In standard units.
    y : ndarray of shape (n, c)
        Labels as 0 and 1, one column for two classes and else one a class.
    weight : ndarray of shape (n,)
        How often each row counts.

    Returns
    -------
    list of c LearnedLogit
    """
    basis = process.basis(X, weight / weight.mean())
    shares = np.clip(np.average(y, axis=0, weights=weight), LEAST, 1 - LEAST)
    start = np.log(shares) - (np.log1p(-shares) if len(shares) == 1 else 0)
    logits, theta = np.tile(start, (len(X), 1)), np.tile(TYPICAL_OF_LOGITS, (len(shares), 1))
    searches = SEARCHES
    if len(X) > BLOCK:  # a start from few rows saves most of the steps on many
        rows = some_rows(len(X))
        found = newton(basis, X[rows], y[rows], weight[rows], logits[rows], theta, searches)
        logits, theta = np.column_stack([one.at(X) for one in found]), log_variances(found)
        searches = LAST_SEARCHES
    return newton(basis, X, y, weight, logits, theta, searches)


def newton(
    basis: Anova,
    X: NDArray,
    y: NDArray,
    weight: NDArray,
    logits: NDArray,
    theta: NDArray,
    searches: int,
) -> list[LearnedLogit]:
    """Most probable logits, whose variances are looked for in the first steps."""
    logits = logits.copy()
    found: list[LearnedLogit] = []
    for step in range(STEPS):
        before, known = probabilities(logits), log_variances(found) if found else theta
        found = []
        for k in range(y.shape[1]):
            p = probabilities(logits)[:, k]
            response = WorkingResponse.of(y[:, k], p, logits[:, k], weight)
            found.append(regression(basis, X, response, known[k], search=step < searches))
            logits[:, k] += np.clip(found[k].at(X) - logits[:, k], -LONGEST, LONGEST)
        change = np.abs(probabilities(logits) - before).mean()
        if step >= searches and change < TOLERANCE:
            break
    return found


def regression(
    basis: Anova, X: NDArray, response: WorkingResponse, theta: NDArray, search: bool
) -> LearnedLogit:
    """One step: the process given a working response."""
    z, w = response.value, response.weight
    own, intercept = basis.centred(X, w), float(np.average(z, weights=w))
    sample = Sample.of(own, X, z - intercept, np.sqrt(w))
    if search:
        typical = TYPICAL_OF_LOGITS
        theta = find_variances(own, sample.blocks(), theta, ITERATIONS, typical, known_noise=True)
    posterior = GaussianProcessPosterior(own, sample, np.exp(theta), intercept, 1 / w.sum())
    return LearnedLogit(posterior, response)


def log_variances(found: Sequence[LearnedLogit]) -> NDArray[np.float64]:
    """Log variances of each logit, shape (c, 7)."""
    return np.log([one.posterior.variances for one in found])


def probabilities(logits: NDArray) -> NDArray[np.float64]:
    """Of the second of two classes, (n, 1), or of all, (n, c)."""
    return expit(logits) if logits.shape[1] == 1 else softmax(logits, axis=1)
