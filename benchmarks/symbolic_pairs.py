"""Where the two papers meet: one model, its AND-OR interactions of two and its M-GEH.

The simulation has seven true pairs of eight features. The model is watched while it trains and
explained afterwards at 20 rows, with the mean as the baseline. The strength of a pair is that of
its AND and its OR interaction, mean over rows. Rank correlation is Spearman's, over all 28 pairs.
AUC is that of true pairs against the others.
"""

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from skgeh import BayesianInteractionRegressor
from skgeh.datasets import make_interactions
from skgeh.symbolic import AndOrExplainer, InteractionDynamics

ROWS, EXPLAINED = 2000, 20


def run(quick: bool = False) -> list[dict]:
    return [compare(seed, quick) for seed in range(1 if quick else 3)]


def compare(seed: int, quick: bool) -> dict:
    n, rows = (200, 3) if quick else (ROWS, EXPLAINED)
    X, y, truth = make_interactions(n, signal_to_noise=5, random_state=seed)
    watch = InteractionDynamics(StandardScaler().fit_transform(X)[:5], baseline=0.0, every=18)
    model = BayesianInteractionRegressor(
        posterior="concrete_dropout",
        callbacks=[watch],
        max_epochs=2 if quick else 55,
        n_draws=10 if quick else 100,
        random_state=seed,
    ).fit(X, y)
    found = model.interactions(X[:200], n_groups=8)
    explained = AndOrExplainer(model, background=X).explain(X[:rows])
    i, j = found.pairs.T
    strength = explained.pair_strength()[i, j]
    true = {tuple(pair) for pair in truth.pairs.tolist()}
    is_true = np.array([tuple(pair) in true for pair in found.pairs.tolist()])
    return {
        "seed": seed,
        "pairs": len(is_true),
        "rank correlation": float(spearmanr(strength, found.effect).statistic),
        "with the score": float(spearmanr(strength, found.score).statistic),
        "AUC, AND-OR": float(roc_auc_score(is_true, strength)),
        "AUC, M-GEH": float(roc_auc_score(is_true, found.effect)),
        "AUC, score": float(roc_auc_score(is_true, found.score)),
        "salient a row": float(explained.n_salient.mean()),
        "mean order, before": watch.records_[0]["mean_order"],
        "mean order, after": watch.records_[-1]["mean_order"],
    }
