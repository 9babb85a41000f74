"""
A first table of interactions
=============================

Which measurements of a patient act together? And is the answer right where the truth is known?

The diabetes table that comes with scikit-learn has ten measurements of 442 patients and the
progress of their disease a year later. The simulation is that of Cui, Marttinen and Kaski (2020),
section 5.1: it has eight features, and seven pairs interact, each in its own way.
"""

# %%
# First, real data: a small and noisy table. Fit a model and print its interactions.
import os

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes

from skgeh import BayesianInteractionRegressor, InteractionDisplay
from skgeh.datasets import make_interactions

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
patients = BayesianInteractionRegressor(random_state=0).fit(X, y)
columns = ["feature_i", "feature_j", "effect", "ci_low", "ci_high", "sign", "p_value", "p_fdr"]
print(f"diabetes: {len(X)} patients, {patients.interactions_.group_weights.size} groups of points")
print(patients.interactions_.to_frame()[columns].head(10).round(4).to_string())

# %%
# The effect is the mean size of the mixed second derivative, in standard deviations of target and
# features, with its 95 % confidence interval. The p-value decides: of the pairs with a p_fdr of up
# to 0.05, one in twenty is false on average. In words:
print()
print(patients.interactions_)

# %%
# Next, known truth: 2000 rows, as much noise as signal. The true pairs are neighbours: x0 x1,
# x1 x2 ...
X_known, y_known, truth = make_interactions(2000, signal_to_noise=1, random_state=0)
simulated = BayesianInteractionRegressor(random_state=0).fit(X_known, y_known)
frame = simulated.interactions_.to_frame()
names = {(f"x{i}", f"x{j}") for i, j in truth.pairs}
frame["true"] = [pair in names for pair in zip(frame.feature_i, frame.feature_j, strict=True)]
print(f"\nsimulation: {len(X_known)} rows, {len(names)} true pairs of {len(frame)}")
print(frame[[*columns, "true"]].head(12).round(4).to_string())

# %%
# The picture shows which pairs are significant, how strong they are, and where in the data they
# push the target up or down.
figure = plt.figure(figsize=(19, 13), layout="constrained")
for part, (model, title) in zip(
    figure.subfigures(2, 1), [(patients, "diabetes"), (simulated, "simulation")], strict=True
):
    part.suptitle(title, fontsize="x-large")
    for ax, kind in zip(part.subplots(1, 3), ["heatmap", "forest", "groups"], strict=True):
        InteractionDisplay.from_estimator(model, kind=kind, ax=ax)
picture = os.environ.get("SKGEH_PICTURE", "demo.png")
figure.savefig(picture, dpi=100)
print(f"\npicture: {picture}")

# %%
# One pair more closely: what it adds to the target, without the main effects of either feature.
surface = InteractionDisplay.from_estimator(simulated, kind="surface")
