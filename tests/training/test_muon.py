import pickle

import pytest
import torch

from skgeh.training._muon import Muon, polar_factor


@pytest.mark.parametrize("shape", [(3, 20, 20), (2, 30, 12), (2, 12, 30)])
def test_polar_factor_keeps_the_singular_vectors(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    inside = u.mT @ polar_factor(matrices) @ vh.mT
    values = inside.diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(inside, torch.diag_embed(values))
    assert values.min() > 0 and values.max() < 2
    assert values.median() > 0.5


def test_scale_of_the_gradient_does_not_matter():
    matrices = torch.randn(2, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(polar_factor(matrices), polar_factor(1e4 * matrices))


def test_marked_groups_take_orthogonal_steps_and_others_take_adams():
    hidden = torch.nn.Parameter(torch.zeros(2, 6, 9))
    other, twin = (torch.nn.Parameter(torch.zeros(5)) for _ in range(2))
    groups = [{"params": [hidden], "lr": 0.1, "muon": True}, {"params": [other]}]
    muon = Muon(groups, lr=0.01)
    adam = torch.optim.Adam([twin], lr=0.01)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        hidden.grad = torch.randn(hidden.shape, generator=generator)
        other.grad = torch.randn(5, generator=generator)
        twin.grad = other.grad.clone()
        muon.step()
        adam.step()
    torch.testing.assert_close(other, twin)
    assert hidden.abs().max() > 0


def test_first_step_is_the_polar_factor_of_the_gradient():
    parameter = torch.nn.Parameter(torch.zeros(1, 6, 24))
    gradient = torch.randn(1, 6, 24, generator=torch.Generator().manual_seed(0))
    parameter.grad = gradient.clone()
    Muon([{"params": [parameter], "muon": True}], lr=0.1).step()
    torch.testing.assert_close(parameter.data, -0.1 * 2 * polar_factor(gradient))


def test_pickle_in_the_middle_of_training():
    parameter = torch.nn.Parameter(torch.zeros(1, 4, 4))
    muon = Muon([{"params": [parameter], "muon": True}], lr=0.1)
    parameter.grad = torch.ones(1, 4, 4)
    muon.step()
    copy = pickle.loads(pickle.dumps(muon))
    assert len(copy.state) == 1
