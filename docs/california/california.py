"""What makes houses in California dear, beyond each feature by itself?"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from skgeh import BayesianInteractionRegressor, InteractionDisplay, datasets

HERE = Path(__file__).parent

# A sample of 4000 rows, with two ratios.
bunch = datasets.load_california_housing()
houses = bunch.frame.sample(4000, random_state=0).reset_index(drop=True)
houses["people_per_household"] = houses["population"] / houses["households"]
houses["rooms_per_household"] = houses["total_rooms"] / houses["households"]
columns = [
    "longitude", "latitude", "housing_median_age", "median_income", "ocean_proximity",
    "people_per_household", "rooms_per_household",
]  # fmt: skip
X, y = houses[columns], houses["median_house_value"] / 1000
model = BayesianInteractionRegressor(random_state=0).fit(X, y)
found = model.interactions_
print(found)
print(model.fit_quality_)
for pair in ("longitude", "latitude"), ("housing_median_age", "median_income"):
    display = InteractionDisplay.from_estimator(model, kind="surface", pair=pair)
    display.figure_.savefig(HERE / f"{'_'.join(pair)}.png", dpi=100)
