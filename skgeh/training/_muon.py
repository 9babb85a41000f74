"""Muon for stacked hidden matrices, Adam for everything else, as one torch optimizer.

Muon (Jordan et al. 2024) moves a matrix along the orthogonal factor of its momentum, which a few
matrix products find. torch's own Muon takes single matrices only; this one takes stacks of them.
"""

import torch
from torch import Tensor

# Odd polynomials that drive singular values towards 1: the first three of Polar Express (Amsel et
# al. 2025). A roughly orthogonal direction is enough.
POLYNOMIALS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
)


def polar_factor(matrices: Tensor) -> Tensor:
    """Roughly orthogonal factors of stacked matrices: singular values end below 2, most above .2.

    Parameters
    ----------
    matrices : Tensor of shape (S, a, b)

    Returns
    -------
    Tensor of shape (S, a, b)

    Examples
    --------
    >>> values = torch.linalg.svdvals(polar_factor(torch.diag(torch.tensor([9.0, 3.0, 1.0]))[None]))
    >>> bool((values > 0.1).all() and (values < 2).all())
    True
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (1.01 * torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for a, b, c in POLYNOMIALS:
        gram = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Adam):
    """Adam whose groups marked ``muon=True`` take orthogonalised momentum steps instead.

    Parameters
    ----------
    params : iterable of parameters or parameter groups
        A group with ``muon=True`` holds tensors of shape (S, a, b).
    lr : float
        Learning rate; groups may have their own.
    momentum : float, default=0.95
        Momentum of the marked groups, with Nesterov's correction.
    **adam
        Passed to `torch.optim.Adam`.
    """

    def __init__(self, params, lr, momentum=0.95, **adam):
        super().__init__(params, lr=lr, **adam)
        self.momentum = momentum

    @torch.no_grad()
    def step(self, closure=None):
        """Take one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group.get("muon"):
                for parameter in group["params"]:
                    self._step_orthogonally(parameter, group["lr"])
                    parameter.grad = None  # nothing left for Adam
        super().step()
        return loss

    def _step_orthogonally(self, parameter: Tensor, lr: float) -> None:
        gradient = parameter.grad
        if gradient is None:
            return
        state = self.state[parameter]
        if not state:  # when unpickled, Adam expects a "step" in every state
            state.update(step=torch.zeros(()), momentum=torch.zeros_like(parameter))
        state["step"] += 1
        momentum = state["momentum"].lerp_(gradient, 1 - self.momentum)
        direction = polar_factor(gradient.lerp(momentum, self.momentum))
        rows, columns = parameter.shape[1:]
        parameter.add_(direction, alpha=-lr * max(1, columns / rows) ** 0.5)
