"""Few interactions make up the output: sorted strengths, and how many explain 90 % of it.

Three models of scikit-learn use ten columns of breast cancer, and a network uses ten pooled players
of digits. Each is explained at ten test rows. "Dense" counts AND interactions alone, without a
split.
"""

import warnings
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from benchmarks.symbolic_dynamics import breast_cancer, digits
from skgeh.symbolic import AndOrExplainer, Explanation, and_interactions

PAGES = Path(__file__).parents[1] / "docs/symbolic"
SAMPLES = 10


def models() -> dict[str, tuple]:
    net = MLPClassifier((128, 128), max_iter=100, random_state=0)
    return {
        "logistic regression": (breast_cancer, LogisticRegression()),
        "boosted trees": (breast_cancer, HistGradientBoostingClassifier(random_state=0)),
        "support vectors": (breast_cancer, SVC()),
        "network": (breast_cancer, net),
        "network, digits": (digits, net),
    }


def run(quick: bool = False) -> list[dict]:
    chosen = dict(list(models().items())[:1]) if quick else models()
    found = {name: explained(*pair, 2 if quick else SAMPLES) for name, pair in chosen.items()}
    if not quick:
        PAGES.mkdir(exist_ok=True)
        picture(found).savefig(PAGES / "sparsity.png", dpi=80)
    return [described(name, one) for name, one in found.items()]


def explained(data, model: ClassifierMixin, n_samples: int) -> Explanation:
    case = data(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 100 epochs are enough here
        model.fit(*case.train)
    X, y = case.test
    explainer = AndOrExplainer(model, background=case.train[0])
    return explainer.explain(X[:n_samples], y[:n_samples])


def described(name: str, found: Explanation) -> dict:
    alone = np.abs(and_interactions(found.values))[:, 1:]
    return {
        "model": name,
        "possible": 2 * alone.shape[1],
        "salient": float(found.n_salient.mean()),
        "salient, dense": float((alone >= found.tau).sum(1).mean()),
        "explain 90 %": float(found.n_explaining().mean()),
        "mean order": found.mean_order,
        "strength / dense": float(found.interactions.objective().sum() / alone.sum()),
        "worst gap": float(found.interactions.gap.max()),
    }


def picture(found: dict[str, Explanation]) -> Figure:
    figure = Figure(figsize=(3 * len(found), 3), layout="constrained")
    for ax, (name, one) in zip(
        np.ravel(figure.subplots(1, len(found))), found.items(), strict=True
    ):
        one.plot("strength", ax=ax)
        ax.set_title(name, fontsize="medium")
    return figure
