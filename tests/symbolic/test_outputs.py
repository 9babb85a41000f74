import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from skgeh.symbolic import AndOrExplainer
from skgeh.symbolic._outputs import log_odds, output_of
from tests.symbolic.oracles import X, Y


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


def test_classes_that_are_not_known():
    model = LogisticRegression().fit(X, Y)
    with pytest.raises(ValueError, match="pass y"):
        AndOrExplainer(model).explain(X[:2])
    with pytest.raises(ValueError, match="the model knows only"):
        AndOrExplainer(model).explain(X[:2], [0, 7])
    with pytest.raises(ValueError, match="one class for each"):
        AndOrExplainer(model).explain(X[:2], [0])
    assert output_of(model, "value")(X[:3], None).shape == (3,)
