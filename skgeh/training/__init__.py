"""Training of stacks of networks by skorch.

Answers: the trained parameters of copies that learn side by side, each from rows of its own.
In: `Rows`, `Settings` and an `Objective`. Out: a `StackNet`, skorch's NeuralNet, trained.
Rests on `geh.likelihoods` alone. Read `objective.py` first, then `loop.py` and `rows.py`.
"""
