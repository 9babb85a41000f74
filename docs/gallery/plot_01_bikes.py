"""
When do people hire bikes, and what changes that?
=================================================

From a file to a decision. The file has the hires of every tenth day of two years in Washington,
hour by hour, with the weather (UCI, CC BY 4.0). Which features act together?
"""

# %%
# First answer
# ------------
# The file is used as it is. Only the hour becomes a time, so that 23:00 lies beside 00:00. Hours of
# one day are not independent: ``groups`` says which rows belong together.
import pandas as pd

from skgeh import BayesianInteractionRegressor, InteractionDisplay

bikes = pd.read_csv("../data/bikes.csv")
bikes["time"] = pd.to_datetime(bikes.pop("hour").astype(str), format="%H")
X, y = bikes.drop(columns=["day", "rentals"]), bikes["rentals"]
model = BayesianInteractionRegressor(random_state=0).fit(X, y, groups=bikes["day"])
print(model.interactions_)

# %%
# Three pairs interact, all with the time of day. The same as a table, pair by pair:
columns = ["feature_i", "feature_j", "effect", "ci_low", "ci_high", "share", "p_value", "p_fdr"]
table = model.interactions_.to_frame()[columns].head(6).round(4)
print(table.to_string(index=False))

# %%
# ``p_fdr`` decides: of the pairs with up to 0.05, one in twenty is false on average. ``effect`` is
# how fast the slope along one feature changes with the other, in standard deviations. ``share`` is
# what the pair explains of the variance of the hires.
#
# Where, and in which direction
# -----------------------------
# The surface of a pair is what it adds to the prediction, without the main effects of both
# features. On working days, 50 to 75 more bikes an hour are out at the two rush hours than the
# features would say one by one. On other days, it is the hours around noon.
surface = InteractionDisplay.from_estimator(model, kind="surface")

# %%
# The same in numbers, for some hours of working days.
hours = model.interactions_.group_frame("workingday", "time: hour", units="original")
chosen = hours["rule"].str.fullmatch("workingday = yes and time: hour = (3|8|12|17|22) h")
print(hours[chosen].drop(columns=["group", "share"]).round(3).to_string(index=False))

# %%
# The second pair: warm weather brings out people in the afternoon, and nobody at night.
weather = InteractionDisplay.from_estimator(
    model, kind="surface", pair=("temperature", "time: hour")
)

# %%
# Can the table be believed?
# --------------------------
# The model predicts days that it has not seen as well as gradient boosting does, and much better
# than main effects alone. Nothing speaks against it; warnings would be repeated here.
print(model.fit_quality_)
print(model.doubts() or "no doubts")

# %%
# Decision: a plan of where to put bikes needs one curve of the day for working days and one for
# other days; both depend on the temperature, and grew in the second year. No other pair is shown to
# interact.
picture = InteractionDisplay.from_estimator(model, kind="forest", k=8)
