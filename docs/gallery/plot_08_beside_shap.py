"""
What do SHAP interaction values say about the same table?
=========================================================

Boosted trees and their SHAP interaction values rank pairs. They do not say where the ranking ends.
We look at both on the bikes of the first page, and on a table without any interaction.
"""

# %%
# XGBoost computes SHAP interaction values itself. A pair's number is the mean of their absolute
# values.
import numpy as np
import pandas as pd
from xgboost import DMatrix, XGBRegressor

from skgeh import BayesianInteractionRegressor


def shap_ranking(X, y):
    trees = XGBRegressor(n_estimators=200, max_depth=4, learning_rate=0.05, n_jobs=1).fit(X, y)
    values = trees.get_booster().predict(DMatrix(X[:500]), pred_interactions=True)
    sizes = np.abs(values[:, :-1, :-1]).mean(0) * 2 / np.std(y)
    i, j = np.triu_indices(X.shape[1], 1)
    pairs = [f"{X.columns[a]} x {X.columns[b]}" for a, b in zip(i, j, strict=True)]
    return pd.Series(sizes[i, j], pairs).sort_values(ascending=False)


bikes = pd.read_csv("../data/bikes.csv")
y = bikes["rentals"]
numbers = bikes.drop(columns=["day", "rentals"]).assign(
    workingday=(bikes["workingday"] == "yes").astype(int),
    weather=bikes["weather"].map({"clear": 0, "mist": 1, "rain": 2}),
)
ranking = shap_ranking(numbers, y)
print(ranking.head(6).round(3).to_string())

# %%
# The first pairs are those of the table, in nearly the same order.
bikes["time"] = pd.to_datetime(bikes.pop("hour").astype(str), format="%H")
X = bikes.drop(columns=["day", "rentals"])
model = BayesianInteractionRegressor(random_state=0).fit(X, y, groups=bikes["day"])
columns = ["feature_i", "feature_j", "effect", "ci_low", "ci_high", "p_value", "p_fdr"]
print(model.interactions_.to_frame()[columns].head(6).round(4).to_string(index=False))

# %%
# A table without interactions
# ----------------------------
# Here the target is a sum of three features, with as much noise. SHAP's ranking has a first pair
# all the same, and its numbers are no smaller than some of those above. The p-values say that there
# is nothing.
rng = np.random.default_rng(0)
additive = pd.DataFrame(rng.normal(size=(800, 6)), columns=[f"x{k}" for k in range(6)])
target = additive.x0 + additive.x1 + np.sin(2 * additive.x2) + 1.5 * rng.normal(size=800)
nothing = shap_ranking(additive, target)
print(nothing.head(3).round(3).to_string())
print(BayesianInteractionRegressor(random_state=0).fit(additive, target).interactions_)

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(6.4, 3), sharex=True, layout="constrained")
for ax, (name, values) in zip(
    axes, {"bikes": ranking, "no interaction": nothing}.items(), strict=True
):
    ax.barh(values.index[:6][::-1], values[:6][::-1])
    ax.set_title(name)
_ = figure.supxlabel("SHAP interaction value, standard deviations of the target")

# %%
# The other way round, SHAP interaction values explain each prediction of a model that you have
# already. ``interactions_.local(X, a, b)`` is the counterpart here: a pair's own contribution, row
# by row.
contribution, deviation = model.interactions_.local(X.head(3), "workingday", "time: hour")
print(contribution.round(1), deviation.round(1))
