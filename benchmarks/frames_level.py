"""Errors of `score_test` on frames of all kinds of columns, beside three true pairs.

A frame has correlated numbers, one with a long tail, categories of 2, 5 and 15 levels, two of which
depend on them, gaps by chance, in blocks and by another feature, a date with hours, and a boolean.
All have main effects. True pairs are number x category, hour x boolean and gap x number. "far"
counts only null pairs without a feature of a true pair.
"""

import numpy as np
import pandas as pd

from skgeh import score_test

TABLES = {400: 60, 2000: 20}
NOISES = ("even", "uneven", "uneven by category", "t, 2.5 degrees", "labels")
TRUE = {frozenset(pair) for pair in [("a", "city"), ("when: hour", "flag"), ("gap", "b")]}
EFFECT = {"city": [0.7, -0.56, 0.35, -0.7, 0.84], "main": [0, 0.5, -0.4, 0.8, -0.7]}


def run(quick: bool = False) -> list[dict]:
    sizes = {200: 1} if quick else TABLES
    return [cell(n, noise, tables) for n, tables in sizes.items() for noise in NOISES]


def cell(n: int, noise: str, tables: int) -> dict:
    """Rates over some tables."""
    found = [rates(*table(n, noise, seed)) for seed in range(tables)]
    null = np.concatenate([one["null"] for one in found])
    errors = np.array([one["error"] for one in found])
    return {
        "rows": n,
        "outcome": noise,
        "tables": tables,
        "null p < .05": float(np.mean(null < 0.05)),
        "null p < .001": float(np.mean(null < 0.001)),
        "family-wise error after Holm": float(errors.mean()),
        "its standard error": float(np.sqrt(errors.mean() * (1 - errors.mean()) / tables)),
        "the same, far": float(np.mean([one["far"] for one in found])),
        "power at a false discovery rate of .05": float(np.mean([one["power"] for one in found])),
        "goal": "family-wise error <= .05 + 2 SE",
    }


def rates(X: pd.DataFrame, y: np.ndarray) -> dict:
    """P-values of null pairs, errors, and the share of true pairs that are found."""
    frame = score_test(X, y).to_frame()
    pairs = list(map(frozenset, zip(frame["feature_i"], frame["feature_j"], strict=True)))
    true = np.array([pair in TRUE for pair in pairs])
    near = np.array([any(pair & other for other in TRUE) for pair in pairs])
    wrong = ~true & (frame["p_fwer"] <= 0.05).to_numpy()
    null = frame["p_value"].to_numpy()[~true]
    return {
        "null": null[np.isfinite(null)],
        "error": bool(wrong.any()),
        "far": bool((wrong & ~near).any()),
        "power": float((frame["p_fdr"].to_numpy()[true] <= 0.05).mean()),
    }


def table(n: int, noise: str, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """A frame and its target."""
    rng = np.random.default_rng([n, NOISES.index(noise), seed])
    a, free, tail, c, d, e, f = rng.normal(size=(7, n))
    b = 0.6 * a + 0.8 * free
    income = np.exp(0.9 * (0.4 * a + tail))
    paid = rng.random(n) < 1 / (1 + np.exp(-a))
    city = np.searchsorted([0.4, 0.65, 0.8, 0.92], np.clip(rng.random(n) + 0.08 * b, 0, 0.999))
    often = 1 / np.arange(1, 16) ** 1.2
    town = rng.choice(15, n, p=often / often.sum())
    gap, block = rng.random((2, n)) < 0.2
    left = rng.random(n) < 1 / (1 + np.exp(-(1.2 * a - 1.6)))
    when = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 17_520, n), unit="h")
    hour, flag = when.hour.to_numpy(), rng.random(n) < 0.3
    c, d, e, f = 0.8 * c + 0.4 * a, d, 0.5 * d + e, f + 0.5 * b
    columns = {"gap": (c, gap), "block 1": (d, block), "block 2": (e, block), "left": (f, left)}
    X = pd.DataFrame(
        {
            "a": a,
            "b": b,
            "income": income,
            "paid": np.where(paid, "yes", "no"),
            "city": np.array(list("ABCDE"))[city],
            "town": np.array([f"L{k}" for k in range(15)])[town],
            **{name: np.where(gone, np.nan, values) for name, (values, gone) in columns.items()},
            "when": when,
            "flag": flag,
        }
    )
    y = np.sin(1.5 * a) + 0.6 * b + 0.5 * np.log(income) + 0.6 * paid
    y += np.array(EFFECT["main"])[city] + 0.4 * np.sin(2.1 * np.arange(15))[town]
    y += np.where(gap, 0.5, 0.3 * c**2) + np.where(block, -0.4, 0.5 * d + 0.4 * np.abs(e))
    y += np.where(left, 0.6, 0.5 * f) + 0.5 * (when.day_of_week >= 5) + 0.5 * flag
    y += 0.6 * np.cos(2 * np.pi * hour / 24) + 0.6 * np.exp(-((hour - 8) ** 2) / 6)
    y += 0.4 * np.cos(2 * np.pi * when.month.to_numpy() / 12)
    y += a * np.array(EFFECT["city"])[city] + flag * np.cos(2 * np.pi * (hour - 3) / 24)
    y += 0.9 * (gap - 0.2) * b
    if noise == "labels":
        logit = 1.2 * (y - np.median(y))
        return X, np.where(rng.random(n) < 1 / (1 + np.exp(-logit)), "pos", "neg")
    size = {
        "uneven": 1.2 * np.exp(0.6 * a - 0.18),
        "uneven by category": np.where(np.isin(town, [0, 3]), 2.2, 0.7) * np.where(flag, 1.6, 0.8),
    }.get(noise, np.full(n, 1.0 if noise.startswith("t") else 1.2))
    draws = rng.standard_t(2.5, n) if noise.startswith("t") else rng.normal(size=n)
    return X, y + size * draws
