"""
Did more people ride, or did they ride at other hours?
======================================================

Counts. In the second year, many more bikes were out at the rush hour, and a few more at night. Is
this an interaction? On the scale of counts it is. If the second year multiplied the hires of all
hours by the same factor, it is none on the log scale.
"""

# %%
import pandas as pd

from skgeh import BayesianInteractionRegressor, InteractionDisplay

bikes = pd.read_csv("../data/bikes.csv")
bikes["time"] = pd.to_datetime(bikes.pop("hour").astype(str), format="%H")
X, y = bikes[["time", "workingday", "year"]], bikes["rentals"]
plain = BayesianInteractionRegressor(random_state=0).fit(X, y, groups=bikes["day"])
print(plain.interactions_)

# %%
# ``loss="poisson"`` learns the log of the mean. Factors that multiply are sums there.
logs = BayesianInteractionRegressor(loss="poisson", random_state=0).fit(X, y, groups=bikes["day"])
print(logs.interactions_)

# %%
# Hour and working day interact on both scales: the day has another shape, not another height.
surface = InteractionDisplay.from_estimator(logs, kind="surface", pair=("workingday", "time: hour"))

# %%
# The year multiplied the hires of all hours alike:
for name, model in {"counts": plain, "logs": logs}.items():
    table = model.interactions_.to_frame()
    year = table[(table.feature_i == "time: hour") & (table.feature_j == "year")]
    print(f"{name:8} hour x year: share {year.share.iloc[0]:.4f}, p {year.p_value.iloc[0]:.2g}")

# %%
# Counts vary more than Poisson's law says; the dispersion is estimated and enters all p-values.
print(f"variance {logs.noise_variance_:.0f} times the mean")
