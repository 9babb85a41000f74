"""One run of the command line, from arguments to an exit code."""

import os
import sys
from collections.abc import Sequence

from skgeh.command_line._arguments import parse
from skgeh.command_line._problem import Problem

_DONE, _DATA, _STOPPED = 0, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default, those of the process.

    Returns
    -------
    int
        0 if all is done, 1 for a problem with the data, 2 for wrong arguments, 130 after Ctrl-C.
    """
    try:
        options = parse(arguments)
    except SystemExit as done:  # argparse has printed help, the version or an error
        return int(done.code or 0)
    try:
        _progress_after_a_while()
        from skgeh.command_line._run import run  # pandas and torch: only now

        run(options)
        sys.stdout.flush()
        return _DONE
    except Problem as problem:
        if options.debug:
            raise
        return _failed(str(problem))
    except KeyboardInterrupt:
        print("\nskgeh: stopped", file=sys.stderr)
        return _STOPPED
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _DONE
    except Exception as error:
        if options.debug:
            raise
        return _failed(_in_one_line(error))


def _in_one_line(error: Exception) -> str:
    """What is wrong; errors of values say it themselves."""
    message = " ".join(str(error).split())
    if isinstance(error, ValueError):
        return message
    kind = type(error).__name__
    return f"{f'{kind}: {message}' if message else kind} (--debug shows where)"


def _failed(message: str) -> int:
    """Print one line."""
    print(f"skgeh: error: {message}", file=sys.stderr)
    return _DATA


def _progress_after_a_while() -> None:
    """Show bars for what takes longer than two seconds; in a log, a line every five."""
    os.environ.setdefault("TQDM_DELAY", "2")
    os.environ.setdefault("TQDM_LEAVE", "0")
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", "5")
