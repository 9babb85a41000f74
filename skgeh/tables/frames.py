"""Data frames as input and output: their kind and column labels, and results of the same kind."""

from collections.abc import Sequence
from typing import Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

Backend = Literal["pandas", "polars", "pyarrow"]


def backend_of(X: Any) -> Backend:
    """Kind of data frame in which results for X are returned; pandas for arrays."""
    if nw.dependencies.is_pyarrow_table(X):
        return "pyarrow"
    return "polars" if nw.dependencies.is_polars_dataframe(X) else "pandas"


def values_and_names(X: Any) -> tuple[NDArray, list[str] | None]:
    """Values of any array or data frame as they are, and the column names of a data frame.

    Examples
    --------
    >>> values_and_names([[1, 2]])[1] is None
    True
    """
    frame = nw.from_native(X, pass_through=True, eager_only=True)
    if not isinstance(frame, nw.DataFrame):
        return np.asarray(X), None
    return frame.to_numpy(), frame.columns


def make_frame(columns: dict[str, NDArray], order: NDArray, backend: Backend) -> Any:
    """A data frame made of columns of equal length, with its rows in the given order."""
    ordered = {name: values[order].tolist() for name, values in columns.items()}
    return nw.from_dict(ordered, backend=backend).to_native()


def frame_of(values: NDArray, names: Sequence[str], backend: Backend) -> Any:
    """A data frame with the columns of an array (n, d)."""
    columns = dict(zip(names, values.T, strict=True))
    return nw.from_dict(columns, backend=backend).to_native()
