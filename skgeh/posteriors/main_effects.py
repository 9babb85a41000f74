"""Main effects kept separate from the network, which leaves its capacity to interactions."""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import SplineTransformer
from torch import Tensor

from skgeh.geh.functions import Function

_N_KNOTS = 7


class MainEffects:
    """Columns that enter the model linearly: the features, a spline basis of each, or none.

    Parameters
    ----------
    kind : {"linear", "spline", None}

    Examples
    --------
    >>> main = MainEffects("linear").fit(np.zeros((10, 3)))
    >>> main.columns, main.inputs(np.zeros((10, 3))).shape
    ((0, 3), torch.Size([10, 3]))
    """

    def __init__(self, kind: str | None):
        if kind not in ("linear", "spline", None):
            raise ValueError(f"main_effects must be 'linear', 'spline' or None; got {kind!r}.")
        self.kind = kind

    def fit(self, X: NDArray) -> "MainEffects":
        """Place the knots of the splines."""
        d = X.shape[1]
        self.columns = (0, d if self.kind == "linear" else 0)
        if self.kind == "spline":
            self.splines = SplineTransformer(_N_KNOTS, include_bias=False, extrapolation="linear")
            self.columns = (d, d + self.splines.fit(X).n_features_out_)
        return self

    def inputs(self, X: NDArray) -> Tensor:
        """Inputs of a `HybridStack`: the features, then the spline basis if there is one."""
        if self.kind == "spline":
            X = np.hstack([X, self.splines.transform(X)])
        return torch.from_numpy(X.astype(np.float32))  # X may be read-only, mapped by joblib

    @property
    def basis(self) -> Function | None:
        """Basis functions of a draw's main effects, or None for the features themselves."""
        return self._basis if self.kind == "spline" else None

    def _basis(self, x: Tensor) -> Tensor:
        columns = self.splines.transform(x.cpu().numpy())
        return torch.as_tensor(columns, dtype=x.dtype, device=x.device)
