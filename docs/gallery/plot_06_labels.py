"""
Which measurements of a tumour act together on its diagnosis?
=============================================================

Labels instead of numbers: 569 tumours, benign or malignant (scikit-learn's breast cancer table).
Interactions are those of the log-odds.
"""

# %%
# The ten means of the table. Radius, perimeter and area nearly determine each other, so one of them
# is enough: the interactions of copies cannot be told apart.
from sklearn.datasets import load_breast_cancer

from skgeh import BayesianInteractionClassifier, InteractionDisplay

bunch = load_breast_cancer(as_frame=True)
X = bunch.data.filter(like="mean").drop(columns=["mean perimeter", "mean area", "mean concavity"])
X.columns = X.columns.str.removeprefix("mean ")
y = bunch.target_names[bunch.target]
model = BayesianInteractionClassifier(random_state=0).fit(X, y)
print(model.interactions_)

# %%
# Nothing is found, and that is an answer too: sums of main effects tell most of these tumours
# apart, and so few labels say little about more. A ranking would have named a pair all the same.
print(model.fit_quality_)

# %%
# How many tumours would it take? ``rows_needed`` says when each pair would be found after a
# correction for all pairs, if it is what it looks like now.
import numpy as np

from skgeh import score_test

result = score_test(X, y)
needed = result.rows_needed()
table = result.to_frame()[["feature_i", "feature_j", "p_value"]]
order = np.argsort(needed)[:5]
for (i, j), rows in zip(result.pairs[order], needed[order], strict=True):
    print(f"{X.columns[i]} x {X.columns[j]}: {rows:.0f} rows")

# %%
# Effects with their intervals; open circles are not significant.
forest = InteractionDisplay.from_estimator(model, kind="forest", k=8)
