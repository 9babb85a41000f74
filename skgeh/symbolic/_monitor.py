"""Two phases of learning: the mean order of interactions falls, then rises."""

from collections.abc import Sequence
from typing import Any

import numpy as np

FALL = 0.5  # least fall of the mean order before a rise counts as a second phase
RISE = 0.25  # least rise that counts as a second phase
GROWTH = 0.1  # least growth of strengths, as a share, and of the gap, as a share of the test loss


def switch_of_phases(epochs: Sequence[int], mean_orders: Sequence[float]) -> int | None:
    """Epoch at which the first phase ends and the second begins.

    Parameters
    ----------
    epochs : sequence of int
    mean_orders : sequence of float
        Mean order of the salient interactions at these epochs; NaN where there were none.

    Returns
    -------
    int or None
        The epoch of the lowest mean order, once the mean order has risen again; None until then.

    Examples
    --------
    >>> switch_of_phases([0, 1, 2, 4, 8, 16], [5.0, 3.1, 1.9, 1.7, 2.2, 3.0])
    4
    """
    known = [(k, m) for k, m in enumerate(mean_orders) if np.isfinite(m)]
    if not known:
        return None
    place, lowest = min(known, key=lambda one: one[1])
    fell = max(m for k, m in known if k <= place) - lowest
    rose = max(m for k, m in known if k >= place) - lowest
    return epochs[place] if fell >= FALL and rose >= RISE else None


def overfits(records: Sequence[dict[str, Any]], switch: int) -> bool:
    """Whether strengths have grown and the gap has widened since the switch.

    Parameters
    ----------
    records : sequence of dict
        With ``epoch``, ``total``, ``gap`` and ``test_loss``.
    switch : int
        Epoch of the switch.
    """
    before = next(one for one in records if one["epoch"] == switch)
    now = records[-1]
    stronger = now["total"] > (1 + GROWTH) * before["total"]
    wider = now["gap"] - before["gap"] > GROWTH * abs(before["test_loss"])  # False if NaN
    return bool(stronger and wider)
