"""What happens in one run: read, say what was understood, fit, decide, report."""

import argparse
import importlib.util
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from skgeh.command_line._account import Account
from skgeh.command_line._columns import Question, question_of
from skgeh.command_line._files import read
from skgeh.command_line._pairs import asked_pairs, only
from skgeh.command_line._problem import Problem, counted, listed
from skgeh.command_line._tables import aligned, as_json, pair_table, words
from skgeh.command_line._texts import understood
from skgeh.geh.interactions import SIGNIFICANT
from skgeh.tables.encoding import Encoding

_OTHERS = 10  # pairs shown beside significant ones
_OF_REPORTS = ("matplotlib", "jinja2")
_MOST_COLUMNS = 40  # described one by one


def run(options: argparse.Namespace) -> None:
    """Answer what the options ask.

    Raises
    ------
    Problem
        If that cannot be done; the message says what to do.
    """
    account = Account(options.json or options.csv, options.quiet)
    times: dict[str, float] = {}
    _check_report(options.report)
    with _timed(times, "reading"), _noted(account):
        found = read(options.file)
        frame, notes = understood(found.frame, found.separator)
    rows, width = frame.shape
    account.tell(
        f"{options.file}: {counted(rows, 'row')}, {counted(width, 'column')} ({found.how})"
    )
    for note in [*found.notes, *notes]:
        account.note(note)
    with _timed(times, "reading"), _noted(account):
        question = question_of(frame, options)
        encoding = Encoding.of(question.X)
    pairs = asked_pairs(options.pairs, encoding.features, list(question.X))
    _tell_question(account, question, encoding, options)
    with _timed(times, "loading"):
        model = _model(question, options)
    with _timed(times, "fit"), _noted(account):
        model.fit(question.X, question.y, groups=question.groups)
    with _timed(times, "table"), _noted(account):
        interactions = model.interactions_
        table, in_words = interactions.to_frame(), str(interactions)
    if pairs is not None:
        table = only(table, pairs)
        in_words = "p_fdr is corrected for the pairs asked for, as if no others were in question."
    n_found = int((table["p_fdr"] <= SIGNIFICANT).sum())
    shown = _shown(table, n_found, options)
    account.result()
    if options.json or options.csv:
        print(as_json(shown) if options.json else shown.to_csv(index=False).rstrip("\n"))
        account.tell(words(in_words))
    else:
        if table["tested"].any():
            _print_table(account, shown, n_found, len(table))
            account.result(f"\n{_unit_of_effects(question, options)}\n")
        account.result(words(in_words))
    if options.report:
        from skgeh import report

        with _timed(times, "report"), _noted(account):
            y = pd.Series(question.y, name=options.target)
            report(model, question.X, y, path=options.report)
        account.result(f"\nreport: {options.report}")
        if pairs is not None:
            account.note("the report is about all pairs")
    parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in times.items())
    account.tell(f"\ntime: {parts}")


def _model(question: Question, options: argparse.Namespace) -> Any:
    """The default estimator of the task."""
    from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor  # torch: late

    settings = {
        "random_state": options.seed,
        "n_jobs": options.jobs,
        "verbose": not options.quiet,
    }
    if question.task == "classification":
        return BayesianInteractionClassifier(**settings)
    return BayesianInteractionRegressor(loss=options.loss, **settings)


def _check_report(path: str | None) -> None:
    """Refuse before the work what would fail after it."""
    if path is None:
        return
    if not Path(path).parent.is_dir():
        raise Problem(f"--report: there is no folder {Path(path).parent}; make it first")
    if Path(path).is_dir():
        raise Problem(f"--report: {path} is a folder; name a file in it, such as report.html")
    missing = [name for name in _OF_REPORTS if importlib.util.find_spec(name) is None]
    if missing:
        raise Problem(f"--report needs {' and '.join(missing)}: pip install 'skgeh[report]'")


def _tell_question(
    account: Account, question: Question, encoding: Encoding, options: argparse.Namespace
) -> None:
    """Say what was understood: the target, every column, what is left out."""
    account.tell(words(f"target: {options.target}, {question.task} ({question.why})"))
    if options.loss != "squared_error":
        account.tell(f"loss: {options.loss}")
    if question.groups is not None:
        unit = f"days of {options.groups}" if options.groups in question.X else options.groups
        account.tell(f"groups: {counted(question.groups.nunique(), 'unit')} by {unit}")
    if options.sample is not None:
        account.tell(f"sample: at random, seed {options.seed}")
    for reason, count in question.lost.items():
        account.tell(f"rows left out: {count} ({reason})")
    account.tell(f"rows used: {len(question.X)}")
    notes = [(note.name, note.taken_for, note.detail) for note in encoding.notes]
    account.tell(f"\nused: {counted(len(notes), 'column')}")
    account.tell(aligned(notes[:_MOST_COLUMNS]))
    if len(notes) > _MOST_COLUMNS:
        account.tell(f"  and {len(notes) - _MOST_COLUMNS} more")
    left_out = f"left out: {counted(len(question.ignored), 'column')}"
    if question.ignored:
        account.tell(left_out)
        account.tell(aligned(question.ignored.items()))
    if options.quiet and question.ignored:
        account.note(f"{left_out} ({listed(question.ignored)})")
    for note in question.notes:
        account.note(note)


def _shown(table: Any, n_found: int, options: argparse.Namespace) -> Any:
    """Rows that are printed: significant ones, and some others."""
    if options.top is None and (options.json or options.csv):
        return table
    return table.head(n_found + (_OTHERS if options.top is None else options.top))


def _print_table(account: Account, shown: Any, n_found: int, n_pairs: int) -> None:
    """Print the pairs that interact, and others below."""
    if n_found:
        account.result(pair_table(shown.head(n_found), "pairs that interact"))
    if n_found < len(shown):
        account.result(pair_table(shown.iloc[n_found:], "other pairs"))
    left = n_pairs - len(shown)
    if left:
        account.result(f"and {counted(left, 'other pair')} (--top {n_pairs} or --csv for all)")


def _unit_of_effects(question: Question, options: argparse.Namespace) -> str:
    """What an effect of 1 is."""
    unit = f"standard deviations of {options.target}"
    if question.task == "classification":
        unit = "log-odds"
    elif options.loss != "squared_error":
        unit = f"the log of the mean of {options.target}"
    return words(f"effects: {unit}, per standard deviation of both columns")


@contextmanager
def _timed(times: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds that something takes."""
    start = time.perf_counter()
    yield
    times[name] = times.get(name, 0.0) + time.perf_counter() - start


@contextmanager
def _noted(account: Account) -> Iterator[None]:
    """Turn warnings for users into notes; those between libraries are none of theirs."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if issubclass(warning.category, UserWarning):
            words = " ".join(str(warning.message).split())
            account.note(words.replace("groups=", "--groups"))
