import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from skgeh.significance._logistic import Working, contrasts
from skgeh.significance._nuisance import main_effect_basis
from skgeh.significance._regressions import fold_scores
from tests.oracles import assert_close


def case(n=500, c=3, seed=0, strength=1.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    logits = np.column_stack([X[:, k % 3] + strength * (k == 0) * X[:, 1] * X[:, 2]
                              for k in range(c)])  # fmt: skip
    codes = (softmax(logits, axis=1).cumsum(1) > rng.random((n, 1))).argmax(1)
    columns = np.eye(c)[codes]
    return X, codes, columns[:, 1:] if c == 2 else columns


@pytest.mark.parametrize("c", [2, 3, 5])
def test_contrasts_are_orthonormal_and_sum_to_zero(c):
    Q = contrasts(c)
    assert_close(Q.T @ Q, np.eye(c - 1), 1e-12)
    np.testing.assert_allclose(Q.sum(0), 0, atol=1e-12)


@pytest.mark.parametrize("c", [2, 3])
def test_the_maximum_is_that_of_logistic_regression(c):
    X, codes, y = case(c=c)
    design = np.column_stack([np.ones(len(X)), X])
    model = Working.fit(y, design, np.zeros((len(X), 0, y.shape[1])))
    # what is left of the working targets at the maximum is orthogonal to the design
    basis = model.of_all(design)
    theta = basis @ (basis.T @ model.target)  # turned by L'
    expected = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, codes)
    scores = expected.decision_function(X).reshape(len(X), -1)
    if c > 2:
        scores = scores @ contrasts(c)
    turned = (model.root.swapaxes(1, 2) @ scores[..., None]).ravel()
    np.testing.assert_allclose(theta, turned, atol=0.02)


def test_two_classes_are_weighted_least_squares():
    X, _, y = case(c=2)
    design = np.column_stack([np.ones(len(X)), X])
    model = Working.fit(y, design, np.zeros((len(X), 0, 1)))
    weight = model.root[:, 0, 0] ** 2
    p = (1 + np.sqrt(1 - 4 * np.minimum(weight, 0.25))) / 2
    assert (weight <= 0.25 + 2e-6).all()
    # residuals are (y - p) / sqrt(p (1 - p)), with p one of the two roots of p (1 - p) = weight
    basis = model.of_all(design)
    rest = model.target - basis @ (basis.T @ model.target)
    either = [np.abs(rest - (y[:, 0] - q) / np.sqrt(weight)) for q in (p, 1 - p)]
    assert np.minimum(*either).max() < 0.02


def test_separated_classes_have_finite_targets():
    X = np.linspace(-1, 1, 60)[:, None]
    y = (X > 0).astype(float)
    model = Working.fit(y, np.column_stack([np.ones(60), X]), np.zeros((60, 0, 1)))
    assert np.isfinite(model.target).all()


def z_scores(c, strength, tables, n=400):
    found = []
    for seed in range(tables):
        X, _, y = case(n=n, c=c, seed=seed, strength=strength)
        shape = (X[:, 1] * X[:, 2])[:, None, None] * np.ones((1, 1, y.shape[1]))
        basis = main_effect_basis(X)
        model = Working.fit(y, basis, shape)
        turned = model.of_classes(shape)[:, None]
        zeros = np.zeros(len(model.target), dtype=int)
        found.append(fold_scores(model.target, turned, model.of_all(basis), zeros)[0, 0])
    return np.array(found)


@pytest.mark.parametrize("c", [2, 3])
def test_scores_without_an_interaction_are_standard_normal(c):
    z = z_scores(c, strength=0.0, tables=120)
    assert np.abs(z.mean(0)).max() < 4 / 120**0.5
    assert 0.88 < z.std() < 1.12
    assert (2 * norm.sf(np.abs(z)) <= 0.05).mean() < 0.09


@pytest.mark.parametrize("c", [2, 3])
def test_scores_find_the_class_and_the_sign(c):
    z = z_scores(c, strength=1.5, tables=5).mean(0)
    if c == 2:
        assert z[0] < -5  # it is in the logit of the first class: the log-odds are of the second
    else:
        assert z[0] > 4.5 and z[1] < z[0] / 2 and z[2] < z[0] / 2
