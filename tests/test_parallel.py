import pickle
import time

import joblib
import pytest
import torch
from joblib import delayed

from skgeh.parallel import ONE_THREAD, progress_bar, run_jobs

BACKENDS = ["sequential", "threading", "loky", "multiprocessing"]

# `fork` beside threads of other tests is what this backend is, not what we do
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def square(number):
    return number**2


def noted(folder, number):
    (folder / str(number)).touch()
    return number


def after(folder, number, other):
    """A job that ends after another has begun."""
    for _ in range(600):
        if (folder / str(other)).exists():
            return noted(folder, number)
        time.sleep(0.05)
    raise TimeoutError


def failing(number):
    raise ValueError(f"job {number} does not like it")


@pytest.fixture(params=BACKENDS)
def backend(request):
    with joblib.parallel_config(backend=request.param, n_jobs=2):
        yield request.param


@pytest.mark.parametrize("n_jobs", [None, 1])
@pytest.mark.parametrize("n", [0, 5])
def test_results_are_in_the_order_of_the_jobs(backend, n, n_jobs):
    jobs = [delayed(square)(number) for number in range(n)]
    assert list(run_jobs(jobs, n_jobs)) == [number**2 for number in range(n)]


@pytest.mark.parametrize("n_jobs", [None, 1])
@pytest.mark.parametrize("n", [0, 5])
def test_unordered_results_are_all_there_once(backend, n, n_jobs):
    jobs = [delayed(square)(number) for number in range(n)]
    found = list(run_jobs(jobs, n_jobs, ordered=False))
    assert sorted(found) == [number**2 for number in range(n)]


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_unordered_results_come_as_they_are_there(backend, tmp_path):
    jobs = [delayed(after)(tmp_path, 0, 1), delayed(noted)(tmp_path, 1)]
    with joblib.parallel_config(backend=backend):
        assert list(run_jobs(jobs, 2, ordered=False)) == [1, 0]


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_ordered_results_wait_for_those_before(backend, tmp_path):
    jobs = [delayed(after)(tmp_path, 0, 1), delayed(noted)(tmp_path, 1)]
    with joblib.parallel_config(backend=backend):
        assert list(run_jobs(jobs, 2)) == [0, 1]


def test_a_result_comes_before_the_next_job_begins(tmp_path):
    results = run_jobs([delayed(noted)(tmp_path, number) for number in range(3)], None)
    assert not any(tmp_path.iterdir())
    for number in range(3):
        assert next(results) == number
        assert len(list(tmp_path.iterdir())) == number + 1


def test_a_backend_without_generators_gives_results_wave_by_wave(tmp_path):
    """What is done is kept where a run is interrupted; all at once would lose it."""
    with joblib.parallel_config(backend="multiprocessing", n_jobs=2):
        results = run_jobs([delayed(noted)(tmp_path, number) for number in range(5)], None)
        done = []
        for number in range(5):
            assert next(results) == number
            done.append(len(list(tmp_path.iterdir())))
    assert done == [2, 2, 4, 4, 5]


def test_jobs_run_side_by_side_in_a_wave(tmp_path):
    jobs = [delayed(after)(tmp_path, 0, 1), delayed(noted)(tmp_path, 1)]
    with joblib.parallel_config(backend="multiprocessing"):
        assert list(run_jobs(jobs, 2)) == [0, 1]


@pytest.mark.parametrize("ordered", [True, False])
def test_errors_of_jobs_are_raised(backend, ordered):
    with pytest.raises(ValueError, match="job 3 does not like it"):
        list(run_jobs([delayed(failing)(3)], None, ordered=ordered))


def test_a_failed_job_is_not_run_again():
    calls = []

    def count():
        calls.append(1)
        failing(0)

    with pytest.raises(ValueError, match="job 0"):
        list(run_jobs([delayed(count)()], 1))
    assert len(calls) == 1


def test_options_are_joblibs():
    seen = []
    with joblib.parallel_config(backend="loky"):
        jobs = [delayed(seen.append)(number) for number in range(5)]
        assert list(run_jobs(jobs, 2, require="sharedmem")) == [None] * 5
    assert sorted(seen) == list(range(5))


def test_threads_are_given_back():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with ONE_THREAD:
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with pytest.raises(RuntimeError, match="lost"), ONE_THREAD:
            raise RuntimeError("lost")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_bars_are_named_and_those_of_parts_vanish(capsys):
    bar = pickle.loads(pickle.dumps(progress_bar("folds", verbose=1)))
    assert list(bar(range(3), 3)) == [0, 1, 2]
    assert "folds: 100%" in (shown := capsys.readouterr().err) and shown.endswith("\n")
    assert list(bar(range(2), 5, "steps")) == [0, 1]  # an end before the total is no error
    assert "folds, steps:" in (shown := capsys.readouterr().err) and shown.endswith("\r")
    for silent in (0, False):
        assert list(progress_bar("folds", silent)(range(3), 3)) == [0, 1, 2]
    assert capsys.readouterr().err == ""
