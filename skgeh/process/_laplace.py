"""A Gaussian process for labels: Laplace's approximation by weighted regressions.

Around a logit g, up to terms of third order, the log likelihood of a label y with probability p is
that of a number with normal noise,

    z = g + (y - p) / (p (1 - p))   with variance 1 / (p (1 - p)).

So every step of Newton's method towards the most probable logits is a regression on numbers, and
the last step gives the approximation (C. Rasmussen, C. Williams, "Gaussian Processes for Machine
Learning", 2006, Section 3.4). With C > 2 classes, each step moves all logits at once. Their joint
curvature, ``diag(p) - p p'``, is at most ``2 p (1 - p)`` for each logit; steps with this bound do
not oscillate. The last step uses ``p (1 - p) C / (C - 1)`` instead, which is exact for centred
logits if all classes are equally likely.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, softmax

from skgeh.geh.functions import evaluate
from skgeh.geh.likelihoods import LEAST, CrossEntropy
from skgeh.process._anova import Anova
from skgeh.process._gaussian_process import (
    BLOCK,
    TYPICAL,
    GaussianProcessPosterior,
    Observed,
    Sample,
    find_variances,
    some_rows,
)

# logits have their own unit, and the noise of a working response is known
TYPICAL_OF_LOGITS = np.append(TYPICAL[:-1] + 2 * np.log(CrossEntropy.unit), 0.0)
LEAST_CURVATURE = 1e-4
LONGEST = 4.0  # longest step of a logit, since Newton's own step may overshoot
TOLERANCE = 3e-3  # mean change of a probability at which steps end
STEPS = 20
SEARCHES, ITERATIONS = 6, 8  # first steps that search for variances, and iterations of a search


@dataclass(frozen=True, eq=False)
class WorkingResponse:
    """Numbers with noise that replace labels.

    Parameters
    ----------
    value : ndarray of shape (n,)
    weight : ndarray of shape (n,)
        Inverse noise variances.
    """

    value: NDArray[np.float64]
    weight: NDArray[np.float64]

    @classmethod
    def of(
        cls, y: NDArray, logits: NDArray, weight: NDArray, factor: float = 1.0
    ) -> "list[WorkingResponse]":
        """Responses to labels 0 and 1 at logits, both (n, c); `factor` multiplies curvatures."""
        p = probabilities(logits)
        curvature = np.maximum(factor * p * (1 - p), LEAST_CURVATURE)
        values, weights = logits + (y - p) / curvature, weight[:, None] * curvature
        return [cls(*columns) for columns in zip(values.T, weights.T, strict=True)]

    @property
    def mean(self) -> float:
        """Weighted mean of the values: the intercept."""
        return float(np.average(self.value, weights=self.weight))

    @property
    def centred(self) -> NDArray[np.float64]:
        """Values minus their weighted mean."""
        return self.value - self.mean

    @property
    def root_weight(self) -> NDArray[np.float64]:
        """Factor of each row that gives its noise variance 1."""
        return np.sqrt(self.weight)


@dataclass(frozen=True, eq=False)
class LearnedLogit:
    """The process of one logit, and the response that it was learned from.

    Parameters
    ----------
    posterior : GaussianProcessPosterior
    response : WorkingResponse
    """

    posterior: GaussianProcessPosterior
    response: WorkingResponse

    def at(self, X: NDArray) -> NDArray[np.float64]:
        """Most probable logits, shape (n,)."""
        return evaluate(self.posterior.members(), X, copies=1, dtype=torch.float64)[0, :, 0]


def learn_logits(basis: Anova, X: NDArray, y: NDArray, weight: NDArray) -> list[LearnedLogit]:
    """Learn one logit for two classes (the log-odds of the second), or one per class.

    Parameters
    ----------
    basis : Anova
    X : ndarray of shape (n, d)
        In standard units.
    y : ndarray of shape (n, c)
        Labels as 0 and 1: one column for two classes, otherwise one per class.
    weight : ndarray of shape (n,)
        How often each row counts.

    Returns
    -------
    list of c LearnedLogit
    """
    n = len(X)
    shares = np.clip(np.average(y, axis=0, weights=weight), LEAST, 1 - LEAST)
    start = np.log(shares) - (np.log1p(-shares) if len(shares) == 1 else 0)
    logits, theta = np.tile(start, (n, 1)), np.tile(TYPICAL_OF_LOGITS, (len(shares), 1))
    # steps on a few rows cost little and give all rows a good start
    rows = some_rows(n) if n > BLOCK else np.arange(n)
    few = FewRows.of(basis, X[rows])
    logits[rows], theta = newton(few, y[rows], weight[rows], logits[rows], theta, SEARCHES)
    if n > BLOCK:
        found = last_step(basis, X[rows], y[rows], weight[rows], logits[rows], theta)
        logits = np.column_stack([one.at(X) for one in found])
        logits, theta = newton(AllRows(basis, X), y, weight, logits, theta, searches=1)
    return last_step(basis, X, y, weight, logits, theta)


class Regression(Protocol):
    """A regression on a working response."""

    def __call__(self, response: WorkingResponse, theta: NDArray) -> NDArray[np.float64]:
        """Logits at the rows, shape (n,), for given log variances."""
        ...

    def observed(self, response: WorkingResponse) -> list[Observed]:
        """Data for the search for log variances."""
        ...


def newton(
    regression: Regression,
    y: NDArray,
    weight: NDArray,
    logits: NDArray,
    theta: NDArray,
    searches: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Most probable logits (n, c), and log variances (c, 7) found in the first steps."""
    logits, theta = logits.copy(), theta.copy()
    cautious = 2.0 if y.shape[1] > 1 else 1.0
    for step in range(STEPS):
        before = probabilities(logits)
        if step < searches:
            for k, response in enumerate(WorkingResponse.of(y, logits, weight)):
                theta[k] = variances_of_logit(regression.observed(response), theta[k])
        for k, response in enumerate(WorkingResponse.of(y, logits, weight, factor=cautious)):
            found = regression(response, theta[k])
            logits[:, k] += np.clip(found - logits[:, k], -LONGEST, LONGEST)
        change = np.abs(probabilities(logits) - before).mean()
        if step >= searches and change < TOLERANCE:
            break
    return logits, theta


def last_step(
    basis: Anova, X: NDArray, y: NDArray, weight: NDArray, logits: NDArray, theta: NDArray
) -> list[LearnedLogit]:
    """The posteriors at given logits and log variances."""
    regression, c = AllRows(basis, X), y.shape[1]
    responses = WorkingResponse.of(y, logits, weight, factor=c / (c - 1) if c > 1 else 1.0)
    return [
        LearnedLogit(regression.posterior(response, variances), response)
        for response, variances in zip(responses, theta, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class AllRows:
    """Regressions in the space of the products.

    Parameters
    ----------
    basis : Anova
    X : ndarray of shape (n, d)
    """

    basis: Anova
    X: NDArray[np.float64]

    def __call__(self, response: WorkingResponse, theta: NDArray) -> NDArray[np.float64]:
        """Logits; see `Regression`."""
        return LearnedLogit(self.posterior(response, theta), response).at(self.X)

    def observed(self, response: WorkingResponse) -> list[Observed]:
        """Blocks of rows, or as few rows as carry the same information; see `Regression`."""
        basis, sample = self.sample(response)
        return [part.observed(basis) for part in sample.blocks()]

    def posterior(self, response: WorkingResponse, theta: NDArray) -> GaussianProcessPosterior:
        """The posterior given a response."""
        intercept = response.mean, 1 / response.weight.sum()
        return GaussianProcessPosterior(*self.sample(response), np.exp(theta), *intercept)

    def sample(self, response: WorkingResponse) -> tuple[Anova, Sample]:
        """The basis centred by its weighted means, and the response as a sample on it."""
        own = self.basis.centred(self.X, response.weight)
        return own, Sample.of(own, self.X, response.centred, response.root_weight)


@dataclass(frozen=True, eq=False)
class FewRows:
    """Regressions in the space of the rows, for which kernels are computed only once.

    Parameters
    ----------
    kernels : ndarray of shape (6, n, n)
        Covariance of the rows by each group of weights at variance 1.
    """

    kernels: NDArray[np.float64]

    @classmethod
    def of(cls, basis: Anova, X: NDArray) -> "FewRows":
        """Compute the kernels of all rows."""
        rows = Sample.plain(basis, X, np.zeros(len(X)), np.ones(len(X)))
        return cls(rows.observed(basis).kernels)

    def __call__(self, response: WorkingResponse, theta: NDArray) -> NDArray[np.float64]:
        """Logits; see `Regression`."""
        *variances, noise = np.exp(theta)
        root = response.root_weight
        kernel = without_weighted_mean(np.tensordot(variances, self.kernels, 1), response.weight)
        covariance = root[:, None] * kernel * root + noise * np.eye(len(root))
        factor = cho_factor(covariance, lower=True, overwrite_a=True)
        alpha = cho_solve(factor, root * response.centred)
        return response.mean + kernel @ (root * alpha)

    def observed(self, response: WorkingResponse) -> list[Observed]:
        """All rows as one block; see `Regression`."""
        root = response.root_weight
        kernels = without_weighted_mean(self.kernels, response.weight)
        target = root * response.centred
        return [Observed(target, root[:, None] * kernels * root)]


def variances_of_logit(observed: list[Observed], theta: NDArray) -> NDArray[np.float64]:
    """Log variances that are more probable than `theta`, found by a short search from there."""
    return find_variances(observed, theta, ITERATIONS, TYPICAL_OF_LOGITS, known_noise=True)


def without_weighted_mean(kernels: NDArray, weight: NDArray) -> NDArray[np.float64]:
    """Kernels ``C K C'`` of products minus their means, (..., n, n), with ``C = I - 1 w'``."""
    share = weight / weight.sum()
    means = kernels @ share
    level = (means @ share)[..., None, None]
    return kernels - means[..., :, None] - means[..., None, :] + level


def probabilities(logits: NDArray) -> NDArray[np.float64]:
    """Probabilities of the second of two classes, (n, 1), or of all classes, (n, c)."""
    return expit(logits) if logits.shape[1] == 1 else softmax(logits, axis=1)
