"""Models that were trained elsewhere, asked for their interactions.

Answers: the interactions between inputs, or hidden units, of torch modules, skorch nets, functions.
In: a trained model and points. Out: `Interactions`, as those of our own posteriors.
Rests on `posteriors` and `geh`. Read `interactions_of.py` first, then `modules.py`.
"""

from skgeh.foreign.interactions_of import exemplars, interactions_of

__all__ = ["exemplars", "interactions_of"]
