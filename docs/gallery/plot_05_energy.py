"""
Which choices of a building act together on its heating?
========================================================

A simulator computed the heating load of 768 buildings (UCI, CC BY 4.0). It has no noise, so a
p-value has another meaning here than for measured data.
"""

# %%
# The eight columns describe twelve shapes of building, their windows and their orientation. Two of
# the columns on the shape are functions of others. We keep the height, the wall area and the
# windows.
import warnings

from skgeh import BayesianInteractionRegressor, InteractionDisplay, datasets

bunch = datasets.load_energy_efficiency(data_home="../data")
X, heating = bunch.data, bunch.target
X = X[["wall_area", "overall_height", "orientation", "glazing_area"]]
model = BayesianInteractionRegressor(random_state=0).fit(X, heating)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    print(model.interactions_)

# %%
# The target has no noise: the same building always has the same load. What the model calls noise is
# what it cannot fit, and what is not in the chosen columns. A small p-value then says that a
# function without this pair **does not fit**, which for a simulator is all that can be asked. It
# says nothing about other buildings, for these are not a sample of any.
print(model.fit_quality_)

# %%
# Measured data would say less: some buildings are there twice, if only these columns are looked at.
for warning in said:
    print(warning.message)

# %%
# So read the size: ``share`` is the part of the variance that a pair explains.
table = model.interactions_.to_frame(units="original")
print(table[["feature_i", "feature_j", "effect", "share", "p_fdr"]].round(4).to_string(index=False))

# %%
# Height and windows: in the high buildings, larger windows cost more than in the low ones.
pair = ("overall_height", "glazing_area")
surface = InteractionDisplay.from_estimator(model, kind="surface", pair=pair)

# %%
# All that the columns left out can be asked at once. The warning says which of them cannot be told
# apart.
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    whole = BayesianInteractionRegressor(random_state=0).fit(bunch.data, heating)
    whole.interactions_
for warning in said:
    print(warning.message)
