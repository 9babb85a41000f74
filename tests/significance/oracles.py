"""Tables for the tests of pairs, and p-values combined by the formulas."""

import numpy as np
from scipy.stats import norm


def features(n=400, d=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def binary(n=400, strength=3.0, seed=0):
    """Two classes: x0 and x1 interact, x2 and x3 have main effects."""
    X = features(n, seed=seed)
    noise = np.random.default_rng(seed + 1).logistic(size=n)
    y = strength * X[:, 0] * X[:, 1] + X[:, 2] + np.sin(2 * X[:, 3]) + noise > 0
    return X, np.where(y, "yes", "no")


def three(n=600, strength=3.0, seed=0):
    """Three classes: x0 and x1 interact in the logits of the first two."""
    X = features(n, seed=seed)
    product = strength * X[:, 0] * X[:, 1]
    logits = np.column_stack([-product, product, X[:, 2]])
    noise = np.random.default_rng(seed + 1).gumbel(size=logits.shape)
    return X, np.array(list("abc"))[(logits + noise).argmax(1)]


def numbers(n=300, seed=0):
    """Two targets: x0 and x1 interact in the first, x1 and x3 in the second."""
    X = features(n, seed=seed)
    noise = np.random.default_rng(seed + 1).normal(size=(n, 2))
    return X, np.column_stack([X[:, 0] * X[:, 1], 5 * X[:, 1] * X[:, 3] + X[:, 2]]) + noise


def combined_by_hand(t, phi, z, phi_smooth, weights, sequential, score=None):
    found = []
    for pair in range(t.shape[2]):
        mean = np.mean([scores.sum() / np.sqrt(len(scores)) for scores in t[:, :, pair]])
        p, w = [norm.sf(mean / np.sqrt(phi))], [1.0]
        for shape, weight in enumerate(weights[pair]):
            mean = np.mean([scores[shape] for scores in z[:, pair]])
            p.append(2 * norm.sf(abs(mean) / np.sqrt(phi_smooth)))
            w.append(weight)
        if score is not None and np.isfinite(score[pair]):
            p, w = [*p, score[pair]], [*w, 2.0]
        p, w = np.array(p), np.array(w) / sum(w)
        if sequential:
            found.append(min(1, (p / w).min()))
        else:
            found.append(
                0.5 - np.arctan((w * np.tan((0.5 - np.minimum(p, 0.9)) * np.pi)).sum()) / np.pi
            )
    return found
