"""Files into frames: the separator and the encoding are found, and said."""

import csv
import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, cast

import pandas as pd

from skgeh.command_line._problem import Problem, listed

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LOOKED_AT = 50  # lines
_LOOKED_AT_FOR_CODES = 5000
_CODE = r"0\d+"  # zeros in front, as of postal codes: no number
_UNREAD = {
    ".xlsx": "a spreadsheet",
    ".xls": "a spreadsheet",
    ".ods": "a spreadsheet",
    ".json": "JSON",
    ".sav": "an SPSS file",
    ".dta": "a Stata file",
}


@dataclass
class Read:
    """What was read.

    Parameters
    ----------
    frame : DataFrame
    how : str
        In words: "commas", "Parquet".
    separator : str, optional
    notes : list of str
        What the user should know.
    """

    frame: pd.DataFrame
    how: str
    separator: str = ","
    notes: list[str] = field(default_factory=list)


def read(name: str) -> Read:
    """Read a CSV or Parquet file.

    Raises
    ------
    Problem
        If it cannot be read; the message says what to do.
    """
    path = Path(name)
    suffix = path.suffix.lower()
    if not path.exists():
        near = sorted(path.parent.glob(f"{path.stem}.*"))[:3] if path.parent.is_dir() else []
        hint = f"did you mean {near[0]}?" if near else "check its name and the folder"
        raise Problem(f"there is no file {name}; {hint}")
    if path.is_dir():
        raise Problem(f"{name} is a folder; name one file in it")
    if suffix in _UNREAD:
        raise Problem(f"{name} is {_UNREAD[suffix]}; save it as CSV, or as Parquet")
    try:
        with open(path, "rb") as file:
            start = file.read(4)
        if suffix in (".parquet", ".pq") or start == b"PAR1":
            found = _read_parquet(path)
        else:
            found = _read_text(path, zipped=start[:2] == b"\x1f\x8b")
    except OSError as error:
        raise Problem(f"{name} cannot be read: {error.strerror or error}") from error
    if found.frame.shape[1] == 0 or len(found.frame) == 0:
        raise Problem(f"{name} has column names but no rows; check how it was exported")
    return found


def _read_parquet(path: Path) -> Read:
    """Read a Parquet file."""
    try:
        frame = pd.read_parquet(path)
    except ImportError as error:
        raise Problem(
            "Parquet needs pyarrow: python -m pip install pyarrow (or 'skgeh[parquet]')"
        ) from error
    except (ValueError, OSError) as error:
        raise Problem(
            f"{path} is no Parquet file that can be read: {_first_line(error)}"
        ) from error
    if frame.index.name is not None or frame.index.nlevels > 1:
        frame = frame.reset_index()
    frame.columns = [str(one) for one in frame.columns]
    _refuse_repeated(list(frame.columns))
    return Read(frame, "Parquet")


def _read_text(path: Path, *, zipped: bool) -> Read:
    """Read a file of separated values."""
    encoding, notes = _encoding(path, zipped)
    with _opened(path, zipped, encoding) as file:
        lines = [line for _, line in zip(range(_LOOKED_AT), file, strict=False)]
    if not "".join(lines).strip():
        raise Problem(f"{path} is empty; check how it was exported")
    separator = separator_of(lines)
    header = [one.strip() for one in next(csv.reader(lines, delimiter=separator))]
    _refuse_repeated([one for one in header if one])
    form: dict[str, Any] = {
        "sep": separator,
        "encoding": encoding,
        "compression": "gzip" if zipped else None,
        "skipinitialspace": True,
    }
    try:
        start = pd.read_csv(path, dtype=str, nrows=_LOOKED_AT_FOR_CODES, **form)
        codes = [name for name in start if start[name].str.fullmatch(_CODE).any()]
        frame = pd.read_csv(path, low_memory=False, dtype=dict.fromkeys(codes, str), **form)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise Problem(
            f"{path} cannot be read: {_first_line(error)}; a separator inside a value needs quotes "
            "around the value"
        ) from error
    if not isinstance(frame.index, pd.RangeIndex):
        notes.append("the first column has no name, and was taken for the names of the rows")
        frame = frame.reset_index(drop=True)
    names = [str(one).strip() for one in frame.columns]
    unnamed = [one for one in frame.columns if str(one).startswith("Unnamed: ")]
    frame.columns = names
    frame = frame.rename(
        columns={one: f"column {place + 1}" for place, one in enumerate(names) if one in unnamed}
    )
    if len(header) > 1 and all(_is_number(one) for one in header):
        notes.append("the first line holds numbers, and was taken for the names of the columns")
    return Read(frame, _SEPARATORS[separator], separator, notes)


def _encoding(path: Path, zipped: bool) -> tuple[str, list[str]]:
    """Encoding of a text, and a note if it is not UTF-8."""
    with gzip.open(path) if zipped else open(path, "rb") as file:
        start = file.read(2)
        if start in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16", ["the file is UTF-16"]
    try:
        with _opened(path, zipped, "utf-8") as text:
            while text.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "latin-1", ["the file is not UTF-8, and was read as Latin-1: check its accents"]
    return "utf-8-sig", []


def _opened(path: Path, zipped: bool, encoding: str) -> TextIO:
    """A file of text."""
    if zipped:
        return cast(TextIO, gzip.open(path, "rt", encoding=encoding, newline=""))
    return open(path, encoding=encoding, newline="")


def separator_of(lines: list[str]) -> str:
    r"""The separator that splits most lines into as many parts as the first.

    Examples
    --------
    >>> separator_of(["a;b;c", "1,5;2,25;x", "2,5;1,5;y"])
    ';'
    >>> separator_of(["a\tb", "1\t2"])
    '\t'
    >>> separator_of(["name", "x"])
    ','
    """
    scores = {}
    for separator in _SEPARATORS:
        counts = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        fits = sum(count == counts[0] for count in counts) / len(counts)
        scores[separator] = (counts[0] > 1, fits > 0.9, counts[0])
    return max(scores, key=lambda one: scores[one])


def _refuse_repeated(names: list[str]) -> None:
    """Refuse names that several columns have."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise Problem(
            f"several columns are called {listed(map(repr, repeated))}; give every column a name "
            "of its own"
        )


def _is_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _first_line(error: Exception) -> str:
    """The first line of an error, without its full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
