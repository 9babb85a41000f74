"""
Which pairs are real
====================

A ranking always has a first pair. The cross-fitted test says which pairs interact, with error
control in the presence of true interactions. The selector appends their products to the table for a
linear model.
"""

# %%
# The table has eight features and as much noise as signal. Seven pairs interact: the neighbours
# x0 x1, x1 x2, ..., x6 x7.
from skgeh import BayesianInteractionRegressor, GEHSelector, crossfit_test, datasets

X, y, truth = datasets.make_interactions(2000, signal_to_noise=1, random_state=0)
result = crossfit_test(BayesianInteractionRegressor(), X, y, random_state=0)
result.to_frame().head(10)

# %%
# ``p_fdr`` bounds the share of false discoveries, and ``p_fwer`` the chance of a single one.
# ``strength_low`` says how strong a pair is at least, in standard deviations of the target.
found = {tuple(pair) for pair in result.pairs[result.adjusted("fdr") <= 0.05].tolist()}
true = {tuple(pair) for pair in truth.pairs.tolist()}
print(f"{len(found & true)} of {len(true)} true pairs found, {len(found - true)} others")

# %%
# Before a linear model
# ---------------------
# The selector ranks and tests pairs, and appends the products of those that pass.
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline

selector = GEHSelector(random_state=0).fit(X, y)
selector.to_frame().head(8)

# %%
X_new, y_new, _ = datasets.make_interactions(2000, signal_to_noise=1, random_state=1)
plain, crossed = RidgeCV().fit(X, y), make_pipeline(selector, RidgeCV()).fit(X, y)
print(f"R2 of new rows: {plain.score(X_new, y_new):.3f} without, {crossed.score(X_new, y_new):.3f}")
