"""Pictures of interactions, by matplotlib, in the manner of scikit-learn's displays.

Answers: which pairs interact, how strongly, with which sign, and how one pair acts.
In: a fitted estimator, `Interactions`, or a model trained elsewhere and its table. Out: an
`InteractionDisplay` with its axes.
Rests on `geh` and `foreign`; matplotlib is imported when something is drawn. Read
`interaction_display.py` first, then the file of one kind, such as `_heatmap.py`.
"""

from skgeh.display.interaction_display import InteractionDisplay

__all__ = ["InteractionDisplay"]
