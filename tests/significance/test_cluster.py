import joblib
import numpy as np
import pytest

from skgeh import BayesianInteractionRegressor, crossfit_test, permutation_test
from skgeh.significance import permutation

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Two processes on this machine that know of each other over the network only."""
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            local_directory=tmp_path_factory.mktemp("dask"),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def on_cluster(client):
    """Run something there, and be sure that the workers did it."""

    def executed():
        counts = client.run(lambda dask_worker: dask_worker.state.executed_count)
        assert len(counts) == 2
        return sum(counts.values())

    def run(function, *arguments, **parameters):
        before = executed()
        with joblib.parallel_config(backend="dask"):
            result = function(*arguments, **parameters)
        assert executed() > before + 1
        return result

    return run


def product(n=120, d=4):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    return X, X[:, 0] * X[:, 2] + 0.5 * rng.normal(size=n)


def small(**parameters):
    return BayesianInteractionRegressor((8,), n_networks=1, max_epochs=3, **parameters)


def assert_same(one, two, names):
    for name in names:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_crossfit(on_cluster, monkeypatch):
    monkeypatch.setattr("skgeh.significance._refits.STACK", (1, 2))
    X, y = product()
    here = crossfit_test(small(), X, y, random_state=0)
    there = on_cluster(crossfit_test, small(), X, y, random_state=0)
    assert here.fold_scores.shape == (3, 5, 6) and here.fold_scores.std() > 0.1
    names = ["statistic", "p_value", "fold_scores", "shape_scores"]
    assert_same(
        there, here, [*names, "strength", "strength_std", "confirmed_effect", "confirmed_std"]
    )


@pytest.mark.parametrize("statistic", ["effect", "score"])
def test_permutations(statistic, on_cluster, monkeypatch, tmp_path):
    monkeypatch.setattr(permutation, "refits_per_stack", lambda *_: 2)
    parameters = {"n_permutations": 19, "random_state": 0, "statistic": statistic}
    here = permutation_test(small(), *product(), **parameters)
    path = tmp_path / "kept"
    there = on_cluster(permutation_test, small(), *product(), checkpoint=path, **parameters)
    again = permutation_test(small(), *product(), checkpoint=path, **parameters)
    for result in (there, again):
        assert_same(result, here, ["statistic", "p_value", "null"])
    assert len(np.unique(here.null[:, 0])) == 19
