"""The command line: from a file to a table of interactions, without a line of Python.

Answers: what a file holds, what was taken for what, and which of its columns interact.
In: arguments such as `data.csv --target price`. Out: text of 80 columns, a table, an exit code.
Rests on the public names of the package, as any user does, and on `tables` for reading columns.
Read `main.py` first, which has the order of events, then `_files.py` and `_columns.py`.
"""
