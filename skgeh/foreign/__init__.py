"""Interactions of models that were trained elsewhere.

Answers: how inputs or hidden units of torch modules, skorch nets and functions interact.
In: a trained model and points. Out: `Interactions`, like those of skgeh's own posteriors.
Rests on `posteriors`, `geh` and `tables`. Read `interactions_of.py` first, then `_modules.py`.
"""

from skgeh.foreign.interactions_of import exemplars, interactions_of

__all__ = ["exemplars", "interactions_of"]
