"""Explanation of a model's output on samples: salient interactions, per sample and over all."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgeh.symbolic._pictures import draw
from skgeh.symbolic.interactions import _EXPLAINED, AndOrInteractions, _distribution, _mean_order
from skgeh.symbolic.transforms import _orders

_SIGNS = {"AND": "\N{LOGICAL AND}", "OR": "\N{LOGICAL OR}"}


@dataclass(frozen=True, eq=False)
class Explanation:
    """AND and OR interactions of samples, with names.

    Parameters
    ----------
    interactions : AndOrInteractions
        Interactions of all samples, arrays of shape (samples, 2^n), in the unit of the output.
    values : ndarray of shape (samples, 2^n)
        Output for every subset of the players.
    names : tuple of str
        Names of the n players.
    tau : float
        An interaction of at least this magnitude is salient.

    Examples
    --------
    >>> from skgeh.symbolic import AndOrExplainer
    >>> X = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> found = AndOrExplainer(lambda rows: rows[:, 0] * rows[:, 1], baseline=0.0).explain(X)
    >>> found.summary()[["kind", "order", "share"]]
      kind  order  share
    0  AND      2    1.0
    """

    interactions: AndOrInteractions
    values: NDArray[np.float64]
    names: tuple[str, ...]
    tau: float

    def __len__(self) -> int:
        return len(self.values)

    def to_frame(self, sample: int | None = None, salient: bool = True) -> pd.DataFrame:
        """Table with one row per interaction of a sample, strongest first.

        Parameters
        ----------
        sample : int, default=None
            Index of one sample; all samples, one after the other, if None.
        salient : bool, default=True
            Leave out interactions below `tau`.

        Returns
        -------
        DataFrame
            Columns ``sample, interaction, kind, order, strength``. A strength is signed and in the
            unit of the output.
        """
        if sample is not None and not -len(self) <= sample < len(self):
            raise ValueError(
                f"sample must be the index of one of {len(self)} samples; got {sample!r}."
            )
        chosen = range(len(self)) if sample is None else [range(len(self))[sample]]
        frames = [self._sample_frame(k, salient) for k in chosen]
        return pd.concat(frames, ignore_index=True)

    def strongest(
        self, sample: int, salient: bool = True
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
        """Kind (0 AND, 1 OR), subset and strength of a sample's interactions, strongest first."""
        both = np.stack([part[sample] for part in self.interactions.merged])
        kept = np.abs(both) >= (self.tau if salient else 0.0)
        kind, subset = np.nonzero(kept & (both != 0))
        order = np.argsort(-np.abs(both[kind, subset]), kind="stable")
        kind, subset = kind[order], subset[order]
        return kind, subset, both[kind, subset]

    def _sample_frame(self, sample: int, salient: bool) -> pd.DataFrame:
        kind, subset, strength = self.strongest(sample, salient)
        first = {"sample": np.full(len(kind), sample)}
        return self._table(kind, subset, first).assign(strength=strength)

    def _table(self, kind: NDArray, subset: NDArray, first: dict[str, Any]) -> pd.DataFrame:
        kinds = np.array(list(_SIGNS), dtype=object)[kind]
        named = [self.name(k, int(s)) for k, s in zip(kinds, subset, strict=True)]
        order = _orders(len(self.names))[subset]
        return pd.DataFrame({**first, "interaction": named, "kind": kinds, "order": order})

    def name(self, kind: str, subset: int) -> str:
        """Name of an interaction: its players with the sign of AND or OR between them."""
        players = [name for i, name in enumerate(self.names) if subset >> i & 1]
        return f" {_SIGNS[kind]} ".join(players)

    def summary(self) -> pd.DataFrame:
        """Table of interactions that are salient in at least one sample, strongest first.

        Returns
        -------
        DataFrame
            Columns ``interaction, kind, order, strength, signed, share``. Over all samples,
            ``strength`` is the mean magnitude, ``signed`` the mean, and ``share`` the share of
            samples in which the interaction is salient.
        """
        both = np.stack(self.interactions.merged, axis=1)  # (samples, 2, 2^n)
        salient = np.stack(self.interactions.salient(self.tau), axis=1)
        kind, subset = np.nonzero(salient.any(0))
        strength = np.abs(both).mean(0)[kind, subset]
        strongest = np.argsort(-strength, kind="stable")
        kind, subset = kind[strongest], subset[strongest]
        return self._table(kind, subset, first={}).assign(
            strength=strength[strongest],
            signed=both.mean(0)[kind, subset],
            share=salient.mean(0)[kind, subset],
        )

    def order_strength(self, sign: str = "both") -> NDArray[np.float64]:
        """Strength of salient interactions of each order, mean over samples, shape (n,).

        See `AndOrInteractions.order_strength` for `sign`.
        """
        return self.interactions.order_strength(self.tau, sign).mean(0)

    @property
    def order_distribution(self) -> NDArray[np.float64]:
        """`order_strength` as shares of its sum, shape (n,)."""
        return _distribution(self.order_strength())

    @property
    def mean_order(self) -> float:
        """Mean order of salient interactions, weighted by strength; NaN if there are none."""
        return float(_mean_order(self.order_strength()))

    @property
    def n_salient(self) -> NDArray[np.intp]:
        """Number of salient interactions of every sample, shape (samples,)."""
        i_and, i_or = self.interactions.salient(self.tau)
        return i_and.sum(1) + i_or.sum(1)

    def n_explaining(self, share: float = _EXPLAINED) -> NDArray[np.intp]:
        """Number of interactions that explain a share of each sample's output, shape (samples,)."""
        return self.interactions.n_explaining(share)

    def pair_strength(self) -> NDArray[np.float64]:
        """Strength of the interactions of two players, AND and OR, mean over samples, (n, n).

        Salient or not, all of them count. The matrix is symmetric, with 0 on the diagonal.
        """
        i_and, i_or = self.interactions.merged
        strength = (np.abs(i_and) + np.abs(i_or)).mean(0)
        players = 1 << np.arange(len(self.names))
        pairs = strength[players[:, None] | players]
        np.fill_diagonal(pairs, 0.0)
        return pairs

    def to_json(self, path: str | Path | None = None) -> str:
        """Salient interactions as JSON, which is also written to a file if a path is given."""
        text = json.dumps(
            {
                "players": list(self.names),
                "tau": self.tau,
                "order_strength": self.order_strength().tolist(),
                "samples": [
                    {
                        "output": float(self.values[k, -1]),
                        "output_without_players": float(self.values[k, 0]),
                        "interactions": self._json_rows(k),
                    }
                    for k in range(len(self))
                ],
            },
            indent=1,
            ensure_ascii=False,
        )
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def _json_rows(self, sample: int) -> list[dict]:
        frame = self.to_frame(sample).drop(columns="sample")
        return [
            {**row, "order": int(row["order"]), "strength": float(row["strength"])}
            for row in frame.to_dict("records")
        ]

    def plot(
        self, kind: str = "strength", *, sample: int | None = None, k: int = 10, ax: Any = None
    ) -> Any:
        """Draw the interactions.

        Parameters
        ----------
        kind : {"strength", "orders", "top", "graph"}, default="strength"
            "strength": magnitudes of all interactions, sorted, with the threshold. "orders":
            strength of each order, with its sign. "top": the top interactions as bars. "graph": the
            top interactions of one sample as an AND-OR graph.
        sample : int, default=None
            Index of one sample; all samples if None. A graph shows one, by default the first.
        k : int, default=10
            Number of top interactions.
        ax : matplotlib Axes, default=None
            A new figure if None.

        Returns
        -------
        matplotlib Axes
        """
        return draw(self, kind, sample, k, ax)
