import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_from_a_shell_to_a_pipe_that_closes_early(tmp_path):
    path = tmp_path / "small.csv"
    path.write_text("a,b,c\n" + "".join(f"{k % 7},{k % 5},{k * k % 11}\n" for k in range(30)))
    command = [sys.executable, "-m", "skgeh", str(path), "--target", "c", "--csv", "--quiet"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()  # as `| head` does
        said = process.stderr.read()
        assert process.wait() == 0
    assert "rror" not in said


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--version"], 0), (["none.csv", "--target", "y"], 1), ([], 2)]
)
def test_exit_codes(arguments, code):
    done = subprocess.run(
        [sys.executable, "-m", "skgeh", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == code
    assert len((done.stdout + done.stderr).splitlines()) == 1
