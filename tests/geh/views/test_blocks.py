import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skgeh import BayesianInteractionRegressor, GEHSelector
from skgeh.geh.functions import MLP
from skgeh.geh.hessians import group_mean_hessians
from skgeh.geh.partition import Partition
from skgeh.geh.score import rank_pairs
from skgeh.geh.views.blocks import Blocks, GroupedPosterior, _root_of
from tests.oracles import assert_close, random_mlp, random_points, random_posterior


def one_hot(codes):
    return np.eye(codes.max() + 1)[codes]


# The norm of a block


def blocks_of(groups, d=7, n=400, seed=0):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    Z = (Z - Z.mean(0)) / Z.std(0)
    return Blocks.of(groups, Z), np.corrcoef(Z, rowvar=False)


@pytest.mark.parametrize("h", [4, 200])
def test_blocks_by_the_definition(h):
    """``sqrt(tr(R_A H R_B H'))``, the Hessian at the inputs or at the first layer's units."""
    groups = [[0], [1, 4], [2], [3, 5, 6]]
    blocks, R = blocks_of(groups)
    mlp, x = random_mlp([7, h, 1], n_functions=2), random_points(30, 7)
    partition = Partition.kmeans(x.numpy(), 3)
    H = group_mean_hessians(mlp, x, partition).full().numpy()
    posterior = GroupedPosterior(random_posterior([7, 4, 1]), blocks)
    found = group_mean_hessians(posterior.view(mlp), x, partition)
    assert posterior.n_features == found.n_features == 4
    full = found.full().numpy()
    for a, A in enumerate(groups):
        for b, B in enumerate(groups):
            if a == b:
                continue
            block = H[..., A, :][..., B]
            if len(A) == len(B) == 1:
                expected = block[..., 0, 0]
            else:
                inner = R[np.ix_(A, A)] @ block @ R[np.ix_(B, B)] @ block.swapaxes(-1, -2)
                expected = np.sqrt(np.trace(inner, axis1=-2, axis2=-1))
            assert_close(full[..., a, b], expected, 1e-6)
    tile = found.tile(slice(1, 3), slice(2, 4)).numpy()
    assert_close(tile, full[..., 1:3, 2:4], 1e-9)


def test_the_coding_of_a_category_does_not_matter():
    """One-hot in full, without the first column, or by any other coordinates."""
    rng = np.random.default_rng(0)
    full = one_hot(rng.integers(0, 3, 300))
    turn = rng.normal(size=(2, 2))
    mlp, x = random_mlp([4, 6, 1]), random_points(20, 4)
    # the same function of age and two of the columns, in three coordinates
    codings = {
        "two": (np.eye(2), full[:, 1:]),
        "turned": (np.linalg.inv(turn), full[:, 1:] @ turn),
    }
    effects = []
    for to_two, columns in codings.values():
        weight = torch.from_numpy(to_two) @ mlp.weights[0][0, 1:3]
        rest = mlp.weights[0][0, [0, 3]]
        function = MLP(
            (torch.cat([rest, weight])[None], *mlp.weights[1:]), mlp.biases, mlp.activation
        )
        moved = torch.cat([x[:, [0, 3]], x[:, 1:3] @ torch.from_numpy(np.linalg.inv(to_two))], 1)
        blocks = Blocks([np.array([0]), np.array([1]), np.array([2, 3])],
                        [np.ones((1, 1)), np.ones((1, 1)), _root_of(columns)])  # fmt: skip
        posterior = GroupedPosterior(random_posterior([4, 4, 1]), blocks)
        hessian = group_mean_hessians(posterior.view(function), moved, Partition.one_group(20))
        effects.append(hessian.full().numpy())
    assert_close(effects[0][..., :2, 2], effects[1][..., :2, 2], 1e-6)


def test_scores_are_root_mean_squares_over_columns():
    groups = [[0, 2], [1], [3]]
    blocks, _ = blocks_of(groups, d=4)
    inner, x = random_posterior([4, 6, 1]), random_points(60, 4)
    found = rank_pairs(GroupedPosterior(inner, blocks), x, np.ones(3))
    own = rank_pairs(inner, x, np.ones(6))  # 01 02 03 12 13 23
    expected = [np.sqrt((own[0] ** 2 + own[3] ** 2) / 2), np.sqrt((own[2] ** 2 + own[5] ** 2) / 2)]
    np.testing.assert_allclose(found, [*expected, own[4]])


# The estimator


def people(n=600, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"color": rng.choice(["red", "blue", "white"], n, p=[0.5, 0.3, 0.2])})
    frame = frame.assign(age=rng.normal(size=n), dose=rng.normal(size=n))
    slope = frame.color.map({"red": 0.0, "blue": 1.0, "white": 2.0}).to_numpy()
    y = slope * frame.age + 0.5 * frame.age * frame.dose + 0.1 * rng.normal(size=n)
    return frame, y.to_numpy(), slope


def encoder():
    steps = [("cat", OneHotEncoder(sparse_output=False), ["color"])]
    return ColumnTransformer(steps, remainder="passthrough").set_output(transform="pandas")


def test_a_column_transformer_in_a_pipeline_brings_its_groups():
    frame, y, slope = people()
    model = BayesianInteractionRegressor(posterior="gaussian_process", n_draws=50, random_state=0)
    model = make_pipeline(encoder(), model).fit(frame, y)[-1]
    assert model.feature_groups_["cat__color"] == [0, 1, 2]
    found = model.interactions_
    assert found.feature_names == ("cat__color", "remainder__age", "remainder__dose")
    color_age, _, age_dose = found.effect
    assert color_age == pytest.approx(slope.std() / y.std(), rel=0.1)  # sd of the slope
    assert age_dose == pytest.approx(0.5 * frame.age.std() * frame.dose.std() / y.std(), rel=0.1)
    original = found.to_frame("original").set_index(["feature_i", "feature_j"]).effect
    assert original["remainder__age", "remainder__dose"] == pytest.approx(0.5, rel=0.1)
    assert original["cat__color", "remainder__age"] == pytest.approx(slope.std(), rel=0.1)


def test_each_column_alone_if_asked():
    frame, y, _ = people(200)
    X = encoder().fit_transform(frame)
    model = BayesianInteractionRegressor(
        posterior="gaussian_process", feature_groups=None, n_draws=10, random_state=0
    ).fit(X, y)
    assert len(model.interactions_.pairs) == 10


def test_a_selector_looks_at_features():
    frame, y, _ = people(200)
    X = encoder().fit_transform(frame)
    model = BayesianInteractionRegressor(posterior="gaussian_process", n_draws=10)
    selector = GEHSelector(model, test=None, max_pairs=2, n_groups=3, random_state=0).fit(X, y)
    expected = model.fit(X, y).interactions_.pairs
    assert len(expected) == 3
    np.testing.assert_array_equal(selector.interactions_.pairs, expected)
    assert len(selector.pairs_) == 2 <= len(selector.column_pairs_)
