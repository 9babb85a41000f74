"""What a pair alone contributes to a prediction: asked for only where it is shown."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from skgeh.tables.feature import Feature


class Components(Protocol):
    """The interactions ``f_ij`` of pairs of features as functions, in the target's units.

    Log-odds replace the target of labels, and logs of ratios that of a log link.

    Attributes
    ----------
    features : sequence of Feature
    unit_name : str
        Such as "log-odds".
    """

    features: Sequence[Feature]
    unit_name: str

    @abstractmethod
    def local(self, X: Any, pair: tuple[int, int]) -> tuple[NDArray, NDArray]:
        """Values and their standard deviations at rows as `predict` takes them, each (n,)."""

    @abstractmethod
    def surface(
        self, pair: tuple[int, int], left: NDArray, right: NDArray, level: float
    ) -> tuple[NDArray, NDArray | None, NDArray | None]:
        """Values, and the ends of a pointwise band if there is one, each (n,).

        `left` and `right` are values of both features: numbers, or places of levels.
        """

    @abstractmethod
    def rows(self, pair: tuple[int, int]) -> tuple[NDArray, NDArray]:
        """Values of both features in the table, each (n,); NaN where missing."""
