"""
Which products does a linear model need?
========================================

A linear model can be read, but it knows no interactions. ``GEHSelector`` tests all pairs, and
appends the products of those that interact. Here with bikes: it learns from 50 days and predicts 23
others.
"""

# %%
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline

from skgeh import GEHSelector

bikes = pd.read_csv("../data/bikes.csv")
bikes["time"] = pd.to_datetime(bikes.pop("hour").astype(str), format="%H")
X, y, day = bikes.drop(columns=["day", "rentals"]), bikes["rentals"], bikes["day"]
new = day.isin(day.unique()[1::3])
selector = GEHSelector(random_state=0)
model = make_pipeline(selector, RidgeCV())
model.fit(X[~new], y[~new], gehselector__groups=day[~new])
columns = ["feature_i", "feature_j", "p_value", "p_adjusted", "selected"]
print(selector.to_frame()[columns].head(5).round(4).to_string(index=False))

# %%
# Words and times become columns of numbers, and a pair of features a product for each two columns.
print(", ".join(selector.get_feature_names_out()))

# %%
# R2 on the other days, without products, with the chosen ones, and with all of them. The columns of
# the table come first, and the products last.
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

columns = selector.transform(X)
alone = columns[:, : -len(selector.column_pairs_)]
every = PolynomialFeatures(interaction_only=True, include_bias=False).fit_transform(alone)
quality = {}
for name, table in {"no products": alone, "chosen": columns, "all products": every}.items():
    linear = make_pipeline(StandardScaler(), RidgeCV()).fit(table[~new], y[~new])
    quality[f"{name}: {table.shape[1]} columns"] = linear.score(table[new], y[new])
for name, score in quality.items():
    print(f"{name:24} R2 {score:.2f}")

# %%
import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(6.4, 2), layout="constrained")
ax.barh(list(quality)[::-1], list(quality.values())[::-1])
_ = ax.set_xlabel("R2 on other days")

# %%
# Eight products bring most of what all of them bring, and can still be read. The chosen pairs may
# also be passed on: ``selector.pairs_`` to explainable boosting machines, and ``interaction_cst()``
# to scikit-learn's gradient boosting, which then uses these pairs only.
print(selector.pairs_, selector.interaction_cst()[:2])
