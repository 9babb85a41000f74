"""Confirmation of the shapes learned on one half of the rows by the other half."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.effect import group_expected_hessian
from skgeh.geh.partition import Partition
from skgeh.significance._learned import half_shapes
from skgeh.significance._logistic import Working
from skgeh.significance._regressions import Regressions, without
from skgeh.tables.features import Features
from skgeh.tables.rows import MAX_POINTS
from skgeh.tables.table import Table, standard_scaler

HALF_NETWORKS = 4
INFLATION = 1.5  # variance of the mean of two halves, each learned from the other
MOST = 4.0  # largest lambda; a larger one is noise


@dataclass(frozen=True, eq=False)
class Confirmation:
    """Strength of pairs on rows that their shapes were not learned from.

    Parameters
    ----------
    strength, strength_std : ndarray of shape (q, c)
        Projection of the target on the learned shape of unit variance, averaged over the two
        halves, and its standard error; in standard deviations of the target, or in logits.
    scale : ndarray of shape (q, c)
        lambda, the factor by which the learned shapes must be multiplied.
    """

    strength: NDArray[np.float64]
    strength_std: NDArray[np.float64]
    scale: NDArray[np.float64]


def confirm_by_halves(
    again: Callable,
    table: Table,
    regressions: Regressions,
    halves: NDArray,
    order: NDArray,
    n_groups: int | None,
    features: Features | None = None,
) -> tuple[Confirmation, tuple[NDArray, NDArray] | None]:
    """Confirm the shapes of each half of the rows on the other; for networks, also the M-GEH.

    The first rows in the given order are the points where the M-GEH is measured. `n_groups` is None
    for learners that have no Hessians. `features` are those that the learner sees, if they are not
    those of the regressions.
    """
    points = order[:MAX_POINTS]
    partition = None
    if n_groups is not None:
        Z = standard_scaler().fit_transform(table.X[points])
        partition = Partition.kmeans(Z, n_groups)
    ask = partial(
        half_shapes,
        pairs=regressions.pairs,
        features=regressions.known if features is None else features,
        partition=partition,
        points=points,
    )
    splits = [(np.flatnonzero(halves != k), np.arange(len(halves))) for k in range(2)]
    both = again(splits, ask, n_networks=HALF_NETWORKS)
    shapes = np.stack([one for one, _ in both])
    unit = np.ones(shapes.shape[-1]) if regressions.labels else table.y.std(0)
    find = label_coefficients if regressions.labels else number_coefficients
    units = regressions.units
    f = np.stack([without_main_effects(one / unit, regressions.nuisance) for one in shapes])
    own = shapes if regressions.labels else f
    theta = find(table.y / unit, own, halves, regressions.nuisance, units)
    n, r = regressions.nuisance.shape  # main effects took their share of each shape's square
    found = confirm(f * np.sqrt(n / (n - r)), *theta)
    if partition is None:
        return found, None
    hessians = np.stack([hessian for _, hessian in both])
    effects = [
        confirmed_effect(found, hessians[:, k], partition.weights, k) for k in range(len(unit))
    ]
    effect, error = np.stack(effects, axis=-1)
    return found, (effect, error)


def nothing_confirmed(
    shape: tuple[int, ...], *, has_effect: bool
) -> tuple[Confirmation, tuple[NDArray, NDArray] | None]:
    """What there is to confirm where no pair was found: NaN."""
    nothing = np.full(shape, np.nan)
    return Confirmation(nothing, nothing, nothing), (nothing, nothing) if has_effect else None


def without_main_effects(shapes: NDArray, nuisance: NDArray) -> NDArray[np.float64]:
    """Shapes (n, q, c) with main effects removed."""
    return without(shapes.reshape(len(shapes), -1), nuisance).reshape(shapes.shape)


def number_coefficients(
    y: NDArray, f: NDArray, folds: NDArray, nuisance: NDArray, units: NDArray | None = None
) -> tuple[NDArray, NDArray]:
    """Coefficient of ``f_k`` on the rows of fold k, and its standard error, each (2, q, c).

    Parameters
    ----------
    y : ndarray of shape (n, c)
    f : ndarray of shape (2, n, q, c)
        Without main effects, learned on the rows that are not in fold k.
    folds : ndarray of shape (n,)
        0 or 1.
    nuisance : ndarray of shape (n, r)
    units : ndarray of shape (n,), optional
        Unit of every row.
    """
    rest, theta, error = without(y, nuisance), *np.empty((2, 2, *f.shape[2:]))
    for k in range(2):
        mine = folds == k
        for target in range(y.shape[1]):
            own = None if units is None else units[mine]
            found = coefficients(rest[mine, target], f[k, mine, :, target], own)
            theta[k, :, target], error[k, :, target] = found
    return theta, error


def label_coefficients(
    y: NDArray, shapes: NDArray, folds: NDArray, nuisance: NDArray, units: NDArray | None = None
) -> tuple[NDArray, NDArray]:
    """The same coefficients in a logistic model, from shapes that include main effects."""
    own = np.where(folds[:, None, None] == 0, *shapes)
    model = Working.fit(y, nuisance, own)
    m = model.root.shape[1]
    basis, again = model.of_all(nuisance), np.repeat(folds, m)
    each = None if units is None else np.repeat(units, m)
    rest, f = without(model.target, basis), without(model.of_classes(own), basis)
    found = [
        coefficients(rest[again == k], f[again == k], None if each is None else each[again == k])
        for k in range(2)
    ]
    theta, error = np.array(found).reshape(2, 2, *own.shape[1:]).swapaxes(0, 1)
    return theta, error


def confirm(f: NDArray, theta: NDArray, error: NDArray) -> Confirmation:
    """``lambda = sqrt(theta_1 theta_2) / <f_1, f_2>``, each theta times its shape's mean square.

    Parameters
    ----------
    f : ndarray of shape (2, n, q, c)
        ``f_k``, at all rows and without main effects, learned on the rows that are not in fold k.
    theta, error : ndarray of shape (2, q, c)
        Coefficient of ``f_k`` on the rows of fold k, and its standard error.
    """
    mean_square = np.maximum((f**2).mean(1), np.finfo(float).tiny)
    strength, std = theta * np.sqrt(mean_square), error * np.sqrt(mean_square)
    common = np.maximum((f[0] * f[1]).mean(0), np.finfo(float).tiny)
    both = np.sqrt(np.prod(np.maximum(theta * mean_square, 0), axis=0))
    return Confirmation(
        strength.mean(0),
        np.sqrt((std**2).sum(0) * INFLATION) / 2,
        np.minimum(both / common, MOST),
    )


def coefficients(y: NDArray, f: NDArray, units: NDArray | None = None) -> tuple[NDArray, NDArray]:
    """Joint regression coefficients and their standard errors (HC0), each of shape (q,).

    Influences of the rows of one unit are added before they are squared.
    """
    scale = np.maximum(np.sqrt((f**2).mean(0)), np.finfo(float).tiny)
    columns = f / scale
    inverse = np.linalg.inv(columns.T @ columns + 1e-6 * len(y) * np.eye(f.shape[1]))
    beta = inverse @ (columns.T @ y)
    influence = columns @ inverse * (y - columns @ beta)[:, None]
    if units is not None:
        rows, influence = influence, np.zeros((units.max() + 1, influence.shape[1]))
        np.add.at(influence, units, rows)
    return beta / scale, np.sqrt((influence**2).sum(0)) / scale


def confirmed_effect(
    found: Confirmation, hessians: NDArray, weights: NDArray, target: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """M-GEH (Eq. 6) of the mean of both halves times lambda, and its standard error, each (q,).

    Parameters
    ----------
    found : Confirmation
    hessians : ndarray of shape (2, M, q)
        Signed group mean Hessians of both halves, for one target.
    weights : ndarray of shape (M,)
    target : int
    """
    scale = found.scale[:, target]
    strength, strength_std = found.strength[:, target], found.strength_std[:, target]
    effect = scale * group_expected_hessian(hessians.mean(0), weights)
    noise = scale * np.sqrt(((hessians[0] - hessians[1]) ** 2 / 4 * weights[:, None]).sum(0))
    relative = strength_std / np.maximum(strength, np.finfo(float).tiny)
    return effect, np.hypot(effect * np.minimum(relative, 2.0), noise)
