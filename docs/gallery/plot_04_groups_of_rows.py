"""
What if several rows belong to one patient?
===========================================

Rows of one unit are not independent: visits of a patient, pupils of a class, hours of a day. A test
that takes them for independent finds interactions that are none.
"""

# %%
# Made-up data: 60 patients with 10 visits each. Age and dose stay the same for a patient, who also
# has a level of their own. Nothing interacts.
import numpy as np
import pandas as pd

from skgeh import score_test

rng = np.random.default_rng(3)
patient = np.repeat(np.arange(60), 10)
X = pd.DataFrame(
    {
        "age": rng.normal(size=60)[patient],
        "dose": rng.normal(size=60)[patient],
        "hour": rng.uniform(0, 12, 600),
    }
)
level = 1.5 * rng.normal(size=60)
y = X["age"] + X["dose"] + level[patient] + rng.normal(size=600)

# %%
# Without ``groups=``, the test thinks that there are 600 patients. It also says what it suspects.
import warnings

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    wrong = score_test(X, y).to_frame()
print(wrong[["feature_i", "feature_j", "p_value", "p_fdr"]].to_string(index=False))
for warning in said:
    print(warning.message)

# %%
# With them, there are 60.
right = score_test(X, y, groups=patient).to_frame()
print(right[["feature_i", "feature_j", "p_value", "p_fdr"]].round(3).to_string(index=False))

# %%
# How often is a pair found that is none? Ten tables of the same kind:
found = {"without groups": 0, "with groups": 0}
for seed in range(10):
    rng = np.random.default_rng(seed)
    X["age"], X["dose"] = rng.normal(size=(2, 60))[:, patient]
    y = X["age"] + X["dose"] + 1.5 * rng.normal(size=60)[patient] + rng.normal(size=600)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found["without groups"] += score_test(X, y).adjusted("fwer").min() <= 0.05
    found["with groups"] += score_test(X, y, groups=patient).adjusted("fwer").min() <= 0.05
for how, number in found.items():
    print(f"tables of ten with a false finding, {how}: {number}")

# %%
import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(6.4, 2), layout="constrained")
ax.barh(list(found), list(found.values()), color=["tab:orange", "tab:blue"])
_ = ax.set(xlim=(0, 10), xlabel="tables of ten with a false finding")

# %%
# Estimators take the same argument, and so do ``crossfit_test``, ``permutation_test`` and
# ``GEHSelector``: ``model.fit(X, y, groups=patient)``. Held-out rows are then whole patients. On
# the command line it is ``--groups patient``.
