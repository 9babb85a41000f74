"""Results of a test, with one row per pair."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from skgeh.geh.interactions import check_level
from skgeh.tables.corrections import adjust, over_targets
from skgeh.tables.frames import Backend, make_frame
from skgeh.tables.small_table import SmallTable

_ROWS_SHOWN = 10
_SHOWN = "target", "p_value", "p_fdr", "strength", "strength_low"  # columns


@dataclass(frozen=True, eq=False, repr=False)
class TestResult:
    """P-values of pairs.

    Parameters
    ----------
    pairs : ndarray of shape (P, 2)
        Pairs ``i < j``.
    statistic : ndarray of shape (P,) or (P, c)
        A larger statistic is more evidence; NaN where not tested.
    p_value : ndarray of shape (P,) or (P, c)
        Above 0; NaN where not tested.
    tested : ndarray of bool in the shape of p_value
        Where there was a test; corrections count all pairs, tested or not.
    feature_names : tuple of str
    frame_backend : {"pandas", "polars"}
    targets : list of length c, optional
        Indices of several targets, or labels of more than two classes, along the last axis.
    reason : sequence of P str, optional
        Why a pair was not tested, for some target at least; '' for pairs that were.
    """

    __test__ = False  # not a test for pytest

    pairs: NDArray[np.intp]
    statistic: NDArray[np.float64]
    p_value: NDArray[np.float64]
    tested: NDArray[np.bool_]
    feature_names: tuple[str, ...]
    frame_backend: Backend
    targets: list | None = field(default=None, kw_only=True)
    reason: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        everywhere = self.tested if self.targets is None else self.tested.all(axis=1)
        given = np.where(everywhere, "", "not tested") if self.reason is None else self.reason
        object.__setattr__(self, "reason", np.array(given, dtype=object))

    def adjusted(self, control: str = "fdr") -> NDArray[np.float64]:
        """P-values corrected over all pairs, and over targets if there are several.

        Pairs that were not tested count too, as if their p-value were 1.

        Parameters
        ----------
        control : {"fdr", "fdr_by", "fwer"}, default="fdr"
            The false discovery rate by Benjamini and Hochberg; the same under any dependence by
            Benjamini and Yekutieli; the family-wise error rate by Holm.

        Returns
        -------
        ndarray in the shape of p_value
            NaN where not tested.
        """
        return adjust(self.p_value, control)

    @property
    def pair_p_value(self) -> NDArray[np.float64]:
        """P-values of pairs, (P,); with several targets, of an interaction for any of them.

        The latter is the least p-value over targets, times their number (Bonferroni); NaN where
        there is none for any target.
        """
        if self.targets is None:
            return self.p_value
        return over_targets(self.p_value)

    @property
    def tested_pairs(self) -> NDArray[np.bool_]:
        """Pairs that were tested, for any target if there are several, shape (P,)."""
        return self.tested if self.targets is None else np.asarray(self.tested.any(axis=1))

    def adjusted_pairs(self, control: str = "fdr") -> NDArray[np.float64]:
        """P-values of pairs corrected over pairs, which decide which pairs are real.

        With several targets, this is not the least of `adjusted` over them. True pairs are often
        found for several targets at a time, false ones mostly for one. So among *pairs* found by
        Benjamini and Hochberg over pairs and targets, the share of false ones may exceed the level.

        Parameters
        ----------
        control : {"fdr", "fdr_by", "fwer"}, default="fdr"

        Returns
        -------
        ndarray of shape (P,)
            NaN where not tested.
        """
        if self.targets is None:
            return self.adjusted(control)
        return adjust(self.pair_p_value, control)

    def columns(self) -> dict[str, NDArray]:
        """Columns of the table, with one value per pair, or per pair and target."""
        i, j = np.repeat(self.pairs, len(self.targets or [0]), axis=0).T
        names = np.array(self.feature_names, dtype=object)
        columns = {"feature_i": names[i], "feature_j": names[j]}
        if self.targets is not None:
            columns["target"] = np.array(self.targets * len(self.pairs), dtype=object)
        values = {
            "statistic": self.statistic,
            "p_value": self.p_value,
            "p_fdr": self.adjusted("fdr"),
            "p_fwer": self.adjusted("fwer"),
        }
        return columns | {name: value.ravel() for name, value in values.items()}

    def to_frame(self) -> Any:
        """Table with one row per pair, or per pair and target if several; least p-value first.

        The last columns say whether the pair was tested and, if not, the reason.

        Returns
        -------
        data frame
            Of the same kind as the tested table, pandas for arrays.
        """
        return make_frame(*self._rows(), self.frame_backend)

    def _rows(self) -> tuple[dict[str, NDArray], NDArray[np.intp]]:
        """Columns of the table, and the order of its rows."""
        columns, tested = self.columns(), self.tested.ravel()
        reasons = np.repeat(self.reason, len(self.targets or [0]))
        # a pair that was only scanned has no p-value either, but a reason of its own
        known = np.isfinite(columns["p_value"])
        columns |= {"tested": tested, "reason": np.where(tested & known, "", reasons)}
        p = np.where(known, columns["p_value"], np.inf)
        return columns, np.lexsort([-columns["statistic"], p, ~tested])

    def __str__(self) -> str:
        return self._small_table().text()

    def _repr_html_(self) -> str:
        return self._small_table().html()

    def _small_table(self) -> SmallTable:
        """The first rows of the table, with the columns that decide, in 80 columns of text."""
        columns, order = self._rows()
        some = order[:_ROWS_SHOWN]
        shown = [name for name in _SHOWN if name in columns]
        rows = []
        for k in some:
            cells = [f"{columns['feature_i'][k]} x {columns['feature_j'][k]}"]
            if columns["reason"][k]:
                cells.append(str(columns["reason"][k]))
            else:
                values = (columns[name][k] for name in shown)
                cells += [str(v) if isinstance(v, str) else f"{v:.2g}" for v in values]
            rows.append(cells)
        few = f"; the first {len(some)} rows" if len(some) < len(order) else ""
        return SmallTable(["", *shown], rows, f"{repr(self)[1:-1]}{few}")

    def __repr__(self) -> str:
        found = int((self.adjusted_pairs("fdr") <= 0.05).sum())
        several = "" if self.targets is None else f" and {len(self.targets)} targets"
        return (
            f"<{type(self).__name__} of {int(self.tested_pairs.sum())} pairs{several}, {found} at "
            "a false discovery rate of 0.05>"
        )


@dataclass(frozen=True, eq=False, repr=False)
class CrossfitResult(TestResult):
    """P-values of the cross-fitted test, and lower bounds on the strength of pairs.

    Parameters
    ----------
    pairs, statistic, p_value, tested, feature_names, frame_backend, targets
        See `TestResult`; the statistic is the z-score that has this p-value. With several targets,
        all arrays have one more axis at the end, of length c.
    fold_scores : ndarray of shape (R, K, P)
        Scores of the learned shapes on held-out folds, standard normal if there is no interaction.
    shape_scores : ndarray of shape (R, P, s)
        Scores of the smooth shapes.
    variance_inflation : float
        Variance of ``sum_rk t_rk / (R sqrt(K))`` if there is no interaction.
    strength, strength_std : ndarray of shape (P,)
        Standard deviation of the part of the pair's component that was found on one half of the
        rows and confirmed on the other, and its standard error; in standard deviations of the
        target, or for labels in logits.
    confirmed_effect, confirmed_std : ndarray of shape (P,) or None
        M-GEH (Eq. 6) of the networks of the two halves, scaled by lambda to the size that held-out
        rows confirm, and its standard error, in standard units; None for models without Hessians.
    """

    fold_scores: NDArray[np.float64]
    shape_scores: NDArray[np.float64]
    variance_inflation: float
    strength: NDArray[np.float64]
    strength_std: NDArray[np.float64]
    confirmed_effect: NDArray[np.float64] | None
    confirmed_std: NDArray[np.float64] | None

    def strength_lower(self, level: float = 0.95) -> NDArray[np.float64]:
        """One-sided lower confidence bound of the strength, at least 0, in the same shape.

        It is 0 for pairs that are not significant, at a false discovery rate of 0.05.
        """
        check_level(level)
        bound = np.maximum(self.strength - norm.ppf(level) * self.strength_std, 0.0)
        return np.where(self.tested & ~(self.adjusted("fdr") <= 0.05), 0.0, bound)

    def confirmed_interval(self, level: float = 0.95) -> NDArray[np.float64]:
        """Confidence interval of the M-GEH of detected pairs, cut at 0, (P, 2) or (P, c, 2).

        It is only meant for pairs that were detected, since for others lambda is not determined.
        """
        if self.confirmed_effect is None or self.confirmed_std is None:
            raise ValueError(
                "Intervals of the effect need second derivatives, which only networks of this "
                "package have; the tested model has none. strength_lower() works for every model."
            )
        check_level(level)
        half = norm.ppf((1 + level) / 2) * self.confirmed_std
        ends = [self.confirmed_effect - half, self.confirmed_effect + half]
        return np.maximum(np.stack(ends, axis=-1), 0.0)

    def columns(self) -> dict[str, NDArray]:
        """Columns of the table, with strength and, if there is one, confirmed effect."""
        values = {"strength": self.strength, "strength_low": self.strength_lower()}
        if self.confirmed_effect is not None:
            low, high = np.moveaxis(self.confirmed_interval(), -1, 0)
            values |= {
                "confirmed_effect": self.confirmed_effect,
                "confirmed_low": low,
                "confirmed_high": high,
            }
        return super().columns() | {name: value.ravel() for name, value in values.items()}


@dataclass(frozen=True, eq=False, repr=False)
class PermutationResult(TestResult):
    """P-values from refits on shuffled targets.

    The hypothesis is global: the target does not depend on the features at all. If it is false,
    effects of pairs without interaction may exceed their null too, since shuffling also destroys
    the main effects and the true interactions of other pairs.

    Parameters
    ----------
    pairs, statistic, p_value, tested, feature_names, frame_backend
        See `TestResult`; a p-value compares a pair's statistic with its own null.
    null : ndarray of shape (B, P)
        Statistics of the refits on shuffled targets.
    """

    null: NDArray[np.float64]

    @property
    def global_p_value(self) -> float:
        """P-value of the hypothesis that the target does not depend on the features.

        ``(1 + #{null maximum >= observed maximum}) / (1 + B)``.
        """
        return float(_share_above(self.statistic.max()[None], self.null.max(1)[:, None])[0])

    def adjusted(self, control: str = "fwer") -> NDArray[np.float64]:
        """P-values corrected over pairs.

        Parameters
        ----------
        control : {"fwer", "fdr", "fdr_by"}, default="fwer"
            The family-wise error rate by the maximum over pairs (Westfall and Young 1993), or the
            false discovery rate from the pairs' own p-values.

        Returns
        -------
        ndarray of shape (P,)
        """
        if control == "fwer":
            return _share_above(self.statistic, self.null.max(1)[:, None])
        return super().adjusted(control)


def _share_above(statistic: NDArray, null: NDArray) -> NDArray[np.float64]:
    """``(1 + #{null >= observed}) / (1 + B)`` for each statistic.

    Examples
    --------
    >>> _share_above(np.array([2.0, 0.5]), np.array([[1.0], [3.0], [1.0]])).tolist()
    [0.5, 1.0]
    """
    return (1 + (null >= statistic).sum(0)) / (1 + len(null))
