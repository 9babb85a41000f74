import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, mean_gamma_deviance, mean_poisson_deviance

from skgeh.geh.likelihoods import LOG_LOSSES, CrossEntropy, SquaredError, _perturbation


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def one_hot(n=50, c=3, seed=0):
    codes = np.random.default_rng(seed).integers(0, c, n)
    return torch.from_numpy(np.eye(c)[codes]), codes


# Losses


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_cross_entropy_is_that_of_scikit_learn(n_classes):
    targets, codes = one_hot(c=n_classes)
    logits = random(1, 50, n_classes)
    probabilities = torch.softmax(logits, -1)[0].numpy()
    expected = log_loss(codes, probabilities, labels=range(n_classes))
    found = CrossEntropy(2.0).losses(logits, targets[None])
    assert found.shape == (1, 50, 1)
    assert found.mean().item() == pytest.approx(expected / 2)


def test_two_classes_have_one_logit():
    targets, _ = one_hot(c=2)
    logit = random(1, 50, 1)
    both = torch.cat([torch.zeros_like(logit), logit], -1)
    loss = CrossEntropy(1.0).losses
    torch.testing.assert_close(loss(logit, targets[None, :, 1:]), loss(both, targets[None]))


def test_logits_may_be_large():
    loss = CrossEntropy(1.0).losses(torch.tensor([[[800.0], [-800.0]]]), torch.ones(1, 2, 1))
    assert loss.flatten().tolist() == [0.0, 800.0]


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_shares_of_the_classes_lose_one(n_classes):
    targets, codes = one_hot(c=n_classes)
    shares = np.bincount(codes) / len(codes)
    likelihood = CrossEntropy(-(shares * np.log(shares)).sum())
    columns = targets if n_classes > 2 else targets[:, 1:]
    constant = likelihood.constant(columns.mean(0)).expand(50, -1)
    assert likelihood.losses(constant, columns).mean().item() == pytest.approx(1)


def test_the_mean_of_standardised_numbers_loses_one():
    y = random(40, 2)
    y = (y - y.mean(0)) / y.std(0, correction=0)
    constant = SquaredError().constant(y.mean(0)).expand(40, -1)
    assert SquaredError().losses(constant, y).mean().item() == pytest.approx(1)


# What moves what is learned from


def test_rows_of_labels_are_weighed_by_exponential_numbers():
    moves = random(2, 20_000, 1)
    moves[0] = 0
    targets, weights = torch.ones(2, 20_000, 1), torch.full((2, 20_000, 1), 3.0)
    same, found = CrossEntropy(1.0).perturbed(targets, weights, moves, torch.ones(2, 1))
    assert same is targets
    assert (found[0] == 3).all()  # networks that are not perturbed
    random_weights = found[1] / 3
    assert random_weights.min() > 0
    assert random_weights.mean().item() == pytest.approx(1, abs=5 / 20_000**0.5)
    assert random_weights.std().item() == pytest.approx(1, abs=0.05)


def test_targets_are_moved_by_their_own_noise():
    noise, moves = torch.tensor([[0.04, 0.9]]), random(1, 6, 2)
    found, weights = SquaredError().perturbed(torch.zeros(1, 6, 2), None, moves, noise)
    assert weights is None
    scale = noise / (noise + 0.01).sqrt()
    torch.testing.assert_close(found, scale[:, None] * moves)


def test_targets_move_by_the_noise_and_not_at_all_on_clean_data():
    noise = torch.tensor([1e-8, 1e-4, 0.01, 0.1, 1.0])
    scale = _perturbation(noise[:, None])
    assert scale.shape == (5, 1, 1)
    of_noise = scale[:, 0, 0] / noise.sqrt()
    np.testing.assert_allclose(of_noise.square(), noise / (noise + 0.01), rtol=1e-5)
    assert of_noise[0] < 2e-3 and of_noise[-1] > 0.99 and (of_noise.diff() > 0).all()


# The prior, in their unit


def test_the_bound_of_labels_is_in_units_of_their_entropy():
    scale = CrossEntropy(0.5).kl_scale(torch.tensor([0.3, 0.9]))
    assert scale.tolist() == [2.0, 2.0]


# Means by their logs


METRICS = {"poisson": mean_poisson_deviance, "gamma": mean_gamma_deviance}
log_losses = pytest.mark.parametrize("loss", LOG_LOSSES)


def positive(loss, n=60, c=1, spread=1.0, seed=0):
    """Targets with weighted mean 1, and weights."""
    rng = np.random.default_rng(seed)
    y = np.exp(spread * rng.normal(size=(n, c)))
    if loss == "poisson":
        y = rng.poisson(y).astype(float)
    weight = rng.uniform(0.5, 2, n)
    return y / np.average(y, axis=0, weights=weight), weight


@log_losses
def test_deviances_are_those_of_scikit_learn(loss):
    (y, weight), outputs = positive(loss), random(60, 1)
    likelihood, (mu, found) = LOG_LOSSES[loss].of(y, weight), (outputs.exp(), None)
    found = likelihood.losses(outputs, torch.as_tensor(y))
    expected = [
        METRICS[loss](y[:, 0], mean, sample_weight=weight) for mean in (mu[:, 0], np.ones(60))
    ]
    assert np.average(found[:, 0], weights=weight) == pytest.approx(expected[0] / expected[1])
    rare = torch.tensor([[0.0], [1e-9], [0.05], [0.2]], dtype=torch.float64)
    if loss == "gamma":
        rare = rare[1:]
    half = likelihood.half_deviances(outputs[: len(rare)], rare)
    for value, y_one, mu_one in zip(half.flatten(), rare.numpy(), mu.numpy(), strict=False):
        assert 2 * value.item() == pytest.approx(METRICS[loss](y_one, mu_one))


@log_losses
@pytest.mark.parametrize("c", [1, 2])
def test_the_mean_of_positive_numbers_loses_one(loss, c):
    y, weight = positive(loss, c=c)
    likelihood, target = LOG_LOSSES[loss].of(y, weight), torch.as_tensor(y)
    constant = likelihood.constant(torch.as_tensor(np.average(y, axis=0, weights=weight)))
    outputs, w = constant.expand(60, -1), torch.as_tensor(weight / weight.mean())[:, None]
    errors = (w * likelihood.losses(outputs, target)).mean(0)
    np.testing.assert_allclose(errors, np.ones(c))
    np.testing.assert_allclose(likelihood.noise(errors, outputs, target, w), np.ones(c))


@log_losses
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_outputs_have_finite_losses_and_slopes_that_lead_back(loss, dtype):
    y, weight = positive(loss, n=4)
    likelihood, target = LOG_LOSSES[loss].of(y, weight), torch.as_tensor(y, dtype=dtype)
    target[0] = 1e-60 if loss == "gamma" else 0  # 0 in single precision
    for output in (-1e4, -100.0, 100.0, 1e4):
        outputs = torch.full((4, 1), output, dtype=dtype, requires_grad=True)
        losses = likelihood.losses(outputs, target)
        losses.sum().backward()
        assert losses.isfinite().all() and outputs.grad.isfinite().all()
        assert (outputs.grad[1:][target[1:] > 0].sign() == np.sign(output)).all()
        noise = likelihood.noise(losses, outputs.detach(), target, torch.ones(4, 1, dtype=dtype))
        assert noise.isfinite().all()


@log_losses
def test_a_slope_keeps_its_digits_in_single_precision(loss):
    y = torch.tensor([[1.001]])
    outputs = torch.tensor([[0.0]], requires_grad=True)
    likelihood = LOG_LOSSES[loss]([1.0], [1.0])
    likelihood.losses(outputs, y).backward()
    assert outputs.grad.item() == pytest.approx(-0.001, rel=1e-3)


@log_losses
def test_targets_that_vary_little_are_as_numbers_in_standard_units(loss):
    z = np.random.default_rng(0).normal(size=(500, 1))
    z = (z - z.mean()) / z.std()
    likelihood = LOG_LOSSES[loss].of(1 + 1e-3 * z, np.ones(500))
    assert likelihood.unit == pytest.approx(1e-3, rel=0.01)
    outputs, target = 0.3 * random(500, 1), torch.as_tensor(1 + 1e-3 * z)
    found = likelihood.losses(likelihood.unit * outputs, target).mean().item()
    expected = SquaredError().losses(outputs, torch.as_tensor(z)).mean().item()
    assert found == pytest.approx(expected, rel=0.01)
    noise = torch.tensor([[0.2], [0.7]])
    torch.testing.assert_close(likelihood.kl_scale(noise), 2 * noise, rtol=0.01, atol=0)


def test_a_row_of_exposure_two_is_the_mean_of_two_rows():
    """Both have the same loss up to a constant, whatever the outputs are."""
    rng = np.random.default_rng(0)
    for loss, likelihood in LOG_LOSSES.items():
        pair = rng.poisson(2.0, size=(2, 1)) + 0.0 if loss == "poisson" else rng.gamma(2.0, size=2)
        pair, one = torch.as_tensor(pair).reshape(2, 1), likelihood([0.7], [1.0])
        outputs = random(6, 1, 1)
        whole = 2 * one.losses(outputs, pair.mean(0, keepdim=True))[:, 0]
        parts = one.losses(outputs, pair).sum(1)
        difference = whole - parts
        torch.testing.assert_close(difference, difference[:1].expand(6, 1))


@pytest.mark.parametrize("rate", [0.03, 0.5, 20.0])
def test_the_dispersion_of_counts_is_one_at_any_rate(rate):
    """Deviances of rare counts are not: they are far below 1."""
    rng = np.random.default_rng(0)
    exposure, eta = rng.uniform(0.5, 2, 20_000), 0.5 * rng.normal(size=20_000)
    y = rng.poisson(rate * exposure * np.exp(eta)) / exposure
    mean = np.average(y, weights=exposure)
    y, outputs = y / mean, eta + np.log(rate / mean)
    w = exposure / exposure.mean()
    given = (torch.as_tensor(one[:, None]) for one in (outputs, y, w))
    found = LOG_LOSSES["poisson"]([1.0], [1.0]).dispersions(*given)
    assert found.item() * mean * exposure.mean() == pytest.approx(1, abs=0.1)


def test_the_dispersion_of_amounts_is_the_squared_coefficient_of_variation():
    rng = np.random.default_rng(0)
    eta, weight = 2 * rng.normal(size=20_000), np.ones((20_000, 1))
    y = np.exp(eta) * rng.gamma(1 / 0.4, 0.4, 20_000)
    given = (torch.as_tensor(one.reshape(-1, 1)) for one in (eta, y, weight))
    found = LOG_LOSSES["gamma"]([1.0], [1.0]).dispersions(*given)
    assert found.item() == pytest.approx(0.4, rel=0.05)


def test_the_prior_is_weighed_against_rows_if_weights_are_exposures():
    weight = np.array([1.0, 5.0, 6.0])
    assert SquaredError().n_samples(weight) == CrossEntropy(1.0).n_samples(weight) == 12
    assert LOG_LOSSES["gamma"]([1.0], [1.0]).n_samples(weight) == 3


@log_losses
def test_a_constant_target_has_a_unit(loss):
    likelihood = LOG_LOSSES[loss].of(np.ones((9, 1)), np.ones(9))
    assert likelihood.deviance == likelihood.dispersion == (1.0,)


# Working responses


@pytest.mark.parametrize("kind", ["numbers", "labels", "3 labels", *LOG_LOSSES])
def test_a_working_response_has_the_slope_of_the_loss(kind):
    outputs, weight = random(50, 3 if kind == "3 labels" else 1), np.linspace(0.5, 2, 50)
    if kind == "numbers":
        likelihood, y, half_losses = SquaredError(), random(50, 1, seed=1).numpy(), 2.0
    elif kind in LOG_LOSSES:
        likelihood, y, half_losses = LOG_LOSSES[kind]([1.0], [1.0]), positive(kind, n=50)[0], 1.0
    else:
        columns = one_hot(c=outputs.shape[1] + (kind == "labels"))[0].numpy()
        likelihood, half_losses = CrossEntropy(1.0), 1.0
        y = columns[:, 1:] if kind == "labels" else columns
    at = outputs.clone().requires_grad_(True)
    losses = likelihood.losses(at, torch.as_tensor(y)) / half_losses
    (torch.as_tensor(weight)[:, None] * losses).sum().backward()
    value, precision = likelihood.working_response(y, outputs.numpy(), weight)
    assert value.shape == precision.shape == y.shape
    assert (precision > 0).all()
    np.testing.assert_allclose(precision * (value - outputs.numpy()), -at.grad, atol=1e-12)


def test_working_responses_have_the_expected_curvature():
    eta, weight = random(50, 1).numpy(), np.linspace(0.5, 2, 50)
    y = positive("gamma", n=50)[0]
    of = {loss: LOG_LOSSES[loss]([1.0], [1.0]).working_response for loss in LOG_LOSSES}
    np.testing.assert_allclose(of["poisson"](y, eta, weight)[1], weight[:, None] * np.exp(eta))
    np.testing.assert_allclose(of["gamma"](y, eta, weight)[1][:, 0], weight)
    for response in of.values():
        for extreme in (-800.0, 800.0):
            found = response(y, np.full((50, 1), extreme), weight)
            assert all(np.isfinite(one).all() for one in found)


def test_newton_steps_on_working_responses_end_at_the_regression_of_scikit_learn():
    from sklearn.linear_model import GammaRegressor, PoissonRegressor

    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    A, weight = np.column_stack([np.ones(300), X]), rng.uniform(0.5, 2, 300)
    for loss, model in (("poisson", PoissonRegressor), ("gamma", GammaRegressor)):
        mu = np.exp(X @ [0.5, -0.3])
        y = rng.poisson(mu) + 0.0 if loss == "poisson" else mu * rng.gamma(2.0, 0.5, 300)
        response, eta = LOG_LOSSES[loss]([1.0], [1.0]).working_response, np.zeros((300, 1))
        for _ in range(30):
            value, precision = response(y[:, None], eta, weight)
            root = np.sqrt(precision)
            eta = A @ np.linalg.lstsq(root * A, root * value, rcond=None)[0]
        exact = model(alpha=0, tol=1e-10, max_iter=1000).fit(X, y, sample_weight=weight)
        np.testing.assert_allclose(np.exp(eta[:, 0]), exact.predict(X), rtol=1e-4)


def test_which_dispersions_are_known():
    assert CrossEntropy(1.0).known_dispersion
    assert not SquaredError().known_dispersion
    assert not any(kind.known_dispersion for kind in LOG_LOSSES.values())
