"""What can be asked for on the command line. Nothing heavy is imported: help comes at once."""

import argparse
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn

EXAMPLES = """\
examples:
  skgeh houses.csv --target price
  skgeh visits.csv --target readmitted --groups patient --drop visit_id --report visits.html
  skgeh claims.parquet --target cost --loss gamma --csv > pairs.csv

exit codes: 0 done, 1 a problem with the data, 2 wrong arguments, 130 stopped by Ctrl-C
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}; `{self.prog} --help` has all options\n")


class _Version(argparse.Action):
    """Print the version; metadata are read only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        try:
            found = version("skgeh")
        except PackageNotFoundError:
            found = "(not installed)"
        print(f"skgeh {found}")
        parser.exit(0)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Options of one run.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default, those of the process.

    Examples
    --------
    >>> options = parse(["data.csv", "--target", "price", "--drop", "id,name"])
    >>> options.file, options.target, options.drop, options.seed
    ('data.csv', 'price', ['id,name'], 0)
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.task == "classification" and options.loss != "squared_error":
        parser.error(f"--loss {options.loss} is for numbers, and --task classification for labels")
    return options


def _parser() -> argparse.ArgumentParser:
    """All arguments."""
    parser = _Parser(
        prog="skgeh",
        usage="skgeh FILE --target COLUMN [options]",
        description=(
            "Find which columns of a table interact in what they say about a target:\n"
            "one row per pair, with effect, interval, sign and p-value."
        ),
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("file", metavar="FILE", help="CSV (.csv, .tsv, .csv.gz; any usual separator) or Parquet")
    add("--target", required=True, metavar="COLUMN", help="column that is to be explained")
    add(
        "--task",
        choices=["auto", "regression", "classification"],
        default="auto",
        help="whether the target is a number or a label; guessed and said by default",
    )
    add(
        "--loss",
        choices=["squared_error", "poisson", "gamma"],
        default="squared_error",
        help="poisson for counts, gamma for amounts above 0: factors that multiply do not interact",
    )
    add(
        "--groups",
        metavar="COLUMN",
        help="units of rows, such as patients, taken out of the features; of dates with "
        "times, the days",
    )
    add(
        "--drop",
        nargs="+",
        action="extend",
        default=[],
        metavar="COLUMN",
        help="columns to leave out, also separated by commas",
    )
    add(
        "--pairs",
        nargs="+",
        action="extend",
        default=[],
        metavar="A:B",
        help="decide about these pairs only, also separated by commas: a:b,c:d",
    )
    add("--sample", type=_count, metavar="N", help="use N random rows")
    add("--seed", type=int, default=0, metavar="N", help="of all that is random (default 0)")
    add("--jobs", type=int, metavar="N", help="processors to use at most; -1 for all")
    add("--report", metavar="FILE.html", help="also write a page with pictures, to pass on")
    add("--top", type=_count, metavar="K", help="at most K pairs beside significant ones (10)")
    machine = parser.add_mutually_exclusive_group()
    machine.add_argument(
        "--json", action="store_true", help="print the table as JSON, all else to stderr"
    )
    machine.add_argument(
        "--csv", action="store_true", help="print the table as CSV, all else to stderr"
    )
    add("--quiet", action="store_true", help="no progress, and no account of what was read")
    add("--debug", action="store_true", help="show where an error arose")
    add("--version", action=_Version, nargs=0, help="print the version")
    return parser


def _count(text: str) -> int:
    """A whole number above 0."""
    try:
        found = int(text)
    except ValueError:
        found = 0
    if found < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return found
