"""One way to run jobs in parallel, on whatever backend joblib was given."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from joblib import Parallel, effective_n_jobs


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
