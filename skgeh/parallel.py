"""Jobs in parallel on whatever backend joblib was given, each on one thread, and their progress."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ContextDecorator
from typing import Any

import torch
from joblib import Parallel, effective_n_jobs
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm


def run_jobs(
    jobs: Sequence[Callable], n_jobs: int | None, *, ordered: bool = True, **options: Any
) -> Iterator[Any]:
    """Results of delayed calls, each as soon as it is there.

    Parameters
    ----------
    jobs : sequence of delayed calls
    n_jobs : int or None
    ordered : bool, default=True
        In the order of the jobs; else as they come.
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
        size = effective_n_jobs(n_jobs)  # such backends give back all or nothing: wave by wave
        for start in range(0, len(jobs), size):
            yield from Parallel(n_jobs=n_jobs, **options)(jobs[start : start + size])


class _OneThread(ContextDecorator):
    """One thread for matrix products: on small ones a second waits longer than it computes.

    The settings are those of the process: with jobs in threads, the first to come changes them and
    the last to go restores them.
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


def progress_bar(name: str, verbose: bool) -> Callable:
    """A function (iterable, total) that wraps an iterable in a bar, if asked."""
    return lambda iterable, total: tqdm(iterable, total=total, desc=name, disable=not verbose)


no_bar = progress_bar("", verbose=False)
