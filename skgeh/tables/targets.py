"""What kind of target a column is: numbers or labels."""

from typing import Any, Literal

import numpy as np
import pandas as pd

_Task = Literal["regression", "classification"]


def task_of(y: Any) -> tuple[_Task, str]:
    """Whether a target that is not described looks like numbers or like labels, and why.

    It is labels if it is not numeric, or has exactly two different values that are whole numbers.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, c)

    Returns
    -------
    task : {"regression", "classification"}
    why : str
        The end of a sentence that begins with "it".

    Examples
    --------
    >>> task_of([0, 1, 1, 0])
    ('classification', 'it has two values, 0 and 1')
    >>> task_of([0, 1, 2, 0])
    ('regression', 'it is a number with 3 different values')
    >>> task_of(["no", "yes"])[0]
    'classification'
    """
    values = np.asarray(y)
    if values.ndim > 1 and values.shape[1] > 1:
        return "regression", f"it has {values.shape[1]} columns"
    values = pd.Series(values.ravel()).infer_objects().to_numpy()  # objects may be numbers
    if values.dtype.kind not in "iuf":
        return "classification", "it is not a number"
    found = np.sort(pd.unique(values))
    if len(found) == 2 and (found == found.round()).all():
        return "classification", f"it has two values, {found[0]:.0f} and {found[1]:.0f}"
    return "regression", f"it is a number with {len(found)} different values"
