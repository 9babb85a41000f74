"""The group expected Hessian: the first paper, in reading order.

Answers: how strong each pair of features interacts, where, with which sign, under a posterior.
In: a `RandomFunction` and points. Out: `Interactions`. Nothing here learns, and nothing decides.
Rests on `tables` and `parallel`. Read `functions.py`, `partition.py`, `hessians/autodiff.py`,
`effect.py`, `push_forward.py`, `score.py`, `interactions.py`, in this order: one sitting.
"""
