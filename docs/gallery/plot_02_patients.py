"""
Do age and sex act together on diabetes?
========================================

How to read a table of interactions, on 442 patients and the progress of their disease within a year
(scikit-learn's diabetes table).
"""

# %%
# The table
# ---------
# One row per pair, those that interact first. Nothing has to be chosen.
from sklearn.datasets import load_diabetes

from skgeh import BayesianInteractionRegressor, InteractionDisplay

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X["sex"] = X["sex"].map({1: "one", 2: "two"})  # the source does not say which is which
model = BayesianInteractionRegressor(random_state=0).fit(X, y)
found = model.interactions_
columns = ["feature_i", "feature_j", "effect", "ci_low", "ci_high", "sign", "p_value", "p_fdr"]
print(found.to_frame()[columns].head(6).round(4).to_string(index=False))

# %%
# Only age and sex are significant. The other 44 pairs are not shown to be absent: the last
# line of the print-out says how large their effects might still be.
print(found)

# %%
# Where and with which sign
# -------------------------
# ``group_frame`` has a row for each sex: how the slope along age differs from the average slope, in
# units of the target per year.
print(found.group_frame("age", "sex", units="original").round(3).to_string(index=False))

# %%
# The picture has both curves.
surface = InteractionDisplay.from_estimator(model, kind="surface", pair=("age", "sex"))

# %%
# Each patient's own number
# -------------------------
# ``local`` gives what a pair adds to each prediction, and its standard deviation.
import pandas as pd

contribution, deviation = found.local(X.head(5), "age", "sex")
patients = X.loc[:4, ["age", "sex"]].assign(contribution=contribution, deviation=deviation)
print(pd.DataFrame(patients).round(2).to_string(index=False))

# %%
# All pairs
# ---------
# Colours say how sure an interaction is, numbers how strong.
heatmap = InteractionDisplay.from_estimator(model, kind="heatmap")
