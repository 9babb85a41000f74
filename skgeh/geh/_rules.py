"""Rules in words for groups of points: a few conditions that tell a group from the rest.

The rule of a group is a node of a shallow decision tree. Of each feature, a node keeps a range, a
range that goes round, or a set of levels. The best node is the one whose points agree best with the
group, by the correlation of both indicators. Then what hardly matters is left out, and bounds are
rounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from skgeh.geh._conditions import Condition, Values

EVERYWHERE = "all rows"
_MOST_CONDITIONS = 3
_DEPTH = 5  # splits on the way to a node; a range takes two of them
_MOST_ROWS = 5000  # from which rules are found
_MOST_COLUMNS = 40  # of a tree
_CONDITION = 0.01  # of agreement, which a condition must add
_DETAIL = 0.003  # of agreement, which a bound or more digits of it must add


@dataclass(frozen=True, eq=False)
class Rule:
    """A rule: all of its conditions hold.

    Parameters
    ----------
    conditions : tuple of Condition
    """

    conditions: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions)) or EVERYWHERE

    def holds(self, n_points: int) -> NDArray[np.bool_]:
        """Whether it holds, for every point."""
        found = np.ones(n_points, dtype=bool)
        for one in self.conditions:
            found &= one.holds
        return found

    def worth(self, inside: NDArray) -> float:
        """Agreement with a group, less what its conditions must add."""
        return agreement(inside, self.holds(len(inside))) - _CONDITION * len(self.conditions)

    def changed(self, place: int, *instead: Condition) -> "Rule":
        """The same with another condition in a place, or without one."""
        left = (one for one in instead if not one.is_vacuous)
        return Rule((*self.conditions[:place], *left, *self.conditions[place + 1 :]))


def agreement(inside: NDArray, holds: NDArray) -> float:
    """Correlation of two indicators; 0 if one of them is constant."""
    n, a, b = len(inside), float(inside.sum()), float(holds.sum())
    square = a * (n - a) * b * (n - b)
    return (n * float((inside & holds).sum()) - a * b) / np.sqrt(square) if square > 0 else 0.0


def find_rule(values: Sequence[Values], inside: NDArray) -> Rule:
    """A rule that tells the points of a group from the others.

    Parameters
    ----------
    values : sequence of Values
        Of the features that may occur.
    inside : ndarray of bool of shape (n,)

    Examples
    --------
    >>> from skgeh.tables.feature import Feature
    >>> age = np.array([20.0, 31.0, 38.0, 43.0, 62.0, 70.0])
    >>> print(find_rule([Values.of(Feature("age", "number", (0,)), age)], age < 40))
    age <= 40
    """
    if len(inside) > _MOST_ROWS:
        some = np.random.default_rng(0).permutation(len(inside))[:_MOST_ROWS]
        every = {one.at(some): one for one in values}
        rule = find_rule(list(every), inside[some])
        return Rule(tuple(replace(one, values=every[one.values]) for one in rule.conditions))
    columns = _columns([one for one in values if one.vary], inside)
    if inside.all() or not inside.any() or not columns:
        return Rule()
    rules = [_best_node(columns, inside, weight) for weight in (None, "balanced")]
    best = max(rules, key=lambda rule: rule.worth(inside))
    return _with_fewer_digits(_simplified(best, inside), inside)


@dataclass(frozen=True, eq=False)
class _Column:
    """Ranks of the values of a feature, which a tree splits.

    Parameters
    ----------
    values : Values
    rank : ndarray of shape (k + 1,)
        Of every known value, and of what is missing, which stands at one of the ends.
    """

    values: Values
    rank: NDArray[np.intp]

    @property
    def points(self) -> NDArray[np.intp]:
        """Ranks of the points."""
        return self.rank[self.values.places]

    def distance(self, inside: NDArray) -> float:
        """How far a group is from all points, in its mean or in its spread around the mean."""
        found = 0.0
        for part in (self.points, (self.points - self.points[inside].mean()) ** 2):
            scale = part.std() or 1.0
            found = max(found, abs(part[inside].mean() - part.mean()) / scale)
        return found


def _columns(values: Sequence[Values], inside: NDArray) -> list[_Column]:
    """Columns of a tree; if there are many, those along which the group is farthest away."""
    found = []
    for one in values:
        ends = (-1, len(one.known)) if one.has_missing else (-1,)
        found += [_Column(one, np.append(one.rank(inside), end)) for end in ends]
    if len(found) <= _MOST_COLUMNS:
        return found
    distance = np.array([one.distance(inside) for one in found])
    best = np.sort(np.argsort(-distance, kind="stable")[:_MOST_COLUMNS])
    return [found[place] for place in best.tolist()]


def _best_node(columns: Sequence[_Column], inside: NDArray, class_weight: str | None) -> Rule:
    """The node of a tree that is worth most."""
    least = max(int(inside.sum()) // 10, 1)
    tree = DecisionTreeClassifier(
        max_depth=_DEPTH, min_samples_leaf=least, class_weight=class_weight, random_state=0
    )
    nodes = tree.fit(np.column_stack([one.points for one in columns]), inside).tree_
    best, most = Rule(), 0.0
    allowed: list[dict[Values, NDArray]] = [{} for _ in range(nodes.node_count)]
    for node, own in enumerate(allowed):  # parents come before their children
        rule = Rule(tuple(Condition(one, mine) for one, mine in own.items()))
        if len(own) <= _MOST_CONDITIONS and (worth := rule.worth(inside)) > most:
            best, most = rule, worth
        left, right = nodes.children_left[node], nodes.children_right[node]
        if left >= 0:
            column = columns[nodes.feature[node]]
            below = column.rank <= nodes.threshold[node]
            before = own.get(column.values, True)
            allowed[left] = own | {column.values: before & below}
            allowed[right] = own | {column.values: before & ~below}
    return Rule(tuple(Condition.of(one.values, one.allowed) for one in best.conditions))


def _simplified(rule: Rule, inside: NDArray) -> Rule:
    """Leave out conditions and bounds that hardly matter, the least of them first."""
    while len(rule.conditions):
        every = list(enumerate(rule.conditions))
        options = [rule.changed(place) for place, _ in every if len(every) > 1]
        options += [rule.changed(place, new) for place, one in every for new in one.simpler()]
        worth = [one.worth(inside) for one in options]
        if not options or max(worth) < rule.worth(inside) - _DETAIL:
            break
        rule = options[int(np.argmax(worth))]
    return rule


def _with_fewer_digits(rule: Rule, inside: NDArray) -> Rule:
    """Give bounds as few digits as the agreement with the group allows."""
    for place in range(len(rule.conditions)):
        for side in ("low", "high"):
            least = rule.worth(inside) - _DETAIL
            for ends in rule.conditions[place].rounded(side):
                options = [rule.changed(place, end) for end in ends if not end.is_vacuous]
                best = max(options, key=lambda one: one.worth(inside), default=Rule())
                if best.conditions and best.worth(inside) >= least:
                    rule = best
                    break
    return rule
