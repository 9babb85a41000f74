import contextlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import skgeh
from skgeh import posteriors
from skgeh.significance import permutation
from skgeh.significance._checkpoint import Checkpoint
from tests.significance.runs import answer, assert_same, leave_chunks, product, small

KILLED = """
import os, signal, sys
import numpy as np
from skgeh import BayesianInteractionRegressor, permutation_test
from skgeh.significance import permutation

folder, moment = sys.argv[1:]
permutation.refits_per_stack = lambda *_: 4
calls = []
act = getattr(os, moment)

def killed(*arguments):
    calls.append(arguments)
    if len(calls) == 3 and moment == "fsync":
        os.ftruncate(arguments[0], os.fstat(arguments[0]).st_size // 2)
    done = act(*arguments)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

setattr(os, moment, killed)
table = np.load(folder + "/table.npz")
model = BayesianInteractionRegressor((8,), n_networks=1, max_epochs=4)
permutation_test(
    model, table["X"], table["y"], n_permutations=19, random_state=0, checkpoint=folder + "/kept"
)
"""


def kept(path, key="a run"):
    """A checkpoint with two chunks."""
    file = Checkpoint(path, key)
    file.seed(3)
    file.add(8, np.arange(6.0).reshape(2, 3))
    file.add(0, np.ones((4, 3)))
    return file


def test_chunks_are_kept_with_and_without_a_file(tmp_path):
    for path in (None, tmp_path / "kept", str(tmp_path / "kept too")):
        assert list(kept(path).chunks) == [8, 0]
    again = Checkpoint(tmp_path / "kept", "a run")
    assert sorted(again.chunks) == [0, 8]
    np.testing.assert_array_equal(again.chunks[8], np.arange(6.0).reshape(2, 3))
    assert Checkpoint(None, "a run").chunks == {}


def test_a_file_keeps_its_seed(tmp_path):
    seed = kept(tmp_path / "kept").kept_seed
    again = Checkpoint(tmp_path / "kept", "a run")
    assert again.seed(None) == again.seed(3) == again.seed(np.random.RandomState(3)) == seed
    with pytest.raises(ValueError, match="begun with another random_state"):
        again.seed(4)
    assert Checkpoint(None, "a run").seed(3) == seed != Checkpoint(None, "a run").seed(4)


def test_a_file_belongs_to_its_key(tmp_path):
    kept(tmp_path / "kept")
    with pytest.raises(ValueError, match="kept belongs to another run"):
        Checkpoint(tmp_path / "kept", "another run")


@pytest.fixture
def chunks_of(monkeypatch):
    """Chunks of so many refits from now on."""

    def set_size(size):
        monkeypatch.setattr(permutation, "refits_per_stack", lambda *_: size)

    return set_size


def chunks_in(path):
    with np.load(path) as file:
        return sorted(int(name) for name in file if name.isdigit())


@pytest.fixture(scope="module")
def uninterrupted():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(permutation, "refits_per_stack", lambda *_: 4)
        return answer()


@pytest.fixture
def whole(uninterrupted, chunks_of):
    """Of a run that nothing interrupted, in five chunks, as runs from now on."""
    chunks_of(4)
    return uninterrupted


@pytest.fixture
def refitted(monkeypatch):
    """How many targets were fitted, call by call; interrupted by the user in a call named."""
    calls = []
    fit_targets = permutation.fit_targets

    def counted(estimator, X, targets, seed):
        calls.append(len(targets))
        if len(calls) == counted.interrupted:
            raise KeyboardInterrupt
        return fit_targets(estimator, X, targets, seed)

    counted.interrupted, counted.calls = None, calls
    monkeypatch.setattr(permutation, "fit_targets", counted)
    return counted


@pytest.fixture(scope="module")
def left_over():
    """Files that interrupted runs have left, by the parameters of the run."""
    return {}


@pytest.fixture
def interrupted(tmp_path, refitted, whole, left_over):
    """A file with two chunks of five."""

    def run(path=tmp_path / "kept", **parameters):
        run_name = repr(parameters)
        if run_name in left_over:
            path.write_bytes(left_over[run_name])
            return path
        refitted.calls.clear()
        refitted.interrupted = 3
        with pytest.raises(KeyboardInterrupt):
            answer(checkpoint=path, **parameters)
        assert chunks_in(path) == [0, 4]
        refitted.interrupted = None
        refitted.calls.clear()
        left_over[run_name] = path.read_bytes()
        return path

    return run


class TestCheckpoint:
    @pytest.mark.parametrize(("moment", "n_jobs"), [("fsync", None), ("replace", 2)])
    def test_a_killed_run_goes_on(self, moment, n_jobs, tmp_path, whole):
        """kill -9: while the third chunk is written, half of it, or just after."""
        X, y = product()
        np.savez(tmp_path / "table.npz", X=X, y=y)
        child = subprocess.run(
            [sys.executable, "-c", KILLED, tmp_path, moment],
            cwd=Path(skgeh.__file__).parents[1],
            capture_output=True,
            text=True,
        )
        assert child.returncode == -signal.SIGKILL, child.stderr
        kept, part = tmp_path / "kept", tmp_path / "kept.part"
        assert chunks_in(kept) == ([0, 4] if moment == "fsync" else [0, 4, 8])
        assert part.exists() == (moment == "fsync")
        assert_same(answer(checkpoint=kept, n_jobs=n_jobs), whole)
        assert chunks_in(kept) == [0, 4, 8, 12, 16]
        assert not part.exists()

    def test_only_what_is_missing_is_fitted(self, interrupted, refitted, whole):
        path = interrupted()
        assert_same(answer(checkpoint=path), whole)
        assert refitted.calls == [4, 4, 4]

    def test_a_run_may_be_interrupted_again_and_again(self, tmp_path, refitted, whole):
        refitted.interrupted = 2
        for _ in range(4):
            refitted.calls.clear()
            with pytest.raises(KeyboardInterrupt):
                answer(checkpoint=tmp_path / "kept")
        refitted.calls.clear()
        assert_same(answer(checkpoint=str(tmp_path / "kept")), whole)
        assert refitted.calls == [4]

    def test_chunks_may_be_there_in_any_order(self, tmp_path, refitted, whole):
        path = tmp_path / "kept"
        assert_same(answer(checkpoint=path), whole)
        with np.load(path) as file:
            held = dict(file)
        with open(path, "wb") as file:
            np.savez(file, **{name: held[name] for name in ("16", "seed", "4", "key")})
        refitted.calls.clear()
        assert_same(answer(checkpoint=path), whole)
        assert refitted.calls == [4, 4, 4]

    def test_a_finished_run_answers_without_a_refit(self, tmp_path, refitted, whole):
        path = tmp_path / "kept"
        assert_same(answer(checkpoint=path), whole)
        content = path.read_bytes()
        refitted.calls.clear()
        assert_same(answer(checkpoint=path), whole)
        assert_same(answer(checkpoint=path, n_jobs=2), whole)
        assert refitted.calls == []
        assert path.read_bytes() == content

    def test_the_file_has_the_name_given(self, tmp_path, chunks_of):
        answer(checkpoint=tmp_path / "run.1")
        assert [path.name for path in tmp_path.iterdir()] == ["run.1"]

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_jobs_may_differ(self, n_jobs, interrupted, tmp_path, whole):
        path = interrupted(n_jobs=1)
        assert_same(answer(checkpoint=path, n_jobs=n_jobs), whole)

    @pytest.mark.parametrize(
        "changed",
        [
            {"estimator": small(max_epochs=5)},
            {"estimator": small(hidden_layer_sizes=(9,))},
            {"estimator": small(n_networks=2)},
            {"estimator": small(hidden_layer_sizes=None, posterior=posteriors.Ensemble((8,)))},
            {"data": (product()[0], product()[1] + 1e-12)},
            {"data": (product()[0] * [1, 1, 1 + 1e-12], product()[1])},
            {"data": (product()[0][:, ::-1], product()[1])},
            {"n_permutations": 20},
            {"statistic": "score"},
        ],
    )
    def test_other_runs_are_refused(self, changed, interrupted, refitted):
        path = interrupted()
        content = path.read_bytes()
        words = (
            f"{path.name} belongs to another run: other data, parameters, statistic or number of "
            "permutations. Name another file, or remove this one."
        )
        with pytest.raises(ValueError, match=words):
            answer(checkpoint=path, **changed)
        assert path.read_bytes() == content and refitted.calls == []

    def test_an_architecture_inside_a_posterior_counts(self, interrupted):
        def model(size):
            return small(hidden_layer_sizes=None, posterior=posteriors.Ensemble((size,)))

        path = interrupted(estimator=model(8))
        with pytest.raises(ValueError, match="belongs to another run"):
            answer(model(9), checkpoint=path)

    def test_what_results_do_not_depend_on_is_not_refused(self, interrupted, whole, capsys):
        path = interrupted()
        other = small(random_state=4, n_jobs=1, verbose=False)
        assert_same(answer(other, checkpoint=path, verbose=True), whole)

    def test_another_seed_is_refused(self, interrupted, refitted):
        path = interrupted()
        content = path.read_bytes()
        with pytest.raises(ValueError, match=r"begun with another random_state\. Name another"):
            answer(checkpoint=path, random_state=1)
        assert path.read_bytes() == content and refitted.calls == []

    def test_the_seed_comes_from_the_file_if_none_is_given(self, interrupted, tmp_path, whole):
        assert_same(answer(checkpoint=interrupted(), random_state=None), whole)
        path = tmp_path / "by chance"
        by_chance = answer(checkpoint=path, random_state=None)
        assert not np.array_equal(by_chance.null, whole.null)
        leave_chunks(path, 2)
        assert_same(answer(checkpoint=path, random_state=None), by_chance)
        assert_same(answer(checkpoint=path, random_state=None), by_chance)

    @pytest.mark.parametrize(
        "name",
        [
            "text",
            "npz",
            "folder",
            pytest.param(
                "half",  # numpy leaves the file open when it is no zip file
                marks=pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
            ),
            "empty",
            "npy",
        ],
    )
    def test_what_is_no_checkpoint_is_refused_and_left(self, name, tmp_path, interrupted):
        path = tmp_path / "results"
        if name == "folder":
            path.mkdir()
            (path / "kept").write_text("mine")
            path, content = path / "kept", b"mine"
            with pytest.raises(ValueError, match="is not a checkpoint of permutation_test"):
                answer(checkpoint=path.parent)
        else:
            with open(path, "wb") as file:
                if name == "text":
                    file.write(b"three months of work")
                elif name == "npz":
                    np.savez(file, mine=np.arange(3))
                elif name == "npy":
                    np.save(file, np.arange(3))
                elif name == "half":
                    written = interrupted().read_bytes()
                    file.write(written[: len(written) // 2])
            content = path.read_bytes()
            with pytest.raises(ValueError, match="results is not a checkpoint of permutation_test"):
                answer(checkpoint=path)
        assert path.read_bytes() == content

    def test_a_part_that_was_left_does_not_matter(self, interrupted, tmp_path, whole):
        part = tmp_path / "kept.part"
        part.write_bytes(b"half a chu")
        assert_same(answer(checkpoint=interrupted()), whole)
        assert not part.exists()
        part.write_bytes(b"half a chu")
        assert_same(answer(checkpoint=tmp_path / "kept"), whole)

    def test_a_copy_of_the_file_serves_as_well(self, interrupted, tmp_path, whole):
        path = shutil.copy(interrupted(), tmp_path / "copy")
        assert_same(answer(checkpoint=path), whole)

    def test_chunks_of_another_size_are_not_mistaken(self, interrupted, chunks_of):
        """As another release may make them."""
        path = interrupted()
        chunks_of(8)
        with contextlib.suppress(ValueError):  # to refuse is as good
            assert answer(checkpoint=path).null.shape == (19, 3)

    def test_a_folder_that_is_not_there_is_refused_before_anything_is_fitted(
        self, tmp_path, refitted
    ):
        with pytest.raises((OSError, ValueError)):
            answer(checkpoint=tmp_path / "none" / "kept")
        assert refitted.calls == []
