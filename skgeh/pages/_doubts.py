"""What speaks against the answer: warnings, pairs that were not tested, what no test can know."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from skgeh.pages._numbers import counted
from skgeh.pages._reading import Reading
from skgeh.tables.messages import listed

_MOST_NAMED = 5  # pairs for each reason
_MOST_REASONS = 20


@dataclass(frozen=True)
class Doubts:
    """What speaks against an answer.

    Parameters
    ----------
    warnings : list of str
    untested : list of (str, str)
        Each reason, and which pairs it holds for.
    limits : list of str
        What the test cannot know.
    """

    warnings: list[str]
    untested: list[tuple[str, str]]
    limits: list[str]

    @classmethod
    def of(cls, reading: Reading, raised: list[str]) -> "Doubts":
        """Collect them.

        Parameters
        ----------
        reading : Reading
        raised : list of str
            Warnings that were raised while the page was computed.
        """
        known = list(dict.fromkeys([*reading.model.doubts(), *raised]))
        return cls(known, _untested(reading), _limits(reading))


def _untested(reading: Reading) -> list[tuple[str, str]]:
    """Reasons, with the pairs for which they hold."""
    pairs = defaultdict(list)
    for row in np.flatnonzero(~reading.tested).tolist():
        pairs[str(reading.columns["reason"][row])].append(reading.pair_name(row))
    found = [
        (reason, f"{counted(len(names), 'pair')}: {listed(names, _MOST_NAMED)}")
        for reason, names in pairs.items()
    ]
    if len(found) > _MOST_REASONS:
        more = len(found) - _MOST_REASONS
        found = [*found[:_MOST_REASONS], (f"{counted(more, 'more reason')}", "see to_frame()")]
    return found


def _limits(reading: Reading) -> list[str]:
    """What the test cannot know about any table."""
    units = (
        f"Rows of different units are taken as independent ({counted(reading.n_units, 'unit')})."
        if reading.n_units is not None
        else "Rows are taken as independent. If several rows belong to one unit, such as a patient "
        "or a day, p-values are too small: fit again with groups=."
    )
    scale = (
        f"An interaction is one in {reading.scale_name}. On another scale, such as that of "
        + ("probabilities" if reading.classes is not None else "the mean itself")
        + ", other pairs may interact."
        if reading.classes is not None or reading.is_log
        else f"An interaction depends on the scale: other pairs may interact in the log of "
        f"{reading.target_name}."
    )
    return [
        "An interaction is not a cause: it says that a slope differs, not what would happen if "
        "someone changed a feature.",
        units,
        scale,
        "Features that are not in the table may be behind a pair, for instance one that both "
        "features of it stand for.",
        "If three features interact all together, their pairs may be found one by one.",
        "Nothing found is not nothing there: the upper ends of the intervals say how much may be.",
    ]
