"""Methods that rank pairs of features, as their users run them.

Every rival is a function ``(X, y, seed, **context)`` that returns one score per pair, shape (P,),
in the order of `skgeh.geh.pairs.pair_index`; the higher, the stronger. It sees only these rows, and
takes from them whatever it holds out to stop its training. `RIVALS` names them all. Only some of
them use the context: `points` to explain (SHAP, Friedman's H), `shapes` of the pairs (the oracle).
All run on one thread. They need the extra ``bench``.
"""

from collections.abc import Callable
from copy import deepcopy
from functools import partial

import lightgbm
import numpy as np
import shap
import torch
import xgboost
from interpret.glassbox import ExplainableBoostingRegressor
from interpret.utils import measure_interactions
from lightgbm import LGBMClassifier, LGBMRegressor
from numpy.typing import NDArray
from sklearn.linear_model import Lasso, LassoCV
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale
from torch import nn

from benchmarks.designs import Design, oracle_shapes
from skgeh.geh.functions import MLP, Hybrid
from skgeh.geh.pairs import pair_index, to_vector

SHAP_ROWS = 150
XGBOOST_ROWS = 50  # small steps make thousands of deep trees, and these make a row slow
H_ROWS = 50
VALIDATION = 0.2  # of the rows, to stop training by
PAPER_ALPHA = 5e-4  # of the lasso of Cui, Marttinen and Kaski (2020)
NID_WIDTHS = (140, 100, 60, 20)
MAIN_WIDTH = 10


def some_rows(X: NDArray, count: int, seed: int) -> NDArray:
    return X[np.random.default_rng(seed).permutation(len(X))[:count]]


def mean_strength(values: NDArray) -> NDArray:
    """Mean absolute SHAP interaction value of every pair, from values (n, d, d) or (n, d, d, c)."""
    mean = np.abs(values).mean(0)
    return to_vector(mean if mean.ndim == 2 else mean.mean(-1))


def shap_lightgbm(
    X: NDArray,
    y: NDArray,
    seed: int,
    points: NDArray | None = None,
    labels: bool = False,
    **context,
) -> NDArray:
    """SHAP interaction values of LightGBM: a fifth of the rows stops it and chooses its trees.

    There are six shapes of trees. With this choice it ranks noisy tables better than with its
    defaults. For labels, the values are those of log-odds, or of the logits of all classes.
    """
    kind = LGBMClassifier if labels else LGBMRegressor
    X_fit, X_stop, y_fit, y_stop = train_test_split(X, y, test_size=VALIDATION, random_state=seed)
    models = [
        kind(
            num_leaves=num_leaves,
            min_child_samples=min_child_samples,
            n_estimators=1000,
            learning_rate=0.05,
            subsample=0.8,
            subsample_freq=1,
            colsample_bytree=0.8,
            n_jobs=1,
            random_state=seed,
            verbose=-1,
        ).fit(
            X_fit,
            y_fit,
            eval_X=X_stop,
            eval_y=y_stop,
            callbacks=[lightgbm.early_stopping(30, verbose=False)],
        )
        for num_leaves in (5, 10, 31)
        for min_child_samples in (10, 50)
    ]
    best = min(models, key=lambda model: min(model.best_score_["valid_0"].values()))
    points = some_rows(X, SHAP_ROWS, seed) if points is None else points
    return mean_strength(shap.TreeExplainer(best).shap_interaction_values(points))


def shap_plain(X: NDArray, y: NDArray, seed: int, trees: int = 100, rows: int = 500) -> NDArray:
    """SHAP interaction values of LightGBM with its defaults, as they come out of the box."""
    model = LGBMRegressor(n_estimators=trees, n_jobs=1, random_state=seed, verbose=-1).fit(X, y)
    points = some_rows(X, rows, seed)
    return mean_strength(shap.TreeExplainer(model).shap_interaction_values(points))


def lightgbm_depth_3(X: NDArray, y: NDArray, seed: int) -> LGBMRegressor:
    """Trees of depth 3, their number by five-fold cross-validation, on all rows."""
    shape = {"max_depth": 3, "num_leaves": 8, "learning_rate": 0.05}
    curve = lightgbm.cv(
        shape | {"objective": "l2", "num_threads": 1, "seed": seed, "verbose": -1},
        lightgbm.Dataset(X, y, free_raw_data=False),
        num_boost_round=1000,
        nfold=5,
        stratified=False,
        seed=seed,
        callbacks=[lightgbm.early_stopping(30, verbose=False)],
    )
    rounds = len(curve["valid l2-mean"])
    model = LGBMRegressor(n_estimators=rounds, n_jobs=1, random_state=seed, verbose=-1, **shape)
    return model.fit(X, y)


def shap_depth_3(
    X: NDArray, y: NDArray, seed: int, points: NDArray | None = None, **context
) -> NDArray:
    """SHAP interaction values of shallow trees: little noise, and fast."""
    points = some_rows(X, SHAP_ROWS, seed) if points is None else points
    explainer = shap.TreeExplainer(lightgbm_depth_3(X, y, seed))
    return mean_strength(explainer.shap_interaction_values(points))


def shap_xgboost(
    X: NDArray, y: NDArray, seed: int, points: NDArray | None = None, **context
) -> NDArray:
    """SHAP interaction values of XGBoost at the paper's learning rate, 0.01, stopped early."""
    X_fit, X_stop, y_fit, y_stop = train_test_split(X, y, test_size=VALIDATION, random_state=seed)
    model = xgboost.XGBRegressor(
        n_estimators=3000, learning_rate=0.01, early_stopping_rounds=50, n_jobs=1, random_state=seed
    )
    model.fit(X_fit, y_fit, eval_set=[(X_stop, y_stop)], verbose=False)
    points = some_rows(X, XGBOOST_ROWS, seed) if points is None else points
    values = model.get_booster().predict(
        xgboost.DMatrix(points),
        pred_interactions=True,
        iteration_range=(0, model.best_iteration + 1),
    )
    return mean_strength(values[:, :-1, :-1])  # the last row and column are the bias's


def partial_dependence(predict: Callable, points: NDArray, features: list) -> NDArray:
    """Mean prediction with some features held at each point's values, centred, shape (n,)."""
    n, d = points.shape
    moved = np.broadcast_to(points, (n, n, d)).copy()  # (held, averaged over, d)
    moved[:, :, features] = points[:, None, features]
    values = predict(moved.reshape(n * n, d)).reshape(n, n).mean(1)
    return values - values.mean()


def friedman_h(
    X: NDArray,
    y: NDArray,
    seed: int,
    points: NDArray | None = None,
    normalised: bool = True,
    **context,
) -> NDArray:
    r"""Friedman and Popescu's H of shallow trees, from centred partial dependences.

    .. math:: H_{ij}^2 = \sum_k (F_{ij} - F_i - F_j)^2(x_k) \Big/ \sum_k F_{ij}^2(x_k)

    Without normalisation it is the numerator. The formula is written out here: pyartemis needs
    numpy and pandas below 2, and the fast package, hstats, is for R.
    """
    points = some_rows(X, H_ROWS, seed) if points is None else points
    single, joint = partial_dependences(lightgbm_depth_3(X, y, seed).predict, points)
    i, j = pair_index(X.shape[1]).T
    pure = ((joint - single[i] - single[j]) ** 2).sum(1)
    whole = (joint**2).sum(1) if normalised else np.ones(len(joint))
    return np.sqrt(np.divide(pure, whole, out=np.zeros_like(pure), where=whole > 0))


def partial_dependences(predict: Callable, points: NDArray) -> tuple[NDArray, NDArray]:
    """Partial dependences of every feature, (d, n), and of every pair, (P, n)."""
    d = points.shape[1]
    single = [partial_dependence(predict, points, [i]) for i in range(d)]
    joint = [partial_dependence(predict, points, pair) for pair in pair_index(d).tolist()]
    return np.array(single), np.array(joint)


class NIDNetwork(nn.Module):
    """A ReLU network, with one small network for the main effect of every feature."""

    def __init__(self, d: int):
        super().__init__()
        layers = []
        for a, b in zip((d, *NID_WIDTHS[:-1]), NID_WIDTHS, strict=True):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.interactions = nn.Sequential(*layers, nn.Linear(NID_WIDTHS[-1], 1))
        each = partial(nn.Conv1d, kernel_size=1, groups=d)  # one group of channels a feature
        wide = d * MAIN_WIDTH
        self.main = nn.Sequential(
            each(d, wide), nn.ReLU(), each(wide, wide), nn.ReLU(), each(wide, wide), nn.ReLU(),
            each(wide, d, bias=False),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.interactions(x)[:, 0] + self.main(x.T[None])[0].sum(0)

    @property
    def weights(self) -> list[torch.Tensor]:
        """Weights of the network of interactions, each of shape (h_l, h_(l-1))."""
        return [layer.weight for layer in self.interactions if isinstance(layer, nn.Linear)]


def nid(X: NDArray, y: NDArray, seed: int, **context) -> NDArray:
    """Neural interaction detection of Tsang et al. (2018), main effects in nets of their own.

    The settings are those of its authors: widths, Adam at 0.01, batches of 100, patience of 5
    epochs, L1 penalty of the weights. Their 5e-5 is for 10000 rows without noise; here the held-out
    fifth chooses.
    """
    tables = train_test_split(scale(X), scale(y), test_size=VALIDATION, random_state=seed)
    x, x_stop, t, t_stop = (torch.as_tensor(table, dtype=torch.float32) for table in tables)
    trained = [nid_network(x, t, x_stop, t_stop, l1, seed) for l1 in (5e-5, 5e-4, 5e-3)]
    best, _ = min(trained, key=lambda found: found[1])
    return nid_strength([weight.detach().abs().T[None] for weight in best.weights])[0]


def nid_network(x, t, x_stop, t_stop, l1: float, seed: int) -> tuple[NIDNetwork, float]:
    """The best state of a network and its held-out loss."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = NIDNetwork(x.shape[1])
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        best, lowest, waited = network, np.inf, 0
        for _ in range(100):
            for rows in torch.randperm(len(x)).split(100):
                loss = ((network(x[rows]) - t[rows]) ** 2).mean()
                penalty = sum(weight.abs().sum() for weight in network.weights)
                optimizer.zero_grad()
                (loss + l1 * penalty).backward()
                optimizer.step()
            with torch.no_grad():
                held_out = ((network(x_stop) - t_stop) ** 2).mean().item()
            waited += 1
            if held_out < lowest:
                best, lowest, waited = deepcopy(network), held_out, 0
            if waited > 5:
                break
    return best, lowest


def nid_of(members: MLP | Hybrid) -> NDArray:
    """NID of trained networks, ``posterior_.members()``: the mean over networks."""
    network = members.interactions if isinstance(members, Hybrid) else members
    return nid_strength([weight.abs() for weight in network.weights]).mean(0)


def nid_strength(sizes: list[torch.Tensor]) -> NDArray:
    r"""Strengths (K, P) from absolute weights of shapes (K, h_(l-1), h_l).

    .. math:: \sum_h \min(|W_1|_{ih}, |W_1|_{jh}) \, (|W_2| \cdots |W_L|)_h
    """
    first, *later = (size.double().numpy() for size in sizes)
    paths = later[-1].sum(2, keepdims=True)
    for size in later[-2::-1]:
        paths = size @ paths
    d = first.shape[1]
    rows = [np.minimum(first[:, i : i + 1], first[:, i + 1 :]) @ paths for i in range(d - 1)]
    return np.concatenate(rows, axis=1)[..., 0]


def fast(X: NDArray, y: NDArray, seed: int, outer_bags: int = 14, **context) -> NDArray:
    """FAST of Lou et al. (2013), of the residuals of an additive explainable boosting machine."""
    additive = ExplainableBoostingRegressor(
        interactions=0, outer_bags=outer_bags, n_jobs=1, random_state=seed
    )
    start = additive.fit(X, y).predict(X)
    strength = np.zeros((X.shape[1], X.shape[1]))
    for pair, value in measure_interactions(X, y, init_score=start, objective="rmse"):
        strength[pair] = value
    return to_vector(strength)


def products(X: NDArray) -> NDArray:
    """Products of all pairs of standardised features, shape (n, P)."""
    Z = scale(X)
    i, j = pair_index(X.shape[1]).T
    return Z[:, i] * Z[:, j]


def pairwise_lasso(
    X: NDArray, y: NDArray, seed: int, alpha: float | None = None, **context
) -> NDArray:
    """Lasso of a standardised target on all features and products, standardised too."""
    columns, d = scale(np.column_stack([X, products(X)])), X.shape[1]
    model = LassoCV(alphas=30, cv=5, random_state=seed) if alpha is None else Lasso(alpha)
    return np.abs(model.fit(columns, scale(y)).coef_[d:])


def lasso(alpha: float) -> Callable:
    """The pairwise lasso with a fixed penalty; the paper's is ``lasso(PAPER_ALPHA)``."""
    return partial(pairwise_lasso, alpha=alpha)


def oracle(X: NDArray, y: NDArray, seed: int, shapes: NDArray | None = None, **context) -> NDArray:
    """Least squares on all features and one shape per pair: the absolute t of its coefficient.

    Its square is proportional to the sum of squares that only this pair explains. `shapes` (n, P)
    are the true forms of true pairs and products for the others; by default the simulation's.
    """
    if shapes is None:
        shapes = oracle_shapes(Design("signal", len(X)), X)[..., 0]
    columns = np.column_stack([np.ones(len(X)), X, shapes])
    q, r = np.linalg.qr(columns)
    inverse = np.linalg.inv(r)
    t = inverse @ (q.T @ y) / np.linalg.norm(inverse, axis=1)
    return np.abs(t[1 + X.shape[1] :])


RIVALS: dict[str, Callable[..., NDArray]] = {
    "SHAP, LightGBM": shap_lightgbm,
    "SHAP, LightGBM depth 3": shap_depth_3,
    "SHAP, XGBoost": shap_xgboost,
    "Friedman H": friedman_h,
    "Friedman H, unnormalised": partial(friedman_h, normalised=False),
    "NID": nid,
    "FAST": fast,
    "pairwise lasso": pairwise_lasso,
    "oracle": oracle,
}
