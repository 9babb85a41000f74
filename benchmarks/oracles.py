"""P-values of an oracle that knows all main effects and the forms of the pairs.

It is a regression on the true functions, and asks for one coefficient per pair.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.stats import chi2, t
from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor

COUNTS = {"poisson": PoissonRegressor, "gamma": GammaRegressor}


def wald(
    B: NDArray, asked: int, y: NDArray, units: NDArray | None = None, even: bool = False
) -> NDArray[np.float64]:
    """P-values of the last `asked` columns of B; see `least_squares`."""
    coefficients, spread = least_squares(B, y, units, even)
    z = coefficients / np.sqrt(np.square(spread).sum(1))
    free = len(B) - B.shape[1] if units is None else spread.shape[1] - 1
    return 2 * t.sf(np.abs(z[-asked:]), free)


def least_squares(
    B: NDArray, y: NDArray, units: NDArray | None = None, even: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients of y on the columns of B (n, k), and a root (k, m) of their covariance.

    Under even noise it has the common variance. Otherwise it is robust: the residuals of a unit are
    those of a fit without it (HC3 if a unit is a row).
    """
    Q, R = np.linalg.qr(B)
    e = y - Q @ (Q.T @ y)
    root = solve_triangular(R, np.eye(len(R)))
    if even:
        scores = np.sqrt(e @ e / (len(B) - len(R))) * np.eye(len(R))
    elif units is None:
        left = np.maximum(1 - np.square(Q).sum(1), 1e-6)
        scores = (Q * (e / left)[:, None]).T
    else:
        members = [units == unit for unit in np.unique(units)]
        left = [np.eye(mine.sum()) - Q[mine] @ Q[mine].T for mine in members]
        without = [np.linalg.lstsq(H, e[m])[0] for H, m in zip(left, members, strict=True)]
        scores = np.array([Q[m].T @ own for m, own in zip(members, without, strict=True)]).T
    return root @ (Q.T @ y), root @ scores


def log_linear(
    B: NDArray, asked: int, y: NDArray, loss: str, weight: NDArray, units: NDArray | None
) -> NDArray[np.float64]:
    """Wald's robust test in the last least squares of a model of the log of the mean.

    The first column of B is the constant.
    """
    model = COUNTS[loss](alpha=0, solver="newton-cholesky", tol=1e-8)
    mean = model.fit(B[:, 1:], y, weight).predict(B[:, 1:])
    root = np.sqrt(weight * (mean if loss == "poisson" else 1.0))
    working = np.log(mean) + (y - mean) / mean
    return wald(root[:, None] * B, asked, root * working, units)


def likelihood_ratio(B: NDArray, asked: int, labels: NDArray) -> NDArray[np.float64]:
    """P-values of the last `asked` columns of B in the logits of all classes.

    The first column of B is the constant.
    """
    classes, places = np.unique(labels, return_inverse=True)

    def log_likelihood(columns: NDArray) -> float:
        model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)
        p = model.fit(columns, places).predict_proba(columns)
        return float(np.log(p[np.arange(len(p)), places]).sum())

    whole, size = log_likelihood(B[:, 1:]), B.shape[1]
    without = [log_likelihood(np.delete(B, k, 1)[:, 1:]) for k in range(size - asked, size)]
    return chi2.sf(2 * (whole - np.array(without)), len(classes) - 1)
