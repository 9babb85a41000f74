"""
Are the interactions of a random forest real?
=============================================

``crossfit_test`` takes any model with ``predict``. It cuts each pair's part out of the predictions
for rows that the model has not seen, and asks whether the target follows it there.
"""

# %%
# Two pairs interact in this table: x0 x1 as a product, and x2 x3 by a corner that a smooth function
# follows badly and a forest well.
import numpy as np
from sklearn.ensemble import RandomForestRegressor

from skgeh import crossfit_test

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, size=(800, 5))
y = 2 * X[:, 0] * X[:, 1] + 2.0 * ((X[:, 2] > 0.5) & (X[:, 3] > 0)) + X[:, 4]
y += 0.5 * rng.normal(size=800)
forest = RandomForestRegressor(50, min_samples_leaf=5, random_state=0)
result = crossfit_test(forest, X, y, n_repeats=1, variance_inflation=2.0, random_state=0)
columns = ["feature_i", "feature_j", "p_value", "p_fdr", "p_fwer"]
print(result.to_frame()[columns].head(4).round(4).to_string(index=False))

# %%
# ``p_fdr`` bounds the share of false discoveries, and ``p_fwer`` the chance of a single one. A pair
# that the forest merely imagines does not follow the target on other rows, and gets no small
# p-value.
print(result)

# %%
# The strength of each pair, as far as other rows confirm it, in standard deviations of the target:
import matplotlib.pyplot as plt

names = [f"x{i} x{j}" for i, j in result.pairs]
figure, ax = plt.subplots(figsize=(6.4, 3), layout="constrained")
ax.barh(names[::-1], result.strength[::-1])
_ = ax.set_xlabel("confirmed strength")
