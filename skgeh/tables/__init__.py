"""Tables as people bring them, checked once.

Answers: what stands in a table, in which units, and what must be said about it.
In: arrays or data frames X, y and sample weights. Out: a `Table`, and data frames of their kind.
Rests on nothing else of the package. Read `table.py` first, then `rows.py` and `frames.py`.
"""
