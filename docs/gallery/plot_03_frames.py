"""
What becomes of words, dates and missing values?
================================================

A frame goes in as it is. This one is made up, as a shop might keep it: words, a date, booleans,
missing values. Discounts make new customers spend more, and nobody else.
"""

# %%
import numpy as np
import pandas as pd

from skgeh import BayesianInteractionRegressor, InteractionDisplay

rng = np.random.default_rng(1)
n = 1500
orders = pd.DataFrame(
    {
        "ordered": pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 730, n), "D"),
        "customer": rng.choice(["new", "regular", "company"], n, p=[0.4, 0.5, 0.1]),
        "discount": rng.uniform(0, 30, n).round(),
        "age": rng.normal(45, 12, n).round(),
        "newsletter": rng.random(n) < 0.3,
    }
)
orders.loc[rng.random(n) < 0.15, "age"] = np.nan
december = orders["ordered"].dt.month == 12
spent = (
    80
    + 2.0 * orders["discount"] * (orders["customer"] == "new")
    - 0.5 * (orders["age"].fillna(45) - 45)
    + 15 * december
    + rng.normal(0, 20, n)
)
orders.head()

# %%
# The date becomes the parts that vary, and a missing age is part of the feature "age".
model = BayesianInteractionRegressor(random_state=0).fit(orders, spent)
for feature in model.interactions_.features:
    print(f"{feature.name:18} {feature.kind:10} {', '.join(map(str, feature.levels))[:45]}")

# %%
# A category is one feature, tested as one, however many levels it has.
print(model.interactions_)

# %%
# At each level: how much more a percent of discount brings there than on average. It is about two
# for new customers and nothing for others; their average is taken out.
rules = model.interactions_.group_frame("customer", "discount", units="original")
print(
    rules[["rule", "rows", "effect", "ci_low", "ci_high", "p_value"]]
    .round(3)
    .to_string(index=False)
)

# %%
surface = InteractionDisplay.from_estimator(model, kind="surface", pair=("customer", "discount"))

# %%
# New rows
# --------
# New levels and new missing values are no errors in ``predict``.
new = orders.head(3).assign(customer=["new", "school", None], age=[30, None, 50])
print(model.predict(new).round(1))

# %%
# Refused by name
# ---------------
# A column that cannot be used is refused with its cure.
try:
    BayesianInteractionRegressor().fit(orders.assign(order=[f"A{k:05}" for k in range(n)]), spent)
except ValueError as error:
    print(error)
