"""Laplace's approximation, against penalised log likelihoods of dense matrices."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from scipy.stats import entropy

from skgeh.geh.likelihoods import LOG_LOSSES, CrossEntropy, SquaredError
from skgeh.geh.task import Task
from skgeh.process import _newton
from skgeh.process._newton import learn_outputs
from skgeh.process._regression import regress
from skgeh.process._screen import Sizes, choose_products
from tests.oracles import assert_close
from tests.process.dense import standard, weights_of

SIZES = Sizes(5, 2)


def features(n=150, d=3, seed=0):
    return standard(np.random.default_rng(seed).normal(size=(n, d)))


def classes(X, n_classes=2, seed=0):
    """Labels as columns of 0 and 1."""
    rng = np.random.default_rng(seed)
    logits = np.column_stack([2.5 * X[:, 0] * X[:, 1], 1.5 * X[:, 2], 0 * X[:, 0]])[:, :n_classes]
    y = np.eye(n_classes)[(logits + rng.gumbel(size=logits.shape)).argmax(1)]
    return y[:, 1:] if n_classes == 2 else y


def labels(X, n_classes=2, weight=None, seed=0):
    y = classes(X, n_classes, seed)
    weight = np.ones(len(X)) if weight is None else weight
    shares = np.average(y, axis=0, weights=weight)
    shares = shares if len(shares) > 1 else np.append(shares, 1 - shares)
    return Task(X, y, weight, CrossEntropy(float(entropy(shares))))


def counts(X, kind="poisson", weight=None, pair=1.0, seed=0, mean=3.0):
    rng = np.random.default_rng(seed)
    weight = np.ones(len(X)) if weight is None else weight
    eta = 0.5 * X[:, 0] + 0.4 * X[:, 1] + pair * 0.5 * X[:, 0] * X[:, 1]
    mu = mean * np.exp(eta)
    y = rng.poisson(mu).astype(float) if kind == "poisson" else mu * rng.gamma(4, 1 / 4, len(X))
    y = (y / np.average(y, weights=weight))[:, None]
    return Task(X, y, weight, LOG_LOSSES[kind].of(y, weight))


def tasks(kind, X, weight=None):
    if kind in LOG_LOSSES:
        return counts(X, kind, weight)
    return labels(X, int(kind[0]), weight)


KINDS = ("2 classes", "3 classes", "poisson", "gamma")
kinds = pytest.mark.parametrize("kind", KINDS)
few = pytest.mark.parametrize("n", [25, 150])  # fewer and more than the 27 columns
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])


def log_likelihood(kind, outputs, y, weight, dispersion):
    """With their noise: a torch scalar whose gradient is taken."""
    w = torch.tensor(weight)[:, None] / dispersion
    if kind == "2 classes":
        found = y * outputs - torch.nn.functional.softplus(outputs)
    elif kind == "3 classes":
        found = y * outputs.log_softmax(1)
    elif kind == "poisson":
        found = y * outputs - outputs.exp()
    else:
        found = -y * (-outputs).exp() - outputs
    return (w * found).sum()


@kinds
@few
@weighted
def test_it_ends_where_the_penalised_likelihood_is_stationary(kind, n, weighted):
    """For the final variances: the gradient, over the one at nothing but the intercept."""
    X = features(n)
    weight = weights_of(n) if weighted else np.ones(n)
    task = tasks(kind, X, weight)
    found = learn_outputs(task, SIZES)
    y = torch.tensor(task.y)
    noise = torch.tensor([one.noise_variance for one in found])
    parts = [one.products.design(X)[one.solution.active] for one in found]
    roots = [one.solution.root for one in found]
    means = [torch.tensor(one.solution.mean, requires_grad=True) for one in found]
    levels = torch.tensor(
        [(one.fitted - (one.solution.mean * r) @ p).mean()
         for one, p, r in zip(found, parts, roots, strict=True)], requires_grad=True,
    )  # fmt: skip

    def gradients(means, levels):
        outputs = torch.stack(
            [level + (w * torch.tensor(r)) @ torch.tensor(p)
             for level, w, r, p in zip(levels, means, roots, parts, strict=True)], dim=1,
        )  # fmt: skip
        penalty = sum((w**2).sum() / 2 for w in means)
        loss = penalty - log_likelihood(kind, outputs, y, weight, noise)
        return torch.autograd.grad(loss, [*means, levels])

    here = torch.cat([g.flatten() for g in gradients(means, levels)])
    zero = [torch.zeros_like(w, requires_grad=True) for w in means]
    start = torch.cat([g.flatten() for g in gradients(zero, levels)])
    assert here.norm() < 0.03 * start.norm()


@weighted
def test_two_classes_have_the_most_probable_logits(weighted):
    X = features(120)
    task = labels(X, weight=weights_of(120) if weighted else None)
    (found,) = learn_outputs(task, SIZES)
    active, root = found.solution.active, found.solution.root
    design = np.column_stack([np.ones(120), root * found.products.design(X)[active].T])

    def loss(w):
        logits = design @ w
        likely = task.weight * (task.y[:, 0] * logits - np.logaddexp(0, logits))
        slope = task.weight * (task.y[:, 0] - expit(logits))
        return w[1:] @ w[1:] / 2 - likely.sum(), np.append(0, w[1:]) - design.T @ slope

    best = minimize(loss, np.zeros(design.shape[1]), jac=True, options={"gtol": 1e-8})
    np.testing.assert_allclose(expit(found.fitted), expit(design @ best.x), atol=5e-3)
    assert found.noise_variance == 1
    # the curvature there is the precision of the posterior
    p = expit(design @ best.x)
    precision = design.T @ ((task.weight * p * (1 - p))[:, None] * design)
    precision += np.diag([0, *np.ones(len(root))])
    expected = np.linalg.inv(precision)[1:, 1:]
    assert_close(found.solution.covariance(np.arange(len(root))), expected, 0.02)


@few
def test_three_classes_have_the_most_probable_probabilities(n):
    X = features(n)
    task = labels(X, 3)
    found = learn_outputs(task, SIZES)
    assert len(found) == 3
    designs = [
        np.column_stack([np.ones(n), one.solution.root * one.products.design(X)[
            one.solution.active].T]) for one in found
    ]  # fmt: skip
    ends = np.cumsum([design.shape[1] for design in designs])

    def loss(w):
        each = np.split(w, ends[:-1])
        logits = np.column_stack([d @ part for d, part in zip(designs, each, strict=True)])
        slope = task.y - softmax(logits, axis=1)
        value = sum(part[1:] @ part[1:] / 2 for part in each)
        own = [np.append(0, part[1:]) - d.T @ s
               for d, part, s in zip(designs, each, slope.T, strict=True)]  # fmt: skip
        return value - (task.y * log_softmax(logits, axis=1)).sum(), np.concatenate(own)

    best = minimize(loss, np.zeros(ends[-1]), jac=True, options={"maxiter": 2000})
    logits = [d @ part for d, part in zip(designs, np.split(best.x, ends[:-1]), strict=True)]
    expected = softmax(np.column_stack(logits), axis=1)
    fitted = softmax(np.column_stack([one.fitted for one in found]), axis=1)
    np.testing.assert_allclose(fitted, expected, atol=0.02)


def test_numbers_take_one_regression(monkeypatch):
    monkeypatch.setattr(_newton, "finer", lambda products, *_: products)
    X = features(100)
    y = standard(X[:, 0] + X[:, 0] * X[:, 1] + np.random.default_rng(0).normal(size=100))[:, None]
    weight = weights_of(100)
    (found,) = learn_outputs(Task(X, y, 7 * weight, SquaredError()), SIZES)
    given = X, y, weight[:, None]
    products = choose_products(*given, SIZES, known_noise=False, unit=1.0)
    (expected,) = regress(products, *given)
    assert_close(found.fitted, expected.fitted, 1e-7)
    assert found.noise_variance == pytest.approx(expected.noise_variance)


def test_products_of_many_rows_are_chosen_by_some(monkeypatch):
    X = features(400)
    y = standard(X[:, 0] + X[:, 0] * X[:, 1] + np.random.default_rng(0).normal(size=400))[:, None]
    task = Task(X, y, np.ones(400), SquaredError())
    (whole,) = learn_outputs(task, SIZES)
    seen = []
    monkeypatch.setattr(_newton, "MANY", 150)
    real = _newton.choose_products
    monkeypatch.setattr(
        _newton, "choose_products", lambda X, *rest, **o: seen.append(len(X)) or real(X, *rest, **o)
    )
    (found,) = learn_outputs(task, SIZES)
    assert seen == [150] and found.data.n_rows == 400
    assert np.corrcoef(found.fitted, whole.fitted)[0, 1] > 0.98


@pytest.mark.parametrize("kind", KINDS)
def test_many_rows_start_from_few(kind, monkeypatch):
    """And end where all of them end."""
    X = features(500)
    task = tasks(kind, X)
    whole = learn_outputs(task, SIZES)
    monkeypatch.setattr(_newton, "FEW", 150)
    again = learn_outputs(task, SIZES)
    assert all(one.data.n_rows == 500 for one in again)
    one, two = (np.column_stack([part.fitted for part in parts]) for parts in (whole, again))
    if kind == "3 classes":  # whose level is not known
        one, two = softmax(one, axis=1), softmax(two, axis=1)
    assert np.sqrt(np.mean((one - two) ** 2)) < 0.25 * one.std()


# Hard labels


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rare_classes(n_classes):
    X = features(200)
    codes = np.arange(200) % 2 if n_classes == 3 else np.zeros(200, dtype=int)
    codes[:2] = n_classes - 1
    y = np.eye(n_classes)[codes]
    y = y[:, 1:] if n_classes == 2 else y
    found = learn_outputs(Task(X, y, np.ones(200), CrossEntropy(0.1)), SIZES)
    for one in found:
        assert np.isfinite(one.fitted).all() and np.isfinite(one.scores).all()
        assert (one.variances >= 0).all()
    outputs = np.column_stack([one.fitted for one in found])
    p = expit(outputs) if n_classes == 2 else softmax(outputs, axis=1)[:, 2:]
    assert p.mean() == pytest.approx(0.01, rel=0.3)


@pytest.mark.parametrize("n", [30, 300])
@pytest.mark.parametrize("shape", ["line", "product", "three classes"])
def test_labels_that_can_be_separated(n, shape):
    X = features(n)
    of = X[:, 0] if shape == "line" else X[:, 0] * X[:, 1]
    y = np.eye(2)[(of > 0).astype(int)][:, 1:]
    if shape == "three classes":
        y = np.eye(3)[np.digitize(X[:, 0], [-0.4, 0.4])]
    found = learn_outputs(Task(X, y, np.ones(n), CrossEntropy(0.69)), SIZES)
    outputs = np.column_stack([one.fitted for one in found])
    assert np.isfinite(outputs).all() and np.abs(outputs).max() < 300
    right = outputs.argmax(1) == y.argmax(1) if y.shape[1] > 1 else (outputs > 0) == (y > 0)
    assert right.mean() > (0.9 if n == 300 else 0.8)
    for one in found:
        assert np.isfinite(one.scores).all() and (one.scores >= 0).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_order_of_classes_does_not_matter(n_classes):
    X = features(150)
    task = labels(X, n_classes)
    y = 1 - task.y if n_classes == 2 else task.y[:, ::-1]
    turned = learn_outputs(Task(X, y, task.weight, task.likelihood), SIZES)
    found = learn_outputs(task, SIZES)
    if n_classes == 2:
        assert_close(-turned[0].fitted, found[0].fitted, 1e-5)
    for one, two in zip(found, turned[::-1], strict=True):
        assert_close(two.scores, one.scores, 1e-5)


def test_weights_that_count_are_repeated_rows_for_labels():
    """Their noise is known, so that it cannot be taken for none."""
    X = features(80)
    y = classes(X)
    count = np.random.default_rng(0).integers(1, 4, 80)
    again = np.repeat(np.arange(80), count)
    one, two = (
        learn_outputs(Task(X[rows], y[rows], weight, CrossEntropy(0.69)), SIZES)[0]
        for rows, weight in ((np.arange(80), count.astype(float)), (again, np.ones(len(again))))
    )
    assert two.predict(X) == pytest.approx(one.fitted, abs=0.5)
    assert np.corrcoef(two.predict(X), one.fitted)[0, 1] > 0.99


# Counts


@pytest.mark.parametrize("kind", LOG_LOSSES)
def test_an_additive_table_on_the_log_scale_has_no_pair(kind):
    """Beside one with a true pair; on the scale of the target both have one."""
    X = features(600)
    effects = []
    for pair in (0.0, 1.0):
        (found,) = learn_outputs(counts(X, kind, pair=pair), SIZES)
        inside = found.products.pair == 0
        part = found.functions(found.solution.mean[None]).weights[0, inside]
        effects.append(np.std(part @ found.products.design(X)[inside]))
    assert effects[1] > 0.3 and effects[0] < 0.2 * effects[1]


@pytest.mark.parametrize("kind", LOG_LOSSES)
def test_logs_of_means_are_found(kind):
    X = features(800)
    (found,) = learn_outputs(counts(X, kind), SIZES)
    expected = 0.5 * X[:, 0] + 0.4 * X[:, 1] + 0.5 * X[:, 0] * X[:, 1]
    assert np.corrcoef(found.fitted, expected)[0, 1] > 0.97
    assert np.polyfit(expected, found.fitted, 1)[0] == pytest.approx(1, abs=0.15)
    assert found.scores.argmax() == 0


def test_the_dispersion_of_gamma_numbers():
    (found,) = learn_outputs(counts(features(1500), "gamma"), SIZES)
    assert found.noise_variance == pytest.approx(1 / 4, rel=0.15)


@pytest.mark.parametrize("kind", LOG_LOSSES)
def test_weights_are_relative_for_counts(kind):
    X, weight = features(100), weights_of(100)
    one, two = (learn_outputs(counts(X, kind, k * weight), SIZES)[0] for k in (1.0, 50.0))
    assert_close(two.fitted, one.fitted, 1e-6)
    assert two.noise_variance == pytest.approx(one.noise_variance, rel=1e-6)


def test_many_zeros():
    (found,) = learn_outputs(counts(features(300), mean=0.02), SIZES)
    assert np.isfinite(found.fitted).all() and np.isfinite(found.scores).all()
    assert np.exp(found.fitted).mean() == pytest.approx(1, rel=0.5)


def test_finer_products_of_labels():
    rng = np.random.default_rng(0)
    X = standard(rng.uniform(-1, 1, (1500, 3)))
    logits = 8 * np.sin(2.2 * X[:, 0]) * np.sin(2.2 * X[:, 1])
    y = (rng.random(1500) < expit(logits)).astype(float)[:, None]
    (found,) = learn_outputs(Task(X, y, np.ones(1500), CrossEntropy(0.69)), Sizes(8, 2))
    widths = {k: s.stop - s.start for k, s in found.products.sections.items()}
    assert widths[0] == 64 and found.variances[7] > 1 and np.isfinite(found.scores).all()
    assert np.corrcoef(expit(found.fitted), expit(logits))[0, 1] > 0.9
    assert found.scores.argmax() == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_pair_that_makes_labels_certain_is_evidence_for_itself(seed):
    X = features(400, 5, seed)
    y = (X[:, 1] * X[:, 3] > 0).astype(float)[:, None]
    (found,) = learn_outputs(Task(X, y, np.ones(400), CrossEntropy(0.69)), Sizes(24, 4))
    scores = found.scores
    assert scores.argmax() == 5 and scores[5] > 3 * np.delete(scores, 5).max()
    assert found.scored.observed.weight.min() >= expit(4) * expit(-4) * (1 - 1e-9)
    np.testing.assert_array_equal(found.scored.variances, found.variances)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_labels_that_are_uncertain_are_scored_as_they_are(n_classes):
    X = features(150)
    y = np.eye(n_classes)[np.random.default_rng(0).integers(0, n_classes, 150)]
    y = y[:, 1:] if n_classes == 2 else y
    task = Task(X, y, np.ones(150), CrossEntropy(1.0))
    assert all(fit.scored is None for fit in learn_outputs(task, SIZES))
