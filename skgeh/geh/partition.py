"""Partitions of the points: which points share one group mean.

One group gives the absolute expected Hessian (AEH, Eq. 5 of Cui et al. 2020), and one group per
point gives the expected absolute Hessian (EAH, Eq. 4). The clusters of k-means give the group
expected Hessian in between (GEH, Eq. 6). Ward's clusters do so for many numbers of groups at once.
"""

import warnings
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import fcluster, ward
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController


@dataclass(frozen=True, eq=False)
class Partition:
    """Groups ``A_1 .. A_M`` of ``n`` points.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Group of each point, one of the integers ``0 .. M - 1``; no group is empty.

    Examples
    --------
    >>> groups = Partition.from_labels(["low", "high", "low", "low"])
    >>> groups.n_groups, groups.weights.tolist()
    (2, [0.25, 0.75])
    >>> groups.mean(np.array([1.0, 5.0, 2.0, 3.0])).tolist()
    [5.0, 2.0]
    """

    labels: NDArray[np.intp]

    @classmethod
    def from_labels(cls, labels: ArrayLike) -> "Partition":
        """Partition by any labels, one per point; groups are numbered in sorted order."""
        return cls(np.unique(np.asarray(labels), return_inverse=True)[1])

    @classmethod
    def one_group(cls, n_points: int) -> "Partition":
        """All points together: GEH becomes AEH."""
        return cls(np.zeros(n_points, dtype=np.intp))

    @classmethod
    def singletons(cls, n_points: int) -> "Partition":
        """Every point as its own group: GEH becomes EAH."""
        return cls(np.arange(n_points))

    @classmethod
    def kmeans(cls, X: ArrayLike, n_groups: int, seed: int = 0) -> "Partition":
        """Clusters of nearby points, at most as many as there are distinct points.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Points, in standard units.
        n_groups : int
            Requested number of clusters.
        seed : int, default=0
            Seed of the initial centres.
        """
        X = np.asarray(X)
        n_groups = min(n_groups, len(np.unique(X, axis=0)))
        if n_groups == 1:
            return cls.one_group(len(X))
        # on a busy machine a second thread makes k-means of few points many times slower
        with warnings.catch_warnings(), _threadpools().limit(limits=1):
            # points that differ only by rounding make fewer clusters than requested
            warnings.simplefilter("ignore", ConvergenceWarning)
            labels = KMeans(n_groups, n_init=1, random_state=seed).fit_predict(X)
        return cls.from_labels(labels)

    @classmethod
    def nested(cls, X: ArrayLike, most: int) -> list["Partition"]:
        """Ward's clusters of nearby points for 1, 2, ..., ``most`` groups, from one tree.

        Each partition splits groups of the one before it. Where heights are equal, as between equal
        points, a split waits until all of them fit.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Points, in standard units; the tree takes time and memory of order ``n^2``.
        most : int

        Examples
        --------
        >>> points = [[0.0], [0.1], [5.0], [9.0]]
        >>> [groups.counts.tolist() for groups in Partition.nested(points, 3)]
        [[4], [2, 2], [2, 1, 1]]
        """
        X = np.asarray(X)
        if len(X) == 1:
            return [cls.one_group(1)] * most
        tree = ward(X)
        return [cls.from_labels(fcluster(tree, m, "maxclust")) for m in range(1, most + 1)]

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """Points in each group, shape (M,)."""
        return np.bincount(self.labels)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Share of the points in each group, ``|A_m| / n``, shape (M,)."""
        return self.counts / len(self.labels)

    @property
    def n_groups(self) -> int:
        """Number of groups ``M``."""
        return len(self.counts)

    def __len__(self) -> int:
        return len(self.labels)

    def mean(self, values: NDArray) -> NDArray:
        """Group means over the first axis.

        Parameters
        ----------
        values : ndarray of shape (n, ...)

        Returns
        -------
        ndarray of shape (M, ...)
        """
        flat = values.reshape(len(self), -1)
        members = csr_array(
            (np.ones(len(self), flat.dtype), (self.labels, np.arange(len(self)))),
            shape=(self.n_groups, len(self)),
        )
        means = (members @ flat) / self.counts[:, None].astype(flat.dtype)
        return means.reshape(self.n_groups, *values.shape[1:])


@cache
def _threadpools() -> ThreadpoolController:
    """The thread pools of the loaded libraries, kept because finding them takes a while."""
    return ThreadpoolController()
