from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.likelihoods import SquaredError
from skgeh.geh.partition import Partition
from skgeh.posteriors import ConcreteDropout, Ensemble
from skgeh.posteriors.concrete_dropout import _ConcreteLayer, _Divergence, _entropy, _LogisticNoise
from skgeh.training.objective import _mean_losses, _negative_elbo


class FixedNoise:
    """The same noise at every call with a shape: a loss that can be differentiated."""

    def __init__(self, temperature):
        self.known, self.temperature = {}, temperature

    def __call__(self, like):
        if like.shape not in self.known:
            generator = torch.Generator().manual_seed(sum(like.shape))
            uniform = torch.rand(like.shape, generator=generator, dtype=torch.float64)
            self.known[like.shape] = torch.logit(uniform, eps=1e-3) / self.temperature
        return self.known[like.shape].to(like)


def stack_of(network, n_copies=2, d=4):
    stack = network.build(d, 1, n_copies, main_columns=(0, d), seed=0).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
        stack.noise_variance.copy_(torch.tensor([0.4, 0.7])[:n_copies])
    return stack


def noisy_stack(temperature=0.5):
    stack = stack_of(ConcreteDropout((5, 3), temperature=temperature))
    stack.start_noise()
    stack.noise = FixedNoise(temperature)
    with torch.no_grad():
        for k, logit in enumerate(stack.logits):
            logit.copy_(torch.linspace(-2, 1, logit.numel()).view_as(logit) + 0.1 * k)
    return stack


def data(n=6, d=4):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, n, d, generator=generator, dtype=torch.float64)
    y = torch.randn(2, n, 1, generator=generator, dtype=torch.float64)
    return x, y, torch.rand(2, n, 1, generator=generator, dtype=torch.float64) + 0.5


def loss_of(stack, x, y, weights, kl_weight=1.0, n_samples=50.0):
    """Negative ELBO of each copy."""
    penalty = kl_weight * SquaredError().kl_scale(stack.noise_variance) * stack.kl() / n_samples
    errors = _mean_losses(SquaredError(), stack(x), y, weights)
    return _negative_elbo(errors, stack.noise_variance[:, None], penalty)


@pytest.mark.parametrize("stack", [noisy_stack(), stack_of(Ensemble((5, 3)))])
def test_gradient_of_the_elbo_against_finite_differences(stack):
    x, y, weights = data()

    def loss():
        return loss_of(stack, x, y, weights, kl_weight=0.6).sum()

    stack.zero_grad()
    loss().backward()
    step = 1e-6
    for name, parameter in stack.named_parameters():
        flat = parameter.data.view(-1)
        for place in range(0, len(flat), max(1, len(flat) // 7)):
            value = flat[place].item()
            with torch.no_grad():
                flat[place] = value + step
                above = loss().item()
                flat[place] = value - step
                below = loss().item()
                flat[place] = value
            slope = parameter.grad.view(-1)[place].item()
            assert slope == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-7), name


def test_elbo_is_the_formula_of_the_paper():
    stack = noisy_stack()
    x, y, weights = data()
    errors = _mean_losses(SquaredError(), stack(x), y, weights)[:, 0]
    found = loss_of(stack, x, y, weights)
    for copy in range(2):
        s2 = stack.noise_variance[copy].item()
        penalty = 0.0
        for weight, bias, logit, precision in zip(
            stack.weights, stack.biases, stack.logits, stack.prior_precisions, strict=True
        ):
            w, b = weight[copy].detach().numpy(), bias[copy].detach().numpy()
            p = torch.sigmoid(logit[copy, 0]).detach().numpy()
            weight_term = (w**2).sum(1) @ (1 / (1 - p)) + (b**2).sum()
            dropout_term = (p * np.log(p) + (1 - p) * np.log(1 - p)).sum()
            penalty += precision * s2 / 50 * weight_term + 2 * s2 / 50 * dropout_term
        expected = errors[copy].item() + penalty
        assert found[copy].item() == pytest.approx(expected, rel=1e-10)


def test_forward_is_concrete_dropout():
    """Against the layer written out, one copy and one row at a time."""
    stack = noisy_stack()
    x, _, _ = data()
    found = stack(x)
    for copy in range(2):
        a = x[copy]
        for layer in range(3):
            p = torch.sigmoid(stack.logits[layer][copy])
            logit_u = stack.noise(torch.empty(2, *a.shape, dtype=a.dtype))[copy] * stack.temperature
            dropped = torch.sigmoid((torch.logit(p) - logit_u) / stack.temperature)
            z = (a * (1 - dropped) / (1 - p)) @ stack.weights[layer][copy]
            z = z + stack.biases[layer][copy]
            a = F.gelu(z) if layer < 2 else z
        torch.testing.assert_close(found[copy], a + x[copy] @ stack.main[copy])


def test_copies_do_not_touch_each_other():
    stack = noisy_stack()
    x, y, weights = data()
    loss_of(stack, x, y, weights)[0].backward()
    for parameter in stack.parameters():
        assert parameter.grad[0].abs().sum() > 0
        assert parameter.grad[1].abs().sum() == 0


def test_without_noise_the_network_is_its_mean():
    stack = noisy_stack()
    x, _, _ = data()
    stack.eval()
    mean = stack.posterior(None).members()
    torch.testing.assert_close(stack(x)[1], mean(x[1])[1])


def test_draws_average_to_the_network_without_dropout():
    """Masks are independent and E[mask / (1 - p)] = 1: so the product of all layers averages."""
    posterior = noisy_stack().posterior(None)
    generator = torch.Generator().manual_seed(0)
    draws = [posterior.draw(50, generator, first=0) for _ in range(200)]
    networks = [draw.distinct.interactions[draw.which] for draw in draws]
    products = torch.cat([torch.stack(product(network)) for network in networks])
    for copy, expected in enumerate(product(posterior.means)):
        found = products[copy::2]
        error = found.std(0) / len(found) ** 0.5
        assert ((found.mean(0) - expected).abs() < 5 * error + 1e-12).all()


def product(mlp):
    """``W_1 W_2 W_3`` of every network in a stack."""
    return [torch.linalg.multi_dot([w[k] for w in mlp.weights]) for k in range(len(mlp))]


def test_draws_take_the_copies_in_turn():
    posterior = noisy_stack().posterior(None)
    generator = torch.Generator().manual_seed(0)
    draw = posterior.draw(5, generator, first=3)
    turn = torch.tensor([1, 0, 1, 0, 1])
    drawn = draw.distinct.main[draw.which].coefficients
    torch.testing.assert_close(drawn, posterior.main.coefficients[turn])


def test_draws_that_are_the_same_function_are_computed_once():
    sure = noisy_stack().posterior(None)
    sure = replace(sure, probabilities=tuple(0 * p for p in sure.probabilities))
    draw = sure.draw(7, torch.Generator().manual_seed(0))
    assert len(draw) == 7 and len(draw.distinct) == len(sure.means)
    x, _, _ = data(n=7)
    turn, groups = torch.arange(7) % len(sure.means), Partition.from_labels([0, 0, 1, 1, 1, 2, 2])
    torch.testing.assert_close(draw(x[0]), sure.members()(x[0])[turn])
    found = group_mean_hessians(draw, x[0], groups).full()
    each = group_mean_hessians(sure.members(), x[0], groups).full()
    torch.testing.assert_close(found, each[turn])
    pairs = torch.tensor([[0, 1], [1, 2]])
    found, each = (pointwise_hessians(f, x[0], pairs) for f in (draw, sure.members()))
    torch.testing.assert_close(found, each[turn])


def test_a_draw_is_one_function_of_each_row():
    posterior = noisy_stack().posterior(None)
    x, _, _ = data(n=7)
    draw = posterior.draw(3, torch.Generator().manual_seed(0))
    together, turned = draw(x[0]), draw(x[0].flip(0)).flip(1)
    torch.testing.assert_close(together, turned)
    torch.testing.assert_close(together[:, 2:3], draw(x[0][2:3]))


def test_copies_see_noise_in_turn():
    stack = ConcreteDropout((20, 20)).build(3, 1, 6, main_columns=(0, 3), seed=5, n_starts=3)
    stack.start_noise()
    x = torch.randn(1, 50, 3, generator=torch.Generator().manual_seed(0)).expand(6, -1, -1)
    first, second = stack.train()(x), stack(x)
    for values in (first, second):
        torch.testing.assert_close(values[:3], values[3:])
    assert not torch.allclose(first, second)
    noise = first - stack.eval()(x)
    assert noise.abs().amax((1, 2)).min() > 1e-3
    assert not torch.allclose(noise[0], noise[1], atol=1e-3)


def test_dropout_starts_small_on_clean_data():
    stack = stack_of(ConcreteDropout((5, 3)))
    stack.noise_variance.copy_(torch.tensor([1e-6, 0.3]))
    stack.start_noise()
    p = torch.sigmoid(stack.logits[1])[:, 0, 0]
    torch.testing.assert_close(p, torch.tensor([1e-4, 0.03], dtype=p.dtype))


def test_probabilities_stay_where_they_can_move():
    stack = noisy_stack()
    with torch.no_grad():
        stack.logits[0].fill_(50.0)
        stack.logits[1].fill_(-50.0)
    stack.after_step()
    p = [torch.sigmoid(logit) for logit in stack.logits]
    assert p[0].max() < 0.96 and p[1].min() > 1e-7


def test_noise_is_logistic_and_its_windows_differ():
    noise = _LogisticNoise(seed=0, scale=1.0)
    one, two = noise(torch.empty(200, 100)), noise(torch.empty(200, 100))
    assert not torch.equal(one, two)
    assert one.mean().abs() < 5 * np.pi / np.sqrt(3) / np.sqrt(one.numel())
    assert one.std().item() == pytest.approx(np.pi / np.sqrt(3), rel=0.03)
    again = _LogisticNoise(seed=0, scale=1.0)
    assert torch.equal(again(torch.empty(200, 100)), one)
    large = noise(torch.empty(3, 1000, 1000))
    assert large.shape == (3, 1000, 1000)


def test_derivatives_written_out():
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        values = torch.randn(shape, generator=generator, dtype=torch.float64)
        return values.requires_grad_(True)

    a, weight, bias, logit = random(2, 5, 3), random(2, 3, 4), random(2, 1, 4), random(2, 1, 3)
    noise = random(2, 5, 3).detach()
    assert torch.autograd.gradcheck(_ConcreteLayer.apply, (a, weight, bias, logit, noise, 0.7))
    weights, biases, logits = (weight, random(2, 4, 2)), (bias, random(2, 1, 2)), (logit, bias)
    parameters = *weights, *biases, *logits
    assert torch.autograd.gradcheck(lambda *p: _Divergence.apply((0.3, 2.0), *p), parameters)


def test_entropy_of_a_coin():
    p = np.array([1e-6, 0.2, 0.5, 0.95])
    expected = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    found = _entropy(torch.logit(torch.tensor(p)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)
