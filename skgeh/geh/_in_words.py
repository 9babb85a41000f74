"""Interactions in a line, in words, and as a small table."""

from typing import Any

import numpy as np

from skgeh.tables.small_table import SmallTable

_ROWS_SHOWN = 10


def in_a_line(found: Any) -> str:
    """How many pairs there are, how many are significant, and the first."""
    first = ", ".join(f"{a} x {b}" for a, b in found.top(3))
    if found.decisions is None:
        return f"<Interactions of {len(found.pairs)} pairs, highest score: {first}>"
    return (
        f"<Interactions of {len(found.pairs)} pairs, {int(found.significant.sum())} at a false "
        f"discovery rate of 0.05, first: {first}>"
    )


def in_words(found: Any) -> str:
    """What was found, and how large an effect is ruled out elsewhere."""
    decided = found.decisions
    if decided is None:
        return in_a_line(found)
    real, tested = found.significant, decided.tested
    low, high = found.interval().T
    if not tested.any():
        return f"No pair was tested: {decided.reason[0]}."
    lines = [f"{real.sum()} of {tested.sum()} pairs interact (false discovery rate 0.05)."]
    for place, (a, b) in zip(found.order[: real.sum()], found.top(real.sum()), strict=True):
        sign = f", sign {decided.sign[place]}" if decided.sign[place] else ""
        lines.append(
            f"  {a} x {b}: {decided.effect[place]:.2g}, between {low[place]:.2g} and "
            f"{high[place]:.2g}{sign}, p_fdr {decided.p_fdr[place]:.1g}"
        )
    others = tested & ~real
    if others.sum() == 1:
        lines.append(
            f"For the other pair, effects above {high[others].max():.2g} are ruled out (with 95 % "
            "confidence, in standard units)."
        )
    elif others.any():
        lines.append(
            f"For the other {others.sum()} pairs, effects above {high[others].max():.2g} are ruled "
            f"out, for half of them above {np.median(high[others]):.2g} (each with 95 % "
            "confidence, in standard units)."
        )
    left = int((~tested).sum())
    if left:
        was = "pair was" if left == 1 else "pairs were"
        lines.append(f"{left} {was} not tested; the table says why.")
    return "\n".join(lines)


def in_a_table(found: Any) -> SmallTable:
    """The first pairs."""
    decided = found.decisions
    interval = "95 % interval" if decided is not None else "95 % of the posterior"
    heads = ["", "", "score", "effect", interval, *(["sign", "p", "p_fdr"] if decided else [])]
    effect = found.effect if decided is None else decided.effect
    intervals, rows = found.interval(), []
    for place, (a, b) in zip(found.order, found.top(_ROWS_SHOWN), strict=False):
        low, high = intervals[place]
        cells = [a, b, f"{found.score[place]:.3g}"]
        if decided is not None and not decided.tested[place]:
            cells += ["", f"not tested: {decided.reason[place]}"]
        else:
            cells += [f"{effect[place]:.3g}", f"{low:.3g} to {high:.3g}"]
        if decided is not None and decided.tested[place]:
            p = (f"{values[place]:.2g}" for values in (decided.p_value, decided.p_fdr))
            cells += [str(decided.sign[place]), *p]
        rows.append(cells)
    title = f"{len(found.pairs)} pairs, {len(found.group_weights)} groups"
    return SmallTable(heads, rows, title)
