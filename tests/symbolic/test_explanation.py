import json

import numpy as np
import pytest

from skgeh.symbolic import AndOrExplainer, Explanation
from skgeh.symbolic.interactions import AndOrInteractions
from tests.symbolic.oracles import X, polynomial


def test_json(tmp_path):
    found = AndOrExplainer(polynomial, background=X).explain(X[:3])
    read = json.loads(found.to_json(tmp_path / "found.json"))
    assert read == json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert len(read["samples"]) == 3
    assert read["players"] == ["x0", "x1", "x2", "x3"]
    assert read["samples"][0]["interactions"][0]["strength"] == found.to_frame(0)["strength"][0]


@pytest.fixture
def found():
    """Three players and four samples with any interactions, a third of which are salient."""
    i_and, i_or = np.random.default_rng(0).normal(size=(2, 4, 8))
    i_or[:, 0] = 0
    parts = AndOrInteractions(i_and, i_or, np.zeros((4, 8)), np.zeros(4))
    return Explanation(parts, parts.reconstruct(), ("a", "b", "c"), tau=1.0)


NAMES = ["", "a", "b", "a b", "c", "a c", "b c", "a b c"]


def test_a_frame_has_a_row_for_each_salient_interaction(found):
    for sample in range(4):
        expected = {}
        for kind, part in zip(("AND", "OR"), found.interactions.merged, strict=True):
            for subset, strength in enumerate(part[sample]):
                if abs(strength) >= 1:
                    expected[kind, NAMES[subset]] = strength
        frame = found.to_frame(sample)
        plain = frame["interaction"].str.replace(" [^abc] ", " ", regex=True)
        rows = zip(frame["kind"], plain, frame["strength"], strict=True)
        assert {(kind, name): strength for kind, name, strength in rows} == expected
        assert (np.diff(np.abs(frame["strength"])) <= 0).all()
        assert frame["order"].tolist() == [len(name.split()) for name in plain]
        assert len(frame) == found.n_salient[sample]
    everything = found.to_frame()
    assert everything["sample"].tolist() == np.repeat(range(4), found.n_salient).tolist()
    assert len(found.to_frame(0, salient=False)) == 3 + 2 * 4  # of one player there is one
    with pytest.raises(ValueError, match="sample must be the index of one of 4 samples; got 4"):
        found.to_frame(4)


def test_a_summary_is_of_all_samples(found):
    frame = found.summary()
    assert (np.diff(frame["strength"]) <= 0).all()
    seen = found.to_frame()[["interaction", "kind"]].drop_duplicates()
    assert len(frame) == len(seen)
    every = [found.to_frame(sample, salient=False) for sample in range(4)]
    for row in frame.itertuples():
        named = [one[one["interaction"] == row.interaction] for one in every]
        strengths = np.array([one["strength"].item() for one in named])
        assert row.strength == pytest.approx(np.abs(strengths).mean())
        assert row.signed == pytest.approx(strengths.mean())
        assert row.share == np.mean(np.abs(strengths) >= 1)


def test_pairs_are_of_both_kinds(found):
    i_and, i_or = np.abs(found.interactions.i_and), np.abs(found.interactions.i_or)
    pairs = found.pair_strength()
    for i, j, subset in ((0, 1, 3), (0, 2, 5), (1, 2, 6)):
        expected = np.mean(i_and[:, subset] + i_or[:, subset])
        assert pairs[i, j] == pairs[j, i] == pytest.approx(expected)
    assert not np.diag(pairs).any()
