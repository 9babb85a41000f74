from dataclasses import replace

import numpy as np
import pytest

from skgeh.geh.likelihoods import CrossEntropy, SquaredError
from skgeh.geh.task import Task
from skgeh.posteriors import GaussianProcess
from skgeh.process import family
from skgeh.process._gaussian_process import GaussianProcessPosterior
from tests.oracles import assert_close
from tests.posteriors.standins import learned, task_of, trainer_of


def test_a_process_needs_no_training():
    task, trainer = task_of(), trainer_of()
    found = learned(GaussianProcess(2), trainer)
    assert trainer.calls == [] and found.net is None
    assert isinstance(found.posterior, GaussianProcessPosterior)
    assert found.noise_variance == found.posterior.noise_variance
    rows = found.held_out.rows
    assert sorted(rows) == list(range(100))
    expected = found.posterior.left_out(task.X, task.y[:, 0], task.weight)[rows]
    np.testing.assert_allclose(found.held_out.predictions[:, 0], expected)


def test_a_process_looks_at_a_thousand_rows_left_out():
    found = learned(GaussianProcess(2), n=1300)
    assert len(np.unique(found.held_out.rows)) == len(found.held_out.rows) == 1000


def test_weights_of_a_task_are_relative_for_a_process():
    weight = np.random.default_rng(2).uniform(0.1, 2, 100)
    one = learned(GaussianProcess(2), weight=weight)
    two = GaussianProcess(2).learn(replace(task_of(), weight=50 * weight), None, 0)
    assert one.noise_variance == pytest.approx(two.noise_variance, rel=1e-4)
    assert_close(one.held_out.predictions, two.held_out.predictions, 1e-4)


@pytest.mark.parametrize("kind", ["numbers", "2 classes", "3 classes"])
def test_errors_without_each_row_are_those_of_the_leverages(kind):
    """Where there are fewer rows than weights, one triangular inverse has them all."""
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(90, 7)), rng.uniform(0.5, 2, 90)
    f = X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=90)
    targets = {
        "numbers": ((f - f.mean())[:, None], SquaredError()),
        "2 classes": ((f > 0).astype(float)[:, None], CrossEntropy(0.69)),
        "3 classes": (np.eye(3)[np.digitize(f, [-0.4, 0.4])], CrossEntropy(1.0)),
    }
    found = GaussianProcess(4).learn(Task(X, targets[kind][0], weight, targets[kind][1]), None, 0)
    parts, rows, points, given = found.held_out.predict.args
    assert all(part.sample.n_left == 0 for part in parts) and len(rows) == 90
    slow = [part.left_out(points, *one) for part, one in zip(parts, given, strict=True)]
    assert_close(found.held_out.predictions, np.column_stack(slow), 1e-7)


def test_many_rows_are_judged_by_as_many_as_cost_little(monkeypatch):
    monkeypatch.setattr(family, "_PRODUCTS_LEFT_OUT", 300 * 26**2)  # 26 weights
    found = learned(GaussianProcess(2), n=1300)
    assert len(found.held_out.judged) == len(found.held_out.predictions) == 300
    assert len(found.held_out.rows) == 1000
