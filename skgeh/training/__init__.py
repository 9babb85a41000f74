"""Training of stacks of networks with skorch.

Answers: the trained parameters of copies that learn side by side, each from its own rows.
In: `Rows`, `Settings` and an `Objective`. Out: a `StackNet`, which is a trained skorch NeuralNet.
Rests on `geh.likelihoods` alone. Read `objective.py` first, then `loop.py` and `rows.py`.
"""
