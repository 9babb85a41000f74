"""Regressions of one or several responses on the same columns."""

from collections.abc import Callable, Sequence

from numpy.typing import NDArray

from skgeh.parallel import no_bar
from skgeh.process._linear_model import read
from skgeh.process._model import Observed
from skgeh.process._posterior import ProcessPosterior
from skgeh.process._products import Products
from skgeh.process._variances import NOISE, find_variances, typical_variances

STEPS = 9


def regress(
    products: Products,
    X: NDArray,
    value: NDArray,
    weight: NDArray,
    *,
    known_noise: bool = False,
    unit: float = 1.0,
    start: Sequence[ProcessPosterior] = (),
    steps: int = STEPS,
    progress: Callable = no_bar,
) -> list[ProcessPosterior]:
    """Posteriors of the c outputs.

    Parameters
    ----------
    products : Products
    X : ndarray of shape (n, d)
    value, weight : ndarray of shape (n, c)
        Responses, and their inverse noise variances.
    known_noise : bool, default=False
        Whether the noise of a row of weight 1 has variance 1.
    unit : float, default=1
        Variance of a function that is expected.
    start : sequence of c ProcessPosterior, optional
        Where to start from, perhaps on fewer columns.
    steps : int, default=9
    progress : callable (iterable, total, part) -> iterable, optional
        Wraps the blocks of rows of a long table, and the search for variances.
    """
    shared = bool((weight == weight[:, :1]).all())
    together = read(products, X, value, weight[:, 0], progress) if shared else None
    found = []
    for k, (y, w) in enumerate(zip(value.T, weight.T, strict=True)):
        data = read(products, X, y[:, None], w, progress) if together is None else together
        if start:
            variances = start[k].variances_of(products, len(X), unit)
            noise = start[k].noise_variance
        else:
            variances, noise = unit * typical_variances(products), 1.0 if known_noise else NOISE
        variances, solution = find_variances(
            products,
            data,
            variances,
            noise,
            output=k if shared else 0,
            steps=steps,
            known_noise=known_noise,
            unit=unit,
            progress=progress,
            **({"settled": 0} if start else {}),
        )
        seen = Observed(X, y, w)
        found.append(ProcessPosterior(products, data, variances, solution, seen, unit))
    return found
