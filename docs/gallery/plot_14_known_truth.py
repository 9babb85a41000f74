"""
Is the answer right where the truth is known?
=============================================

A simulation of Cui, Marttinen and Kaski (2020): eight features, seven interactions, each of its own
form, and as much noise as signal.
"""

# %%
from skgeh import BayesianInteractionRegressor, InteractionDisplay, datasets

X, y, truth = datasets.make_interactions(2000, signal_to_noise=1, random_state=0)
model = BayesianInteractionRegressor(random_state=0).fit(X, y)
table = model.interactions_.to_frame()
names = {(f"x{i}", f"x{j}") for i, j in truth.pairs}
table["true"] = [pair in names for pair in zip(table.feature_i, table.feature_j, strict=True)]
columns = ["feature_i", "feature_j", "effect", "ci_low", "ci_high", "p_fdr", "true"]
print(table[columns].head(10).round(4).to_string(index=False))

# %%
found = table["p_fdr"] <= 0.05
right, wrong = (found & table.true).sum(), (found & ~table.true).sum()
print(f"{right} of {table.true.sum()} true pairs, {wrong} others")

# %%
# Which one was missed, and how many rows would it take?
from skgeh import score_test

result = score_test(X, y)
for (i, j), p, rows in zip(result.pairs, result.p_value, result.rows_needed(), strict=True):
    if (f"x{i}", f"x{j}") in names and p > 0.01:
        print(f"x{i} x x{j}: p {p:.3f}, found from about {rows:.0f} rows on")

# %%
# The surface of a pair, without both main effects:
surface = InteractionDisplay.from_estimator(model, kind="surface")
