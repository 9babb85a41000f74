import platform

import numpy as np

from skgeh.pages._origin import Origin
from skgeh.pages._reading import Reading
from tests.pages.models import fitted


def origin(kind):
    model, _, y = fitted(kind)
    return model, Origin.of(Reading.of(model, y), 1.26)


def test_versions_and_seed():
    model, found = origin("product")
    assert platform.python_version() in dict(found.versions)["Python"]
    assert dict(found.versions)["numpy"] == np.__version__
    facts = dict(found.facts)
    assert facts["Seed"] == "0" and facts["Page written"].endswith("in 1.3 s")
    assert facts["Effects averaged over"] == f"300 rows in {model.n_groups_} groups"


def test_every_parameter_is_told_once():
    for kind in ("product", "selector", "counts"):
        model, found = origin(kind)
        told = [name for name, _ in found.set_parameters + found.others]
        assert sorted(told) == sorted(model.get_params(deep=False))
        assert "random_state" in dict(found.set_parameters)
    assert "loss" in dict(found.set_parameters) and "n_draws" in dict(found.others)


def test_weights_of_a_stacked_posterior(monkeypatch):
    model, _, _ = fitted("product")
    kind = type(model)
    assert "Weights in the posterior" not in dict(origin("product")[1].facts)
    weights = property(lambda self: {"process": 0.75, "networks": 0.25})
    monkeypatch.setattr(kind, "stacking_weights_", weights)
    assert dict(origin("product")[1].facts)["Weights in the posterior"] == (
        "process 75%, networks 25%"
    )
