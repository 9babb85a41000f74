"""
Which of 435 pairs interact?
============================

Thirty features, 800 rows, and three true pairs among 435. Corrections count every pair that was
looked at, so that many features cost power, and nothing else.
"""

# %%
import numpy as np
import pandas as pd

from skgeh import score_test

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(800, 30)), columns=[f"x{k}" for k in range(30)])
y = X.x0 + X.x1 * X.x2 + np.sin(X.x3) * X.x4 + 0.5 * X.x5 * X.x0 + rng.normal(size=800)
result = score_test(X, y)
columns = ["feature_i", "feature_j", "p_value", "p_fdr", "p_fwer"]
print(result.to_frame()[columns].head(6).to_string(index=False))

# %%
# All p-values in order. Those of pairs that do not interact lie on the diagonal, and three do not.
import matplotlib.pyplot as plt

p = np.sort(result.p_value)
expected = (np.arange(len(p)) + 0.5) / len(p)
figure, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
ax.loglog(expected, p, ".")
ax.loglog(expected, expected, color="0.6")
_ = ax.set(xlabel="expected without interactions", ylabel="p-value")

# %%
# If you know beforehand which feature you ask about, say so. Only its 29 pairs are then corrected
# for.
few = score_test(X, y, features=["x5"]).to_frame()
print(few[columns].head(3).to_string(index=False))
