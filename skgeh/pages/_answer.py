"""The answer in words: which pairs interact, which way, and what is ruled out elsewhere."""

from dataclasses import dataclass

import numpy as np

from skgeh.pages._numbers import counted, interval, number, p_value, percent
from skgeh.pages._reading import Reading

_MOST_NAMED = 10  # pairs in the answer


@dataclass(frozen=True)
class Finding:
    """One pair that interacts, in a line.

    Parameters
    ----------
    row : int
        Of the table.
    name, size, direction : str
    """

    row: int
    name: str
    size: str
    direction: str


@dataclass(frozen=True)
class Answer:
    """What the table says.

    Parameters
    ----------
    verdict : str
    findings : list of Finding
    more : str
        How many findings are not listed; '' if all are.
    rest : list of str
        Of the other pairs.
    """

    verdict: str
    findings: list[Finding]
    more: str
    rest: list[str]

    @classmethod
    def of(cls, reading: Reading) -> "Answer":
        """Put a table in words."""
        rows = np.flatnonzero(reading.chosen).tolist()
        findings = [
            Finding(row, reading.pair_name(row), _size(reading, row), direction(reading, row))
            for row in rows[:_MOST_NAMED]
        ]
        left = len(rows) - len(findings)
        more = f"{counted(left, 'more pair')} in the table below." if left else ""
        return cls(_verdict(reading), findings, more, _rest(reading))


def direction(reading: Reading, row: int) -> str:
    """What the sign of a pair means, in a sentence.

    Parameters
    ----------
    reading : Reading
    row : int
        Of the table.
    """
    i, j = reading.found.pairs[reading.order[row]].tolist()
    a, b = reading.names[i], reading.names[j]
    goal, sign = reading.scale_name, str(reading.columns["sign"][row])
    slopes = [reading.has_slope(f) for f in (i, j)]
    if not any(slopes):
        return f"The differences between values of {a} are not the same at every value of {b}."
    if not all(slopes):
        level, line = (b, a) if slopes[0] else (a, b)
        return f"What {line} does to {goal} differs between values of {level}."
    if reading.outputs:
        what = "class" if reading.classes is not None else "target"
        return f"The slope along {b} changes with {a}, for at least one {what}."
    if sign == "+":
        return f"As {a} rises, the slope of {goal} along {b} rises too."
    if sign == "-":
        return f"As {a} rises, the slope of {goal} along {b} falls."
    if sign == "mixed":
        return (
            f"As {a} rises, the slope of {goal} along {b} rises in some groups of rows and falls "
            "in others."
        )
    return f"The slope of {goal} along {b} changes with {a}, but no group of rows alone shows how."


def _verdict(reading: Reading) -> str:
    """How many pairs interact."""
    n_found, n_tested = int(reading.chosen.sum()), int(reading.tested.sum())
    if reading.is_selector:
        rule = _rule(reading)
        return f"{n_found} of {counted(len(reading.order), 'pair')} {_were(n_found)} chosen{rule}."
    if not n_tested:
        reasons = reading.columns["reason"]
        return f"No pair was tested: {reasons[0]}."
    if n_found == 0:
        return (
            f"None of the {counted(n_tested, 'tested pair')} can be told from chance (at a false "
            "discovery rate of 5%)."
        )
    verb = "interacts" if n_found == 1 else "interact"
    return (
        f"{n_found} of {counted(n_tested, 'tested pair')} {verb} (at a false discovery rate of 5%)."
    )


def _rule(reading: Reading) -> str:
    """The rule by which a selector chose."""
    source = reading.source
    if source.test is None:
        return f", the {source.max_pairs} with the highest scores; none was tested"
    if source.test == "interval":
        return " because their posterior interval lies above 0; this controls no error rate"
    rates = {"fdr": "false discovery rate", "fwer": "family-wise error rate"}
    return f" by the test “{source.test}” (at a {rates[source.control]} of {percent(source.alpha)})"


def _were(count: int) -> str:
    """The verb of a count."""
    return "was" if count == 1 else "were"


def _size(reading: Reading, row: int) -> str:
    """Size of a pair: its interval, the share of the variance, its p-value."""
    effect = reading.numbers("effect")[row]
    ends = interval(*(reading.numbers(end)[row] for end in ("ci_low", "ci_high")))
    if not ends:
        return "Size not known."
    text = f"Effect {number(effect)} (95% interval {ends})"
    share = reading.numbers("share")[row]
    if np.isfinite(share):
        text += f", {percent(share)} of the {'deviance' if is_deviance(reading) else 'variance'}"
    p = reading.numbers("p_value")[row]
    return text + (f", p\u00a0{equals(p)}." if np.isfinite(p) else ".")


def is_deviance(reading: Reading) -> bool:
    """Whether shares are of the deviance, not of the variance."""
    return reading.classes is not None or reading.is_log


def equals(p: float) -> str:
    """A p-value after "p"."""
    text = p_value(p)
    return text if text.startswith("<") else f"=\u00a0{text}"


def _rest(reading: Reading) -> list[str]:
    """How large an effect is ruled out elsewhere, and how many pairs were not tested."""
    if not reading.tested.any():
        return ["The table has the pairs in the order of their score, which decides nothing."]
    high, found = reading.numbers("ci_high"), []
    others = reading.tested & ~reading.chosen & np.isfinite(high)
    if others.any():
        which = "the other" if reading.chosen.any() else "the"
        middle = ""
        if others.sum() > 1:
            middle = f", for half of them above {number(np.median(high[others]))}"
        found.append(
            f"For {which} {counted(int(others.sum()), 'tested pair')}, effects above "
            f"{number(high[others].max())} are ruled out{middle} (each with 95% confidence, in "
            "standard units)."
        )
    untested = int((~reading.tested).sum())
    if untested:
        found.append(
            f"{counted(untested, 'pair')} {_were(untested)} not tested; the reasons stand under "
            "“What speaks against it”."
        )
    return found
