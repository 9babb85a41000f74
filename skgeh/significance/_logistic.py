"""Labels as numbers: a logistic regression, written as the least squares of its last step.

Let the logits be ``Q theta`` and the probabilities p, with ``W = Q' (diag(p) - p p') Q = L L'`` at
the fitted theta. The regression of the working targets ``L^-1 Q' (y - p) + L' theta`` on the design
multiplied by ``L'`` has uncorrelated errors of variance 1. So scores of shapes in this regression
are the efficient scores of the logistic model. Each row becomes ``c - 1`` rows, or one row for two
classes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import helmert, solve
from scipy.special import softmax

RIDGE = 0.1  # on columns of mean square 1; keeps logits finite if classes can be separated
STEPS = 25
SETTLED = 1e-4  # largest change of a logit at which steps end
LEAST = 1e-6  # added to the information of a row, which vanishes for probabilities near 0 or 1


@dataclass(frozen=True, eq=False)
class Working:
    """The least-squares regression that a logistic model equals at its maximum.

    Parameters
    ----------
    target : ndarray of shape (n m,)
        The m = c - 1 working targets of each row of the table, row after row.
    root : ndarray of shape (n, m, m)
        L.
    contrasts : ndarray of shape (c, m)
        Q, which maps theta to the logits of all classes, or for two classes to that of the second.
    """

    target: NDArray[np.float64]
    root: NDArray[np.float64]
    contrasts: NDArray[np.float64]

    @classmethod
    def fit(cls, y: NDArray, shared: NDArray, own: NDArray) -> "Working":
        """Maximise the likelihood by iterated least squares.

        Parameters
        ----------
        y : ndarray of shape (n, c)
            0 or 1; one column for two classes.
        shared : ndarray of shape (n, r)
            Columns that have a coefficient for every contrast.
        own : ndarray of shape (n, s, c)
            Columns that enter the logit of one class.
        """
        classes, Q = (y, contrasts(y.shape[1])) if y.shape[1] > 1 else (
            np.column_stack([1 - y, y]), np.array([[0.0], [1.0]])
        )  # fmt: skip
        design = np.concatenate([of_all(shared, Q.shape[1]), of_classes(own, Q[-y.shape[1] :])], 2)
        design = design / np.maximum(np.sqrt((design**2).mean((0, 1))), np.finfo(float).tiny)
        theta = np.zeros((len(y), Q.shape[1]))
        for _ in range(STEPS):
            root, target = working(theta, classes, Q)
            turned = (transposed(root) @ design).reshape(-1, design.shape[2])
            gram = turned.T @ turned + RIDGE * np.eye(design.shape[2])
            before, theta = theta, design @ solve(gram, turned.T @ target, assume_a="pos")
            if np.abs(theta - before).max() < SETTLED:
                break
        root, target = working(theta, classes, Q)
        return cls(target, root, Q[-y.shape[1] :])

    def turned(self, columns: NDArray) -> NDArray[np.float64]:
        """Columns (n, m, k) as rows of the regression, shape (n m, k)."""
        return (transposed(self.root) @ columns).reshape(len(self.target), -1)

    def of_all(self, columns: NDArray) -> NDArray[np.float64]:
        """Orthonormal basis of columns (n, r) with one coefficient for every contrast."""
        return np.linalg.qr(self.turned(of_all(columns, self.root.shape[1])))[0]

    def of_classes(self, columns: NDArray) -> NDArray[np.float64]:
        """Columns (n, s, c), each of which enters the logit of one class, shape (n m, s c)."""
        return self.turned(of_classes(columns, self.contrasts))


def working(theta: NDArray, y: NDArray, Q: NDArray) -> tuple[NDArray, NDArray]:
    """L of every row, and the working targets ``L^-1 Q' (y - p) + L' theta``, shape (n m,)."""
    p = softmax(theta @ Q.T, axis=1)
    information = np.einsum("nc,ca,cb->nab", p, Q, Q) - np.einsum("na,nb->nab", p @ Q, p @ Q)
    root = np.linalg.cholesky(information + LEAST * np.eye(Q.shape[1]))
    residual = np.linalg.solve(root, ((y - p) @ Q)[..., None]) + transposed(root) @ theta[..., None]
    return root, residual.ravel()


def transposed(matrices: NDArray) -> NDArray:
    """Transposes of stacked matrices."""
    return matrices.swapaxes(-1, -2)


def contrasts(n_classes: int) -> NDArray[np.float64]:
    """Orthonormal contrasts of logits that sum to 0, shape (c, c - 1)."""
    return helmert(n_classes).T


def of_all(columns: NDArray, n_contrasts: int) -> NDArray[np.float64]:
    """Design (n, m, r m) of columns (n, r) with a coefficient for every contrast."""
    return np.einsum("nr,ab->narb", columns, np.eye(n_contrasts)).reshape(
        len(columns), n_contrasts, -1
    )


def of_classes(columns: NDArray, Q: NDArray) -> NDArray[np.float64]:
    """Design (n, m, s c) of columns (n, s, c), each of which enters the logit of one class."""
    found = np.einsum("nsc,cm->nmsc", columns, Q)
    return found.reshape(*found.shape[:2], -1)
