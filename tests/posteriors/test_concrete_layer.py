import numpy as np
import torch

from skgeh.posteriors._concrete_layer import ConcreteLayer, Divergence, entropy


def test_derivatives_written_out():
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        values = torch.randn(shape, generator=generator, dtype=torch.float64)
        return values.requires_grad_(True)

    a, weight, bias, logit = random(2, 5, 3), random(2, 3, 4), random(2, 1, 4), random(2, 1, 3)
    noise = random(2, 5, 3).detach()
    assert torch.autograd.gradcheck(ConcreteLayer.apply, (a, weight, bias, logit, noise, 0.7))
    weights, biases, logits = (weight, random(2, 4, 2)), (bias, random(2, 1, 2)), (logit, bias)
    parameters = *weights, *biases, *logits
    assert torch.autograd.gradcheck(lambda *p: Divergence.apply((0.3, 2.0), *p), parameters)


def test_entropy_of_a_coin():
    p = np.array([1e-6, 0.2, 0.5, 0.95])
    expected = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    found = entropy(torch.logit(torch.tensor(p)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)
