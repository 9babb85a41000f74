"""A file that keeps the finished chunks of a long run."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state


class Checkpoint:
    """Finished chunks of statistics, kept in a file if one is named.

    Parameters
    ----------
    path : path or None
    key : str
        Hash of everything that the run depends on.

    Raises
    ------
    ValueError
        If the folder does not exist, or if the file holds another run or is not a checkpoint.
    """

    def __init__(self, path: Any, key: str):
        self.path, self.key = None if path is None else Path(path), key
        if self.path is not None and not self.path.parent.is_dir():
            raise ValueError(
                f"The folder {self.path.parent} of the checkpoint does not exist. Create it, or "
                "name another file."
            )
        self.chunks: dict[int, NDArray[np.float64]] = {}
        self.kept_seed: int | None = None
        if self.path is None or not self.path.exists():
            return
        try:
            with open(self.path, "rb") as file, np.load(file) as arrays:
                held = dict(arrays)
            found = str(held.pop("key"))
            self.kept_seed = int(held.pop("seed"))
            self.chunks = {int(start): values for start, values in held.items()}
        except (OSError, EOFError, TypeError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{self.path} is not a checkpoint of permutation_test. Name another file."
            ) from error
        if found != key:
            raise ValueError(
                f"The checkpoint {self.path} belongs to another run: other data, parameters, "
                "statistic or number of permutations. Name another file, or remove this one."
            )

    def seed(self, random_state: Any) -> int:
        """Seed of the run: that of the file, which must agree with `random_state` if given."""
        asked = int(check_random_state(random_state).randint(2**31 - 1))
        if self.kept_seed is None:
            self.kept_seed = asked
        elif random_state is not None and asked != self.kept_seed:
            raise ValueError(
                f"The checkpoint {self.path} was begun with another random_state. Name another "
                "file, or remove this one."
            )
        return self.kept_seed

    def add(self, start: int, values: NDArray[np.float64]) -> None:
        """Keep a chunk; the file is replaced as a whole, so that it is never half written."""
        self.chunks[start] = values
        if self.path is None:
            return
        part = self.path.with_name(self.path.name + ".part")
        with open(part, "wb") as file:
            arrays: dict[str, Any] = {"key": self.key, "seed": self.kept_seed}
            np.savez(file, **arrays | {str(first): one for first, one in self.chunks.items()})
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.path)
