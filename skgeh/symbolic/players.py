"""Players: groups of columns, pixels, tokens or points; and a baseline for clouds of points.

An array of labels, which broadcasts to a sample, defines the players. The label of a place is its
player; places labelled -1 belong to no player and are always present.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgeh.symbolic.transforms import _MAX_PLAYERS

_NOBODY = -1


@dataclass(frozen=True, eq=False)
class Players:
    """Labels of the places of a sample, and the players' names.

    Parameters
    ----------
    labels : ndarray of int
        Broadcasts to the shape of a sample: ``(d,)`` for columns or tokens, ``(H, W)`` for images
        of shape (channels, H, W), ``(P, 1)`` for P points with coordinates.
    names : tuple of str
        Names of players 0, ..., n - 1.
    """

    labels: NDArray[np.intp]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def present(self, subsets: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which places are present, shape (m, ...), for subsets given as masks (m, n)."""
        everywhere = np.ones((len(subsets), 1), dtype=bool)  # label -1 is the last column
        return np.concatenate([subsets, everywhere], axis=1)[:, self.labels]


def _find_players(
    players: Any, shape: tuple[int, ...] | None, column_names: Sequence[str] | None = None
) -> Players:
    """Players of samples of a given shape, from a user's description.

    Parameters
    ----------
    players : None, array of int, list of groups, or mapping of names to groups
        None makes every column a player. A group holds columns, by position or by name.
    shape : tuple of int or None
        Shape of one sample; None for places of a hidden layer, whose shape is known only later.
    column_names : sequence of str, optional

    Returns
    -------
    Players
    """
    if isinstance(players, Players):
        found = players
    elif isinstance(players, np.ndarray):
        found = _of_labels(players)
    elif shape is None:
        raise ValueError(
            "players on a hidden layer must be an array of labels; got none, or groups of columns. "
            "For images, pass skgeh.symbolic.patches(size, patch)."
        )
    elif players is None:
        found = _of_columns(shape, column_names)
    elif isinstance(players, Mapping):
        names = tuple(map(str, players))
        found = _of_groups(list(players.values()), names, shape, column_names)
    else:
        found = _of_groups(list(players), None, shape, column_names)
    if shape is not None and not _broadcasts(found.labels.shape, shape):
        raise ValueError(
            f"players have labels of shape {found.labels.shape}, which do not broadcast to a "
            f"sample of shape {tuple(shape)}. Give one label per place: (d,) for columns or "
            "tokens, (H, W) for images, (P, 1) for points."
        )
    if not 1 <= len(found) <= _MAX_PLAYERS:
        raise ValueError(
            f"There are {len(found)} players; there must be at least 1 and at most {_MAX_PLAYERS}, "
            "as n players have 2^n subsets. Put places into groups, or leave some out (label -1)."
        )
    return found


def _broadcasts(labels: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether labels of one shape broadcast to a sample of the other."""
    try:
        return np.broadcast_shapes(labels, shape) == tuple(shape)
    except ValueError:
        return False


def _of_columns(shape: tuple[int, ...], names: Sequence[str] | None) -> Players:
    """One player per column."""
    if len(shape) != 1:
        raise ValueError(
            f"Samples of shape {tuple(shape)} have no columns. Pass `players`, labels of the "
            "places that belong together, such as patches((28, 28), (7, 7)) for images."
        )
    names = [f"x{i}" for i in range(shape[0])] if names is None else names
    return Players(np.arange(shape[0]), tuple(map(str, names)))


def _of_labels(labels: NDArray) -> Players:
    """Players from labels 0, ..., n - 1, and -1 for places of no player."""
    if labels.dtype.kind not in "iu":
        raise TypeError(f"players as an array must hold whole numbers; got {labels.dtype}.")
    n = int(labels.max(initial=_NOBODY)) + 1
    if labels.min(initial=0) < _NOBODY or not np.isin(np.arange(n), labels).all():
        raise ValueError(
            "players must be labelled 0, 1, ..., n - 1 without a gap, or -1 for no player; "
            f"got {np.unique(labels).tolist()}."
        )
    return Players(labels.astype(np.intp), tuple(f"p{i}" for i in range(n)))


def _of_groups(
    groups: list,
    names: tuple[str, ...] | None,
    shape: tuple[int, ...],
    columns: Sequence[str] | None,
) -> Players:
    """Players from groups of columns; columns in no group are always present."""
    if len(shape) != 1:
        raise ValueError(
            f"Groups must hold columns, but samples have shape {tuple(shape)}. Pass `players` as "
            "an array of labels."
        )
    known = {name: k for k, name in enumerate(columns or [])}
    named = list(columns) if columns else [f"x{i}" for i in range(shape[0])]
    labels, titles = np.full(shape, _NOBODY), []
    for player, group in enumerate(groups):
        members = [group] if isinstance(group, str) or np.isscalar(group) else list(group)
        found = [_column(member, known, shape[0]) for member in members]
        taken = [named[k] for k in found if labels[k] != _NOBODY]
        if taken or not found:
            what = f"{taken} are in two groups" if taken else "one is empty"
            raise ValueError(f"Groups of players must not overlap or be empty; {what}.")
        labels[found] = player
        titles.append(" + ".join(str(named[k]) for k in found))
    return Players(labels, names or tuple(titles))


def _column(member: Any, known: Mapping[str, int], n_columns: int) -> int:
    """Position of a column given by position or name."""
    if isinstance(member, str):
        if member not in known:
            raise ValueError(f"players name a column {member!r}; X has {list(known)}.")
        return known[member]
    if not -n_columns <= member < n_columns:
        raise ValueError(f"players name column {member} of {n_columns}; count from 0.")
    return int(member) % n_columns


def patches(size: tuple[int, int], patch: tuple[int, int]) -> NDArray[np.intp]:
    """Labels of the patches of an image, row by row.

    Parameters
    ----------
    size, patch : tuple of two int
        Height and width of the image and of a patch; patches at the far edges may be smaller.

    Returns
    -------
    ndarray of shape (height, width)

    Examples
    --------
    >>> patches((2, 4), (1, 2))
    array([[0, 0, 1, 1],
           [2, 2, 3, 3]])
    """
    rows, columns = (np.arange(whole) // part for whole, part in zip(size, patch, strict=True))
    return rows[:, None] * (columns[-1] + 1) + columns


def _cluster_centres(X: ArrayLike, players: Players) -> NDArray[np.float64]:
    """Baseline for clouds of points: the mean of every player's points, at each of them.

    Parameters
    ----------
    X : array-like of shape (samples, P, coordinates)
    players : Players
        With labels of shape (P, 1).

    Returns
    -------
    ndarray of the shape of X
    """
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 3 or players.labels.shape != (X.shape[1], 1):
        raise ValueError(
            "baseline='cluster_centre' needs samples of shape (P, coordinates) and players with "
            f"labels of shape (P, 1); got {X.shape[1:]} and {players.labels.shape}."
        )
    centres = X.copy()
    for player in range(len(players)):
        own = players.labels[:, 0] == player
        centres[:, own] = X[:, own].mean(1, keepdims=True)
    return centres
