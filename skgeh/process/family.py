"""The family of posteriors that needs no training: a Gaussian process on a functional ANOVA."""

from collections.abc import Sequence
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_scalar

from skgeh.geh.task import HeldOut, Learned, Task
from skgeh.geh.views.side_by_side import IndependentPosterior
from skgeh.process._anova import Anova
from skgeh.process._gaussian_process import (
    ITERATIONS,
    LAST_ITERATIONS,
    TYPICAL,
    GaussianProcessPosterior,
    Sample,
    find_variances,
    some_rows,
)
from skgeh.process._laplace import learn_logits
from skgeh.tables.rows import MAX_POINTS

_FUNCTIONS, _MANY_FUNCTIONS = 5, 7  # functions per feature, for few and for many rows
_MANY_ROWS = 5000  # least number of rows that counts as many
# least number of rows left out of rotated samples, and multiplications spent on them
_LEAST_LEFT_OUT, _PRODUCTS_LEFT_OUT = 100, 1e9
_MOST_ROWS = 3000  # rows and columns of a matrix that is inverted
_MOST_VALUES = 3e7  # entries of the matrix of all products
_MOST_PRODUCTS = 2e11  # multiplications to rotate the rows, or to compute their kernels


class GaussianProcess(BaseEstimator):
    """A posterior that needs no training: a Gaussian process over main effects, pairs and triples.

    Each feature has a line and a few waves (`SmoothBasis`). These functions and their products over
    pairs and triples of features have Gaussian weights. Six variances (lines and waves of main
    effects; line x line, line x wave and wave x wave of pairs; triples) and the noise variance are
    chosen by marginal likelihood. Labels are learned by Laplace's approximation.

    Parameters
    ----------
    n_functions : int, default=None
        Number of functions per feature; None means 5, or 7 if there are at least 5000 rows. If the
        matrix of products would grow too large, the basis is reduced: first triples are dropped,
        then three and two functions per feature are tried.

    Examples
    --------
    >>> from skgeh import BayesianInteractionRegressor
    >>> from skgeh.datasets import make_interactions
    >>> X, y, truth = make_interactions(200, random_state=0)
    >>> model = BayesianInteractionRegressor(posterior=GaussianProcess(), random_state=0).fit(X, y)
    >>> len(model.interactions_.pairs)
    28
    """

    def __init__(self, n_functions=None):
        self.n_functions = n_functions

    def check(self) -> None:
        """Raise an error if a parameter cannot be used."""
        if self.n_functions is not None:
            check_scalar(self.n_functions, "n_functions", Integral, min_val=2)

    def richest(self, n_rows: int, n_features: int, n_outputs: int = 1) -> tuple[int, bool] | None:
        """Functions per feature, and whether triples enter, in the richest feasible basis."""
        for n_functions, triples in self.ladder(n_rows):
            q = _n_weights(n_features, n_functions, triples)
            size = min(n_rows, q)
            products = n_rows * size * q * n_outputs
            if size <= _MOST_ROWS and size * q <= _MOST_VALUES and products <= _MOST_PRODUCTS:
                return n_functions, triples
        return None

    def ladder(self, n_rows: int) -> Sequence[tuple[int, bool]]:
        """Candidate bases, from the richest to the poorest."""
        many = [(_MANY_FUNCTIONS, True)] if n_rows >= _MANY_ROWS and not self.n_functions else []
        most = self.n_functions or _FUNCTIONS
        return [*many, (most, True), *((m, False) for m in (most, 3, 2) if m <= most)]

    def is_rich(self, n_rows: int, n_features: int, n_outputs: int = 1) -> bool:
        """Whether five or more functions per feature are feasible for every output."""
        size = self.richest(n_rows, n_features, n_outputs)
        return size is not None and size[0] >= _FUNCTIONS

    def learn(self, task: Task, trainer: Any, seed: int) -> Learned:
        """Learn each output separately; nothing is trained.

        Parameters
        ----------
        task : Task
        trainer : Trainer
            Not used.
        seed : int
            Seed for choosing the rows with leave-one-out predictions.
        """
        if task.has_labels:
            basis = self.basis(task.X, task.weight / task.weight.mean())
            logits = learn_logits(basis, task.X, task.y, task.weight)
            parts = [one.posterior for one in logits]
            learned_from = [(one.response.value, one.response.weight) for one in logits]
        else:
            weight = task.weight / task.weight.mean()
            parts = [self.regress(task.X, y, weight) for y in task.y.T]
            learned_from = [(y, weight) for y in task.y.T]
        rows = np.random.default_rng(seed).permutation(len(task.X))[:MAX_POINTS]
        judged = rows[: _most_left_out(parts[0])]
        given = [(y[judged], weight[judged]) for y, weight in learned_from]
        predict = partial(_left_out, parts, judged, task.X[judged], given)
        held_out = HeldOut(rows, predict, len(judged))
        noise = np.array([part.noise_variance for part in parts])
        if task.has_labels:  # the noise of their working responses is of another kind
            both = map(torch.as_tensor, (held_out.predictions, task.y[judged]))
            noise = task.likelihood.losses(*both).mean(0).numpy()
        return Learned(
            parts[0] if len(parts) == 1 else IndependentPosterior(parts), noise, held_out
        )

    def regress(self, X: NDArray, y: NDArray, weight: NDArray) -> GaussianProcessPosterior:
        """Posterior of one numeric output, given rows in standard units.

        Parameters
        ----------
        X : ndarray of shape (n, d)
        y : ndarray of shape (n,)
        weight : ndarray of shape (n,)
            Sample weights with mean 1; the noise variance of a row is divided by its weight.
        """
        basis = self.basis(X, weight)
        rows = X, y, np.sqrt(weight)
        sample, start, iterations = Sample.of(basis, *rows), TYPICAL, ITERATIONS
        if sample.n_left:  # a start from few rows saves most of the steps on many
            few = Sample.plain(basis, *(column[some_rows(len(X))] for column in rows))
            start, iterations = find_variances([few.observed(basis)]), LAST_ITERATIONS
        observed = [part.observed(basis) for part in sample.blocks()]
        theta = find_variances(observed, start, iterations)
        return GaussianProcessPosterior(basis, sample, np.exp(theta)).solved()

    def basis(self, X: NDArray, weight: NDArray) -> Anova:
        """The richest basis that is feasible; weights have mean 1."""
        size = self.richest(*X.shape)
        if size is None:
            raise ValueError(
                "The table is too large for posterior='gaussian_process': its matrices have one "
                "column per product of functions of the features, and one row per row of the table "
                f"or per product, if these are fewer (at most {_MOST_ROWS}). Got a table of "
                f"{len(X)} rows and {X.shape[1]} features. Use posterior='concrete_dropout', or "
                "fewer rows or features."
            )
        return Anova.fit(X, *size, weight)


def _most_left_out(process: GaussianProcessPosterior) -> int:
    """Number of rows with leave-one-out predictions: all, or as many as cost little."""
    if process.sample.n_left == 0:
        return MAX_POINTS
    return max(_LEAST_LEFT_OUT, int(_PRODUCTS_LEFT_OUT / process.sample.design.size))


def _left_out(
    parts: Sequence[GaussianProcessPosterior],
    rows: NDArray,
    X: NDArray,
    given: Sequence[tuple[NDArray, NDArray]],
) -> NDArray[np.float64]:
    """Leave-one-out predictions of rows by the process of each output, shape (m, c)."""
    found = []
    for part, (y, weight) in zip(parts, given, strict=True):
        if part.sample.n_left:
            found.append(part.left_out(X, y, weight))
        else:  # rows of the sample are those of the table, times the roots of their weights
            found.append(y - part.leave_one_out()[rows] / np.sqrt(weight))
    return np.column_stack(found)


def _n_weights(n_features: int, n_functions: int, triples: bool) -> int:
    """Number of weights of a basis.

    Examples
    --------
    >>> _n_weights(10, 5, True), _n_weights(10, 5, False)
    (2135, 1175)
    """
    d = n_features
    trios = d * (d - 1) * (d - 2) // 6 * 2**3 if triples else 0
    return d * n_functions + d * (d - 1) // 2 * n_functions**2 + trios
