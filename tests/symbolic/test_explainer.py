import numpy as np
import pytest

from skgeh.symbolic import AndOrExplainer
from tests.symbolic.oracles import polynomial


def test_and_and_or_are_told_apart():
    def model(rows):
        return 2 * rows[:, 0] * rows[:, 1] + 3 * np.maximum(rows[:, 2], rows[:, 3])

    found = AndOrExplainer(model, baseline=0.0, noise_bound=0.0).explain(np.ones((2, 4)))
    frame = found.to_frame(0)
    assert frame["interaction"].tolist() == ["x2 \N{LOGICAL OR} x3", "x0 \N{LOGICAL AND} x1"]
    np.testing.assert_allclose(frame["strength"], [3, 2], atol=0.01)
    assert found.n_explaining(0.99).tolist() == [2, 2]
    assert found.n_salient.tolist() == [2, 2]
    np.testing.assert_allclose(found.order_distribution, [0, 1, 0, 0], atol=1e-6)
    assert found.mean_order == pytest.approx(2)
    pairs = found.pair_strength()
    np.testing.assert_allclose([pairs[0, 1], pairs[3, 2], pairs[0, 2]], [2, 3, 0], atol=0.01)
    assert found.summary()["share"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("model", "options", "rows", "error", "words"),
    [
        (polynomial, {}, [[1.0, np.nan]], ValueError, "missing or infinite"),
        (polynomial, {}, np.zeros(4), ValueError, "one or more samples"),
        (polynomial, {}, [["a", "b"]], TypeError, "must hold numbers"),
        (polynomial, {}, np.zeros((1, 13)), ValueError, "at most 12"),
        (polynomial, {}, np.zeros((1, 30)), ValueError, "at most 24"),
        (polynomial, {}, np.zeros((1, 2, 2)), ValueError, "no columns"),
        (polynomial, {"players": np.zeros(3, int)}, np.zeros((1, 4)), ValueError, "broadcast"),
        (polynomial, {"players": np.array([0, 2])}, np.zeros((1, 2)), ValueError, "a gap"),
        (polynomial, {"players": [[0], [0]]}, np.zeros((1, 2)), ValueError, "two groups"),
        (polynomial, {"players": [["z"]]}, np.zeros((1, 2)), ValueError, "a column 'z'"),
        (polynomial, {"players": [[7]]}, np.zeros((1, 2)), ValueError, "column 7 of 2"),
        (polynomial, {"baseline": "median"}, np.zeros((1, 4)), ValueError, "baseline must be"),
        (polynomial, {"baseline": [1.0, 2.0]}, np.zeros((1, 4)), ValueError, "must broadcast"),
        (polynomial, {"output": "logit"}, np.zeros((1, 4)), ValueError, "output must be"),
        (polynomial, {"output": "log_odds"}, np.zeros((1, 4)), ValueError, "needs a scikit-learn"),
        (lambda rows: rows, {}, np.zeros((1, 4)), ValueError, "one number per row"),
        (lambda rows: rows[:, 0] / 0.0, {}, np.ones((1, 4)), ValueError, "not finite"),
        (3, {}, np.zeros((1, 4)), TypeError, "model must be"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_cannot_be_explained(model, options, rows, error, words):
    with pytest.raises(error, match=words):
        AndOrExplainer(model, **options).explain(rows)


def test_verbose_shows_both_parts_of_the_work(capsys):
    rows = np.random.default_rng(0).normal(size=(3, 4))
    for verbose in (0, 1):
        AndOrExplainer(lambda x: x[:, 0] * x[:, 1] + x[:, 2], verbose=verbose).explain(rows)
        shown = capsys.readouterr().err
        assert [name in shown for name in ("masked inputs", "AND and OR, steps")] == [verbose] * 2
        assert bool(shown) == bool(verbose)
