import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression

from skgeh.symbolic import AndOrExplainer, Players, patches
from skgeh.symbolic.players import _cluster_centres, _find_players
from skgeh.symbolic.transforms import _masks
from tests.symbolic.oracles import X, naive_values


def test_groups_by_position_and_name():
    frame = pd.DataFrame(X[:2], columns=list("abcd"))
    model = LinearRegression().fit(frame.assign(), X[:2, 0])
    groups = {"first": ["a", 1], "last": ["d"]}
    found = AndOrExplainer(model, X.mean(0), groups).explain(frame)
    assert found.names == ("first", "last")
    expected = naive_values(
        lambda rows: model.predict(pd.DataFrame(rows, columns=list("abcd"))),
        X[0],
        [X[:, 0].mean(), X[:, 1].mean(), X[0, 2], X[:, 3].mean()],  # c is always there
        [[0, 1], [3]],
    )
    np.testing.assert_allclose(found.values[0], expected)
    assert AndOrExplainer(model, players=[["a", "b"], "c"]).explain(frame).names == ("a + b", "c")
    polars = AndOrExplainer(model, X.mean(0), groups).explain(pl.from_pandas(frame))
    np.testing.assert_array_equal(polars.values, found.values)


def test_places_are_there_when_their_player_is():
    labels = np.array([[0, 2, -1], [1, 0, 2]])
    players = _find_players(labels, (5, 2, 3))  # five channels
    assert players.names == ("p0", "p1", "p2")
    present = players.present(_masks(3))
    assert present.shape == (8, 2, 3)
    for subset, places in enumerate(present):
        for label, there in zip(labels.ravel(), places.ravel(), strict=True):
            assert there == (label == -1 or bool(subset >> label & 1))
    assert _find_players(players, (2, 3)) is players


@pytest.mark.parametrize(("size", "patch"), [((4, 6), (2, 3)), ((5, 7), (2, 3)), ((3, 3), (3, 3))])
def test_patches_are_numbered_row_by_row(size, patch):
    known = {}
    for i, row in enumerate(patches(size, patch)):
        for j, label in enumerate(row):
            assert known.setdefault((i // patch[0], j // patch[1]), label) == label
    assert [known[place] for place in sorted(known)] == list(range(len(known)))


def test_a_centre_is_the_mean_of_a_players_points():
    points = np.random.default_rng(0).normal(size=(2, 5, 3))
    players = Players(np.array([0, -1, 0, 1, 0])[:, None], ("a", "b"))
    found = _cluster_centres(points, players)
    for sample in range(2):
        for place in (0, 2, 4):
            expected = [np.mean(points[sample, [0, 2, 4], k]) for k in range(3)]
            np.testing.assert_allclose(found[sample, place], expected)
    np.testing.assert_array_equal(found[:, [1, 3]], points[:, [1, 3]])
    with pytest.raises(ValueError, match=r"labels of shape \(P, 1\)"):
        _cluster_centres(points[0], players)


@pytest.mark.parametrize(
    ("players", "shape", "error", "words"),
    [
        (None, None, ValueError, "hidden layer"),
        (np.array([0.0, 1.0]), (2,), TypeError, "whole numbers"),
        (np.array([-2, 0]), (2,), ValueError, "without a gap"),
        (np.array([-1, -1]), (2,), ValueError, "There are 0 players"),
        ([[0], []], (2,), ValueError, "one is empty"),
        ([[0]], (2, 2), ValueError, "Groups must hold columns"),
        ([[-3]], (2,), ValueError, "column -3 of 2"),
    ],
)
def test_players_that_cannot_be(players, shape, error, words):
    with pytest.raises(error, match=words):
        _find_players(players, shape)
