"""A reader of rules that knows nothing of how they are made."""

import re

import numpy as np

NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"


def names_of(feature):
    if feature.kind == "boolean" and not feature.levels:
        return ["False", "True"]
    return list(feature.levels)


def holds(rule, features, values):
    """Whether a rule holds for every row, as one reads it."""
    n = len(values[0])
    if rule == "all rows":
        return np.ones(n, dtype=bool)
    found = np.ones(n, dtype=bool)
    for condition in rule.split(" and "):
        found &= one_holds(condition, features, values)
    return found


def one_holds(condition, features, values):
    if condition.startswith("(") and condition.endswith(" or missing)"):
        inner = condition[1 : -len(" or missing)")]
        (name,) = owner(inner, features)
        own = values[[one.name for one in features].index(name)]
        return one_holds(inner, features, values) | np.isnan(own)
    (name,) = owner(condition, features)
    place = [one.name for one in features].index(name)
    feature, own = features[place], values[place]
    if condition == f"{name} missing":
        return np.isnan(own)
    if condition == f"{name} not missing":
        return ~np.isnan(own)
    if feature.kind == "number":
        return in_range(condition, name, own)
    return in_levels(condition.removeprefix(f"{name} "), feature, own)


def owner(condition, features):
    """The longest name that a condition is about."""
    bare = re.sub(rf"^{NUMBER} < ", "", condition)
    found = [one.name for one in features if bare.startswith(f"{one.name} ")]
    return sorted(found, key=len)[-1:]


def in_range(condition, name, x):
    x = np.where(np.isnan(x), np.inf, x)
    if both := re.fullmatch(rf"({NUMBER}) < {re.escape(name)} <= ({NUMBER})", condition):
        return (x > float(both[1])) & (x <= float(both[2]))
    sign, bound = condition.removeprefix(f"{name} ").split(" ")
    bound = float(bound)
    return {"<=": x <= bound, ">": (x > bound) & np.isfinite(x)}[sign]


def in_levels(text, feature, x):
    names = names_of(feature)

    def place(name):
        return np.nan if name == "(missing)" else names.index(name.strip('"'))

    def at(name):
        return np.isnan(x) if name == "(missing)" else x == place(name)

    if both := re.fullmatch(r"from (.+) to (.+)", text):
        first, last = place(both[1]), place(both[2])
        allowed = [first]
        while allowed[-1] != last:
            allowed.append((allowed[-1] + 1) % len(names))
        return np.isin(x, allowed)
    if several := re.fullmatch(r"(not in|in) \{(.+)\}", text):
        inside = np.any([at(name) for name in several[2].split(", ")], axis=0)
        return inside if several[1] == "in" else ~inside
    sign, name = text.split(" ", 1)
    known = ~np.isnan(x)
    return {
        "=": at(name),
        "!=": ~at(name) if feature.kind == "category" else ~at(name) & known,
        "<=": known & (x <= place(name)),
        ">=": known & (x >= place(name)),
    }[sign]
