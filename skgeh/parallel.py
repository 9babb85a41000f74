"""Parallel jobs on any joblib backend, each on one thread, and their progress bars."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ContextDecorator
from functools import partial
from typing import Any

import torch
from joblib import Parallel, effective_n_jobs
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm


def run_jobs(
    jobs: Sequence[Callable], n_jobs: int | None, *, ordered: bool = True, **options: Any
) -> Iterator[Any]:
    """Results of delayed calls, each as soon as it is ready.

    Parameters
    ----------
    jobs : sequence of delayed calls
    n_jobs : int or None
    ordered : bool, default=True
        Yield results in the order of the jobs; otherwise in the order in which the jobs finish.
    **options
        Passed to `joblib.Parallel`.

    Examples
    --------
    >>> from joblib import delayed
    >>> list(run_jobs([delayed(abs)(value) for value in (-1, 2, -3)], n_jobs=1))
    [1, 2, 3]
    """
    return_as = "generator" if ordered else "generator_unordered"
    try:
        yield from Parallel(n_jobs=n_jobs, return_as=return_as, **options)(jobs)
    except ValueError as error:
        if "does not support return_as" not in str(error):
            raise
        size = effective_n_jobs(n_jobs)  # such backends return everything at once: run in waves
        for start in range(0, len(jobs), size):
            yield from Parallel(n_jobs=n_jobs, **options)(jobs[start : start + size])


class _OneThread(ContextDecorator):
    """Limit matrix products to one thread: on small ones a second thread mostly waits.

    The settings belong to the process. If jobs run in threads, the first to enter changes the
    settings and the last to leave restores them.
    """

    def __init__(self) -> None:
        self.lock, self.inside = threading.Lock(), 0

    def __enter__(self) -> None:
        with self.lock:
            if self.inside == 0:
                self.torch_threads, self.limits = torch.get_num_threads(), threadpool_limits(1)
                torch.set_num_threads(1)
            self.inside += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.limits.restore_original_limits()
                torch.set_num_threads(self.torch_threads)


ONE_THREAD = _OneThread()


def progress_bar(name: str, verbose: int) -> Callable:
    """Function (iterable, total, part="") that shows a progress bar with the time left.

    Nothing is shown if `verbose` is 0 or False. The bar of a `part` of the work, of which many may
    follow each other, vanishes at its end. An iterable may end before `total`.

    Examples
    --------
    >>> list(progress_bar("folds", verbose=0)("abc", 3))
    ['a', 'b', 'c']
    """
    return partial(_with_bar, name=name, verbose=verbose)


def _with_bar(iterable: Iterable, total: int, part: str = "", *, name: str, verbose: int) -> tqdm:
    """The iterable with a bar."""
    label = f"{name}, {part}" if part else name
    return tqdm(iterable, total=total, desc=label, leave=not part, disable=not verbose)


no_bar = progress_bar("", verbose=0)
