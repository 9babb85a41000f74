import numpy as np
import pytest
import torch

from skgeh import BayesianInteractionRegressor
from skgeh.geh.likelihoods import SquaredError
from skgeh.posteriors import MeanField
from skgeh.posteriors.mean_field import _RATE, _NormalNoise
from skgeh.training.objective import _mean_losses, _negative_elbo
from tests.oracles import assert_mean

D = 4


def noisy_stack(n_copies=2):
    stack = MeanField((5, 3)).build(D, 1, n_copies, main_columns=(0, D), seed=0).double()
    stack.noise_variance.copy_(torch.tensor([0.4, 0.7])[:n_copies])
    stack.start_noise()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return stack


def test_kl_is_that_of_gaussians():
    """Against torch.distributions, up to a constant that no parameter enters."""
    one, other = noisy_stack(), noisy_stack()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.1)

    def reference(stack):
        total = 0.0
        for layer, precision in enumerate(stack.prior_precisions):
            for kind in ("weight", "bias"):
                mean = stack.numbered_at(kind, layer)
                std = (_RATE * stack.numbered_at(f"spread_{kind}", layer)).exp()
                prior = torch.distributions.Normal(0.0, precision**-0.5)
                posterior = torch.distributions.Normal(mean, std)
                total = total + torch.distributions.kl_divergence(posterior, prior).sum((1, 2))
        return total

    torch.testing.assert_close(other.kl() - one.kl(), reference(other) - reference(one))


def test_a_row_has_the_moments_of_drawn_weights():
    """The local reparametrisation: one layer in training against weights drawn one by one."""
    stack = noisy_stack()
    a = torch.randn(2, 1, D, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    rows = stack.layer(0, a.expand(-1, 20_000, -1).contiguous()).detach()
    weight, bias = stack.weights[0].detach(), stack.biases[0].detach()
    of_weight = (2 * stack.log_std("weight", 0)).exp().detach()
    of_bias = (2 * stack.log_std("bias", 0)).exp().detach()
    mean, variance = a @ weight + bias, a.square() @ of_weight + of_bias
    for copy in range(2):
        assert_mean(rows[copy].numpy(), mean[copy, 0].numpy())
    torch.testing.assert_close(rows.var(1), variance[:, 0], rtol=0.06, atol=0.0)


def test_draws_have_the_learned_moments():
    posterior = noisy_stack().posterior(None)
    function = posterior.draw(4000, torch.Generator().manual_seed(0)).interactions
    for layer, (weight, mean, std) in enumerate(
        zip(function.weights, posterior.means.weights, posterior.spread.weights, strict=True)
    ):
        own = weight[::2]  # copies in turn
        assert_mean(own.flatten(1).numpy(), mean[0].flatten().numpy())
        torch.testing.assert_close(own.std(0), std[0], rtol=0.1, atol=0.0, msg=str(layer))


def test_copies_do_not_touch_each_other():
    stack = noisy_stack()
    x, y = torch.randn(2, 6, D).double(), torch.randn(2, 6, 1).double()
    errors = _mean_losses(SquaredError(), stack(x), y, torch.ones_like(y))
    penalty = SquaredError().kl_scale(stack.noise_variance) * stack.kl() / 50
    _negative_elbo(errors, stack.noise_variance[:, None], penalty)[0].backward()
    for parameter in stack.parameters():
        assert parameter.grad[0].abs().sum() > 0
        assert parameter.grad[1].abs().sum() == 0


def test_without_noise_the_network_is_its_mean():
    stack, x = noisy_stack().eval(), torch.randn(2, 5, D).double()
    expected = stack.posterior(None).members()
    torch.testing.assert_close(stack(x)[1], expected(x[1])[1])


@pytest.mark.filterwarnings("ignore:Constant features", "ignore:Some features are")
def test_a_constant_feature_has_no_interactions():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    X[:, 2] = 5
    model = BayesianInteractionRegressor(
        posterior=MeanField((8,)), n_networks=1, max_epochs=5, random_state=0
    )
    found = model.fit(X, X[:, 0] * X[:, 1]).interactions(n_groups=2, n_draws=20)
    assert found.effect[1:] == pytest.approx(0, abs=1e-12)
    assert found.effect[0] > 0


def test_normal_noise():
    values = _NormalNoise(3)(torch.empty(500, 100))
    assert values.mean().item() == pytest.approx(0, abs=0.02)
    assert values.std().item() == pytest.approx(1, abs=0.02)
    assert values.abs().max() < 6


def test_scaled_outputs_scale_mean_and_spread():
    x = torch.randn(6, D, generator=torch.Generator().manual_seed(0))
    stacks = [MeanField((5,)).build(D, 1, 2, main_columns=(0, D), seed=0) for _ in range(2)]
    stacks[1].scale_outputs(5.0)
    one, five = (s.posterior(None).draw(4, torch.Generator().manual_seed(0))(x) for s in stacks)
    torch.testing.assert_close(5 * one, five)
