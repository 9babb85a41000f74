"""The group expected Hessian of the first paper (Cui et al., ECAI 2020).

Answers: how strongly, where and with which sign each pair of features interacts in a posterior.
In: a `RandomFunction` and points. Out: `Interactions`. No model is trained and no pair is tested.
Rests on `tables` and `parallel`. Read `functions.py`, `partition.py`, `hessians/_autodiff.py`,
`effect.py`, `push_forward.py`, `score.py` and `interactions.py`, in this order.
"""
