"""Which posterior for which table: by rows, features and noise, never by the function."""

from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from skgeh.networks.committee import Committee
from skgeh.networks.concrete_dropout import ConcreteDropout
from skgeh.networks.gaussian_process import some_rows

FEW = 1000  # rows: a committee, whatever the noise; and rows from which the noise is guessed
INFORMATION = 30_000  # rows times signal to noise, from which on networks rank as well alone


class Auto(BaseEstimator):
    """A committee for few or noisy rows, concrete dropout for the others.

    With s^2 the share of noise in the target's variance, guessed by a Gaussian process from up to
    1000 rows, a `Committee` is chosen below 30,000 rows times ``(1 - s^2) / s^2``, and for up to
    1000 rows; unless the rows or features are too many for the process.
    """

    def check(self) -> None:
        """There is nothing to set."""

    def chosen(self, X: NDArray, y: NDArray, weight: NDArray) -> Committee | ConcreteDropout:
        """The family for a table in standard units."""
        committee = Committee()
        process, _ = committee.parts()
        if not process.is_rich(*X.shape):
            return ConcreteDropout()
        if len(X) <= FEW:
            return committee
        few = some_rows(len(X), FEW)
        noise = process.learn(X[few], y[few], weight[few]).noise_variance
        return committee if len(X) * (1 - noise) < INFORMATION * noise else ConcreteDropout()
