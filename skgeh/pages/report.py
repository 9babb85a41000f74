"""The report of a fitted model: one HTML file with everything in it."""

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from skgeh.pages._answer import Answer
from skgeh.pages._columns import columns
from skgeh.pages._contribution import Contribution
from skgeh.pages._doubts import Doubts
from skgeh.pages._origin import Origin
from skgeh.pages._pair_part import PairPart, count_of_parts, nearest, rows_in_words
from skgeh.pages._pair_table import PairTable
from skgeh.pages._pictures import Picture, overview, surface
from skgeh.pages._quality import Quality
from skgeh.pages._question import left_out, question, target_in_words
from skgeh.pages._reading import Reading

_MOST_PARTS = 20  # pairs that have a part of their own


def report(
    model: Any,
    X: Any = None,
    y: Any = None,
    *,
    path: Any = "report.html",
    title: str | None = None,
) -> Path:
    """Write what a model found into one HTML file that needs no other file.

    The page has the question, the answer in words, the table of pairs, pictures, a part for each
    pair that interacts (where, which way, its interval, the rows that it takes to find it), the
    columns of the table, the quality of the fit beside main effects and boosting, what speaks
    against the answer, and how it was computed. It can be printed, and read on a phone.

    Parameters
    ----------
    model : BayesianInteractionRegressor, BayesianInteractionClassifier or GEHSelector
        Fitted.
    X : array-like or data frame of shape (n, d), default=None
        The table that the model was fitted on, for ranges, levels and missing values of its
        columns.
    y : array-like of shape (n,) or (n, c), default=None
        Its target; the page calls it by its ``name``, if it has one, as a column of a frame does.
    path : str or path, default="report.html"
        File to write, which is replaced if it exists.
    title : str, default=None
        Title of the page.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ImportError
        If Jinja2 or matplotlib is missing; the message has the command that installs them.
    FileNotFoundError
        If the folder of `path` does not exist.
    TypeError
        If `model` is of another kind, such as a pipeline.
    sklearn.exceptions.NotFittedError
        If `model` is not fitted.

    Notes
    -----
    Warnings that arise on the way are written on the page, under "What speaks against it", and are
    not raised. The page shows names and levels of the table, so pass it on only to those who may
    see them.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skgeh import BayesianInteractionRegressor, report
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X[:, 0] * X[:, 2] + rng.normal(size=200)
    >>> model = BayesianInteractionRegressor(posterior="gaussian_process").fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = report(model, X, y, path=f"{folder}/report.html")
    ...     "1 of 3 tested pairs interacts" in path.read_text(encoding="utf-8")
    True
    """
    render = _renderer()
    start, target = time.perf_counter(), Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"The folder of path does not exist: {str(target.parent)!r}. Create it, or write "
            "elsewhere."
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reading = Reading.of(model, y)
        content = _content(reading, X, y)
    own = [str(one.message) for one in caught if issubclass(one.category, UserWarning)]
    doubts = Doubts.of(reading, own)
    origin = Origin.of(reading, time.perf_counter() - start)
    heading = title or reading.title
    page = render("report.html", title=heading, doubts=doubts, origin=origin, **content)
    target.write_text(page, encoding="utf-8")
    return target


def _content(reading: Reading, X: Any, y: Any) -> dict[str, Any]:
    """All that may warn."""
    quality = Quality.of(reading)
    rows, more = count_of_parts(reading, _MOST_PARTS)
    needed = rows_in_words(reading, rows)
    parts = [
        (PairPart.of(reading, row, text), *_shown(reading, row))
        for row, text in zip(rows, needed, strict=True)
    ]
    listed, not_listed = columns(reading, X)
    return {
        "reading": reading,
        "question": question(reading),
        "left_out": left_out(reading, X),
        "target": target_in_words(reading, y),
        "answer": Answer.of(reading),
        "table": PairTable.of(reading),
        "pictures": overview(reading),
        "parts": parts,
        "more_parts": more,
        "nearest": nearest(reading),
        "columns": listed,
        "columns_not_listed": not_listed,
        "quality": quality,
    }


def _shown(reading: Reading, row: int) -> tuple[Picture | None, Contribution | None]:
    """Surface of a pair and its numbers.

    There are none for pairs that were chosen without a test, and for several columns of numbers
    that are one feature.
    """
    pair = reading.found.pairs[reading.order[row]].tolist()
    several = any(reading.found.features[f].kind == "columns" for f in pair)
    if several or not np.isfinite(reading.numbers("ci_high")[row]):
        return None, None
    contribution = Contribution.of(reading, row)
    return surface(contribution), contribution


def _renderer() -> Any:
    """The function that fills a template; an error with the cure if a library is missing."""
    try:
        import jinja2
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "report needs Jinja2 and matplotlib: pip install 'skgeh[report]'"
        ) from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("skgeh.pages"),
        autoescape=True,  # names and levels come from data
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return lambda name, **content: environment.get_template(name).render(content)
