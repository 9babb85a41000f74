"""Data frames in and out: which kind came in, its column labels, and answers of the same kind."""

from typing import Any, Literal

import narwhals as nw
from numpy.typing import NDArray
from sklearn.utils.validation import _get_feature_names

Backend = Literal["pandas", "polars"]


def backend_of(X: Any) -> Backend:
    """Kind of data frame that answers about X come in; pandas for arrays."""
    return "polars" if nw.dependencies.is_polars_dataframe(X) else "pandas"


def _column_labels(X: Any) -> tuple[tuple | None, bool]:
    """Labels of the columns, None without any, and whether they are names.

    Examples
    --------
    >>> _column_labels([[1.0, 2.0]])
    (None, False)
    """
    labels = getattr(X, "columns", None)
    return None if labels is None else tuple(labels), _get_feature_names(X) is not None


def make_frame(columns: dict[str, NDArray], order: NDArray, backend: Backend) -> Any:
    """A data frame of columns of equal length, its rows in the order given."""
    ordered = {name: values[order].tolist() for name, values in columns.items()}
    return nw.from_dict(ordered, backend=backend).to_native()


def with_columns(frame: Any, columns: dict[str, NDArray]) -> Any:
    """A data frame with further columns."""
    known = nw.from_native(frame)
    series = [
        nw.new_series(name, values.tolist(), backend=known.implementation)
        for name, values in columns.items()
    ]
    return known.with_columns(*series).to_native()
