import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from skgeh.symbolic import AndOrExplainer, FeatureMap, patches
from skgeh.symbolic.outputs import log_odds, output_of
from skgeh.symbolic.transforms import masks

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)


def naive_values(function, x, baseline, groups):
    n = len(groups)
    values = []
    for subset in masks(n):
        row = np.array(baseline, dtype=float).copy()
        for there, group in zip(subset, groups, strict=True):
            if there:
                row[group] = x[group]
        values.append(function(row[None])[0])
    return np.array(values)


def polynomial(rows):
    return rows[:, 0] * rows[:, 1] + np.maximum(rows[:, 2], rows[:, 3])


def test_values_are_those_of_masked_rows():
    found = AndOrExplainer(polynomial, background=X, chunk=7).values(X[:3])
    for values, x in zip(found, X, strict=False):
        expected = naive_values(polynomial, x, X.mean(0), [[0], [1], [2], [3]])
        np.testing.assert_allclose(values, expected)


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


@pytest.mark.parametrize(
    "model", [LogisticRegression(), SVC(), DecisionTreeClassifier(max_depth=3, random_state=0)]
)
def test_log_odds_of_classifiers(model):
    names = np.array(["no", "yes"])
    model.fit(X, names[Y])
    found = AndOrExplainer(model).values(X[:5], names[Y[:5]])[:, -1]
    other = AndOrExplainer(model).values(X[:5], names[1 - Y[:5]])[:, -1]
    np.testing.assert_allclose(found, -other)
    if hasattr(model, "decision_function"):
        np.testing.assert_allclose(found, (2 * Y[:5] - 1) * model.decision_function(X[:5]))


def test_log_odds_do_not_saturate():
    logits = np.array([[800.0, 0.0, 0.0], [0.0, 1.0, 2.0]])
    found = log_odds(logits, np.array([5, 7, 9]), np.array([5, 9]))
    np.testing.assert_allclose(found, [800 - np.log(2), 2 - np.log(1 + np.e)])


def test_torch_and_skorch():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    narrow = X.astype(np.float32)
    values = AndOrExplainer(module).values(narrow[:4], np.array([0, 1, 2, 0]))
    module.eval()
    logits = module(torch.as_tensor(narrow[:4])).detach().double().numpy()
    expected = log_odds(logits, np.arange(3), np.array([0, 1, 2, 0]))
    np.testing.assert_allclose(values[:, -1], expected, atol=1e-5)
    net = NeuralNetClassifier(
        module, criterion=nn.CrossEntropyLoss, max_epochs=1, train_split=None, verbose=0
    ).fit(narrow, Y)
    net.module_.train()
    AndOrExplainer(net).explain(narrow[:2], Y[:2])
    assert all(part.training for part in net.module_.modules())
    softmax = nn.Sequential(nn.Linear(4, 2), nn.Softmax(1))
    net = NeuralNetClassifier(softmax, max_epochs=1, train_split=None, verbose=0).fit(narrow, Y)
    chance = net.predict_proba(narrow[:3])[np.arange(3), Y[:3]]
    found = AndOrExplainer(net).values(narrow[:3], Y[:3])[:, -1]
    np.testing.assert_allclose(found, np.log(chance / (1 - chance)), rtol=1e-3)
    one = NeuralNetRegressor(nn.Linear(4, 1), max_epochs=1, train_split=None, verbose=0)
    one.fit(narrow, narrow[:, :1])
    found = AndOrExplainer(one).values(narrow[:3])[:, -1]
    np.testing.assert_allclose(found, one.predict(narrow[:3])[:, 0], rtol=1e-5)


def test_zero_on_a_feature_map():
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU())
    module = nn.Sequential(first, nn.Flatten(), nn.Linear(32, 2)).eval()
    images = RNG.normal(size=(2, 1, 4, 4)).astype(np.float32)
    players = patches((4, 4), (2, 4))
    explainer = AndOrExplainer(module, FeatureMap("0.1"), players)
    values = explainer.values(images, np.array([0, 1]))
    with torch.no_grad():
        features = first(torch.as_tensor(images))
        features[:, :, 2:] = 0
        logits = module[1:](features).double().numpy()
    np.testing.assert_allclose(
        values[:, 0b01], log_odds(logits, np.arange(2), np.array([0, 1])), atol=1e-5
    )
    assert not module[0][1]._forward_hooks
    with pytest.raises(ValueError, match="names no layer"):
        AndOrExplainer(module, FeatureMap("x"), players).values(images)
    with pytest.raises(ValueError, match="do not broadcast to the layer"):
        AndOrExplainer(module, FeatureMap("0.1"), patches((3, 3), (1, 3))).values(images)


def test_points_tokens_and_images():
    points = RNG.normal(size=(2, 6, 3))
    players = np.array([0, 0, 0, 1, 1, 2])[:, None]
    found = AndOrExplainer(lambda clouds: (clouds**2).sum((1, 2)), "cluster_centre", players)
    values = found.values(points)
    centres = points.copy()
    for own in ([0, 1, 2], [3, 4], [5]):
        centres[:, own] = points[:, own].mean(1, keepdims=True)
    np.testing.assert_allclose(values[:, 0], (centres**2).sum((1, 2)))
    np.testing.assert_allclose(values[:, -1], (points**2).sum((1, 2)))
    tokens = np.array([[3, 1, 2]])
    seen = []

    def model(ids):
        seen.append(ids)
        return (ids == 1).any(1).astype(float)

    AndOrExplainer(model, baseline=9).explain(tokens)
    assert seen[0][0].tolist() == [9, 9, 9]
    assert seen[0].dtype.kind == "i"
    images = RNG.normal(size=(1, 3, 4, 4))
    half = AndOrExplainer(lambda rows: rows.sum((1, 2, 3)), 0.0, patches((4, 4), (4, 2)))
    np.testing.assert_allclose(half.values(images)[0, 1], images[..., :2].sum())


def test_json_and_pictures(tmp_path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    found = AndOrExplainer(polynomial, background=X).explain(X[:3])
    read = json.loads(found.to_json(tmp_path / "found.json"))
    assert read == json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert len(read["samples"]) == 3
    assert read["players"] == ["x0", "x1", "x2", "x3"]
    assert read["samples"][0]["interactions"][0]["strength"] == found.to_frame(0)["strength"][0]
    for kind in ("strength", "orders", "top", "graph"):
        for sample in (None, 1):
            ax = found.plot(kind, sample=sample, k=5)
            assert ax.has_data() or ax.texts
            ax.figure.canvas.draw()
            plt.close(ax.figure)
    with pytest.raises(ValueError, match="kind must be"):
        found.plot("pie")


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
        (polynomial, {"output": "log_odds"}, np.zeros((1, 4)), ValueError, "needs a classifier"),
        (lambda rows: rows, {}, np.zeros((1, 4)), ValueError, "one number a row"),
        (lambda rows: rows[:, 0] / 0.0, {}, np.ones((1, 4)), ValueError, "not finite"),
        (3, {}, np.zeros((1, 4)), TypeError, "model must be"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_cannot_be_explained(model, options, rows, error, words):
    with pytest.raises(error, match=words):
        AndOrExplainer(model, **options).explain(rows)


def test_classes_that_are_not_known():
    model = LogisticRegression().fit(X, Y)
    with pytest.raises(ValueError, match="pass y"):
        AndOrExplainer(model).explain(X[:2])
    with pytest.raises(ValueError, match="knows none"):
        AndOrExplainer(model).explain(X[:2], [0, 7])
    with pytest.raises(ValueError, match="one class for each"):
        AndOrExplainer(model).explain(X[:2], [0])
    assert output_of(model, "value")(X[:3], None).shape == (3,)
