"""Columns and rows that are used, and what is left out and why."""

import argparse
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skgeh.command_line._problem import Problem, counted, listed, no_column
from skgeh.tables.dates import DateForm
from skgeh.tables.encoding import refusals
from skgeh.tables.table import MIN_ROWS
from skgeh.tables.targets import task_of

_MOST_CLASSES = 20
_LEAST_CLASS = 10  # rows, for a test
_FEW_VALUES = 10  # of a whole number that might be labels
_COUNTED = 20  # rows from which on 1, 2, 3, ... are no measurements


@dataclass(frozen=True)
class Question:
    """What is asked of the model.

    Parameters
    ----------
    X : DataFrame
        Features, at the rows that are used.
    y : ndarray
    task : {"regression", "classification"}
    why : str
        Of the task.
    groups : Series or None
    ignored : dict
        Columns that are left out, with the reason.
    lost : dict
        What rows were left out for, with their number.
    notes : list of str
    """

    X: pd.DataFrame
    y: np.ndarray
    task: str
    why: str
    groups: pd.Series | None
    ignored: dict[str, str]
    lost: dict[str, int]
    notes: list[str]


def question_of(frame: pd.DataFrame, options: argparse.Namespace) -> Question:
    """What the options ask of a frame.

    Raises
    ------
    Problem
        If it cannot be answered; the message says what to do.
    """
    names = list(frame.columns)
    for option in ("target", "groups"):
        name = getattr(options, option)
        if name is not None and name not in names:
            raise no_column(name, names, f"--{option}")
    if options.groups == options.target:
        raise Problem("--groups and --target are the same column; rows need a unit of their own")
    dropped = named_columns(options.drop, names, "--drop")
    for option in ("target", "groups"):
        if getattr(options, option) in dropped:
            raise Problem(f"the column of --{option} is dropped; take it out of --drop")
    roles = [options.target]
    if options.groups is not None and _days(frame[options.groups]) is None:
        roles.append(options.groups)  # of dates, the hour is still a feature
    ignored = dict.fromkeys(dropped, "dropped, as asked")
    ignored |= _useless(frame.drop(columns=[*dropped, *roles]))
    frame, lost = _rows(frame, options)
    X = frame.drop(columns=[*roles, *ignored])
    ignored |= _useless(X) | refusals(X)
    X = X.drop(columns=[name for name in ignored if name in X])
    task, why, y = target_of(frame[options.target], options)
    if task == "classification":
        kept, rare = _common(y, options.target)
        X, frame, y, lost = X[kept], frame[kept], y[kept], lost | rare
    groups, notes = _groups(frame, options.groups)
    _check_size(X, ignored, lost)
    return Question(X.reset_index(drop=True), y, task, why, groups, ignored, lost, notes)


def named_columns(given: list[str], names: list[str], option: str) -> list[str]:
    """Columns that an option names, one by one or separated by commas.

    Examples
    --------
    >>> named_columns(["a,b", "c, d"], ["a", "b", "c, d"], "--drop")
    ['a', 'b', 'c, d']
    """
    found = []
    for text in given:
        parts = [text] if text in names else [one.strip() for one in text.split(",")]
        for one in filter(None, parts):
            if one not in names:
                raise no_column(one, names, option)
            found.append(one)
    return list(dict.fromkeys(found))


def _useless(X: pd.DataFrame) -> dict[str, str]:
    """Columns that say nothing: empty, constant, or row numbers."""
    found = {}
    for name in X:
        column = X[name]
        known = column.dropna()
        if known.empty:
            found[name] = "empty"
        elif len(known) == len(column) and _is_constant(column):
            found[name] = f"constant ({column.iloc[0]})"
        elif (
            pd.api.types.is_integer_dtype(column.dtype)
            and len(column) >= _COUNTED
            and (np.diff(column.to_numpy(dtype=np.int64)) == 1).all()
        ):
            found[name] = "counts the rows"
    return found


def _is_constant(column: pd.Series) -> bool:
    """Whether all values are equal; lists cannot be compared, and are not."""
    try:
        return bool(column.nunique() == 1)
    except TypeError:
        return False


def _rows(frame: pd.DataFrame, options: argparse.Namespace) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows that have a target, or some of them at random."""
    lost = {}
    known = frame[options.target].notna()
    if not known.any():
        raise Problem(f"the target {options.target!r} is missing in all {len(frame)} rows")
    if not known.all():
        lost[f"{options.target} is missing"] = int((~known).sum())
        frame = frame[known]
    if options.sample is not None and options.sample < len(frame):
        lost["not in the sample"] = len(frame) - options.sample
        rows = np.random.default_rng(options.seed).permutation(len(frame))[: options.sample]
        frame = frame.iloc[np.sort(rows)]
    return frame, lost


def target_of(column: pd.Series, options: argparse.Namespace) -> tuple[str, str, np.ndarray]:
    """Task, why, and the target as numbers or labels."""
    name = options.target
    if _dates(column) is not None:
        raise Problem(f"the target {name!r} is a date; a target is a number or a label")
    values = column.infer_objects()
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object).infer_objects()
    distinct = values.unique()
    if len(distinct) == 1:
        raise Problem(
            f"the target {name!r} is constant ({distinct[0]}): there is nothing to explain"
        )
    is_number = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(
        values.dtype
    )
    if options.loss != "squared_error":
        task, why = "regression", f"as --loss {options.loss} asks"
    elif options.task != "auto":
        task, why = options.task, "as asked"
    else:
        guess, reason = task_of(values)
        task, why = guess, f"guessed, since {reason}"
    if task == "regression":
        if not is_number:
            raise Problem(
                f"the target {name!r} holds text such as {str(distinct[0])!r}, and regression "
                "needs numbers; correct the file, or use --task classification"
            )
        if (
            options.task == "auto"
            and 2 < len(distinct) <= _FEW_VALUES
            and (options.loss == "squared_error" and (distinct == np.round(distinct)).all())
        ):
            why += "; for labels, add --task classification"
        return task, why, values.to_numpy(dtype=np.float64)
    if len(distinct) > _MOST_CLASSES:
        shown = listed([repr(str(one)) for one in distinct], 3)
        cure = "use --task regression" if is_number else "merge classes, or name another target"
        raise Problem(
            f"the target {name!r} has {len(distinct)} different values ({shown}), too many for "
            f"labels (at most {_MOST_CLASSES}); {cure}"
        )
    if options.task == "auto" and is_number:
        why += "; for a number, add --task regression"
    labels = values.to_numpy() if is_number else values.astype(str).to_numpy(dtype=object)
    if is_number and (labels == np.round(labels)).all():
        labels = labels.astype(np.int64)
    return task, why, labels


def _common(y: np.ndarray, name: str) -> tuple[np.ndarray, dict[str, int]]:
    """Rows of classes with enough rows for a test, and the number of others, by the reason."""
    labels = pd.Series(y)
    counts = labels.value_counts()
    rare = counts[counts < _LEAST_CLASS]
    if len(counts) - len(rare) < 2:
        shown = listed(f"{label} ({count})" for label, count in counts.items())
        raise Problem(
            f"the target {name!r} needs two classes of at least {_LEAST_CLASS} rows, and has "
            f"{shown}; merge classes, or take more rows"
        )
    reasons = {
        f"{name} is {label}, a class of fewer than {_LEAST_CLASS}": int(count)
        for label, count in rare.items()
    }
    return ~labels.isin(rare.index).to_numpy(), reasons


def _groups(frame: pd.DataFrame, name: str | None) -> tuple[pd.Series | None, list[str]]:
    """Units that rows belong to, and a note if they make no difference."""
    if name is None:
        return None, []
    groups = frame[name]
    missing = int(groups.isna().sum())
    if missing:
        raise Problem(
            f"--groups: {name!r} is missing in {counted(missing, 'row')}; every row needs its unit"
        )
    days = _days(groups)
    groups = groups.astype(str) if days is None else days
    count = groups.nunique()
    if count < 2:
        raise Problem(
            f"--groups: {name!r} has one value only; leave it out if rows are independent"
        )
    if count == len(frame):
        return None, [f"Every row has a {name} of its own: --groups makes no difference."]
    return groups.reset_index(drop=True), []


def _days(column: pd.Series) -> pd.Series | None:
    """Days of dates with a time of day; None for all else."""
    dates = _dates(column)
    if dates is None:
        return None
    days = dates.dt.strftime("%Y-%m-%d")
    return days if days.nunique() < dates.nunique() else None


def _dates(column: pd.Series) -> pd.Series | None:
    """A column of dates as such, None for all else."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    if pd.api.types.infer_dtype(column, skipna=True) != "string":
        return None
    form = DateForm.of(column.dropna().unique())
    if form is None:
        return None
    return pd.Series(form.read(column.to_numpy(dtype=object)), index=column.index)


def _check_size(X: pd.DataFrame, ignored: dict[str, str], lost: dict[str, int]) -> None:
    """Refuse a table without a pair, or with too few rows."""
    if len(X) < MIN_ROWS:
        gone = "".join(f"; {count} are left out ({reason})" for reason, count in lost.items())
        raise Problem(
            f"{counted(len(X), 'row')}: at least {MIN_ROWS} are needed, 40 for tests{gone}"
        )
    if X.shape[1] < 2:
        left = f"only {X.columns[0]!r} is left" if X.shape[1] else "none is left"
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(ignored.items())[:5])
        raise Problem(
            f"a pair needs two columns beside the target, and {left}"
            + (f" ({reasons})" if reasons else "")
        )
