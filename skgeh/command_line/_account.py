"""What a person is told: on stdout, or on stderr where stdout has a table for a program."""

import sys
from dataclasses import dataclass, field
from typing import TextIO

from skgeh.command_line._tables import wrapped


@dataclass
class Account:
    """An account of a run.

    Parameters
    ----------
    for_program : bool
        Whether stdout is for the table alone.
    quiet : bool
        Whether only results, notes and errors are told.
    """

    for_program: bool
    quiet: bool
    _noted: set[str] = field(default_factory=set)

    @property
    def stream(self) -> TextIO:
        """Where text goes."""
        return sys.stderr if self.for_program else sys.stdout

    def tell(self, text: str = "") -> None:
        """Say what is done, unless quiet."""
        if not self.quiet:
            print(text, file=self.stream, flush=True)

    def result(self, text: str = "") -> None:
        """Print a part of the answer, for people."""
        if not self.for_program or not self.quiet:
            print(text, file=self.stream, flush=True)

    def note(self, text: str) -> None:
        """Print what speaks against the answer, once."""
        if text not in self._noted:
            self._noted.add(text)
            stream = sys.stderr if self.quiet else self.stream
            print(wrapped(f"note: {text}", "      "), file=stream, flush=True)
