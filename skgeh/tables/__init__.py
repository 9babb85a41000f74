"""Tables as users bring them, checked once.

Answers: which rows, columns and units a table has, and which warnings it calls for.
In: arrays or data frames X, y and sample weights. Out: a `Table`, and data frames of the same kind.
Rests on nothing else of the package. Read `table.py` first, then `rows.py` and `frames.py`.
"""
