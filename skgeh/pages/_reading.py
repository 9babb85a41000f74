"""What a page is about: a fitted model, its interactions, and its table in the order of reading."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgeh.estimators import InteractionEstimator
from skgeh.geh.interactions import SIGNIFICANT, Interactions
from skgeh.pages._numbers import crossed
from skgeh.process.decide import PairTests
from skgeh.significance.score import ScoreResult
from skgeh.tables.frames import values_and_names

_LEVEL = 0.05  # probability of any false pair, for which rows are counted
_NO_NAME = "the target"
_WANTED = "a fitted BayesianInteractionRegressor, BayesianInteractionClassifier or GEHSelector"


@dataclass(frozen=True, eq=False)
class Reading:
    """A fitted estimator or selector as a page reads it.

    Parameters
    ----------
    source : object
        What was given: an estimator or a selector.
    model : InteractionEstimator
    target_name : str
    classes : sequence of labels, optional
    target_names : sequence of str, optional
        Of one target or several, if they are known.
    """

    source: Any
    model: InteractionEstimator
    target_name: str
    classes: Sequence | None = None
    target_names: Sequence[str] = ()

    @classmethod
    def of(cls, source: Any, y: Any = None) -> "Reading":
        """Read a fitted estimator or selector; an error if it is neither.

        Parameters
        ----------
        source : object
        y : array-like, optional
            The target, which may have a name.
        """
        model = getattr(source, "estimator_", source)
        if not isinstance(model, InteractionEstimator):
            hint = " For a pipeline, pass its last step, pipeline[-1]." if _is_chain(source) else ""
            raise TypeError(f"report needs {_WANTED}; got {type(source).__name__}.{hint}")
        classes = getattr(model, "classes_", None)
        names = _names_of(y)
        return cls(
            source,
            model,
            names[0] if len(names) == 1 else _NO_NAME,
            None if classes is None else classes.tolist(),
            names,
        )

    @property
    def title(self) -> str:
        """Title of the page."""
        about = "" if self.target_name == _NO_NAME else f" in their effect on {self.target_name}"
        return f"Which features interact{about}?"

    @property
    def is_selector(self) -> bool:
        """Whether a selector was given, whose own test decides."""
        return self.source is not self.model

    @property
    def test_in_words(self) -> str:
        """Where p-values come from."""
        test = self.source.test if self.is_selector else "score"
        if test == "score":
            return (
                "The p-values are those of a score test of smooth functions, which does not use "
                "the posterior."
            )
        return f"The p-values are those of the test “{test}” of the selector." if test else ""

    @property
    def found(self) -> Interactions:
        """Interactions of all pairs."""
        return self.source.interactions_

    @property
    def tests(self) -> PairTests:
        """The tests of the model's own table."""
        return self.model.pair_tests()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return self.found.feature_names

    @cached_property
    def columns(self) -> dict[str, NDArray]:
        """Columns of the table, as `to_frame` gives them."""
        table = self.source if self.is_selector else self.found
        values, names = values_and_names(table.to_frame())
        assert names is not None  # of a data frame
        return dict(zip(names, values.T, strict=True))

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A column of numbers in table order, NaN if the table does not have it."""
        if column not in self.columns:
            return np.full(len(self.order), np.nan)
        return self.columns[column].astype(np.float64)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Places of the pairs in `found`, in table order."""
        names = self.names
        place = {(names[i], names[j]): k for k, (i, j) in enumerate(self.found.pairs.tolist())}
        both = zip(self.columns["feature_i"], self.columns["feature_j"], strict=True)
        return np.array([place[pair] for pair in both], dtype=np.intp)

    @property
    def adjusted(self) -> NDArray[np.float64]:
        """P-values corrected for the number of pairs, in table order."""
        return self.numbers("p_adjusted" if self.is_selector else "p_fdr")

    @cached_property
    def chosen(self) -> NDArray[np.bool_]:
        """Whether a pair interacts, or was selected, in table order."""
        if self.is_selector:
            return self.columns["selected"].astype(bool)
        return np.asarray(self.adjusted <= SIGNIFICANT)

    @property
    def tested(self) -> NDArray[np.bool_]:
        """Whether there was a test, in table order."""
        return self.columns["tested"].astype(bool)

    def pair(self, row: int) -> tuple[str, str]:
        """Names of the features of a row of the table."""
        return str(self.columns["feature_i"][row]), str(self.columns["feature_j"][row])

    def pair_name(self, row: int) -> str:
        """Both names as one."""
        return crossed(*self.pair(row))

    @property
    def outputs(self) -> list[str]:
        """Names of several targets or classes; none for one target or two classes."""
        n_outputs = self.tests.task.y.shape[1]
        if n_outputs == 1:
            return []
        if self.classes is None and len(self.target_names) == n_outputs:
            return list(self.target_names)
        return [str(one) for one in self.classes or [f"target {k}" for k in range(n_outputs)]]

    def leading_output(self, row: int) -> Any:
        """Label of the target that a pair acts on with the least p-value; None for one target."""
        if not self.outputs:
            return None
        p = np.nan_to_num(self.tests.p_value[self.order[row]], nan=np.inf)
        return list(self.found.targets)[int(p.argmin())]

    def found_of(self, output: Any) -> Interactions:
        """Interactions for one of several targets, measured once with few draws."""
        if output not in self._of_outputs:
            n_groups = len(self.found.group_weights)
            one = self.model.interactions(target=output, n_groups=n_groups, n_draws=2)
            self._of_outputs[output] = one
        return self._of_outputs[output]

    @cached_property
    def _of_outputs(self) -> dict[Any, Interactions]:
        """Those that were asked for."""
        return {}

    def output_name(self, output: Any) -> str:
        """One of several targets, in words."""
        name = self.outputs[list(self.found.targets).index(output)]
        return name if self.classes is None else f"the log-odds of {name}"

    @property
    def is_log(self) -> bool:
        """Whether the log of the mean is what features act on."""
        return getattr(self.model, "loss", "squared_error") != "squared_error"

    @property
    def scale_name(self) -> str:
        """What features act on, in words."""
        if self.classes is not None:
            if len(self.classes) > 2:
                return "the log-odds of the classes"
            about = "" if self.target_name == _NO_NAME else f"{self.target_name} = "
            return f"the log-odds of {about}{self.classes[1]}"
        if self.outputs:
            return f"the {len(self.outputs)} targets"
        return f"the log of the mean of {self.target_name}" if self.is_log else self.target_name

    @property
    def unit_name(self) -> str:
        """The standard unit of effects, in words."""
        if self.classes is not None:
            return "units of the log-odds"
        if self.is_log:
            return "units of the log"
        one = "the targets" if self.outputs else self.target_name
        return f"standard deviations of {one}"

    def has_slope(self, feature: int) -> bool:
        """Whether a feature is a number, or ordered."""
        return self.found.features[feature].is_number

    @property
    def n_rows(self) -> int:
        """Rows that count."""
        return len(self.tests.task.X)

    @property
    def n_units(self) -> int | None:
        """Units that rows belong to, if any."""
        units = self.tests.task.units
        return None if units is None else int(units.max()) + 1

    def rows_needed(self, rows: Sequence[int]) -> tuple[NDArray, NDArray]:
        """Rows at which pairs would be found, (k,), and intervals, (k, 2).

        Parameters
        ----------
        rows : sequence of k int
            Of the table.
        """
        every = ScoreResult.of(self.tests, self.names, outputs=self.outputs or None)
        some = every.some(self.order[list(rows)])
        level = _LEVEL * some.p_value.size / every.p_value.size  # for all tests, not only these
        needed, ends = some.rows_needed(level=level, return_interval=True)
        if not self.outputs:
            return needed, ends
        best = np.argmin(np.where(np.isnan(needed), np.inf, needed), axis=1)
        at = np.arange(len(needed)), best
        return needed[at], ends[at]


def _names_of(y: Any) -> list[str]:
    """Names of a target, or of several in a frame; none if they are not known.

    Examples
    --------
    >>> import pandas as pd
    >>> _names_of(pd.Series([1, 2], name="price")), _names_of([1, 2])
    (['price'], [])
    >>> _names_of(pd.DataFrame({"a": [1], "b": [2]}))
    ['a', 'b']
    """
    columns = getattr(y, "columns", None)
    if columns is not None:
        return [str(name) for name in columns]
    name = getattr(y, "name", None)
    return [] if name in (None, "") else [str(name)]


def _is_chain(source: Any) -> bool:
    """Whether something is a pipeline."""
    return hasattr(source, "named_steps")
