"""
Which columns and rows lead astray?
===================================

Ids, copies, repeated rows, a column that gives the target away: what is refused, what is warned of,
and what nobody can see for you. The table is scikit-learn's diabetes table, spoiled on purpose.
"""

# %%
import warnings

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

from skgeh import BayesianInteractionRegressor, InteractionDisplay

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X = X[["age", "sex", "bmi", "s2", "s5"]]


def answer(X, y):
    """What is said about a table: a refusal, warnings, and the first line of the answer."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            model = BayesianInteractionRegressor(posterior="gaussian_process").fit(X, y)
            first = str(model.interactions_).splitlines()[0]
        except ValueError as error:
            first = f"refused: {error}"
            model = None
    for warning in said:
        print(f"warned: {warning.message}\n")
    print(first)
    return model


_ = answer(X, y)

# %%
# An id in words is refused. It is all different, so nothing can be learned from it.
_ = answer(X.assign(patient=[f"P{k:04}" for k in range(len(X))]), y)

# %%
# An id in numbers looks like a number, and may carry the order of the rows.
_ = answer(X.assign(patient=np.arange(1001, 1001 + len(X))), y)

# %%
# A copy in other units: both columns say the same, and no table can tell whose interaction it is.
model = answer(X.assign(bmi_imperial=X["bmi"] * 0.2048), y)

# %%
# In the picture, pairs that were not tested are hatched.
heatmap = InteractionDisplay.from_estimator(model, kind="heatmap")

# %%
# Repeated rows count twice: noise then looks like a finding.
_ = answer(pd.concat([X, X.head(150)]), pd.concat([y, y.head(150)]))

# %%
# A leak: a column that was made from the target. The model is nearly perfect, and useless.
_ = answer(X.assign(billed=y * 3.2 + np.random.default_rng(0).normal(size=len(y))), y)

# %%
# A constant cannot act together with anything.
_ = answer(X.assign(clinic="north"), y)

# %%
# What nobody can see for you
# ---------------------------
# - Rows that depend on each other in a way that no column shows: pass ``groups=``.
# - Rows that were chosen by the target: only ill patients, only sold houses.
# - Pairs that were looked at in the same table before: a p-value holds for a question that was
#   asked beforehand, or for all pairs together.
# - A third feature that is not in the table, and changes with two others.
