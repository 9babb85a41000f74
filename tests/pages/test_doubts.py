import numpy as np

from skgeh import BayesianInteractionRegressor
from skgeh.pages import _doubts
from skgeh.pages._doubts import Doubts
from skgeh.pages._reading import Reading
from tests.pages.models import fitted, table


def doubts(kind, raised=()):
    model, _, y = fitted(kind)
    return Doubts.of(Reading.of(model, y), list(raised))


def test_every_pair_without_a_test_is_named_by_its_reason(monkeypatch):
    untested = dict(doubts("copy").untested)
    assert untested["f is constant"].startswith("4 pairs: a \u00d7 f")
    assert untested["e is a copy of a"].startswith("5 pairs: ")
    monkeypatch.setattr(_doubts, "_MOST_REASONS", 1)
    assert doubts("copy").untested[1][0] == "1 more reason"


def test_warnings_are_said_once():
    assert doubts("product", ["mind this", "mind this"]).warnings == ["mind this"]


def test_a_poor_fit_speaks_against_an_answer():
    X, rng = table(100, "abc")
    model = BayesianInteractionRegressor(posterior="gaussian_process")
    model.fit(X, rng.normal(size=len(X)))
    assert "explains nothing" in " ".join(Doubts.of(Reading.of(model), []).warnings)


def test_limits_fit_the_table():
    text = {kind: " ".join(doubts(kind).limits) for kind in ("product", "counts", "two classes")}
    assert "in the log of price" in text["product"] and "groups=" in text["product"]
    assert "the mean itself" in text["counts"]
    assert "probabilities" in text["two classes"]
    X, rng = table(200, "abc")
    y, groups = rng.normal(size=len(X)), np.arange(len(X)) // 4
    model = BayesianInteractionRegressor(posterior="gaussian_process").fit(X, y, groups=groups)
    assert "50 units" in " ".join(Doubts.of(Reading.of(model), []).limits)
