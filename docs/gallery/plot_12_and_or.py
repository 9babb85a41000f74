"""
Which few features explain the output for this one sample?
==========================================================

Of any model, and of any order: AND and OR interactions. A few interactions explain the output of a
classifier for one sample. An AND interaction is there when all of its features are, an OR
interaction as soon as one is. An absent feature is at its mean.
"""

# %%
# Eight columns of the breast cancer data, and boosted trees, which have no derivatives.
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

from skgeh.symbolic import AndOrExplainer

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X = X.iloc[:, :8]
model = GradientBoostingClassifier(random_state=0).fit(X, y)
found = AndOrExplainer(model, background=X).explain(X[:10], y[:10])
found.to_frame(sample=0).head(8)

# %%
# The graph shows the strongest of them, from the features below to the output above. Red adds to
# the log-odds of the sample's class, and blue takes from them.
found.plot("graph", sample=0, k=8)

# %%
# So few interactions explain 90 % of the output, for each of the ten samples:
found.n_explaining(0.9)

# %%
# The last picture shows strength by order over the ten samples.
found.plot("orders")
