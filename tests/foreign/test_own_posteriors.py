"""Every posterior that the package makes can be asked by `interactions_of`."""

import numpy as np
import pytest

from skgeh import (
    BayesianInteractionClassifier,
    BayesianInteractionRegressor,
    exemplars,
    interactions_of,
)
from skgeh.posteriors import FAMILIES

FEW = {"max_epochs": 25, "n_networks": 2, "random_state": 0}


def rows(n=240):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    X = (X - X.mean(0)) / X.std(0)  # the posterior's own units
    return X, X[:, 0] * X[:, 2] + 0.2 * rng.normal(size=n)


def asked(model, X, **options):
    return interactions_of(model.posterior_, X, n_groups=4, n_draws=25, random_state=0, **options)


@pytest.mark.parametrize("posterior", FAMILIES)
def test_numbers(posterior):
    X, y = rows()
    model = BayesianInteractionRegressor(posterior=posterior, **FEW).fit(X, y)
    found = asked(model, X)
    assert found.top(1) == [("x0", "x2")]
    assert 0.5 < found.effect[1] < 1.5 and found.effect[[0, 2]].max() < 0.3
    own = model.interactions(X, n_groups=4, n_draws=25)
    np.testing.assert_allclose(found.effect, own.effect, rtol=0.3, atol=0.1)


@pytest.mark.parametrize("posterior", FAMILIES)
def test_several_targets(posterior):
    X, y = rows()
    other = X[:, 0] * X[:, 1] + 0.2 * np.random.default_rng(1).normal(size=len(X))
    both = np.column_stack([y, other])
    model = BayesianInteractionRegressor(posterior=posterior, **FEW).fit(X, both)
    for target, pair in ((0, ("x0", "x2")), (1, ("x0", "x1"))):
        assert asked(model, X, target=target).top(1) == [pair]
    together = asked(model, X)
    assert set(together.top(2)) == {("x0", "x2"), ("x0", "x1")}


@pytest.mark.parametrize("posterior", FAMILIES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_labels(posterior, n_classes):
    X, y = rows(400)
    labels = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
    model = BayesianInteractionClassifier(posterior=posterior, **FEW).fit(X, labels)
    found = asked(model, X, logits=n_classes > 2)
    assert found.top(1) == [("x0", "x2")]
    assert np.isfinite(found.effect).all() and np.isfinite(found.score).all()
    assert found.effect.argmax() == 1
    last = asked(model, X, target=n_classes - 2)
    assert np.isfinite(last.score).all()


def test_a_posterior_has_no_layers():
    X, y = rows(100)
    model = BayesianInteractionRegressor(posterior="gaussian_process").fit(X, y)
    with pytest.raises(TypeError, match="torch module or a skorch net"):
        exemplars(model.posterior_, "layer", X)
