"""
How do I pass an answer on?
===========================

``report`` writes one HTML file for readers without Python: question, answer in words, table,
pictures, a part for each pair that interacts, the quality of the fit, and what speaks against the
answer.
"""

# %%
from sklearn.datasets import load_diabetes

from skgeh import BayesianInteractionRegressor, report

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
y.name = "progression after a year"
model = BayesianInteractionRegressor(random_state=0).fit(X, y)
page = report(model, X, y, path="patients.html", title="Diabetes: which measurements act together?")
print(f"{page.name}: {page.stat().st_size / 1e6:.1f} MB")

# %%
# `This is the page <../patients.html>`_. It loads nothing from elsewhere, prints, has a dark mode,
# and can be read on a phone. Every number of its pictures is there as text, too. It has names and
# levels of the table, so pass it on only to those who may see them.
#
# From a file, without Python: ``skgeh bikes.csv --target rentals --groups day --report
# bikes.html``.

# %%
# One of its pictures:
from skgeh import InteractionDisplay

network = InteractionDisplay.from_estimator(model, kind="network")
