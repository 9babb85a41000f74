from dataclasses import replace

import numpy as np
import pytest

from skgeh.posteriors import GaussianProcess
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
