"""Columns of pairs of features, and their priors."""

import numpy as np

from skgeh.geh.pairs import pair_index
from tests.process.cases import CATEGORY, asked, categories, models, table, task


def test_columns_of_a_feature_of_several_columns():
    given = asked(task(*categories()), CATEGORY)
    every = pair_index(5).tolist()
    assert [[every[k] for k in own] for own in given.column_pairs] == [
        [[0, 3], [1, 3], [2, 3]],
        [[0, 4], [1, 4], [2, 4]],
        [[3, 4]],
    ]
    (part,) = given.columns  # a column of 0 and 1 has a line only
    assert part.places.tolist() == [0, 1, 2] and part.factors.shape == (2, 3, 9)
    assert part.waves[:2].tolist() == [[0, 1, 2] * 3] * 2
    other = asked(task(*table()), [[0, 1], [2], [3, 4]]).columns
    assert {one.relative.shape[1]: one.places.tolist() for one in other} == {18: [0, 2], 36: [1]}


def test_waves_count_both_functions():
    given = asked(task(*table()))
    assert given.columns[0].waves[0].tolist() == [0, 1, 2, 1, 2, 3, 2, 3, 4]
    lines = given.columns[0].factors[:, :, 0]
    np.testing.assert_array_equal(lines.T, given.main.starts[pair_index(5)])


def test_priors_of_a_pair_are_those_of_the_model():
    found = models(task(*categories()), CATEGORY)[0]
    model = found.rows.model
    prior = dict(zip(map(tuple, model.products.factors[:, model.solution.active].T.tolist()),
                     model.solution.root**2, strict=True))  # fmt: skip
    for part in found.pairs.with_priors(model):
        for row, place in enumerate(part.places):
            own = [prior.get(tuple(both), 0) for both in part.factors[:, row].T.tolist()]
            np.testing.assert_allclose(part.prior[row], own, rtol=1e-9)
            if place == 0:
                assert (part.prior[row] > 0).all()
